#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do -S and --map say what the records of the same tape come to? summary_test.py PXTRACE GOLDEN-FOLDER

Rows, counts, sums and the order are worked out here from the JSON; percentiles have to be within 1 % of the exact ones.
"""
import collections
import gzip
import json
import math
import os
import pathlib
import random
import re
import signal
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tools"))
import pcapmake  # noqa: E402
import terminal  # noqa: E402

faults = []


def check(ok, fault):
    if not ok:
        faults.append(fault)


def run(program, tape, *words):
    done = subprocess.run([program, "-r", tape, *words], capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"{tape} {words}: {done.stderr}")
    return done.stdout, done.stderr


def peer_of(r):
    if r["net"] == "unix":
        return "unix" + (":" + r["remote_addr"] if r.get("remote_addr") else "")
    if r.get("role") == "server":
        return r["remote_addr"]
    return f"[{r['remote_addr']}]:{r['remote_port']}" if ":" in r["remote_addr"] else f"{r['remote_addr']}:{r['remote_port']}"


def folded(target):
    """The paths of the tapes have numbers for ids, and no other ids."""
    return "/".join("*" if re.fullmatch(r"[\d.-]*\d[\d.-]*", word) else word for word in target.split("/"))


def percentile(times, permille):
    return sorted(times)[math.ceil(len(times) * permille / 1000) - 1]


class Row:
    def __init__(self):
        self.records = []

    def numbers(self):
        times = [r["latency_ns"] for r in self.records if r["latency_ns"] is not None]
        return {"count": len(self.records), "errors": sum(not r["ok"] for r in self.records),
                "req_bytes": sum((r["req"] or {}).get("bytes", 0) for r in self.records),
                "resp_bytes": sum((r["resp"] or {}).get("bytes", 0) for r in self.records),
                "max_ns": max(times) if times else None, "total_ns": sum(times) if times else None,
                **{f"p{p // 10}_ns": percentile(times, p) if times else None for p in (500, 950, 990)}}


def span_of(messages):
    begin = [int(r["ts_us"]) * 1000 + int(r["ts"][-4:-1]) for r in messages]
    return (max(b + (r["latency_ns"] or 0) for b, r in zip(begin, messages)) - min(begin)) / 1e9


def close_to(found, exact):
    return found == exact or (found is not None and exact is not None and abs(found - exact) <= exact * 0.01)


def check_rows(tape, messages, summaries):
    rows = collections.defaultdict(Row)
    for r in messages:
        rows[(r["proto"], r.get("role"), peer_of(r), r.get("op"), folded(r["target"]) if "target" in r else None)].records.append(r)
    check(len(rows) == len(summaries), f"{tape}: {len(summaries)} rows, not {len(rows)}")
    span = span_of(messages)
    for s in summaries:
        key = (s["proto"], s.get("role"), s.get("peer"), s.get("op"), s.get("target"))
        if key not in rows:
            check(False, f"{tape}: no message is in row {key}; there are {list(rows)}")
            continue
        for name, value in rows[key].numbers().items():
            right = close_to(s[name], value) if name in ("p50_ns", "p95_ns", "p99_ns") else s[name] == value
            check(right, f"{tape}: {key}: {name} is {s[name]}, not {value}")
        rate = rows[key].numbers()["count"] / span if span else 0
        check(abs(s["rate"] - rate) <= 0.001 + rate * 1e-6, f"{tape}: {key}: rate is {s['rate']}, not {rate}")
    totals = [s["total_ns"] or 0 for s in summaries]
    check(totals == sorted(totals, reverse=True), f"{tape}: not in order of total time: {totals}")


def check_table(tape, text, summaries):
    lines = text.splitlines()
    check(lines[0].split()[:3] == ["COUNT", "ERRORS", "RATE/s"] and len(lines) == len(summaries) + 1, f"{tape}: {lines[:2]}")
    for line, s in zip(lines[1:], summaries):
        words = line.split(None, 11)
        ms = ["-" if s[k] is None else f"{(s[k] + 500) // 1000 / 1000:.3f}" for k in ("p50_ns", "p95_ns", "p99_ns", "max_ns")]
        expected = [str(s["count"]), str(s["errors"]), f"{int(s['rate'] * 10) / 10:.1f}", *ms,
                    str(s["req_bytes"] + s["resp_bytes"]), s["proto"], s.get("role", "-"), s.get("peer") or "-",
                    s.get("op", "-") + (" " + s["target"] if s.get("target") else "")]
        check(words == expected, f"{tape}: {words} is not {expected}")


def check_map(program, tape, messages, folder):
    edges = collections.defaultdict(list)
    for r in messages:
        who, peer = r.get("comm", r.get("local_addr")), peer_of(r)
        edges[(peer, who) if r.get("role") == "server" else (who, peer), r["proto"]].append(r)
    for end, node, edge in (("dot", r'\t(n\d+) \[label="(.*)" shape', r'\t(n\d+) -> (n\d+) \[label="(\S+) (\S+)/s, (\d+) messages(?:, (\d+) errors)?(?:, p95 (\S+)ms)?"'),
                            ("mmd", r'\t(n\d+)\(?\["(.*)"\]', r'\t(n\d+) -->\|"(\S+) (\S+)/s, (\d+) messages(?:, (\d+) errors)?(?:, p95 (\S+)ms)?"\| (n\d+)')):
        path = folder / f"map.{end}"
        run(program, tape, "-q", "--map", str(path))
        text = path.read_text()
        names = dict(re.findall(node, text))
        found = re.findall(edge, text)
        if end == "mmd":
            found = [(a, b, *rest) for a, *rest, b in found]
        check(len(found) == len(edges), f"{tape}: {len(found)} edges, not {len(edges)}: {text}")
        for a, b, proto, rate, count, errors, p95 in found:
            records = edges[(names[a], names[b]), proto]
            times = [r["latency_ns"] for r in records if r["latency_ns"] is not None]
            span = span_of(messages)
            check(int(count) == len(records) and int(errors or 0) == sum(not r["ok"] for r in records), f"{tape}: {text}")
            check(bool(p95) == bool(times) and (not times or abs(float(p95) * 1e6 - percentile(times, 950))
                                                <= percentile(times, 950) * 0.01 + 501), f"{tape}: p95 {p95} of {times}")
            check(abs(float(rate) - (len(records) / span if span else 0)) <= 0.1, f"{tape}: rate {rate}")
        check(path.stat().st_mode & 0o777 == 0o600, "the map can be read by others")


def check_signal(program, tape):
    """SIGUSR1 shows the table so far, and again at the end with more in it."""
    whole = pathlib.Path(tape).read_bytes()
    count = len(run(program, tape)[0].splitlines())
    with subprocess.Popen([program, "-S", "-r", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdin.write(whole)
        process.stdin.flush()
        for _ in range(count):
            process.stdout.readline()    # so much has been counted
        process.send_signal(signal.SIGUSR1)
        err = ""
        while "COUNT ERRORS" not in err:
            err += process.stderr.readline().decode()
        process.stdin.close()
        err += process.stderr.read().decode()
    check(err.count("COUNT ERRORS") == 2, f"SIGUSR1: {err}")
    check("messages, " in err.split("COUNT ERRORS")[0], f"SIGUSR1: no line of statistics before the table: {err}")


def check_widths(program, tape, summaries):
    """On terminals of 80, 120 and 200 columns the table fits, its columns under their names, and nothing is cut that has room."""
    for columns in (40, 80, 120, 200):
        for words in (["-S"], ["--summary-only"], ["--summary-only", "--wide"]):
            ours, theirs = terminal.opened(columns)
            streams = {"stdout": subprocess.DEVNULL, "stderr": theirs} if words == ["-S"] else {"stdout": theirs, "stderr": subprocess.DEVNULL}
            with subprocess.Popen([program, "-r", tape, *words], stdin=subprocess.DEVNULL, **streams) as process:
                os.close(theirs)
                text = terminal.rest(ours)
            lines = text.decode().splitlines()
            begin = next(i for i, line in enumerate(lines) if "COUNT ERRORS" in line)
            lines = [line.removeprefix("pxtrace: ") for line in lines[begin:]]
            room = columns - len("pxtrace: ") if words == ["-S"] else columns
            if "--wide" in words:
                check_table(tape, "\n".join(lines), summaries)
                continue
            names = lines[0].split()
            check([n for n in names if n not in ("BYTES", "P99_ms", "RATE/s", "MAX_ms")]
                  == ["COUNT", "ERRORS", "P50_ms", "P95_ms", "PROTO", "ROLE", "PEER", "OPERATION"], f"{columns} {words}: {names}")
            check(("P99_ms" not in names or "BYTES" in names or columns < 200) and len(lines) == len(summaries) + 1, f"{columns} {words}: {lines}")
            check(columns < 80 or all(len(line) <= room for line in lines), f"{columns} {words}: {[len(line) for line in lines]}")
            for line, s in zip(lines[1:], summaries):
                found = dict(zip(names, line.split(None, len(names) - 1)))
                for name, whole in (("PEER", s.get("peer") or "-"), ("OPERATION", s.get("op", "-") + (" " + s["target"] if s.get("target") else ""))):
                    cut = found[name]
                    check(cut == whole or (cut.endswith("…") and whole.startswith(cut[:-1]) and columns < 200), f"{columns} {words}: {cut!r} of {whole!r}")
                check(found["COUNT"] == str(s["count"]) and found["ERRORS"] == str(s["errors"]), f"{columns} {words}: {line}")


def message(kind, body):
    """Of PostgreSQL's protocol, version 3.0."""
    return kind + struct.pack(">I", len(body) + 4) + body


