#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Captures of every format, link layer and order of segments: pxtrace -r against what was put in, and against tshark.

    judge_test.py PXTRACE
"""
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools"))
import pcapmake as pm  # noqa: E402

PXTRACE = sys.argv.pop(1) if len(sys.argv) > 1 else "pxtrace"
TSHARK = shutil.which("tshark")


def pxtrace(path, *args, stdin=None):
    result = subprocess.run([PXTRACE, "-j", "-r", path, *args], capture_output=True, stdin=stdin, timeout=60, check=False)
    assert result.returncode in (0, 1), result.stderr
    records = [json.loads(line) for line in result.stdout.splitlines()]
    return [r for r in records if r["type"] == "message"], result


def tshark(path):
    """(method, uri) of requests and the codes of responses, as tshark dissects them."""
    result = subprocess.run([TSHARK, "-r", path, "-Y", "http", "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a",
                             "-E", "aggregator=;", "-e", "http.request.method", "-e", "http.request.uri",
                             "-e", "http.response.code"], capture_output=True, text=True, timeout=60, check=False)
    requests, codes = [], []
    for line in result.stdout.splitlines():
        method, uri, code = line.split("\t")
        requests += list(zip(method.split(";"), uri.split(";"))) if method else []
        codes += code.split(";") if code else []
    return sorted(requests), sorted(codes)


class Judge(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.dir.name, "capture")

    def tearDown(self):
        self.dir.cleanup()

    def check(self, targets, judge=True, path=None, flags=(), **keys):
        """The file has exactly these exchanges, in this order, and tshark says so too."""
        messages, result = pxtrace(path or self.path)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual([m.get("target") for m in messages], list(targets), result.stderr)
        for m in messages:
            self.assertEqual(m["status"], "200", m)
            self.assertEqual(m["role"], "client")
            self.assertNotIn("pid", m)
            self.assertEqual([f for f in m["flags"] if f not in flags], [])
            for key, value in keys.items():
                self.assertEqual(m[key], value)
        if judge and TSHARK:
            requests, codes = tshark(path or self.path)
            self.assertEqual(sorted((m["op"], m["req"]["path"]) for m in messages), requests)
            self.assertEqual(sorted(m["status"] for m in messages), codes)
        return messages

    # File formats

    def test_pcap_orders_and_resolutions(self):
        frames = pm.Conversation().open().exchange(b"/a").close().frames()
        for order in "<>":
            for ns in (False, True):
                with self.subTest(order=order, ns=ns):
                    pm.pcap(self.path, frames, order=order, ns=ns)
                    m = self.check(["/a"], local_addr="10.0.0.1", local_port=40000, remote_port=80)[0]
                    self.assertEqual(m["ts_us"], pm.T0 // 1000 + 3000)
                    self.assertEqual(m["latency_ns"], 10**6)

    def test_pcapng(self):
        frames = pm.Conversation().open().exchange(b"/a").close().frames()
        for order in "<>":
            for resolution, units in ((None, 10**6), (9, 10**9), (3, 1000), (0x80 | 20, 1 << 20), (6, 10**6), (10, 10**10)):
                with self.subTest(order=order, resolution=resolution), pm.Pcapng(self.path) as ng:
                    ng.section(order)
                    ng.interface(pm.ETHERNET, resolution)
                    ng.other(4, struct.pack(order + "HH", 0, 0))
                    for ts, data in frames:
                        ng.packet(ts * units // 10**9, data, comment=b"a comment")
                    ng.other(5, struct.pack(order + "III", 0, 0, 0))
                    ng.other(0x0bad, b"\0" * 100000)
                    ng.other(0x8fffffff, b"unknown")
                    ng.out.flush()
                    m = self.check(["/a"])[0]
                    self.assertLess(abs(m["ts_us"] - (pm.T0 // 1000 + 3000)), 1100)

    def test_pcapng_sections_interfaces_offsets(self):
        one, two = (pm.Conversation(cport=port, start=pm.T0 + i * 10**9).open().exchange(b"/%d" % i).close()
                    for i, port in enumerate((40000, 40001)))
        with pm.Pcapng(self.path) as ng:
            ng.section("<")
            ng.interface(pm.ETHERNET)
            ng.interface(pm.RAW, 9, offset=1000)
            for i, (ts, data) in enumerate(one.frames()):
                ng.packet(ts // 1000, data) if i % 2 else ng.packet(ts - 1000 * 10**9, data[14:], interface=1)
            ng.section(">")
            ng.interface(pm.SLL)
            for i, (ts, data) in enumerate(two.frames(lambda packet: pm.link(pm.SLL, packet))):
                ng.old_packet(ts // 1000, data) if i % 2 else ng.packet(ts // 1000, data)
        messages = self.check(["/0", "/1"])
        self.assertEqual([m["ts_us"] for m in messages], [pm.T0 // 1000 + 3000, pm.T0 // 1000 + 1003000])

    def test_simple_packets(self):
        with pm.Pcapng(self.path) as ng:
            ng.section()
            ng.interface(pm.ETHERNET)
            for _, data in pm.Conversation().open().exchange(b"/s").close().frames():
                ng.simple_packet(data)
        self.check(["/s"])

    def test_compressed_and_piped(self):
        pm.pcap(self.path, pm.Conversation().open().exchange(b"/z", b"x" * 100000).close().frames())
        for how in ("gz", "zst") if shutil.which("zstd") else ("gz",):
            with self.subTest(how=how):
                packed = pm.compress(self.path, how)
                self.check(["/z"], judge=False, path=packed, flags=["truncated"])
                with open(packed, "rb") as stdin:
                    messages, _ = pxtrace("-", stdin=stdin)
                self.assertEqual(messages[0]["resp"]["body_bytes"], 100000)
        cat = subprocess.Popen(["cat", self.path], stdout=subprocess.PIPE)
        messages, _ = pxtrace("-", stdin=cat.stdout)
        cat.stdout.close()
        cat.wait()
        self.assertEqual(messages[0]["resp"]["body_bytes"], 100000)

    # Link layers and what lies between them and TCP

    def test_links(self):
        for kind in (pm.ETHERNET, pm.NULL, pm.RAW, pm.LOOP, pm.SLL, pm.SLL2, pm.IPV4, pm.IPV6):
            for ends in (("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")):
                if (kind, ":" in ends[0]) in ((pm.IPV4, True), (pm.IPV6, False)):
                    continue
                with self.subTest(kind=kind, ends=ends):
                    talk = pm.Conversation(*ends).open().exchange(b"/l").close()
                    pm.pcap(self.path, talk.frames(lambda packet, kind=kind: pm.link(kind, packet)), kind)
                    self.check(["/l"], local_addr=ends[0], remote_addr=ends[1])

    def test_vlans(self):
        for tags in ((0x8100,), (0x88a8, 0x8100), (0x9100, 0x8100, 0x8100)):
            with self.subTest(tags=tags):
                talk = pm.Conversation().open().exchange(b"/v").close()
                pm.pcap(self.path, talk.frames(lambda packet, tags=tags: pm.ethernet(packet, tags)))
                self.check(["/v"])

    def test_vlan_of_one_direction_only(self):
        frames = pm.Conversation().open().exchange(b"/v").close()
        pm.pcap(self.path, [(ts, pm.ethernet(pm.ip(src, dst, 6, seg), (0x8100,) if src == "10.0.0.1" else ()))
                            for ts, src, dst, seg in frames.packets])
        self.check(["/v"])

    def test_padding_and_trailers(self):
        talk = pm.Conversation().open().exchange(b"/p").close()
        pm.pcap(self.path, talk.frames(lambda packet: (pm.ethernet(packet) + b"\0" * 60)[:max(60, len(packet) + 18)]))
        self.check(["/p"])

    def test_ip_options_and_extension_headers(self):
        talk = pm.Conversation().open().exchange(b"/o").close()
        pm.pcap(self.path, [(ts, pm.ethernet(pm.ip(src, dst, 6, seg, options=b"\x01" * 8)))
                            for ts, src, dst, seg in talk.packets])
        self.check(["/o"])
        talk = pm.Conversation("2001:db8::1", "2001:db8::2").open().exchange(b"/o6").close()
        chain = b"\x3c\0\1\4\0\0\0\0" + b"\x2b\1\1\4" + b"\0" * 12 + b"\6\0\0\0\0\0\0\0"
        pm.pcap(self.path, [(ts, pm.ethernet(pm.ip(src, dst, 6, seg, extension=chain, first=0)))
                            for ts, src, dst, seg in talk.packets])
        self.check(["/o6"])

    def fragments(self, ts, src, dst, segment, size, ident):
        parts = [(i, segment[i:i + size]) for i in range(0, len(segment), size)]
        for i, part in parts:
            more = i + size < len(segment)
            if ":" in src:
                head = struct.pack(">BBHI", 6, 0, i | more, ident)
                yield ts, pm.ethernet(pm.ip(src, dst, 6, part, extension=head, first=44))
            else:
                yield ts, pm.ethernet(pm.ip(src, dst, 6, part, ident=ident, flags=more, offset=i))

    def test_fragments(self):
        for ends in (("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")):
            for shuffle in ("in order", "backwards", "each twice"):
                with self.subTest(ends=ends, shuffle=shuffle):
                    frames = []
                    talk = pm.Conversation(*ends).open().exchange(b"/f", b"y" * 3000).close()
                    for ident, packet in enumerate(talk.packets):
                        parts = list(self.fragments(*packet, 160, ident))
                        if shuffle == "backwards":
                            parts.reverse()
                        frames += [p for p in parts for _ in range(2)] if shuffle == "each twice" else parts
                    pm.pcap(self.path, frames)
                    # tshark takes the second copy of a fragment for a conflict
                    m = self.check(["/f"], judge=shuffle != "each twice")[0]
                    self.assertEqual(m["resp"]["body"], "y" * 3000)

    def test_lost_fragment_is_a_gap(self):
        frames = []
        for ident, packet in enumerate(pm.Conversation().open().exchange(b"/f", b"y" * 5000).close().packets):
            parts = list(self.fragments(*packet, 160, ident))
            frames += parts[:-1] if ident == 5 else parts
        pm.pcap(self.path, frames)
        messages, _ = pxtrace(self.path)
        self.assertEqual([(m["target"], m["flags"]) for m in messages], [("/f", ["gap"])])

    def test_tunnels(self):
        outer = ("192.168.0.1", "192.168.0.2")

        def vxlan(packet, number=7):
            head = struct.pack(">II", 0x08000000, number << 8)
            return pm.ethernet(pm.ip(*outer, 17, pm.udp(50000, 4789, head + pm.ethernet(packet))))

        def gre(packet, flags=0, fields=b"", kind=0x0800):
            return pm.ethernet(pm.ip(*outer, 47, struct.pack(">HH", flags, kind) + fields + packet))

        wraps = {
            "vxlan": vxlan,
            "vxlan over IPv6": lambda p: pm.ethernet(pm.ip("2001:db8::9", "2001:db8::8", 17, pm.udp(
                50000, 4789, struct.pack(">II", 0x08000000, 7 << 8) + pm.ethernet(p)))),
            "gre": gre,
            "gre with key, checksum and number": lambda p: gre(p, 0xb000, b"\0\0\0\0" + b"\0\0\0\5" + b"\0\0\0\1"),
            "gre with a frame": lambda p: gre(pm.ethernet(p), kind=0x6558),
            "vxlan in vlan": lambda p: pm.ethernet(vxlan(p)[14:], (0x8100,)),
            "ip in ip": lambda p: pm.ethernet(pm.ip(*outer, 4, p)),
        }
        for name, wrap in wraps.items():
            with self.subTest(name=name):
                pm.pcap(self.path, pm.Conversation().open().exchange(b"/t").close().frames(wrap))
                self.check(["/t"], local_addr="10.0.0.1", remote_addr="10.0.0.2")
        # The same addresses in two virtual networks are two connections.
        one = pm.Conversation(isn=(1, 1)).open().exchange(b"/one").close().frames(lambda p: vxlan(p, 1))
        two = pm.Conversation(isn=(9, 9)).open().exchange(b"/two").close().frames(lambda p: vxlan(p, 2))
        pm.pcap(self.path, [frame for pair in zip(one, two) for frame in pair])
        messages = self.check(["/one", "/two"], judge=False)
        self.assertNotEqual(messages[0]["conn"], messages[1]["conn"])

    # TCP

    def test_out_of_order(self):
        talk = pm.Conversation().open().exchange(b"/a", b"z" * 9000).exchange(b"/b").close()
        frames = talk.frames()
        for i, j in ((3, 4), (5, 7), (6, 9), (4, 5), (10, 11), (2, 3)):
            frames_now = list(frames)
            frames_now[i], frames_now[j] = frames_now[j], frames_now[i]
            with self.subTest(swap=(i, j)):
                pm.pcap(self.path, frames_now)
                # tshark does not find a question that was captured behind its answer
                messages = self.check(["/a", "/b"], judge=False)
                self.assertEqual(messages[0]["resp"]["body_bytes"], 9000)

    def test_retransmitted_and_overlapping(self):
        talk = pm.Conversation().open()
        request = b"GET /r HTTP/1.1\r\nHost: a\r\n\r\n"
        seq = talk.next[0]
        talk.send(0, request[:10])
        talk.send(0, request[:10], seq=seq)
        talk.send(0, b"#" * 5 + request[10:20], seq=seq + 5)
        talk.send(0, request[20:], seq=seq + 20)
        talk.send(0, b"#" * len(request), seq=seq)
        talk.send(1, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        pm.pcap(self.path, talk.close().frames())
        self.check(["/r"], judge=False)

    def test_sequence_numbers_wrap(self):
        talk = pm.Conversation(isn=(0xffffffff - 20, 0xffffffff - 3000)).open()
        for i in range(5):
            talk.exchange(b"/%d" % i, b"w" * 2000)
        pm.pcap(self.path, talk.close().frames())
        self.check([f"/{i}" for i in range(5)])

    def test_missing_segments(self):
        talk = pm.Conversation().open().exchange(b"/1", b"a" * 3000).exchange(b"/2", b"b" * 3000).close()
        frames = talk.frames()
        whole = {"/1": b"a" * 3000, "/2": b"b" * 3000}
        for missing in range(3, len(frames) - 3):
            with self.subTest(missing=missing):
                pm.pcap(self.path, frames[:missing] + frames[missing + 1:])
                messages, result = pxtrace(self.path)
                self.assertEqual(result.returncode, 0)
                pairs = [m for m in messages if m["req"] and m["resp"]]
                for m in pairs: # a pair is a true one, whole or marked
                    if "gap" not in m["flags"]:
                        self.assertEqual(m["resp"]["body"].encode(), whole[m["target"]])
                # As long as no answer has come the client is not known to wait for one, and nothing is paired.
                self.assertGreaterEqual(len(pairs), missing > 4)

    def test_joined_in_the_middle(self):
        talk = pm.Conversation().open().exchange(b"/1", b"a" * 3000).exchange(b"/2").exchange(b"/3").close()
        frames = talk.frames()
        for first in (3, 4, 5, 6, 7, 8, 9):
            with self.subTest(first=first):
                pm.pcap(self.path, frames[first:])
                messages, _ = pxtrace(self.path)
                targets = [m["target"] for m in messages if m["req"] and m["resp"]]
                if first not in (5, 6): # where joined within a body, the next head is not known to be one
                    self.assertEqual(targets[-1:], ["/3"])
                self.assertTrue(set(targets) <= {"/1", "/2", "/3"})

    def test_joined_with_odd_ports(self):
        talk = pm.Conversation(cport=80, sport=40000).open().exchange(b"/1").exchange(b"/2")
        pm.pcap(self.path, talk.frames()[3:])
        messages, _ = pxtrace(self.path)
        for m in messages:
            self.assertEqual((m["role"], m["local_port"], m["remote_port"]), ("client", 80, 40000))

    def test_reset(self):
        talk = pm.Conversation().open().exchange(b"/1")
        talk.send(0, b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
        talk.send(1, flags=pm.RST | pm.ACK)
        pm.pcap(self.path, talk.frames())
        messages, _ = pxtrace(self.path)
        self.assertEqual([(m["target"], m["status"]) for m in messages], [("/1", "200"), ("/2", "NOREPLY")])

    def test_ports_used_again(self):
        frames = []
        for i in range(6):
            talk = pm.Conversation(isn=(1000 + i * 10**6, 70 + i * 10**8), start=pm.T0 + i * 10**8)
            talk.open().exchange(b"/%d" % i, b"q" * (i * 100))
            if i % 3 == 0:
                talk.close()
            elif i % 3 == 1:
                talk.send(1, flags=pm.RST | pm.ACK)
            frames += talk.frames()
        pm.pcap(self.path, frames)
        messages = self.check([f"/{i}" for i in range(6)])
        self.assertEqual(len({m["conn"] for m in messages}), 6)

    def test_one_sided(self):
        talk = pm.Conversation().open().exchange(b"/1").exchange(b"/2").close()
        for side, want in (("10.0.0.1", [("/1", "NOREPLY"), ("/2", "NOREPLY")]), ("10.0.0.2", [(None, "200"), (None, "200")])):
            with self.subTest(side=side):
                pm.pcap(self.path, [frame for frame, packet in zip(talk.frames(), talk.packets) if packet[1] == side])
                messages, _ = pxtrace(self.path)
                self.assertEqual([(m.get("target"), m["status"]) for m in messages], want)

    def test_cut_by_the_snap_length(self):
        talk = pm.Conversation().open().exchange(b"/1", b"c" * 1300).exchange(b"/2", b"d" * 1300).close()
        pm.pcap(self.path, talk.frames(), snaplen=200)
        messages, _ = pxtrace(self.path)
        self.assertEqual([m["target"] for m in messages], ["/1", "/2"])
        for m in messages:
            self.assertEqual(m["resp"]["body_bytes"], 1300)
            self.assertIn("truncated", m["flags"])

    def test_many_connections_interleaved(self):
        talks = [pm.Conversation(cport=30000 + i).open().exchange(b"/%d" % i).close() for i in range(200)]
        frames = [frame for group in zip(*(talk.frames() for talk in talks)) for frame in group]
        pm.pcap(self.path, frames)
        messages = self.check([f"/{i}" for i in range(200)])
        self.assertEqual(len({m["conn"] for m in messages}), 200)

    # Damage

    def damaged(self, why, *args):
        messages, result = pxtrace(self.path, *args)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr.decode(), why)
        return messages

    def test_cut_at_every_byte(self):
        pm.pcap(self.path, pm.Conversation().open().exchange(b"/1").exchange(b"/2").close().frames())
        whole = pathlib.Path(self.path).read_bytes()
        for size in range(1, len(whole), 7):
            with open(self.path, "wb") as out:
                out.write(whole[:size])
            messages, result = pxtrace(self.path)
            self.assertIn(result.returncode, (0, 1))
            if result.returncode:
                self.assertRegex(result.stderr.decode(), r"capture: offset \d+: ")
            for m in messages:
                self.assertIn((m["target"], m["status"]), {("/1", "200"), ("/2", "200"), ("/1", "NOREPLY"),
                                                           ("/2", "NOREPLY")})

    def test_reasons(self):
        frames = pm.Conversation().open().exchange(b"/1").close().frames()
        pm.pcap(self.path, frames, kind=105)
        self.damaged("link type")
        pm.pcap(self.path, frames)
        with open(self.path, "ab") as out:
            out.write(struct.pack("<IIII", 1, 1, 0x7fffffff, 10))
        self.assertEqual([m["target"] for m in self.damaged(r"offset \d+: packet of an impossible size")], ["/1"])
        for body, why in ((struct.pack("<III", 6, 13, 0), "block of an impossible size"),
                          (struct.pack("<IIIIIII", 6, 32, 9, 0, 0, 0, 0) + struct.pack("<I", 32), "not described"),
                          (struct.pack("<IIIIIII", 6, 32, 0, 0, 0, 99, 99) + struct.pack("<I", 32), "too short for its"),
                          (struct.pack("<IIIIIII", 6, 32, 0, 0, 0, 0, 0) + struct.pack("<I", 36), "two different sizes")):
            with pm.Pcapng(self.path) as ng:
                ng.section()
                ng.interface()
                for ts, data in frames:
                    ng.packet(ts // 1000, data)
                ng.out.write(body)
            with self.subTest(why=why):
                self.assertEqual([m["target"] for m in self.damaged(why)], ["/1"])
        pathlib.Path(self.path).write_bytes(b"")
        self.damaged("empty file")
        pathlib.Path(self.path).write_bytes(b"hello, this is some text and no capture")
        self.damaged("not a tape or packet capture")

    def test_compressed_and_cut(self):
        pm.pcap(self.path, pm.Conversation().open().exchange(b"/1", os.urandom(200000)).close().frames())
        packed = pm.compress(self.path, "gz")
        whole = pathlib.Path(packed).read_bytes()
        pathlib.Path(self.path).write_bytes(whole[:len(whole) // 2])
        messages = self.damaged("compressed data ends too early")
        self.assertEqual([m["target"] for m in messages], ["/1"])

    def test_stops_at_once(self):
        """Nothing is loaded that only tracing needs."""
        pm.pcap(self.path, pm.Conversation().open().exchange(b"/1").close().frames())
        result = subprocess.run(["strace", "-f", "-e", "trace=openat", PXTRACE, "-r", self.path], capture_output=True,
                                text=True, check=False) if shutil.which("strace") else None
        if result:
            self.assertNotRegex(result.stderr, "libbcc|libLLVM|libclang")


if __name__ == "__main__":
    if not TSHARK:
        print("SKIP: no tshark to compare with", file=sys.stderr)
    unittest.main()
