# SPDX-License-Identifier: Apache-2.0
"""names.py PORT PORT: asks two of servers/names.py in every way that a resolver might."""
import os
import socket
import struct
import sys


def query(number, name, kind=1):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", number, 0x100, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, kind, 1)


def main():
    one, two = (("127.0.0.1", int(word)) for word in sys.argv[1:])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect(one)
        for i in range(20):
            sock.send(query(i, "plain.test"))
            sock.recv(1000)
        sock.send(query(100, "second.test"))
        sock.send(query(100, "second.test"))
        sock.recv(1000)
        sock.send(query(101, "never.test"))
        for number, name, answers in ((102, "twice.test", 2), (103, "forged.test", 2), (104, "head.test", 1), (105, "late-300.test", 1),
                                      (106, "nosuch.test", 1)):
            sock.send(query(number, name))
            for _ in range(answers):
                sock.recv(1000)
    # one socket that is not connected, the same question to both
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        for peer in (one, two):
            sock.sendto(query(200, "both.test"), peer)
        for _ in range(2):
            sock.recvfrom(1000)
    os._exit(0)


main()