def speak(path):
    """A capture of exchanges that take from 10 us to 10 s: paths with ids, keys, tables. Latencies of a row have hundreds of values."""
    dice, frames = random.Random(8), []
    ready = message(b"Z", b"I")
    talks = {"http": [(f"GET /v{i % 2}/users/{i} HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
                       b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (500 if i % 7 == 0 else 200, i % 90, b"x" * (i % 90))) for i in range(600)],
             "redis": [(b"*2\r\n$3\r\nGET\r\n$%d\r\nk%d\r\n" % (len(str(i)) + 1, i), b"-ERR no\r\n" if i % 5 == 0 else b"$1\r\n7\r\n") for i in range(300)],
             "pgsql": [(message(b"", struct.pack(">I", 196608) + b"user\0me\0\0"), message(b"R", struct.pack(">I", 0)) + ready)] +
                      [(message(b"Q", b"%s\0" % [b"SELECT a FROM orders WHERE id=%d" % i, b"DELETE FROM orders", b"SELECT 1 FROM users"][i % 3]),
                        message(b"C", b"SELECT 0\0") + ready) for i in range(300)]}
    for number, (name, asks) in enumerate(talks.items()):
        talk = pcapmake.Conversation(server=f"10.0.1.{number}", cport=40000 + number, sport={"http": 80, "redis": 6379, "pgsql": 5432}[name]).open()
        for request, response in asks:
            talk.send(0, request, pcapmake.ACK | pcapmake.PSH)
            talk.ts += int(10 ** dice.uniform(4, 10)) - 10**6
            talk.send(1, response, pcapmake.ACK | pcapmake.PSH)
        frames += talk.close().frames()
    pcapmake.pcap(path, sorted(frames), ns=True)


