# SPDX-License-Identifier: Apache-2.0
"""mariadbd on a free port and a UNIX socket, and its clients; what these did, compared with the records."""
import os
import shutil
import subprocess
import time

from .servers import LIVE, Server, Skip, building, built_dir, c_binary, free_port, need
from .told import Told, program

USER, PASSWORD, DATABASE = "app", "not shown", "shop"
INNODB = ["--innodb-data-file-path=ibdata1:10M:autoextend", "--innodb-log-file-size=4M"]


def template():
    """An empty data folder, made once."""
    folder = f"{built_dir()}/mariadb-data"
    with building():
        if not os.path.exists(f"{folder}/done"):
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([need("mariadb-install-db"), "--no-defaults", f"--datadir={folder}", "--skip-test-db",
                            "--auth-root-authentication-method=normal", "--skip-name-resolve", *INNODB],
                           stdout=subprocess.DEVNULL, check=True, timeout=100)
            open(f"{folder}/done", "w").close()
    return folder


class MariaDB(Server):
    """A server with a user and a database of its own. address is TCP, socket_path the UNIX socket."""

    def __init__(self, folder, *options, port=None):
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
        port = port or free_port()
        super().__init__([need("mariadbd"), "--no-defaults", "--user=nobody", f"--datadir={self.data}",
                          f"--socket={self.socket_path}", f"--port={port}", "--bind-address=127.0.0.1", "--skip-log-bin",
                          f"--pid-file={folder}/pid", "--open-files-limit=1024", f"--log-error={folder}/log", f"--init-file={folder}/init.sql",
                          "--innodb-buffer-pool-size=16M", "--local-infile=1", "--max-allowed-packet=64M",
                          "--innodb-flush-log-at-trx-commit=0", *INNODB, *options], ("127.0.0.1", port))
        while not os.path.exists(self.socket_path):
            time.sleep(0.02)


def c_client(server, *words, address=None):
    if not shutil.which("mariadb_config"):
        raise Skip("no libmariadb-dev here")
    flags = subprocess.run(["mariadb_config", "--include", "--libs"], capture_output=True, text=True, check=True).stdout.split()
    path = c_binary("mysql_client", f"{LIVE}/clients/mysql_client.c", *flags)
    with open(f"{server.folder}/infile", "w") as file:
        file.write("11,a\n12,b\n")
    host, port = (address, 0) if address else server.address
    return Told([path, host, str(port), USER, PASSWORD, DATABASE, server.folder, *words])


def cli(server, sql, *options):
    """The words of mariadb -e SQL."""
    return [need("mariadb"), "--no-defaults", "-h127.0.0.1", f"-P{server.address[1]}", f"-u{USER}", f"-p{PASSWORD}", *options, "-e", sql, DATABASE]


def script(server, name, *words):
    """clients/NAME, which is one of mysql_*."""
    return program(name, "github.com/go-sql-driver/mysql", server.address[0], str(server.address[1]), USER, PASSWORD, DATABASE, *words)
