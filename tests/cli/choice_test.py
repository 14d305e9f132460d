#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Protocols that are named, ports that are decoded as something, and what a filter does to counts and exit codes.

    choice_test.py PXTRACE TAPE.gz      a tape of eight HTTP messages of nginx at port 35745
"""
import gzip
import json
import subprocess
import sys
import tempfile

faults = []


def check(ok, fault):
    if not ok:
        faults.append(fault)


def run(program, tape, *words):
    done = subprocess.run([program, "-j", "-r", tape, *words], capture_output=True, text=True, check=False)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    return records, [r for r in records if r["type"] == "message"], done


def main():
    program = sys.argv[1]
    with tempfile.NamedTemporaryFile() as tape:
        tape.write(gzip.decompress(open(sys.argv[2], "rb").read()))
        tape.flush()
        name = tape.name
        records, all_of_them, done = run(program, name)
        check(len(all_of_them) == 8 and records[0]["filter"] is None, f"without: {done.stdout}{done.stderr}")
        failed = sum(not m["ok"] for m in all_of_them)
        check(0 < failed < 8, f"{failed} failed")

        records, messages, done = run(program, name, "not", "ok  and http")
        check(records[0]["filter"] == "not ok and http", f"start says {records[0]['filter']}")
        check(len(messages) == failed and records[-1]["messages"] == failed, f"{len(messages)}: {records[-1]}")
        check([r["seq"] for r in records] == list(range(1, len(records) + 1)), "numbers have holes")
        check(f"{failed} message" in done.stderr and f"{failed} error" in done.stderr, done.stderr)
        check(f"{8 - failed} not wanted by the filter" in done.stderr, done.stderr)
        check(done.returncode == 0, f"exit code {done.returncode}")

        check(len(run(program, name, "-c", "2", "ok")[1]) == 2, "-c counts what is shown")
        listed = subprocess.run([program, "--list-protocols"], capture_output=True, text=True, check=True).stdout
        every = ",".join(line.split()[0] for line in listed.splitlines())
        for words, code in ((["ok"], 0), (["method = BREW"], 1), ([], 0), (["--no-proto", every], 2)):
            done = run(program, name, "--exit-status", *words)[2]
            check(done.returncode == code, f"--exit-status {words}: {done.returncode}: {done.stderr}")
        check(run(program, name, "method = BREW")[2].returncode == 0, "without --exit-status nothing is fine")

        # what is not asked for is not recognised
        others = [proto for proto in every.split(",") if proto != "http"]
        check(len(run(program, name, "--proto", "http")[1]) == 8, "--proto http")
        for words in (["--proto", others[0]], ["--no-proto", "http"]) if others else ():
            records, messages, done = run(program, name, *words)
            check(not messages and records[-1]["not_understood"] == 1, f"{words}: {done.stdout}")
        # an order is followed where it can be, and only at its port
        check(len(run(program, name, "-d", "35745=http")[1]) == 8, "-d 35745=http")
        for other in others:
            check(len(run(program, name, "-d", f"1={other}")[1]) == 8, f"-d 1={other}")

        # open and close records are asked, too
        records = run(program, name, "--conns", "type = close and messages > 0")[0]
        check([r["type"] for r in records] == ["start", "close", "stop"], f"{[r['type'] for r in records]}")
    print("\n".join(faults) or "what is chosen is what comes")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
