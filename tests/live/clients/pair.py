# SPDX-License-Identifier: Apache-2.0
"""pair.py PEM CA: waits for a line on stdin, then asks itself once over TLS on a pair of sockets."""
import socket
import ssl
import sys
import threading

PEM, AUTHORITY = sys.argv[1:]


def serve(sock):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    with context.wrap_socket(sock, server_side=True) as tls:
        tls.recv(1000)
        tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        tls.recv(1000)


sys.stdin.readline()
mine, other = socket.socketpair()
thread = threading.Thread(target=serve, args=(other,))
thread.start()
with ssl.create_default_context(cafile=AUTHORITY).wrap_socket(mine, server_hostname="localhost") as tls:
    tls.sendall(b"GET /pair HTTP/1.1\r\nHost: pair\r\n\r\n")
    tls.recv(1000)
thread.join()
