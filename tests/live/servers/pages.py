# SPDX-License-Identifier: Apache-2.0
"""pages.py PORT FOLDER: an HTTP server whose bodies never are in its memory: sendfile and splice, out of a file in FOLDER.

What it does is in the request's path, /WAY/SIZE:
  offset position   sendfile with an offset, and from where the file stands
  twice             the same file two times, back to back
  middle            from byte 1000 on, in calls of 3000 bytes
  splice            file to pipe to socket
  gifted            memory to pipe to socket
  unlinked replaced the file has lost its name, or another one has it, before it is sent
  emptied           it is emptied and written anew when it has been sent
  changing          the same while it is sent: the client begins to read after that
"""
import ctypes
import os
import socket
import sys
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)
GIFTS = []  # stay as they are: the peer reads this memory, at any time


def content(n, word):
    line = b"%s %%07d of pages\n" % word
    return b"".join(line % i for i in range(n // 16 + 1))[:n]


def write(path, data):
    with open(path, "wb") as file:  # emptied first
        file.write(data)


def by_offset(conn, fd, begin, end, step=1 << 30):
    while begin < end:
        begin += os.sendfile(conn.fileno(), fd, begin, min(step, end - begin))


def by_position(conn, fd, n):
    while n > 0:
        sent = LIBC.sendfile(conn.fileno(), fd, None, ctypes.c_size_t(n))
        if sent <= 0:
            raise OSError(ctypes.get_errno())
        n -= sent


def out_of_pipe(conn, pipe, n):
    while n > 0:
        n -= os.splice(pipe, conn.fileno(), n)


def by_splice(conn, fd, n):
    out, into = os.pipe()
    while n > 0:
        moved = os.splice(fd, into, min(n, 65536))
        out_of_pipe(conn, out, moved)
        n -= moved
    os.close(out)
    os.close(into)


class Vec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


def by_gift(conn, data):
    out, into = os.pipe()
    memory = ctypes.create_string_buffer(data, len(data))
    GIFTS.append(memory)
    at = 0
    while at < len(data):
        vec = Vec(ctypes.addressof(memory) + at, len(data) - at)
        moved = LIBC.vmsplice(into, ctypes.byref(vec), ctypes.c_size_t(1), 2)  # SPLICE_F_NONBLOCK
        out_of_pipe(conn, out, moved)
        at += moved
    os.close(out)
    os.close(into)


def answer(conn, folder, way, n, number):
    path = f"{folder}/{way}-{n}"
    if not os.path.exists(path):
        write(path, content(n, b"first"))
        time.sleep(0.05)  # the kernel's clock for files is a coarse one
    fd = os.open(path, os.O_RDONLY)
    size = 2 * n if way == "twice" else n - 1000 if way == "middle" else n
    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % size)
    if way == "position":
        by_position(conn, fd, n)
    elif way == "twice":
        by_offset(conn, fd, 0, n)
        by_offset(conn, fd, 0, n)
    elif way == "middle":
        by_offset(conn, fd, 1000, n, 3000)
    elif way == "splice":
        by_splice(conn, fd, n)
    elif way == "gifted":
        by_gift(conn, content(n, b"given"))
    else:
        if way == "unlinked":
            os.unlink(path)
        elif way == "replaced":
            write(f"{path}.new", content(n, b"other"))
            os.rename(f"{path}.new", path)
        elif way == "changing":
            threading.Timer(0.2, write, (path, content(n, b"later"))).start()
        by_offset(conn, fd, 0, n)
        if way == "emptied":
            write(path, content(n, b"%05d" % number))
    os.close(fd)


def serve(conn, folder):
    with conn:
        number = 0
        while head := conn.recv(65536):
            way, size = head.split()[1].decode().split("?")[0].strip("/").split("/")
            number += 1
            answer(conn, folder, way, int(size), number)


def main():
    server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    while True:
        conn, _ = server.accept()
        threading.Thread(target=serve, args=(conn, sys.argv[2]), daemon=True).start()


main()
