# SPDX-License-Identifier: Apache-2.0
"""Sockets whose bytes go by other system calls than Python's own recvfrom and sendto."""
import os
import socket

PARTS = 300


class Calls:
    """Stands in for a connected, blocking socket where only recv() and sendall() are used; the rest is the socket's."""

    def __init__(self, sock):
        self.sock = sock

    def __getattr__(self, name):
        return getattr(self.sock, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def recv(self, n):
        return self.sock.recv(n)

    def sendall(self, data):
        view = memoryview(data)
        while view:
            view = view[self.send_some(view):]

    def send_some(self, view):
        return self.sock.send(view)


def parts(view):
    """The same bytes in up to PARTS pieces of growing and very different sizes, some of them empty."""
    out, at = [], 0
    while at < len(view) and len(out) < PARTS:
        size = (0, 1, 2, 3, 50, 700, 9000)[len(out) % 7]
        out.append(view[at:at + size])
        at += size
    return out


def rooms(n):
    """Buffers for a scattered read of up to n bytes."""
    buffers = [bytearray(size) for size in (1, 3, 0, 60, 500)]
    return buffers + [bytearray(n)]


def gathered(buffers, n):
    return b"".join(buffers)[:n]


class ReadWrite(Calls):
    def recv(self, n):
        return os.read(self.sock.fileno(), n)

    def send_some(self, view):
        return os.write(self.sock.fileno(), view)


class Vectors(Calls):
    def recv(self, n):
        buffers = rooms(n)
        return gathered(buffers, os.readv(self.sock.fileno(), buffers))

    def send_some(self, view):
        return os.writev(self.sock.fileno(), parts(view))


class Messages(Calls):
    def recv(self, n):
        buffers = rooms(n)
        return gathered(buffers, self.sock.recvmsg_into(buffers)[0])

    def send_some(self, view):
        return self.sock.sendmsg(parts(view))


class Peeking(Calls):
    """Looks at the bytes before it takes them; the look moves nothing."""

    def recv(self, n):
        self.sock.recv(n, socket.MSG_PEEK)
        return self.sock.recv(n)


class Truncating(Calls):
    """Takes bytes without looking at them, by MSG_TRUNC, where it can: between the first and the last of what is there."""

    def recv(self, n):
        there = self.sock.recv(n, socket.MSG_PEEK)
        if len(there) < 3000:
            return self.sock.recv(n)
        first = self.sock.recv(1500)
        got = self.sock.recv(len(there) - 2000, socket.MSG_TRUNC)
        return first + there[1500:1500 + len(got)]


class Sendfile(Calls):
    """Bodies go out of a file by sendfile(); heads, and what is small, by send()."""

    def send_some(self, view):
        if len(view) < 4000:
            return self.sock.send(view)
        head = bytes(view[:2000]).find(b"\r\n\r\n") + 4
        if head > 3:
            return self.sock.send(view[:head])
        fd = os.memfd_create("body")
        try:
            os.write(fd, view)
            return os.sendfile(self.sock.fileno(), fd, 0, len(view))
        finally:
            os.close(fd)


KINDS = {"recvfrom": Calls, "read": ReadWrite, "readv": Vectors, "recvmsg": Messages, "peek": Peeking,
         "trunc": Truncating, "sendfile": Sendfile}
