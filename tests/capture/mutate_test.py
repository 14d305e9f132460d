#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Damaged captures through the program: it ends by itself, says where and why, and uses bounded memory.

    mutate_test.py PXTRACE [COUNT [SEED]]      COUNT files, 100 unless told; PXTRACE best built with sanitizers
"""
import json
import os
import pathlib
import random
import re
import resource
import struct
import subprocess
import sys
import tempfile
import threading

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "tools"))
import pcapmake as pm  # noqa: E402

PXTRACE = sys.argv[1]
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 100
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 1
MEMORY_KB = 256 * 1024	# resident, with the sanitizer's shadow


def originals(folder):
    """Small captures of every kind, as bytes."""
    path = os.path.join(folder, "original")
    talk = pm.Conversation().open().exchange(b"/a", b"x" * 3000).exchange(b"/b").close()

    def read(name=path):
        return pathlib.Path(name).read_bytes()

    for kind in (pm.ETHERNET, pm.NULL, pm.RAW, pm.SLL, pm.SLL2):
        pm.pcap(path, talk.frames(lambda packet, kind=kind: pm.link(kind, packet)), kind)
        yield read()
    pm.pcap(path, talk.frames(), order=">", ns=True)
    yield read()
    yield read(pm.compress(path, "gz"))
    written = os.path.join(folder, "written.pcapng")
    subprocess.run([PXTRACE, "-qr", path, "-w", written], check=True)
    yield read(written)
    frames = [frame for group in zip(*(pm.Conversation(cport=4000 + i).open().exchange(b"/%d" % i).close().frames()
                                       for i in range(20))) for frame in group]
    pm.pcap(path, frames)
    yield read()
    pm.pcap(path, talk.frames(lambda packet: pm.ethernet(pm.ip("1.2.3.4", "5.6.7.8", 17, pm.udp(
        9, 4789, struct.pack(">II", 0x08000000, 7 << 8) + pm.ethernet(packet))), (0x8100,))))
    yield read()
    parts = [(ts, pm.ethernet(pm.ip(src, dst, 6, seg[i:i + 200], ident=n, flags=i + 200 < len(seg), offset=i)))
             for n, (ts, src, dst, seg) in enumerate(talk.packets) for i in range(0, len(seg), 200)]
    pm.pcap(path, parts)
    yield read()
    with pm.Pcapng(path) as ng:
        for order in "<>":
            ng.section(order)
            ng.interface(pm.ETHERNET, 9, offset=5)
            for ts, data in talk.frames():
                ng.packet(ts, data, comment=b"pxtrace nginx[7] in conn=1f.2 tid=7 uid=0 unix=/run/a,")
            ng.simple_packet(data)
            ng.other(0x0bad, b"x" * 1000)
    yield read()


def mutate(data, rng):
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20, 200))):
        at = rng.randrange(len(data))
        what = rng.randrange(8)
        if what == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif what == 1:
            data[at] = rng.choice((0, 1, 0x7f, 0x80, 0xff))
        elif what == 2:
            data[at:at + 4] = struct.pack(rng.choice("<>") + "I", rng.choice((0, 1, 0xffffffff, 0x7fffffff, 65535, 65536, 1 << 20)))
        elif what == 3:
            del data[at:at + rng.randrange(1, 60)]
        elif what == 4:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 60)))
        elif what == 5:
            begin = rng.randrange(len(data))
            data[at:at] = data[begin:begin + rng.randrange(1, 2000)]
        elif what == 6 and rng.random() < 0.2:
            del data[at:]
        if not data:
            data = bytearray(b"\0")
    return bytes(data)


def run(path):
    """What is wrong with the way it ended, or None."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen([PXTRACE, "-j", "--conns", "-r", path, "-w", path + ".out", "--print"], stdout=out, stderr=errors)
        timer = threading.Timer(20, process.kill)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        text = errors.read().decode(errors="replace")
        lines = out.read().splitlines()
    if process.returncode not in (0, 1):
        return f"exit status {process.returncode}: {text[-1500:]}"
    if "Sanitizer" in text or "runtime error" in text:
        return text[-1500:]
    if process.returncode == 1 and not re.search(r"offset \d+: |not a tape or packet capture|empty file|link type", text):
        return f"no reason: {text}"
    if usage.ru_maxrss > MEMORY_KB:
        return f"{usage.ru_maxrss} kB resident"
    try:
        records = [json.loads(line) for line in lines]
    except ValueError as why:
        return f"not JSON: {why}"
    if lines and records[-1]["type"] != "stop":
        return "ends without a stop record"
    return None


def main():
    rng = random.Random(SEED)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ["ASAN_OPTIONS"] = "quarantine_size_mb=8:" + os.environ.get("ASAN_OPTIONS", "")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        files = list(originals(folder))
        for number in range(COUNT):
            data = mutate(rng.choice(files), rng)
            path = os.path.join(folder, "mutated")
            pathlib.Path(path).write_bytes(data)
            why = run(path)
            if why:
                failed += 1
                kept = os.path.join(tempfile.gettempdir(), f"pxtrace-mutated-{SEED}-{number}")
                pathlib.Path(kept).write_bytes(data)
                print(f"{kept}: {why}")
    print(f"{COUNT} files, {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
