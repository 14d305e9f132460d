# SPDX-License-Identifier: Apache-2.0
"""postgres on a free port and a UNIX socket, with users of each kind of password."""
import glob
import os
import shutil
import subprocess
import tempfile
import time

from .servers import Server, Skip, building, built_dir, children_of, free_port, need

USER, MD5_USER, PASSWORD, DATABASE = "app", "legacy", "not shown", "shop"
ADMIN = "postgres"  # who needs no password

ACCESS = f"""
local all all trust
host all {ADMIN} 127.0.0.1/32 trust
host all {MD5_USER} 127.0.0.1/32 md5
host all all 127.0.0.1/32 scram-sha-256
local replication all trust
"""
# Each line is a statement to the server in its mode for one user.
SETUP = f"""ALTER SYSTEM SET fsync = off
ALTER SYSTEM SET shared_buffers = '16MB'
ALTER SYSTEM SET autovacuum = off
CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'
SET password_encryption = 'md5'
CREATE ROLE {MD5_USER} LOGIN PASSWORD '{PASSWORD}'
CREATE DATABASE {DATABASE} OWNER {USER}
"""
TABLES = f"""CREATE TABLE people (id int PRIMARY KEY, name text)
INSERT INTO people VALUES (1, 'ada'), (2, 'bob'), (3, 'eve')
ALTER TABLE people OWNER TO {USER}
GRANT ALL ON people TO {MD5_USER}
"""


def tool(name):
    """One of the server's programs, which are in no PATH."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    if not found:
        raise Skip(f"no {name} here")
    return found[-1]


def as_nobody(*argv, **kwargs):
    """The server refuses to run as root."""
    return subprocess.run([need("setpriv"), "--reuid=nobody", "--regid=nogroup", "--clear-groups", *argv], check=True, cwd="/", timeout=100, **kwargs)


def template():
    """A data folder with users and a database, made once."""
    path = f"{built_dir()}/postgres-data"
    with building():
        if not os.path.exists(f"{path}/PG_VERSION"):
            with tempfile.TemporaryDirectory(prefix="pxtrace-postgres-") as folder:
                os.chmod(folder, 0o711)
                data = f"{folder}/data"
                os.mkdir(data, 0o700)
                shutil.chown(data, "nobody", "nogroup")
                as_nobody(tool("initdb"), "-D", data, "-U", ADMIN, "-N", "-A", "trust", "--no-locale", "-E", "UTF8", "--wal-segsize=1",
                          stdout=subprocess.DEVNULL)
                for name, text in ((ADMIN, SETUP), (DATABASE, TABLES)):
                    as_nobody(tool("postgres"), "--single", "-D", data, name, input=text.encode(), capture_output=True)
                shutil.copytree(data, f"{path}-new", dirs_exist_ok=True)
            os.rename(f"{path}-new", path)
    return path


class PostgreSQL(Server):
    """address is TCP, socket_path the folder of the UNIX socket; pem: a key with its certificate, for TLS."""

    def __init__(self, folder, pem=None, port=None):
        self.data = f"{folder}/postgres-{free_port()}"
        self.socket_path = folder
        shutil.copytree(template(), self.data)
        with open(f"{self.data}/pg_hba.conf", "w") as file:
            file.write(ACCESS)
        options = []
        if pem:
            shutil.copy(pem, f"{self.data}/server.pem")
            os.chmod(f"{self.data}/server.pem", 0o600)
            options = ["-c", "ssl=on", "-c", "ssl_cert_file=server.pem", "-c", "ssl_key_file=server.pem"]
        subprocess.run(["chown", "-R", "nobody:nogroup", self.data], check=True)
        os.chmod(folder, 0o777)
        self.port = port or free_port()
        super().__init__(["/bin/sh", "-c", 'exec "$@" 2>log', "sh", need("setpriv"), "--reuid=nobody", "--regid=nogroup", "--clear-groups",
                          tool("postgres"), "-D", self.data, "-p", str(self.port), "-k", self.socket_path, "-c", "listen_addresses=127.0.0.1",
                          *options], ("127.0.0.1", self.port), cwd=self.data)

    def wait_ready(self):
        deadline = time.monotonic() + 60
        while subprocess.run([tool("pg_isready"), "-q", "-h", self.socket_path, "-p", str(self.port)], check=False).returncode:
            if not self.alive() or time.monotonic() > deadline:
                with open(f"{self.data}/log") as file:
                    raise RuntimeError(f"postgres did not start: {file.read()}")
            time.sleep(0.05)

    @property
    def pids(self):
        return [self.process.pid] + children_of(self.process.pid)

    def words(self, user=USER):
        """What client programs are told: host, port, user, password, database."""
        return [self.address[0], str(self.port), user, PASSWORD, DATABASE]

    def ask(self, sql):
        """Lines, as the server's administrator sees them; over the UNIX socket."""
        return subprocess.run([tool("psql"), "-XAtq", "-h", self.socket_path, "-p", str(self.port), "-U", ADMIN, "-d", DATABASE, "-c", sql],
                              check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()

    def pgbench(self, *words):
        return subprocess.run([tool("pgbench"), "-h", self.address[0], "-p", str(self.port), "-U", ADMIN, *words, DATABASE],
                              check=True, capture_output=True, text=True, timeout=120).stdout
