# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 over bare sockets, where every byte is counted: the client's and the server's half of the account."""
import socket

from .account import NOREPLY, Exchange, address_of

CHUNK = 1 << 20


class Wire:
    """Reads a socket in lines and counts; taken is the number of bytes handed out since the last mark()."""

    def __init__(self, sock):
        self.sock = sock
        self.buf = bytearray()
        self.taken = 0

    def mark(self):
        self.taken = 0

    def fill(self):
        piece = self.sock.recv(CHUNK)
        self.buf += piece
        return bool(piece)

    def head(self):
        """Bytes up to and with the empty line; None at the end of the stream."""
        start = 0
        while (end := self.buf.find(b"\r\n\r\n", max(0, start - 3))) < 0:
            start = len(self.buf)
            if not self.fill():
                return None
        return self.take(end + 4)

    def line(self):
        while (end := self.buf.find(b"\r\n")) < 0:
            if not self.fill():
                raise EOFError
        return self.take(end + 2)

    def take(self, n):
        piece = bytes(self.buf[:n])
        del self.buf[:n]
        self.taken += n
        return piece

    def skip(self, n):
        """Pass over n bytes; returns how many there were."""
        left = n
        while left:
            if not self.buf and not self.fill():
                break
            part = min(left, len(self.buf))
            del self.buf[:part]
            self.taken += part
            left -= part
        return n - left

    def body(self, headers):
        """Pass over a body that says its own length; returns its content bytes."""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            content = 0
            while size := int(self.line().split(b";")[0], 16):
                content += size
                self.skip(size + 2)
            while self.line() != b"\r\n":
                pass
            return content
        return self.skip(int(headers.get("content-length", 0)))


def parse_head(head):
    """(first line, {lower-case name: value}) of a message head."""
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return first, {name.strip().lower(): value.strip() for name, value in pairs}


def chunked(content, sizes=(1, 10, 4096, 65536), extension="", trailers=()):
    """Content in chunk framing; the sizes are used in turn."""
    out, at, turn = bytearray(), 0, 0
    while at < len(content):
        piece = content[at:at + sizes[turn % len(sizes)]]
        out += f"{len(piece):x}{extension}\r\n".encode() + piece + b"\r\n"
        at += len(piece)
        turn += 1
    out += b"0\r\n" + "".join(f"{n}: {v}\r\n" for n, v in trailers).encode() + b"\r\n"
    return bytes(out)


def connected(address, timeout=20):
    """A socket connected to (host, port) or to the path of a UNIX socket."""
    if isinstance(address, (str, bytes)):
        sock = socket.socket(socket.AF_UNIX)
    else:
        sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    sock.settimeout(timeout)
    sock.connect(address)
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class Client:
    """One connection that writes requests as told and enters every exchange in account, a list."""

    def __init__(self, address, account, tls=None):
        self.sock = connected(address)
        if tls:  # an ssl.SSLContext
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")
        self.wire = Wire(self.sock)
        self.account = account
        self.pending = []
        self.ends = {"client": address_of(self.sock.getsockname()), "server": address_of(self.sock.getpeername())}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Leave with a RST instead of a FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def build(self, op, url, headers=(), body=b"", framed=None):
        """(bytes of the head, bytes of the framed body); framed: the body as it goes out if it is chunked."""
        lines = [f"{op} {url} HTTP/1.1", "Host: live.test"] + [f"{n}: {v}" for n, v in headers]
        if framed is not None:
            lines.append("Transfer-Encoding: chunked")
        elif body or op in ("POST", "PUT"):
            lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), body if framed is None else framed

    def send(self, op, url, headers=(), body=b"", framed=None, await_continue=False):
        """Send one request and remember that its answer is due."""
        head, tail = self.build(op, url, headers, body, framed)
        exchange = Exchange(op, url, NOREPLY, len(head) + len(tail), len(body), **self.ends)
        interim = 0
        if await_continue:
            self.sock.sendall(head)
            self.wire.mark()
            first, _ = parse_head(self.wire.head())
            assert first.split()[1] == "100", first
            interim = self.wire.taken
            self.sock.sendall(tail)
        else:
            self.sock.sendall(head + tail if len(tail) < CHUNK else head)
            if len(tail) >= CHUNK:
                self.sock.sendall(tail)
        self.pending.append((exchange, interim))
        return exchange

    def receive(self):
        """Read the answer to the oldest request and enter the exchange; returns (exchange, headers)."""
        exchange, interim = self.pending.pop(0)
        self.wire.mark()
        while True:
            head = self.wire.head()
            if head is None:
                raise EOFError(f"no answer to {exchange.op} {exchange.url}")
            first, headers = parse_head(head)
            status = first.split()[1]
            if status[0] != "1" or status == "101":
                break
        exchange.status = status
        if exchange.op == "HEAD" or status in ("101", "204", "304"):
            content = 0
        elif "content-length" in headers or "transfer-encoding" in headers:
            content = self.wire.body(headers)
        else:
            content = 0
            while self.wire.buf or self.wire.fill():
                content += self.wire.skip(len(self.wire.buf))
        exchange.resp_bytes = self.wire.taken + interim
        exchange.resp_body = content
        self.account.append(exchange)
        return exchange, headers

    def ask(self, op, url, *args, **kwargs):
        """One request and its answer."""
        self.send(op, url, *args, **kwargs)
        return self.receive()
