# SPDX-License-Identifier: Apache-2.0
"""Real servers under loads that give their own count and rate, for bench/decode and bench/rates."""
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/live"))
from harness import dns, mariadb  # noqa: E402
from harness.redis import RedisServer, benchmark_client  # noqa: E402
from harness.servers import Nginx, Server, free_port, need  # noqa: E402

# Questions one after the other from one process: as in C as Python allows, what the server sends back is not looked at.
ASK = """
import socket, struct, sys
port, count = int(sys.argv[1]), int(sys.argv[2])
tail = b"\\7example\\4test\\0"
names = [(b"\\1a", 1), (b"\\4aaaa", 28), (b"\\5cname", 1), (b"\\2mx", 15), (b"\\3txt", 16), (b"\\6nosuch", 1), (b"\\3srv", 33), (b"\\4both", 1)]
socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(16)]
for sock in socks:
    sock.settimeout(5)
    sock.connect(("127.0.0.1", port))
for i in range(count):
    name, kind = names[i % 8]
    sock = socks[i % 16]
    sock.send(struct.pack(">HHHHHH", i // 16 & 65535, 256, 1, 0, 0, 0) + name + tail + struct.pack(">HH", kind, 1))
    sock.recv(2000)
"""


class Postgres(Server):
    """A server of its own with pgbench's tables; it refuses to run as root."""

    def __init__(self, folder):
        home = sorted(d for d in os.listdir("/usr/lib/postgresql"))[-1]
        self.bin, self.data = f"/usr/lib/postgresql/{home}/bin", f"{folder}/pgsql"
        os.mkdir(self.data)
        os.chmod(folder, 0o711)
        shutil.chown(self.data, "nobody", "nogroup")
        os.chmod(self.data, 0o700)
        self.user = [need("setpriv"), "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        subprocess.run([*self.user, f"{self.bin}/initdb", "-D", self.data, "-U", "app", "-A", "trust", "-N"], check=True,
                       stdout=subprocess.DEVNULL, cwd="/")
        port = free_port()
        super().__init__([*self.user, f"{self.bin}/postgres", "-D", self.data, "-p", str(port), "-k", self.data, "-c", "fsync=off",
                          "-c", "listen_addresses=127.0.0.1", "-c", "log_min_messages=fatal"], ("127.0.0.1", port), cwd="/")
        self.pgbench("-i", "-q", "-s", "2")

    def pgbench(self, *words):
        """What it prints; tried again while the server starts."""
        for _ in range(100):
            run = subprocess.run([f"{self.bin}/pgbench", "-h", "127.0.0.1", "-p", str(self.address[1]), "-U", "app", *words, "postgres"],
                                 capture_output=True, text=True, check=False)
            if not run.returncode:
                return run.stdout
            time.sleep(0.1)
        raise SystemExit(f"bench: pgbench: {run.stderr}")


class Load:
    """One protocol: its server, and run(count), which lets about so many exchanges happen."""

    def __init__(self, server, run):
        self.server, self.run = server, run


def redis(folder):
    server = RedisServer(folder)
    return Load(server, lambda n: benchmark_client(server.address, "-t", "set,get,incr,lpush,hset", "-n", str(n // 5), "-d", "20", "-r", "10000").go())


def pgsql(folder):
    server = Postgres(folder)

    def run(count):
        server.pgbench("-n", "-S", "-c", "4", "-t", str(count // 8))
        server.pgbench("-n", "-M", "prepared", "-c", "4", "-t", str(count // 56))
    return Load(server, run)


def mysql(folder):
    server = mariadb.MariaDB(folder)

    def sysbench(step, *words):
        subprocess.run([need("sysbench"), "oltp_read_only", "--db-driver=mysql", "--mysql-host=127.0.0.1", f"--mysql-port={server.address[1]}",
                        f"--mysql-user={mariadb.USER}", f"--mysql-password={mariadb.PASSWORD}", f"--mysql-db={mariadb.DATABASE}",
                        "--tables=1", "--table-size=1000", "--range-selects=off", *words, step], check=True, stdout=subprocess.DEVNULL)
    sysbench("prepare")

    def run(count):
        for mode in ("disable", "auto"):
            sysbench("run", "--time=0", "--threads=4", f"--events={count // 24}", f"--db-ps-mode={mode}")
    return Load(server, run)


def dns_load(folder):
    server = dns.named(folder)
    return Load(server, lambda n: subprocess.run([sys.executable, "-c", ASK, str(server.address[1]), str(n)], check=True))


def http(folder):
    server = Nginx(folder)

    def run(count):
        url = f"http://127.0.0.1:{server.address[1]}/small?id=1"
        done = 0
        while done < count:
            out = subprocess.run([need("wrk"), "-t1", "-c16", "-d1s", url], capture_output=True, text=True, check=True).stdout
            done += int(re.search(r"(\d+) requests in", out)[1])
    return Load(server, run)


LOADS = {"dns": dns_load, "redis": redis, "pgsql": pgsql, "mysql": mysql, "http": http}
