# SPDX-License-Identifier: Apache-2.0
"""Packet captures made byte by byte: file formats, link layers, tunnels, and TCP conversations to put into them."""
import gzip
import ipaddress
import struct
import subprocess

ETHERNET, NULL, RAW, LOOP, SLL, IPV4, IPV6, SLL2 = 1, 0, 101, 108, 113, 228, 229, 276
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
T0 = 1700000000 * 10**9


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def address(text):
    return ipaddress.ip_address(text).packed


def ip(src, dst, protocol, payload, ident=1, flags=0, offset=0, options=b"", extension=b"", first=None):
    """An IPv4 or IPv6 packet; extension: raw IPv6 extension headers, whose first is of number `first`."""
    a, b = address(src), address(dst)
    if len(a) == 16:
        body = extension + payload
        return struct.pack(">IHBB", 0x60000000, len(body), protocol if first is None else first, 64) + a + b + body
    words = 5 + len(options) // 4
    head = struct.pack(">BBHHHBBH4s4s", 0x40 | words, 0, words * 4 + len(payload), ident, flags << 13 | offset // 8,
                       64, protocol, 0, a, b) + options
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    return head + payload


def tcp(src, dst, sport, dport, seq, ack, flags, data=b"", options=b""):
    head = struct.pack(">HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff, (5 + len(options) // 4) << 4,
                       flags, 65535, 0, 0) + options
    a, b = address(src), address(dst)
    pseudo = a + b + (struct.pack(">BBH", 0, 6, len(head) + len(data)) if len(a) == 4 else
                      struct.pack(">IHBB", len(head) + len(data), 0, 0, 6))
    return head[:16] + struct.pack(">H", checksum(pseudo + head + data)) + head[18:] + data


def udp(sport, dport, data):
    return struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data


def ethernet(packet, tags=(), kind=None):
    kind = kind or (0x0800 if packet[0] >> 4 == 4 else 0x86dd)
    stack = b"".join(struct.pack(">HH", tag, 10 + i) for i, tag in enumerate(tags))
    return b"\x02\0\0\0\0\1\x02\0\0\0\0\2" + stack + struct.pack(">H", kind) + packet


def link(kind, packet):
    """The packet in a frame of this link type."""
    ether_type = 0x0800 if packet[0] >> 4 == 4 else 0x86dd
    if kind == ETHERNET:
        return ethernet(packet)
    if kind == NULL:
        return struct.pack("=I", 2 if packet[0] >> 4 == 4 else 30) + packet
    if kind == LOOP:
        return struct.pack(">I", 2 if packet[0] >> 4 == 4 else 24) + packet
    if kind == SLL:
        return struct.pack(">HHH8sH", 0, 1, 6, b"\x02\0\0\0\0\1", ether_type) + packet
    if kind == SLL2:
        return struct.pack(">HHIHBB8s", ether_type, 0, 1, 1, 0, 6, b"\x02\0\0\0\0\1") + packet
    return packet


def pcap(path, frames, kind=ETHERNET, order="<", ns=False, snaplen=262144):
    """frames: (time in ns, bytes[, length on the wire])"""
    with open(path, "wb") as out:
        out.write(struct.pack(order + "IHHiIII", 0xa1b23c4d if ns else 0xa1b2c3d4, 2, 4, 0, 0, snaplen, kind))
        for ts, data, *more in frames:
            kept = data[:snaplen]
            out.write(struct.pack(order + "IIII", ts // 10**9, ts % 10**9 // (1 if ns else 1000), len(kept),
                                  more[0] if more else len(data)) + kept)


def option(order, code, value):
    return struct.pack(order + "HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def block(order, kind, body):
    size = 12 + len(body)
    return struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", size)


class Pcapng:
    """Written block by block; a section may be followed by another one."""

    def __init__(self, path):
        self.out = open(path, "wb")
        self.order = "<"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.out.close()

    def section(self, order="<"):
        self.order = order
        body = struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1) + option(order, 4, b"pcapmake") + option(order, 0, b"")
        self.out.write(block(order, 0x0a0d0d0a, body))

    def interface(self, kind=ETHERNET, resolution=None, offset=None, snaplen=0):
        options = b""
        if resolution is not None:
            options += option(self.order, 9, bytes([resolution]))
        if offset is not None:
            options += option(self.order, 14, struct.pack(self.order + "q", offset))
        body = struct.pack(self.order + "HHI", kind, 0, snaplen) + (options and options + option(self.order, 0, b""))
        self.out.write(block(self.order, 1, body))

    def packet(self, ticks, data, interface=0, comment=None, wire=None):
        body = struct.pack(self.order + "IIIII", interface, ticks >> 32, ticks & 0xffffffff, len(data),
                           wire or len(data)) + data + b"\0" * (-len(data) % 4)
        if comment:
            body += option(self.order, 1, comment) + option(self.order, 0, b"")
        self.out.write(block(self.order, 6, body))

    def old_packet(self, ticks, data, interface=0):
        body = struct.pack(self.order + "HHIIII", interface, 0, ticks >> 32, ticks & 0xffffffff, len(data), len(data))
        self.out.write(block(self.order, 2, body + data + b"\0" * (-len(data) % 4)))

    def simple_packet(self, data):
        self.out.write(block(self.order, 3, struct.pack(self.order + "I", len(data)) + data + b"\0" * (-len(data) % 4)))

    def other(self, kind, body):
        self.out.write(block(self.order, kind, body + b"\0" * (-len(body) % 4)))


class Conversation:
    """A TCP connection; makes IP packets. Times go on by 1 ms per packet."""

    def __init__(self, client="10.0.0.1", server="10.0.0.2", cport=40000, sport=80, isn=(1000, 5000), start=T0):
        self.ends = ((client, cport), (server, sport))
        self.next = list(isn)
        self.ts = start
        self.packets = []

    def send(self, who, data=b"", flags=ACK, seq=None, options=b""):
        """who: 0 the client, 1 the server. Returns the packet's index."""
        (src, sport), (dst, dport) = self.ends[who], self.ends[1 - who]
        seq = self.next[who] if seq is None else seq
        ack = self.next[1 - who] if flags & ACK else 0
        self.packets.append((self.ts, src, dst, tcp(src, dst, sport, dport, seq, ack, flags, data, options)))
        self.ts += 10**6
        self.next[who] = max(self.next[who], seq + len(data) + bool(flags & (SYN | FIN)))
        return len(self.packets) - 1

    def open(self):
        self.send(0, flags=SYN)
        self.send(1, flags=SYN | ACK)
        self.send(0)
        return self

    def close(self):
        self.send(0, flags=FIN | ACK)
        self.send(1, flags=FIN | ACK)
        self.send(0)
        return self

    def exchange(self, path=b"/", body=b"hello", mss=1400):
        request = b"GET " + path + b" HTTP/1.1\r\nHost: example.com\r\n\r\n"
        response = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        for who, message in ((0, request), (1, response)):
            for i in range(0, len(message), mss):
                self.send(who, message[i:i + mss], ACK | PSH)
        return self

    def frames(self, wrap=lambda packet: ethernet(packet)):
        return [(ts, wrap(ip(src, dst, 6, segment))) for ts, src, dst, segment in self.packets]


def compress(path, how):
    if how == "gz":
        with open(path, "rb") as plain, gzip.open(path + ".gz", "wb") as out:
            out.write(plain.read())
        return path + ".gz"
    subprocess.run(["zstd", "-qf", path], check=True)
    return path + ".zst"
