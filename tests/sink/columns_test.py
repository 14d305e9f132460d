#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do CSV, --fields and -j --fields say what the JSON of the same tape says? columns_test.py PXTRACE GOLDEN-FOLDER"""
import csv
import gzip
import io
import json
import pathlib
import subprocess
import sys
import tempfile

FIELDS = ["ts", "ts_us", "latency_ns", "comm", "role", "proto", "op", "target", "ok", "status", "error", "flags",
          "req.method", "path", "query", "req.headers.host", "resp.headers", "resp_body_bytes", "host", "resp.body",
          "duration_ns", "messages"]
faults = []


def check(ok, fault):
    if not ok:
        faults.append(fault)


def run(program, tape, *words):
    done = subprocess.run([program, "-q", "-r", tape, *words], capture_output=True, check=False)
    check(done.returncode == 0 and not done.stderr, f"{tape} {words}: {done.stderr}")
    return done.stdout


def escaped(text):
    """As a terminal may see it: controls, DEL and what is no text; enough for what is on the tapes."""
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return "".join(short.get(c, c if c.isprintable() else f"\\x{ord(c):02x}") for c in text)


def value_of(record, name):
    """What --fields NAME stands for in a record, None where it is absent or null."""
    if name in record:
        return record[name]
    for side in ("req", "resp"):
        fields = record.get(side) or {}
        own = name[len(side) + 1:] if name.startswith((side + ".", side + "_")) else name
        head, _, member = own.partition(".")
        if head in fields:
            return fields[head].get(member) if member else fields[head]
    return None


def cell_of(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(escaped, value))
    if isinstance(value, dict):
        return "\\n".join(f"{escaped(k)}: {escaped(v)}" for k, v in value.items())
    return escaped(str(value))


def rows_of(text):
    check(text.count("\n") == text.count("\r\n"), "a line of CSV does not end in CR LF")
    check(all(c.isprintable() or c in "\r\n" for c in text), "a control character is in the CSV")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    check(len(rows) == text.count("\n"), "a record is not a line")
    return rows[0], rows[1:]


def look_at(program, tape):
    records = [json.loads(line) for line in run(program, tape, "-j", "--conns").splitlines()]
    records = [r for r in records if r["type"] in ("message", "open", "close")]

    header, rows = rows_of(run(program, tape, "--conns", "--format", "csv", "--fields", ",".join(FIELDS)).decode())
    check(header == FIELDS, f"{tape}: the header is {header}")
    check(len(rows) == len(records), f"{tape}: {len(rows)} rows of {len(records)} records")
    for row, record in zip(rows, records):
        for name, cell in zip(FIELDS, row):
            value = value_of(record, name)
            is_binary = f"{name.split('.')[-1]}_b64" in (record.get("resp") or {})
            check(is_binary or cell == cell_of(value), f"{tape}: {name} is {cell!r}, not {cell_of(value)!r}")

    plain = run(program, tape, "--conns", "--fields", "comm,status,error").decode().splitlines()
    check(plain == ["\t".join(cell_of(r.get(k)) or "-" for k in ("comm", "status", "error")) for r in records],
          f"{tape}: --fields is {plain[:2]}")

    header, rows = rows_of(run(program, tape, "--format=csv").decode())
    messages = [r for r in records if r["type"] == "message"]
    check(header == "time,comm,pid,local,dir,remote,proto,status,latency_ms,req_bytes,resp_bytes,summary".split(","),
          f"{tape}: the header is {header}")
    for row, r in zip(rows, messages):
        latency = "" if r["latency_ns"] is None else f"{(r['latency_ns'] + 500) // 1000 / 1000:.3f}"
        sizes = [str((r[side] or {}).get("bytes", "")) for side in ("req", "resp")]
        expected = [r["ts"], r.get("comm", ""), str(r.get("pid", "")), r["status"], latency, *sizes]
        check(row[:3] + row[7:11] == expected, f"{tape}: {row} is not {expected}")
        check(row[6] == r["proto"] and row[4] == {"client": "->", "server": "<-"}.get(r.get("role"), ""), f"{tape}: {row}")

    for line, whole in zip(run(program, tape, "-j", "--fields", "op,status,path,headers,resp.bytes").splitlines()[1:], messages):
        record = json.loads(line)
        expected = {k: whole[k] for k in ("type", "op", "status") if k in whole}
        for side, keys in (("req", ("path", "headers")), ("resp", ("bytes",))):
            expected[side] = whole[side] and {k: whole[side][k] for k in keys if k in whole[side]}
        check(record == expected, f"{tape}: -j --fields gives {record}, not {expected}")


def main():
    program, golden = sys.argv[1], pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        for packed in sorted(golden.glob("*/tape.gz")):
            tape = pathlib.Path(folder) / packed.parent.name
            tape.write_bytes(gzip.decompress(packed.read_bytes()))
            look_at(program, str(tape))
    print("\n".join(faults[:20]) or "the columns say what the records say")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
