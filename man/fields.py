#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the list of keys in pxtrace.8 from the field registry, as the program lists it.

    pxtrace --list-fields | man/fields.py man/pxtrace.8            rewrite the list
    pxtrace --list-fields | man/fields.py --check man/pxtrace.8    exit 1 if it would change

A field is a line "NAME TYPE UNIT HELP"; the fields of a protocol follow a line with its name alone.
"""
import difflib
import pathlib
import sys

BEGIN = '.\\" fields: begin\n'
END = '.\\" fields: end\n'


def escaped(text):
    """Text that roff takes as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in ".'" else text


def roff(listing):
    out = []
    in_list = False
    for line in listing.splitlines():
        words = line.split(None, 3)
        if len(words) == 4:
            if not in_list:
                out.append(".Bl -tag -width Ds -compact")
                in_list = True
            name, kind, unit, meaning = words
            unit = "" if unit == "-" else f" , {unit}"
            out.append(f".It Cm {name} Pq {kind}{unit}")
            out.append(escaped(meaning[0].upper() + meaning[1:] + "."))
        elif words:
            if in_list:
                out.append(".El")
                in_list = False
            name = escaped(" ".join(words))
            out += [".Pp", f"With type {name}:" if name in ("summary", "tls") else f"With proto {name}:"]
    if in_list:
        out.append(".El")
    return "".join(line + "\n" for line in out)


def main():
    path = pathlib.Path(sys.argv[-1])
    before = path.read_text()
    head, rest = before.split(BEGIN)
    _, tail = rest.split(END)
    after = head + BEGIN + roff(sys.stdin.read()) + END + tail
    if sys.argv[1] != "--check":
        path.write_text(after)
        return 0
    sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), after.splitlines(True), str(path), "registry"))
    return 1 if before != after else 0


if __name__ == "__main__":
    sys.exit(main())
