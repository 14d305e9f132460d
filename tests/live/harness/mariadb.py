# SPDX-License-Identifier: Apache-2.0
"""mariadbd on a free port and a UNIX socket, and its clients; what these did, compared with the records."""
import json
import os
import shutil
import subprocess
import time

from .servers import LIVE, PYTHON, Server, Skip, built_dir, c_binary, free_port, go_program, need

USER, PASSWORD, DATABASE = "app", "not shown", "shop"
INNODB = ["--innodb-data-file-path=ibdata1:10M:autoextend", "--innodb-log-file-size=4M"]


def template():
    """An empty data folder, made once."""
    folder = f"{built_dir()}/mariadb-data"
    if not os.path.exists(f"{folder}/done"):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([need("mariadb-install-db"), "--no-defaults", f"--datadir={folder}", "--skip-test-db",
                        "--auth-root-authentication-method=normal", "--skip-name-resolve", *INNODB],
                       stdout=subprocess.DEVNULL, check=True, timeout=100)
        open(f"{folder}/done", "w").close()
    return folder


class MariaDB(Server):
    """A server with a user and a database of its own. address is TCP, socket_path the UNIX socket."""

    def __init__(self, folder, *options):
        self.folder, self.data, self.socket_path = folder, f"{folder}/data", f"{folder}/db.sock"
        shutil.copytree(template(), self.data)
        with open(f"{folder}/init.sql", "w") as file:
            for host in ("127.0.0.1", "localhost"):
                file.write(f"CREATE USER '{USER}'@'{host}' IDENTIFIED BY '{PASSWORD}';\n"
                           f"GRANT ALL ON *.* TO '{USER}'@'{host}';\n")
            file.write(f"CREATE DATABASE {DATABASE};\nCREATE TABLE {DATABASE}.people (id INT PRIMARY KEY, name TEXT) CHARSET utf8mb4;\n"
                       f"INSERT INTO {DATABASE}.people VALUES (1,'ada'),(2,'bob'),(3,'eve');\n")
        subprocess.run(["chown", "-R", "nobody:", folder], check=True)
        os.chmod(folder, 0o755)
        port = free_port()
        super().__init__([need("mariadbd"), "--no-defaults", "--user=nobody", f"--datadir={self.data}",
                          f"--socket={self.socket_path}", f"--port={port}", "--bind-address=127.0.0.1", "--skip-log-bin",
                          f"--pid-file={folder}/pid", "--open-files-limit=1024", f"--log-error={folder}/log", f"--init-file={folder}/init.sql",
                          "--innodb-buffer-pool-size=16M", "--local-infile=1", "--max-allowed-packet=64M",
                          "--innodb-flush-log-at-trx-commit=0", *INNODB, *options], ("127.0.0.1", port))
        while not os.path.exists(self.socket_path):
            time.sleep(0.02)


class Told:
    """A client program: it says when it is connected, waits for a line, and tells each command as a JSON object."""

    def __init__(self, argv, env=None):
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, env=env, start_new_session=True)
        if "connected" not in self.process.stdout.readline():
            raise RuntimeError(f"{argv}: {self.process.stderr.read()[-500:]}")

    @property
    def pid(self):
        return self.process.pid

    def go(self):
        out, err = self.process.communicate("go\n", 100)
        if self.process.returncode:
            raise RuntimeError(f"{self.process.args}: {self.process.returncode}: {err[-500:]}")
        return [json.loads(line) for line in out.splitlines()]

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def c_client(server, *words, address=None):
    if not shutil.which("mariadb_config"):
        raise Skip("no libmariadb-dev here")
    flags = subprocess.run(["mariadb_config", "--include", "--libs"], capture_output=True, text=True, check=True).stdout.split()
    path = c_binary("mysql_client", f"{LIVE}/clients/mysql_client.c", *flags)
    with open(f"{server.folder}/infile", "w") as file:
        file.write("11,a\n12,b\n")
    host, port = (address, 0) if address else server.address
    return Told([path, host, str(port), USER, PASSWORD, DATABASE, server.folder, *words])


def script(server, name, *words):
    """clients/mysql_NAME in its language."""
    kind = name.rsplit(".", 1)[1]
    env = None
    if kind == "go":
        if not os.path.isdir("/usr/share/gocode/src/github.com/go-sql-driver/mysql"):
            raise Skip("no go-sql-driver here")
        argv = [go_program("mysql-go", f"{LIVE}/clients/mysql_client.go", GOPATH="/usr/share/gocode")]
    else:
        runner = {"py": PYTHON, "rb": "ruby", "pl": "perl", "js": "node"}[kind]
        argv = [need(runner), f"{LIVE}/clients/{name}"]
        env = dict(os.environ, NODE_PATH="/usr/share/nodejs")
    return Told([*argv, server.address[0], str(server.address[1]), USER, PASSWORD, DATABASE, *words], env)


def value(record, path):
    for name in path.split("."):
        record = (record or {}).get(name)
    return record


def differences(told, records):
    """Texts, one for each thing that the records of one connection say otherwise than its client."""
    out = []
    for i, want in enumerate(told):
        if i >= len(records):
            out.append(f"missing: {want}")
            continue
        rec = records[i]
        for path, expected in want.items():
            got = len(value(rec, "resp.results") or []) if path == "results" else value(rec, path)
            if got != expected:
                out.append(f"{want}: {path} is {got!r} in {json.dumps(rec)[:400]}")
        if {"gap", "unpaired", "noreply"} & set(rec["flags"]) or (rec["status"] == "OK") != (want.get("status") == "OK"):
            out.append(f"{want}: {rec['status']} {rec['flags']}")
        if rec["status"] != "-" and not rec["latency_ns"]:
            out.append(f"{want}: latency {rec['latency_ns']}")
    out += [f"invented: {json.dumps(rec)[:300]}" for rec in records[len(told):]]
    return out
