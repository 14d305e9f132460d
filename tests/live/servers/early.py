# SPDX-License-Identifier: Apache-2.0
"""
A client that asks an HTTP server again and again, each request by sendmmsg and each answer by recvmmsg, from before a
tracer starts until it is ended. usage: early.py HOST PORT; requests are GET /small?id=1, 2, ...
"""
import ctypes
import socket
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


class Mmsghdr(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint32), ("iov", ctypes.POINTER(Iovec)), ("iovlen", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t), ("flags", ctypes.c_int), ("pad", ctypes.c_int), ("len", ctypes.c_uint32)]


def message(buffer, size):
    iov = Iovec(ctypes.cast(buffer, ctypes.c_void_p), size)
    m = Mmsghdr(iov=ctypes.pointer(iov), iovlen=1)
    return m, iov


sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
room = ctypes.create_string_buffer(65536)
n = 0
print("ready", flush=True)
while True:
    n += 1
    text = b"GET /small?id=%d HTTP/1.1\r\nHost: early\r\n\r\n" % n
    asked = ctypes.create_string_buffer(text)
    m, keep = message(asked, len(text))
    if libc.sendmmsg(sock.fileno(), ctypes.byref(m), 1, 0) != 1:
        sys.exit(1)
    answer = b""
    while b"\r\n\r\n" not in answer:
        m, keep = message(room, 65536)
        if libc.recvmmsg(sock.fileno(), ctypes.byref(m), 1, 0, None) != 1 or m.len == 0:
            sys.exit(1)
        answer += room.raw[:m.len]
    head, body = answer.split(b"\r\n\r\n", 1)
    left = int(head.lower().split(b"content-length:")[1].split()[0]) - len(body)
    while left > 0:
        m, keep = message(room, 65536)
        if libc.recvmmsg(sock.fileno(), ctypes.byref(m), 1, 0, None) != 1 or m.len == 0:
            sys.exit(1)
        left -= m.len
    time.sleep(0.004)
