#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""First corpus of fuzz_capture: small captures of every kind, and lists of segments. capture_seeds.py FOLDER"""
import pathlib
import struct
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools"))
import pcapmake as pm  # noqa: E402

REQUEST = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def files():
    talk = pm.Conversation().open().exchange(b"/a").close()
    for kind in (pm.ETHERNET, pm.NULL, pm.RAW, pm.SLL, pm.SLL2):
        yield lambda p, kind=kind: pm.pcap(p, talk.frames(lambda packet: pm.link(kind, packet)), kind)
    yield lambda p: pm.pcap(p, talk.frames(), order=">", ns=True)
    six = pm.Conversation("2001:db8::1", "2001:db8::2").open().exchange(b"/a").close()
    yield lambda p: pm.pcap(p, six.frames())
    yield lambda p: pm.pcap(p, talk.frames(lambda packet: pm.ethernet(packet, (0x88a8, 0x8100))))
    yield lambda p: pm.pcap(p, talk.frames(lambda packet: pm.ethernet(pm.ip("1.2.3.4", "5.6.7.8", 17, pm.udp(
        9, 4789, struct.pack(">II", 0x08000000, 7 << 8) + pm.ethernet(packet))))))
    yield lambda p: pm.pcap(p, talk.frames(lambda packet: pm.ethernet(pm.ip("1.2.3.4", "5.6.7.8", 47, struct.pack(
        ">HH", 0, 0x0800) + packet))))
    parts = [(ts, pm.ethernet(pm.ip(src, dst, 6, seg[i:i + 24], ident=n, flags=i + 24 < len(seg), offset=i)))
             for n, (ts, src, dst, seg) in enumerate(talk.packets) for i in range(0, len(seg), 24)]
    yield lambda p: pm.pcap(p, parts)
    for order in "<>":
        def ng(path, order=order):
            with pm.Pcapng(path) as out:
                out.section(order)
                out.interface(pm.ETHERNET, 9, offset=1)
                for i, (ts, data) in enumerate(talk.frames()):
                    note = b"pxtrace nginx[7] %s conn=1f.ffff tid=7 uid=0" % (b"out" if data[29] == 1 else b"in")
                    out.packet(ts, data, comment=note + (b" lost=3" if i == 4 else b""))
        yield ng


def lists():
    def segment(what, data=b"", seq=0, ack=0, gap=0):
        return struct.pack("<BHBBB", what, seq, ack, gap, len(data)) + data
    handshake = segment(0x10, seq=1) + segment(0x15, seq=1) + segment(4)
    yield handshake + segment(4, REQUEST) + segment(5, RESPONSE) + segment(12) + segment(13)
    yield handshake + segment(4, REQUEST[:9]) + segment(5, RESPONSE) + segment(4, REQUEST[9:], seq=26) + segment(0x25)
    yield segment(4, REQUEST) + segment(5, RESPONSE, gap=90) + segment(6, REQUEST) + segment(7, RESPONSE)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        path = pathlib.Path(temporary) / "capture"
        for number, make in enumerate(files()):
            make(path)
            for mode in (0, 2):
                (folder / f"file-{number}-{mode}").write_bytes(bytes([mode]) + path.read_bytes())
    for number, text in enumerate(lists()):
        for mode in (1, 3):
            (folder / f"list-{number}-{mode}").write_bytes(bytes([mode]) + text)


if __name__ == "__main__":
    main()
