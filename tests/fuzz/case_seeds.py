#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of a parser's fuzz target from its case files. case_seeds.py FOLDER FILE.case..."""
import os
import re
import sys

CLIENT, SERVER, LOST, LEFT_OUT, END, PIECE, LITERAL = 0xF8, 0xF9, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE
SIZE_MAX = 8192


def unescape(text):
    return re.sub(rb"\\(x[0-9a-fA-F]{2}|.)", lambda m: {b"r": b"\r", b"n": b"\n", b"t": b"\t"}.get(
        m[1], bytes([int(m[1][1:], 16)]) if len(m[1]) == 3 else m[1]), text)


def literal(data):
    return b"".join(bytes([LITERAL, b] if b >= CLIENT and b != 0xFF else [b]) for b in data)


def script(lines):
    """What fuzz_parser.c makes the same bytes, holes and ends of."""
    options, out, side = 0, bytearray(), None
    for line in lines:
        if line == b"joined":
            options |= 1 | 16
        elif line == b"datagrams":
            options |= 32
        elif line == b"--":
            out.append(PIECE)
        elif line[:1] in (b">", b"<"):
            if line[:1] != side:
                side = line[:1]
                out.append(CLIENT if side == b">" else SERVER)
            what, _, rest = line[1:].partition(b" ")
            if what in (b"hole", b"cut"):
                for n in range(int(rest), 0, -256):
                    out += bytes([LOST if what == b"hole" else LEFT_OUT, min(n, 256) - 1])
            elif what == b"eof":
                out.append(END)
            elif what == b"*":
                times, _, rest = rest.partition(b" ")
                out += literal(unescape(rest)) * int(times)
            else:
                out += literal(unescape(rest))
            if options & 32:
                out.append(PIECE)
    return bytes([options, 0]) + bytes(out)


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for path in sys.argv[2:]:
        stem = os.path.splitext(os.path.basename(path))[0]
        with open(path, "rb") as f:
            cases = re.split(rb"^### ", f.read(), flags=re.M)[1:]
        for case in cases:
            name, *lines = case.split(b"\n")
            seed = script(lines[:lines.index(b"=")])
            if len(seed) <= SIZE_MAX:
                slug = re.sub("[^a-z0-9]+", "-", name.decode().lower()).strip("-")[:40]
                with open(os.path.join(folder, f"{stem}-{slug}"), "wb") as f:
                    f.write(seed)


main()