def check_many(program, path):
    speak(path)
    records = [json.loads(line) for line in run(program, path, "-jS")[0].splitlines()]
    messages, summaries = ([r for r in records if r["type"] == kind] for kind in ("message", "summary"))
    for r in messages:    # which of many keys is not said, but which table
        if r["proto"] == "redis":
            r.pop("target")
    check(len(messages) == 1201, f"{len(messages)} messages")
    check_rows(path, messages, summaries)
    found = {(s["proto"], s["op"], s.get("target")): s["count"] for s in summaries}
    check(found == {("http", "GET", "/v0/users/*"): 300, ("http", "GET", "/v1/users/*"): 300, ("redis", "GET", None): 300,
                    ("pgsql", "SELECT", "orders"): 100, ("pgsql", "DELETE", "orders"): 100, ("pgsql", "SELECT", "users"): 100,
                    ("pgsql", "STARTUP", None): 1}, f"rows: {found}")
    check_table(path, run(program, path, "--summary-only")[0], summaries)
    check_map(program, path, messages, pathlib.Path(path).parent)
    check_widths(program, path, summaries)


def main():
    program, golden = sys.argv[1], pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for packed in sorted(golden.glob("*/tape.gz")):
            tape = folder / packed.parent.name
            tape.write_bytes(gzip.decompress(packed.read_bytes()))
            out, _ = run(program, str(tape), "-jS")
            records = [json.loads(line) for line in out.splitlines()]
            messages = [r for r in records if r["type"] == "message"]
            summaries = [r for r in records if r["type"] == "summary"]
            check(records[-1]["type"] == "stop", "the stop record is not the last one")
            check_rows(tape.name, messages, summaries)
            only = [json.loads(line) for line in run(program, str(tape), "-j", "--summary-only")[0].splitlines()]
            check([{**r, "seq": 0} for r in only if r["type"] == "summary"] == [{**r, "seq": 0} for r in summaries],
                  f"{tape.name}: --summary-only has other rows")
            check([r["seq"] for r in only] == list(range(1, len(only) + 1)) and
                  not any(r["type"] in ("message", "open", "close") for r in only), f"{tape.name}: --summary-only shows messages")
            check_table(tape.name, run(program, str(tape), "--summary-only")[0], summaries)
            out, err = run(program, str(tape), "-S")
            check(len(out.splitlines()) == len(messages), f"{tape.name}: -S changes the lines")
            lines = [line.removeprefix("pxtrace: ") for line in err.splitlines()]
            begin = next(i for i, line in enumerate(lines) if line.split()[:2] == ["COUNT", "ERRORS"])
            check_table(tape.name, "\n".join(lines[begin:]), summaries)
            check_map(program, str(tape), messages, folder)
            if tape.name in ("nginx", "unix-socket"):
                check_widths(program, str(tape), summaries)
        check_many(program, str(folder / "many.pcap"))
        check_signal(program, str(folder / "nginx"))
        done = subprocess.run([program, "-r", str(folder / "nginx"), "--map", str(folder / "x.png")],
                              capture_output=True, text=True, check=False)
        check(done.returncode == 2 and "FILE.dot" in done.stderr, done.stderr)
    print("\n".join(faults[:20]) or "sums and maps say what the records come to")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
