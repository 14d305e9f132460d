# SPDX-License-Identifier: Apache-2.0
"""apart.py NAME COUNT: in a network namespace of its own, a server and a client at fixed addresses and ports.

Prints the ids of server and client and waits for a line; then the client asks COUNT times for /NAME/4/I from 127.0.0.1:40000 at
127.0.0.1:8080, and /NAME/6/I from fe80::1 at fe80::2 on the interface px0, and it is over. An answer's body is the path.
"""
import os
import socket
import subprocess
import sys

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"


def head_of(sock):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = sock.recv(4096)
        if not piece:
            return b""
        head += piece
    return head


def serve(listeners):
    for listener in listeners:
        sock, _ = listener.accept()
        while head := head_of(sock):
            path = head.split(b" ")[1]
            sock.sendall(HEAD % len(path) + path)
        sock.close()


def ask(family, here, there, prefix, count):
    sock = socket.socket(family)
    sock.bind(here)
    sock.connect(there)
    for i in range(count):
        path = f"{prefix}/{i}".encode()
        sock.sendall(b"GET %s HTTP/1.1\r\nHost: apart\r\n\r\n" % path)
        size = len(HEAD % len(path) + path)
        while size:
            size -= len(sock.recv(size))
    sock.close()


def main():
    name, count = sys.argv[1], int(sys.argv[2])
    for command in ("link set lo up", "link add px0 type veth peer name px1", "link set px1 up", "link set px0 up",
                    "-6 addr add fe80::1/64 dev px0 nodad", "-6 addr add fe80::2/64 dev px0 nodad"):
        subprocess.run(["ip", *command.split()], check=True)
    zone = socket.if_nametoindex("px0")
    four, six = socket.socket(), socket.socket(socket.AF_INET6)
    for sock, address in ((four, ("127.0.0.1", 8080)), (six, ("fe80::2", 8080, 0, zone))):
        sock.bind(address)
        sock.listen()
    go, gone = os.pipe()
    server = os.fork()
    if server == 0:
        serve((four, six))
        os._exit(0)
    client = os.fork()
    if client == 0:
        os.read(go, 1)
        ask(socket.AF_INET, ("127.0.0.1", 40000), ("127.0.0.1", 8080), f"/{name}/4", count)
        ask(socket.AF_INET6, ("fe80::1", 40000, 0, zone), ("fe80::2", 8080, 0, zone), f"/{name}/6", count)
        os._exit(0)
    print(server, client, flush=True)
    sys.stdin.readline()
    os.write(gone, b"g")
    for pid in (client, server):
        os.waitpid(pid, 0)


main()
