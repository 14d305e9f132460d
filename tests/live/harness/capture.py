# SPDX-License-Identifier: Apache-2.0
"""Files of -w, read without the program: packets with their comments, and the streams that they carry."""
import re
import struct
from collections import defaultdict

PACKET, COMMENT = 6, 1
OURS = re.compile(r"pxtrace .* (out|in) conn=([0-9a-f]+)\.")


def packets(path):
    """(comment, Ethernet frame) of each packet; those in blocks of our own type are passed over."""
    with open(path, "rb") as file:
        data = file.read()
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from("=II", data, at)
        if kind == PACKET:
            captured, = struct.unpack_from("=I", data, at + 20)
            option = at + 28 + (captured + 3 & ~3)
            comment = ""
            while option < at + size - 4:
                code, length = struct.unpack_from("=HH", data, option)
                if code == COMMENT:
                    comment = data[option + 4:option + 4 + length].decode()
                option += 4 + (length + 3 & ~3)
            yield comment, data[at + 28:at + 28 + captured]
        at += size


def transport(frame):
    """(protocol number, bytes from the transport header on) of an Ethernet frame; the packet's own length counts."""
    ip = frame[14:]
    if frame[12:14] == b"\x08\0":
        return ip[9], ip[(ip[0] & 15) * 4:int.from_bytes(ip[2:4], "big")]
    return ip[6], ip[40:40 + int.from_bytes(ip[4:6], "big")]


class Stream:
    """One direction of a connection: pieces by their place behind its beginning."""

    def __init__(self):
        self.begin = None
        self.pieces = []

    def take(self, sequence, is_opening, payload):
        if self.begin is None or is_opening:
            self.begin = sequence + is_opening & 0xffffffff
        if payload:
            self.pieces.append((sequence - self.begin & 0xffffffff, payload))


def streams(path):
    """Stream by (socket inode of the end that is shown, "out" or "in")."""
    found = defaultdict(Stream)
    for comment, frame in packets(path):
        ours = OURS.match(comment)
        protocol, segment = transport(frame)
        if protocol == 6 and ours:
            sequence, offset, flags = struct.unpack_from(">4xI4xBB", segment)
            found[int(ours[2], 16), ours[1]].take(sequence, bool(flags & 2), segment[(offset >> 4) * 4:])
    return found
