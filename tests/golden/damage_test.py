#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""damage_test.py PXTRACE: of a damaged tape what was read is shown, then offset and reason, and the exit status is 1."""
import gzip
import json
import os
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
HEAD, RECORD = 32, 8


def records_of(data):
    """Offsets at which the records of a tape begin."""
    at = HEAD
    while at < len(data):
        yield at
        size = struct.unpack_from("=I", data, at)[0]
        at += RECORD + size + -size % 8


def read(program, data):
    """(records without what the clock of this run says, lines of stderr, exit status)"""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        done = subprocess.run([program, "-jr", file.name], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    return [rec for rec in records if rec["type"] not in ("start", "stop")], done.stderr.decode().splitlines(), done.returncode


def main():
    program, failed, tried = sys.argv[1], 0, 0
    for name in sorted(os.listdir(HERE)):
        if not os.path.exists(f"{HERE}/{name}/tape.gz"):
            continue
        with gzip.open(f"{HERE}/{name}/tape.gz") as file:
            data = file.read()
        starts = list(records_of(data))
        for index in sorted({0, 1, len(starts) // 2, len(starts) - 1}):
            at = starts[index]
            whole, _, status = read(program, data[:at])
            if status:
                print(f"{name}: cut between two records: exit status {status}")
                failed += 1
            for what, changed, reason in (
                    ("a bit in an event", data[:at + 60] + bytes([data[at + 60] ^ 4]) + data[at + 61:], "wrong checksum"),
                    ("a size", data[:at] + b"\xff\xff\xff\xff" + data[at + 4:], "impossible size"),
                    ("cut in a record", data[:at + 50], "cut short")):
                tried += 1
                shown, said, status = read(program, changed)
                line = next((line for line in said if f"offset {at}: " in line and reason in line), None)
                if shown != whole or status != 1 or not line or not line.startswith("pxtrace: "):
                    print(f"{name}, record {index}, {what}: {len(shown)} records of {len(whole)}, status {status}, {said}")
                    failed += 1
    print(f"{tried} damaged tapes, {failed} not read as they have to be")
    return 1 if failed or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
