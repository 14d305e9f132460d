# SPDX-License-Identifier: Apache-2.0
"""raw.py ADDRESS ACCOUNT [CALLS [PEM]]: an HTTP/1.1 server over bare sockets that writes an account line per exchange before it answers.

ADDRESS is host:port or a path. What it answers is in the request's path:
  /bytes/N /chunked/N /close/N /headers/N   a body or head of N bytes, framed as named
  /half/N                                   as close, by shutdown() of one direction; then it waits for the peer
  /status/CODE /echo /early/CODE            an empty answer; the request body's size; 103 first, then CODE
  /abort/N                                  half of the N bytes it announces, then it leaves
  /never                                    no answer, it leaves
  /once/N                                   /chunked/N, but written in one call, whatever its size
CALLS is a name in calls.py: by which system calls it reads and writes.
PEM is a file with a key and its certificate: all of it goes over TLS.
"""
import json
import os
import socket
import ssl
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness.account import NOREPLY, address_of  # noqa: E402
from harness.raw import Wire, chunked, parse_head  # noqa: E402
from servers.calls import KINDS  # noqa: E402

PIECE = 1 << 20  # of one call; what a call moves beyond 2 MB is announced, but not copied
FILL = b"0123456789abcde\n" * (1 << 16)


def content(n):
    return (FILL * (n // len(FILL) + 1))[:n]


def answer(op, url, got):
    """(status, bytes to send, content bytes among them, keep the connection)"""
    path = url.split("?")[0].strip("/").split("/")
    kind, n = path[0], int(path[1]) if len(path) > 1 and path[1].isdigit() else 0
    head, body, keep, status, sent_body = [], b"", True, 200, None
    early = b""
    if kind in ("bytes", "abort"):
        body = content(n)
        head.append(f"Content-Length: {n}")
        keep = kind == "bytes"
    elif kind in ("chunked", "once"):
        head += ["Transfer-Encoding: chunked", "Trailer: X-Sum"]
        body = chunked(content(n), extension=';name="v;x"', trailers=[("X-Sum", str(n))])
        sent_body = n
    elif kind in ("close", "half"):
        head.append("Connection: close")
        body, keep = content(n), False
    elif kind == "headers":
        head += [f"X-Fill-{i}: {'v' * 1000}" for i in range(n // 1010)] + ["Content-Length: 2"]
        body = b"ok"
    elif kind == "echo":
        body = str(got).encode()
        head.append(f"Content-Length: {len(body)}")
    elif kind in ("status", "early"):
        status = n
        if status not in (204, 304):
            head.append("Content-Length: 0")
        if kind == "early":
            early = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
    else:
        status = 404
        head.append("Content-Length: 0")
    if op == "HEAD":
        body, sent_body = b"", 0
    text = "\r\n".join([f"HTTP/1.1 {status} Fine", "Content-Type: text/plain", *head]) + "\r\n\r\n"
    if sent_body is None:
        sent_body = len(body)
    if kind == "abort":
        body = body[:n // 2]
        sent_body = len(body)
    return str(status), early + text.encode() + body, sent_body, keep


class Server:
    def __init__(self, address, account, calls="recvfrom", pem=None):
        self.calls = KINDS[calls]
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if pem else None
        if pem:
            self.tls.load_cert_chain(pem)
        self.account = open(account, "a", buffering=1)
        self.lock = threading.Lock()
        if address.startswith("/"):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.bind(address)
        else:
            host, port = address.rsplit(":", 1)
            self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.sock.bind((host.strip("[]"), int(port)))
        self.sock.listen(1024)

    def run(self):
        while True:
            conn, _ = self.sock.accept()
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        with conn:
            try:
                if conn.family != socket.AF_UNIX:
                    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self.tls:
                    conn = self.tls.wrap_socket(conn, server_side=True)
                conn = self.calls(conn)
                wire = Wire(conn)
                while self.exchange(conn, wire):
                    pass
            except (OSError, EOFError, ValueError):
                pass

    def exchange(self, conn, wire):
        """Serve one request; returns whether the connection goes on."""
        wire.mark()
        head = wire.head()
        if head is None:
            return False
        first, headers = parse_head(head)
        op, url, _ = first.split(" ")
        interim = 0
        if headers.get("expect", "").lower() == "100-continue":
            go = b"HTTP/1.1 100 Continue\r\n\r\n"
            conn.sendall(go)
            interim = len(go)
        got = wire.body(headers)
        if "content-length" in headers and got < int(headers["content-length"]):
            self.enter(conn, op, url, NOREPLY, wire.taken, got, None, None)
            return False
        if url.startswith("/never"):
            self.enter(conn, op, url, NOREPLY, wire.taken, got, None, None)
            return False
        status, out, sent_body, keep = answer(op, url, got)
        self.enter(conn, op, url, status, wire.taken, got, interim + len(out), sent_body)
        piece = len(out) if url.startswith("/once/") else PIECE
        for at in range(0, len(out), piece):
            conn.sendall(out[at:at + piece])
        if url.startswith("/half"):
            conn.shutdown(socket.SHUT_WR)
            return True
        return keep and headers.get("connection", "").lower() != "close"

    def enter(self, conn, op, url, status, req_bytes, req_body, resp_bytes, resp_body):
        line = json.dumps({
            "op": op, "url": url, "status": status, "req_bytes": req_bytes, "req_body": req_body,
            "resp_bytes": resp_bytes, "resp_body": resp_body,
            "client": address_of(conn.getpeername()), "server": address_of(conn.getsockname())})
        with self.lock:
            self.account.write(line + "\n")


if __name__ == "__main__":
    Server(*sys.argv[1:]).run()
