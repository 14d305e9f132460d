#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""-w: what is written is read back as the same records, and tshark finds nothing wrong with it.

    save_test.py PXTRACE
"""
import glob
import gzip
import json
import os
import pathlib
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "tools"))
import pcapmake as pm  # noqa: E402

PXTRACE = sys.argv.pop(1) if len(sys.argv) > 1 else "pxtrace"
TSHARK = shutil.which("tshark")
TAPECAT = str(TESTS / "tools" / "tapecat")

# What tshark says of a packet that does not fit. A gap is lost_segment, and there is one only where bytes were lost.
MARKS = ("_ws.malformed || tcp.analysis.retransmission || tcp.analysis.out_of_order || tcp.analysis.fast_retransmission || "
         "tcp.analysis.spurious_retransmission || tcp.analysis.duplicate_ack || "
         "tcp.analysis.window_full || tcp.analysis.keep_alive || tcp.analysis.reused_ports || tcp.checksum.status == 0 || "
         "ip.checksum.status == 0")

REQUEST = r'"GET /%s HTTP/1.1\r\nHost: example.com\r\n\r\n"'
RESPONSE = r'"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"'


def exchange(conn, path, first="in"):
    return [f"{first} {conn} " + REQUEST % path, f"{'out' if first == 'in' else 'in'} {conn} " + RESPONSE]


TCP = "tcp 10.0.0.2:80 10.0.0.7:51234 pid=42 tid=43 uid=33 comm=nginx"
SCENES = {
    "server": [f"conn a {TCP}", "open a accept", *exchange("a", "1"), *exchange("a", "2"), "eof a", "close a"],
    "client": ["conn a tcp 10.0.0.7:51234 10.0.0.2:80 pid=7 comm=curl", "open a connect", *exchange("a", "1", "out"), "close a"],
    "older than the tracer": [f"conn a {TCP}", *exchange("a", "1"), *exchange("a", "2")],
    "IPv6": ["conn a tcp6 [2001:db8::2]:80 [2001:db8::7]:5000 comm=nginx", "open a accept", *exchange("a", "1"), "close a"],
    "IPv4 through IPv6": ["conn a tcp6 [::ffff:10.0.0.2]:80 [::ffff:10.0.0.7]:5000", "open a accept", *exchange("a", "1"), "close a"],
    "UNIX": ["conn a unix /run/app.sock - comm=app", *exchange("a", "1"), *exchange("a", "2"), "eof a", "close a"],
    "UNIX, abstract": [r"conn a unix - \x00app comm=app", "open a connect", *exchange("a", "1", "out"), "close a"],
    "both ends": ["conn s tcp 127.0.0.1:80 127.0.0.1:4000 pid=1 comm=server", "conn c tcp 127.0.0.1:4000 127.0.0.1:80 pid=2 comm=client",
                  "open c connect", "open s accept", "out c " + REQUEST % "1", "in s " + REQUEST % "1", "out s " + RESPONSE,
                  "in c " + RESPONSE, "eof s", "close s", "eof c", "close c"],
    "the same ends in two networks": [f"conn a {TCP} netns=1", f"conn b {TCP} netns=2", "open a accept", "open b accept",
                                      "in a " + REQUEST % "a", "in b " + REQUEST % "b", "out b " + RESPONSE, "out a " + RESPONSE],
    "close-delimited": [f"conn a {TCP}", "open a accept", "in a " + REQUEST % "1", r'out a "HTTP/1.0 200 OK\r\n\r\nbody"', "close a"],
    "datagrams": ["conn a udp 10.0.0.2:7777 10.0.0.7:4000 pid=42 comm=named", "conn b udp6 [::1]:7777 [::1]:4001 pid=42 comm=named",
                  'in a "abc"', 'in b "defg"', 'out a "hi" repeat=3', 'in a ""', 'out b "y" repeat=60000', 'out a "y" repeat=500 copied=9'],
    "reset": [f"conn a {TCP}", "open a accept", "in a " + REQUEST % "1", "close a reset"],
    "refused": ["conn a tcp 10.0.0.7:51234 10.0.0.2:80 comm=curl", "open a connect result=-111", "close a"],
    "timed out": ["conn a tcp 10.0.0.7:51234 10.0.0.2:80 comm=curl", "open a connect result=-110", "close a"],
    "never closed": [f"conn a {TCP}", "open a accept", *exchange("a", "1"), "in a " + REQUEST % "2"],
    "ends used again": [f"conn a {TCP}", "open a accept", *exchange("a", "1"), "close a", "at 900000000", f"conn b {TCP}",
                        "open b accept", *exchange("b", "2"), "close b"],
    "not copied": [f"conn a {TCP}", "open a accept", "in a " + REQUEST % "1", r'out a "HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n"',
                   "skip a out 900000", *exchange("a", "2")],
    "copied in part": [f"conn a {TCP}", "open a accept", "in a " + REQUEST % "1",
                       r'out a "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n"', 'out a "y" repeat=200000 copied=70000', *exchange("a", "2")],
    "large call": [f"conn a {TCP}", "open a accept", "in a " + REQUEST % "1", r'out a "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"',
                   'out a "z" repeat=1000000', *exchange("a", "2"), "close a"],
    "lost body": [f"conn a {TCP}", "open a accept", "in a " + REQUEST % "1", r'out a "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"',
                  'out a "def" lost', 'out a "ghi"', *exchange("a", "2")],
    "lost request": [f"conn a {TCP}", "open a accept", *exchange("a", "1"), "in a " + REQUEST % "lost" + " lost", "out a " + RESPONSE,
                     *exchange("a", "3"), "close a"],
    "lost at the end": [f"conn a {TCP}", "open a accept", "in a " + REQUEST % "1", "out a " + RESPONSE + " lost", "eof a", "close a"],
    "an odd name": ["conn a tcp 10.0.0.2:80 10.0.0.7:51234 comm=a[b],%c", "open a accept", *exchange("a", "1"), "close a"],
}


def records(*args, **more):
    """Messages and connections of a run, as lines. seq is left out: a loss is told at another moment."""
    result = subprocess.run([PXTRACE, "-qj", "--conns", *args], capture_output=True, text=True, timeout=60, check=False, **more)
    assert result.returncode == 0, result.stderr
    return [re.sub(r'"seq":\d+,', "", line) for line in result.stdout.splitlines() if not re.match(r'{"type":"(start|stop|lost|note)"', line)]


def messages(*args):
    return [r for r in map(json.loads, records(*args)) if r["type"] == "message"]


def tshark_count(path, display_filter, *options):
    result = subprocess.run([TSHARK, "-r", path, *options, "-Y", display_filter, "-T", "fields", "-e", "frame.number", "-e", "_ws.expert"],
                            capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


class Save(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "out.pcapng")

    def tearDown(self):
        self.folder.cleanup()

    def file(self, name):
        return os.path.join(self.folder.name, name)

    def tape(self, lines, name="tape"):
        subprocess.run([TAPECAT, "make", "-", self.file(name)], input="\n".join(lines), text=True, check=True)
        return self.file(name)

    def round_trip(self, source, has_loss=False, in_order=True):
        """source -> -w -> -r: the same records, and once more from what was read."""
        printed = records("-r", source, "-w", self.path, "--print")
        again = records("-r", self.path)
        if not in_order: # of different connections
            printed.sort()
            again.sort()
        self.assertEqual(again, printed)
        second = self.file("second.pcapng")
        self.assertEqual(sorted(records("-r", self.path, "-w", second, "--print")), sorted(again))
        self.assertEqual(sorted(records("-r", second)), sorted(again))
        if TSHARK:
            gaps = "" if has_loss else " || tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment"
            self.assertEqual(tshark_count(self.path, MARKS + gaps, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"), [])
        return [json.loads(line) for line in printed]

    def test_scenes(self):
        for name, lines in SCENES.items():
            with self.subTest(name=name):
                found = self.round_trip(self.tape(lines), "lost" in name)
                self.assertGreater(len(found), 0)

    def test_what_tshark_sees(self):
        if not TSHARK:
            self.skipTest("no tshark")
        want = {"server": 2, "UNIX": 2, "both ends": 1, "large call": 2, "IPv6": 1}
        for name, count in want.items():
            with self.subTest(name=name):
                found = self.round_trip(self.tape(SCENES[name]))
                self.assertEqual(len(tshark_count(self.path, "http.request")), count)
                self.assertEqual(len(tshark_count(self.path, "http.response.code == 200")), count)
                shown = next(r for r in found if r["type"] == "message" and (name != "both ends" or r["role"] == "client"))
                comment = f'frame.comment contains "{shown["comm"]}[{shown["pid"]}]"'
                self.assertGreater(len(tshark_count(self.path, comment)), 0)
        self.round_trip(self.tape(SCENES["server"]))
        self.assertEqual(len(tshark_count(self.path, "tcp.flags.syn == 1")), 2)
        self.assertEqual(len(tshark_count(self.path, "tcp.flags.fin == 1")), 2)
        self.assertEqual(len(tshark_count(self.path, "tcp.srcport == 51234 && ip.src == 10.0.0.7 && tcp.seq_raw == 1001")), 2)

    def test_golden_tapes(self):
        tapes = glob.glob(str(TESTS / "golden" / "*" / "tape*"))
        for tape in sorted(tapes):
            with self.subTest(tape=tape):
                self.round_trip(tape, has_loss=True, in_order=False)

    def test_captures(self):
        talks = {
            "plain": pm.Conversation().open().exchange(b"/a", b"b" * 5000).exchange(b"/b").close(),
            "in the middle": pm.Conversation().exchange(b"/a", b"b" * 5000).exchange(b"/b"),
            "IPv6": pm.Conversation("2001:db8::1", "2001:db8::2").open().exchange(b"/a").close(),
            "numbers wrap": pm.Conversation(isn=(0xffffffff - 20, 0xffffffff - 3000)).open().exchange(b"/a", b"c" * 9000).exchange(b"/b").close(),
        }
        source = self.file("in.pcap")
        for name, talk in talks.items():
            with self.subTest(name=name):
                pm.pcap(source, talk.frames())
                self.round_trip(source)
        frames = talks["plain"].frames()
        for missing in range(0, len(frames), 2):
            with self.subTest(missing=missing):
                pm.pcap(source, frames[:missing] + frames[missing + 1:])
                self.round_trip(source, has_loss=True)
        pm.pcap(source, frames, snaplen=120)
        self.round_trip(source)
        # The same ends in two virtual networks are two connections, for Wireshark one.
        wraps = [lambda p, n=n: pm.ethernet(pm.ip("192.168.0.1", "192.168.0.2", 17, pm.udp(50000, 4789, pm.struct.pack(
            ">II", 0x08000000, n << 8) + pm.ethernet(p)))) for n in (1, 2)]
        one, two = (pm.Conversation(isn=(9, 9)).open().exchange(b"/%d" % i).close().frames(wrap) for i, wrap in enumerate(wraps))
        pm.pcap(source, [frame for pair in zip(one, two) for frame in pair])
        self.assertEqual(len([r for r in self.round_trip(source) if r["type"] == "message"]), 2)

    def test_random_traffic(self):
        """Many connections with losses and cuts, at random."""
        rng = random.Random(4)
        for seed in range(12):
            lines, ends = [], []
            for i in range(rng.randrange(1, 30)):
                lines.append(f"conn c{i} tcp 10.0.0.2:80 10.0.{seed}.{i}:{4000 + i} pid={100 + i % 3} comm=w{i % 3}")
                if rng.random() < 0.8:
                    lines.append(f"open c{i} accept")
                talk = []
                for n in range(rng.randrange(4)):
                    talk += exchange(f"c{i}", f"{i}/{n}")
                    if rng.random() < 0.2:
                        talk += [f"in c{i} " + REQUEST % "big", rf'out c{i} "HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n"',
                                 f'out c{i} "k" repeat=90000 copied={rng.choice((0, 4096, 90000))}']
                if rng.random() < 0.7:
                    talk.append(f"close c{i}" + rng.choice(("", " reset")))
                ends.append(talk)
            while any(ends):
                lines.append(rng.choice([e for e in ends if e]).pop(0))
            tape = self.tape(lines)
            with self.subTest(seed=seed):
                self.round_trip(tape, in_order=False) # a pair that waits for proof is told at the end of its own connection
                # Joined in the middle and out of order, or with losses: a pair may be told as its halves, never another way.
                subprocess.run([TAPECAT, "shuffle", str(seed), "4", tape, self.file("changed")], check=True)
                self.only_true_pairs(self.file("changed"))
                for share in ("0.05", "0.3"):
                    subprocess.run([TAPECAT, "drop", str(seed), share, tape, self.file("changed")], check=True)
                    self.only_true_pairs(self.file("changed"))

    def only_true_pairs(self, source):
        printed = {line for line in records("-r", source, "-w", self.path, "--print")}
        again = records("-r", self.path)
        pairs = [line for line in again if '"type":"message"' in line and '"req":null' not in line and '"resp":null' not in line]
        self.assertEqual([line for line in pairs if line not in printed], [])
        self.assertGreaterEqual(len(pairs) + 3, sum('"latency_ns":null' not in line and '"type":"message"' in line for line in printed))

    # Secrets

    def test_secrets_are_overwritten(self):
        head = (r"GET http://me:geheim0@host/p?a=1&access_token=geheim1&b=2#sig=geheim2 HTTP/1.1\r\nHost: h\r\n"
                r"AUTHORIZATION: Bearer geheim3\r\n\tgeheim4\r\nX-Csrf-Token:geheim5\r\nReferer: https://x:geheim6@y/z?api%5Fkey=geheim7\r\n"
                r"Cookie: a=geheim8; b=geheim9\r\nX-Trace: keep\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                r"Content-Length: 30\r\n\r\npassword=geheimA%20x&user=keep")
        body = r"HTTP/1.1 200 OK\r\nSet-Cookie: geheimB\r\nLocation: /?X-Amz-Signature=geheimC\r\nContent-Length: 4\r\n\r\nkeep"
        whole = self.tape([f"conn a {TCP}", "open a accept", f'in a "{head}"', f'out a "{body}"'])
        cut = [f"conn a {TCP}", "open a accept"]
        for name, text in (("in", head), ("out", body)):
            raw = text.encode().decode("unicode_escape")
            cut += [f"{name} a {json.dumps(c)}" for c in raw]
        for path in (whole, self.tape(cut, "cut")):
            subprocess.run([PXTRACE, "-qr", path, "-w", self.path], check=True)
            data = pathlib.Path(self.path).read_bytes()
            if path == whole:
                self.round_trip(path)
                self.assertNotIn(b"geheim", data)
                self.assertEqual(data.count(b"keep"), 3)
                self.assertIn(b"access_token=XXXXXXX&b=2#sig=XXXXXXX HTTP/1.1\r\n", data)
                self.assertIn(b"//XXXXXXXXXX@host/p", data)
            if TSHARK:
                shown = subprocess.run([TSHARK, "-r", self.path, "-T", "fields", "-e", "tcp.payload"], capture_output=True, text=True,
                                       check=True).stdout
                payload = bytes.fromhex("".join(shown.split()))
                self.assertNotIn(b"geheim", payload)
                self.assertIn(b"X-Trace: keep\r\n", payload)
                self.assertIn(b"&user=keep", payload)
        subprocess.run([PXTRACE, "-qr", whole, "-w", self.path, "--no-redact"], check=True, capture_output=True)
        self.assertEqual(pathlib.Path(self.path).read_bytes().count(b"geheim"), 13)

    def test_secrets_of_mysql(self):
        """As its server reads them: headers by themselves."""
        def packet(number, payload):
            parts = len(payload).to_bytes(3, "little") + bytes([number]), payload
            return ['in a "%s"' % "".join(rf"\x{b:02x}" for b in part) for part in parts]

        ok = r'out a "\x07\x00\x00%s\x00\x00\x00\x02\x00\x00\x00"'
        lines = ["conn a tcp 10.0.0.2:3306 10.0.0.7:51234 pid=42 comm=mysqld", "open a accept",
                 r'out a "\x4a\x00\x00\x00\x0a' r'8.0.15\x00\x08\x00\x00\x00`!\x1f|9K;\x07\x00\xff\xff\xff\x02\x00\xff\xc3\x15'
                 + r"\x00" * 10 + r'\x16)\x03:\x09\x0ec92JbZ\x00caching_sha2_password\x00"',
                 *packet(1, b"\x8d\xa2\x0b\x00\x00\x00\x00\x40\x21" + bytes(23) + b"keep\x00\x14geheim0" + b"g" * 13 + b"\x00"),
                 ok % r"\x02"]
        for sql in (b"CREATE USER keep IDENTIFIED BY 'geheim1'", b"SET PASSWORD FOR keep = 'geheim2'", b"SELECT 'keep'"):
            lines += [*packet(0, b"\x03" + sql), ok % r"\x01"]
        tape = self.tape(lines)
        found = [r for r in self.round_trip(tape) if r["type"] == "message"]
        self.assertEqual({r["proto"] for r in found}, {"mysql"})
        self.assertEqual(len(found), 4)
        data = pathlib.Path(self.path).read_bytes()
        self.assertNotIn(b"geheim", data)
        self.assertIn(b"IDENTIFIED BY 'XXXXXXX'", data)
        self.assertEqual(data.count(b"keep"), 4)

    def test_secrets_in_datagrams(self):
        """Each by itself: whatever protocol it is, what looks like a secret is one."""
        tape = self.tape(["conn a udp 10.0.0.2:53 10.0.0.7:4000", r'in a "NOTIFY * HTTP/1.1\r\nAuthorization: Bearer geheim\r\nX-Trace: keep\r\n\r\n"',
                          'out a "keep"'])
        subprocess.run([PXTRACE, "-qr", tape, "-w", self.path], check=True)
        data = pathlib.Path(self.path).read_bytes()
        self.assertNotIn(b"geheim", data)
        self.assertEqual(data.count(b"keep"), 2)

    # Files

    def big_tape(self, count=3000, step=10**7):
        """30 s of exchanges, about 200 bytes of packet each."""
        lines = [f"conn a {TCP}", "open a accept"]
        for i in range(count):
            lines += [f"at {10**9 + i * step}", *exchange("a", str(i))]
        return self.tape(lines)

    def names(self):
        return sorted(n for n in os.listdir(self.folder.name) if n.startswith("out"))

    def targets(self, *names):
        return [r["target"] for name in names for r in messages("-r", self.file(name)) if "target" in r]

    def test_mode_and_refusals(self):
        tape = self.tape(SCENES["server"])
        os.umask(0)
        subprocess.run([PXTRACE, "-qr", tape, "-w", self.path], check=True)
        os.umask(0o022)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        os.symlink(self.path, self.file("link"))
        for bad in (self.file("link"), self.file("no/such/folder/f"), self.folder.name):
            result = subprocess.run([PXTRACE, "-qr", tape, "-w", bad], capture_output=True, text=True, check=False)
            self.assertEqual(result.returncode, 1, bad)
            self.assertIn(bad, result.stderr)
        if os.geteuid() == 0:
            os.chown(self.path, 1, 1)
            result = subprocess.run([PXTRACE, "-qr", tape, "-w", self.path], capture_output=True, text=True, check=False)
            self.assertEqual(result.returncode, 1)
            self.assertIn("another user", result.stderr)
            self.assertGreater(os.stat(self.path).st_size, 500)
        before = pathlib.Path(tape).read_bytes()
        self.assertEqual(subprocess.run([PXTRACE, "-qr", tape, "-w", tape], capture_output=True, check=False).returncode, 2)
        self.assertEqual(pathlib.Path(tape).read_bytes(), before)
        for args in (["-C", "1"], ["--print"], ["-w", "-", "--print"], ["-w", "-", "-C", "1"], ["-w", self.path, "-W", "3"],
                     ["-w", self.path, "-z", "gzip"]):
            self.assertEqual(subprocess.run([PXTRACE, "-r", tape, *args], capture_output=True, check=False).returncode, 2, args)

    def test_full_disk(self):
        if os.path.exists("/dev/full"):
            result = subprocess.run([PXTRACE, "-r", self.tape(SCENES["server"]), "-w", "/dev/full"], capture_output=True, text=True, check=False)
            self.assertEqual(result.returncode, 1)
            self.assertIn("/dev/full: No space left", result.stderr)

    def test_standard_output(self):
        tape = self.tape(SCENES["server"])
        piped = subprocess.run(f"'{PXTRACE}' -qr '{tape}' -w - | '{PXTRACE}' -qjr - --conns", shell=True, capture_output=True, check=True)
        found = [r for r in map(json.loads, piped.stdout.splitlines()) if r["type"] == "message"]
        self.assertEqual([{k: v for k, v in r.items() if k != "seq"} for r in found], messages("-r", tape))
        result = subprocess.run([PXTRACE, "-r", tape, "-w", self.path], capture_output=True, check=True)
        self.assertEqual(result.stdout, b"")
        self.assertIn(b"out.pcapng: ", result.stderr)
        result = subprocess.run([PXTRACE, "-jr", tape, "-w", "-", "-o", self.file("messages")], capture_output=True, check=True)
        self.assertEqual(result.stdout[:4], b"\x0a\x0d\x0d\x0a")
        self.assertEqual(pathlib.Path(self.file("messages")).read_text().count('"message"'), 2)
        tail = subprocess.run(f"'{PXTRACE}' -r '{self.big_tape()}' -w - | head -c 100 | wc -c", shell=True, capture_output=True, check=True)
        self.assertEqual((tail.stdout.strip(), tail.stderr.count(b"roken pipe")), (b"100", 0))

    def test_rotation_by_size(self):
        tape = self.big_tape(9000)
        subprocess.run([PXTRACE, "-qr", tape, "-w", self.path, "-C", "1"], check=True)
        names = self.names()
        self.assertGreaterEqual(len(names), 3)
        self.assertEqual(names, ["out.pcapng"] + [f"out.pcapng{i}" for i in range(1, len(names))])
        for name in names[:-1]:
            self.assertTrue(10**6 < os.stat(self.file(name)).st_size < 10**6 + 1000)
        self.assertEqual(self.targets(*names), [f"/{i}" for i in range(9000)])
        for name in names:
            os.unlink(self.file(name))
        subprocess.run([PXTRACE, "-qr", tape, "-w", self.path, "-C", "1", "-W", "2"], check=True)
        self.assertEqual(self.names(), ["out.pcapng0", "out.pcapng1"])
        self.assertIn("/8999", self.targets(*self.names()))
        for name in self.names():
            os.unlink(self.file(name))
        subprocess.run([PXTRACE, "-qr", tape, "-w", self.path, "-C", "1", "-W", "20"], check=True)
        self.assertEqual(self.names()[0], "out.pcapng00")

    def test_rotation_by_time(self):
        tape = self.big_tape(3000)
        subprocess.run([PXTRACE, "-qr", tape, "-w", self.file("out-%s"), "-G", "7"], check=True)
        with open(tape, "rb") as f: # the wall clock's offset, and what tapecat takes for now
            first = (int.from_bytes(f.read(24)[16:], "little") + 10**6) // 10**9
        self.assertEqual(self.names(), [f"out-{first + 7 * i}" for i in range(5)])
        self.assertEqual(self.targets(*self.names()), [f"/{i}" for i in range(3000)])
        for name in self.names():
            os.unlink(self.file(name))
        result = subprocess.run([PXTRACE, "-r", tape, "-w", self.file("out-%s"), "-G", "7", "-W", "2"], check=True, capture_output=True)
        self.assertEqual(self.names(), [f"out-{first + 7 * i}" for i in range(2)])
        self.assertIn(b"2 files", result.stderr)

    def test_command(self):
        subprocess.run([PXTRACE, "-qr", self.big_tape(9000), "-w", self.path, "-C", "1", "-z", "gzip"], check=True)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and [n for n in self.names()[:-1] if not n.endswith(".gz")] and any(
                not n.endswith(".gz") for n in self.names()[:-1]):
            packed = [n for n in self.names() if n.endswith(".gz")]
            plain = [n for n in self.names() if not n.endswith(".gz")]
            if len(plain) == 1 and packed:
                break
            time.sleep(0.05)
        plain = [n for n in self.names() if not n.endswith(".gz")]
        self.assertEqual(len(plain), 1)
        with gzip.open(self.file("out.pcapng.gz")) as f:
            self.assertEqual(f.read(4), b"\x0a\x0d\x0d\x0a")
        order = sorted(self.names(), key=lambda n: int(n.replace(".gz", "")[len("out.pcapng"):] or 0))
        self.assertEqual(self.targets(*order), [f"/{i}" for i in range(9000)])
        result = subprocess.run([PXTRACE, "-qr", self.big_tape(9000), "-w", self.path, "-C", "1", "-z", "no-such-program"],
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("no-such-program: No such file", result.stderr)

    def test_killed_writer(self):
        """Whatever has come by then is there, and the file ends with a whole block."""
        source = self.big_tape(2000)
        data = pathlib.Path(source).read_bytes()
        for cut in (5000, 100000, 300000):
            reader, writer = os.pipe()
            process = subprocess.Popen([PXTRACE, "-qr", "-", "-w", self.path, "-c", "1000000"], stdin=reader)
            os.close(reader)
            os.write(writer, data[:32])
            for at in range(32, cut, 32768):
                os.write(writer, data[at:min(cut, at + 32768)])
            time.sleep(0.4)
            process.send_signal(signal.SIGKILL)
            process.wait()
            os.close(writer)
            found = subprocess.run([PXTRACE, "-jr", self.path], capture_output=True, text=True, check=False)
            self.assertEqual(found.returncode, 0, found.stderr)


if __name__ == "__main__":
    if not TSHARK:
        print("SKIP: no tshark to compare with", file=sys.stderr)
    unittest.main()
