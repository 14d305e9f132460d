# SPDX-License-Identifier: Apache-2.0
"""names_apart.py FOLDER: with a network and mounts of its own, resolves 20 names by glibc from a server at port 53."""
import os
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    folder = sys.argv[1]
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name, text in (("resolv.conf", "nameserver 127.0.0.1\n"), ("nsswitch.conf", "hosts: dns\n")):
        with open(f"{folder}/{name}", "w") as file:
            file.write(text)
        subprocess.run(["mount", "--bind", f"{folder}/{name}", f"/etc/{name}"], check=True)
    server = subprocess.Popen([sys.executable, f"{HERE}/../servers/names.py", "53"])
    time.sleep(0.5)
    try:
        for i in range(20):
            socket.getaddrinfo(f"h{i}.test", 80)
    finally:
        server.kill()
        server.wait()


main()
