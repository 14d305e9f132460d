# SPDX-License-Identifier: Apache-2.0
"""unknown.py PORT: speaks a protocol that nobody knows, 0xa7 and a 32 bit number for as many bytes back; and HTTP if asked."""
import socket
import struct
import sys
import threading

FILL = bytes(range(128, 256)) * 8192


def take(sock, n):
    data = b""
    while len(data) < n:
        piece = sock.recv(n - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def serve(sock):
    with sock:
        try:
            while True:
                head = take(sock, 5)
                if head[0] == 0xa7:
                    left = struct.unpack(">I", head[1:])[0]
                    while left:
                        left -= sock.send(FILL[:left])
                    continue
                while not head.endswith(b"\r\n\r\n"):
                    head += take(sock, 1)
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
        except (EOFError, ConnectionError):
            pass


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
