# SPDX-License-Identifier: Apache-2.0
"""pretend.py FOLDER: moves text that looks like HTTP through everything that is no stream socket. Begins at a line on stdin."""
import os
import pty
import socket
import struct
import sys

ASKED = b"GET /invented HTTP/1.1\r\nHost: x\r\n\r\n"
ANSWERED = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def through(out, back):
    """Both messages, in one end and out of the other."""
    for text in (ASKED, ANSWERED):
        os.write(out, text)
        os.read(back, 4096)


def main():
    sys.stdin.readline()
    path = os.path.join(sys.argv[1], "text")
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(3):
        os.writev(fd, [ASKED, ANSWERED])
        os.lseek(fd, 0, os.SEEK_SET)
        os.readv(fd, [bytearray(100), bytearray(100)])
        os.pread(fd, 100, 0)
        os.preadv(fd, [bytearray(100)], -1 & 0)
    back, out = os.pipe()
    through(out, back)
    os.splice(fd, out, 50, 0)
    os.read(back, 100)
    fifo = os.path.join(sys.argv[1], "fifo")
    os.mkfifo(fifo)
    both = os.open(fifo, os.O_RDWR)
    through(both, both)
    leader, follower = pty.openpty()
    through(leader, follower)
    through(follower, leader)
    null, zero = os.open("/dev/null", os.O_RDWR), os.open("/dev/zero", os.O_RDWR)
    through(null, zero)
    event = os.eventfd(0)
    for text in (ASKED, ANSWERED):
        os.write(event, text[:8])
        os.read(event, 8)
    memory = os.memfd_create("text")
    os.sendfile(memory, fd, 0, 50)
    for kind in (socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        one, other = socket.socketpair(socket.AF_UNIX, kind)
        through(one.fileno(), other.fileno())
        through(other.fileno(), one.fileno())
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 2)  # NETLINK_USERSOCK
    netlink.bind((os.getpid(), 0))
    netlink.sendto(ASKED, (os.getpid(), 0))
    netlink.recv(4096)
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 253)  # for experiments, RFC 3692
    raw.sendto(ASKED, ("127.0.0.1", 0))
    raw.recv(4096)
    os.write(1, struct.pack("8s", b"done"))


main()
