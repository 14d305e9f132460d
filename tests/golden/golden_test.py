#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""golden_test.py [--update] PXTRACE [NAME...]: each tape of this folder, shown in several ways, gives the files beside it.

NAME/tape.gz       what the kernel told, recorded by `record`
NAME/account.json  what the client knows of its requests; the records of `json` have to say the same
NAME/VIEW          what is shown: see VIEWS and MORE_VIEWS. --update writes these; read what changed, each line has to be true
"""
import difflib
import json
import os
import re
import subprocess
import sys
import termios

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), folder) for folder in ("live", "tools")]
import terminal  # noqa: E402
from harness.account import Exchange, compare  # noqa: E402

# view: (options, columns of the terminal; 0 is a pipe)
VIEWS = {
    "json": (["-j", "--conns"], 0),
    "text": (["--conns"], 0),
    "w80": (["-t", "--color=never"], 80),
    "w200-vv": (["-vv", "-ttttt", "--color=never"], 200),
}
# what other tapes show as well at this length is not kept twice
WITHOUT_DETAIL = {"both-ends", "go", "node", "nginx-proxy", "pipelined", "node-client"}
MORE_VIEWS = {
    "aborted": {"color": (["--color=always", "--slow=1us", "-v"], 120)},
    "codings": {"short": (["-vvv", "-s", "16"], 0)},
    "nginx": {"w90": ([], 90)},
    "secrets": {"hex": (["-X"], 0), "told": (["-v", "--no-redact"], 0)},
}
ENV = {"PATH": os.environ["PATH"], "TZ": "UTC", "LANG": "C.UTF-8", "TERM": "xterm", "NO_COLOR": "1",
       **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}


def on_terminal(argv, columns):
    """(what comes out on a terminal of that width, what goes to stderr, exit status)"""
    ours, theirs = terminal.opened(columns)
    modes = termios.tcgetattr(theirs)
    modes[1] &= ~termios.OPOST
    termios.tcsetattr(theirs, termios.TCSANOW, modes)
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE, env=ENV)
    os.close(theirs)
    out = terminal.rest(ours)
    err = process.stderr.read()
    return out.decode(), err.decode(), process.wait()


def shown(argv, columns):
    if columns:
        return on_terminal(argv, columns)
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, env=ENV, check=False)
    return done.stdout.decode(), done.stderr.decode(), done.returncode


def settled(view, out, err):
    """Without what differs from run to run: the machine, the version, the time that reading took."""
    if view == "json":
        lines = out.splitlines(keepends=True)
        lines[0] = re.sub(r'"(ts|version|host|kernel)":"[^"]*"', r'"\1":"*"', re.sub(r'"ts_us":\d+', '"ts_us":0', lines[0]))
        lines[-1] = re.sub(r'"duration_ns":\d+', '"duration_ns":0', lines[-1])
        return "".join(lines)
    err = re.sub(r", \d+\.\d s\n", ", * s\n", err)
    return out + ("-- stderr\n" + err if view == "text" else "")


def schema_check():
    """A function that says what the schema has against a record, if it can be known here."""
    try:
        import jsonschema
    except ImportError:
        return lambda record: None
    with open(os.path.join(HERE, "../../doc/pxtrace.schema.json")) as file:
        schema = json.load(file)
    validator = jsonschema.validators.validator_for(schema)(schema)
    return lambda record: next((error.message for error in validator.iter_errors(record)), None)


def untruths(name, out, schema):
    """What the JSON records of a tape say against the client's account."""
    with open(f"{HERE}/{name}/account.json") as file:
        account = [json.loads(line) for line in file]
    records = [json.loads(line) for line in out.splitlines()]
    messages = [rec for rec in records if rec["type"] == "message"]
    aborted = sum("aborted" in rec["flags"] for rec in messages)
    if aborted != sum("aborted" in line.get("flags", ()) for line in account):
        yield f"{aborted} messages are said to be aborted"
    lone = [rec["status"] for rec in messages if rec["req"] is None and "unpaired" in rec["flags"]]
    if lone != [line["unpaired"] for line in account if "unpaired" in line]:
        yield f"answers without their requests: {lone}"
    yield from compare([Exchange.from_json(line) for line in account if "unpaired" not in line],
                       [rec for rec in messages if rec["req"]])
    for number, rec in enumerate(records, 1):
        if rec["seq"] != number:
            yield f"record {number} has seq {rec['seq']}"
        if problem := schema(rec):
            yield f"record {number}: {problem}"


def main():
    words = sys.argv[1:]
    update = "--update" in words
    program, *names = [word for word in words if word != "--update"]
    names = names or sorted(entry.name for entry in os.scandir(HERE) if os.path.exists(f"{entry.path}/tape.gz"))
    schema = schema_check()
    found = compared = 0
    for name in names:
        for view, (options, columns) in {**VIEWS, **MORE_VIEWS.get(name, {})}.items():
            if view == "w200-vv" and name in WITHOUT_DETAIL:
                continue
            out, err, status = shown([program, "-r", f"{HERE}/{name}/tape.gz", *options], columns)
            problems = [f"exit status {status}"] if status else []
            if view == "json":
                problems += untruths(name, out, schema)
            if "SECRET" in out and "--no-redact" not in options:
                problems.append("a secret is shown")
            got = settled(view, out, err)
            path = f"{HERE}/{name}/{view}"
            if update:
                with open(path, "w") as file:
                    file.write(got)
            with open(path) as file:
                want = file.read()
            if got != want:
                problems += difflib.unified_diff(want.splitlines(), got.splitlines(), path, "now", lineterm="")
            if problems:
                print(f"{name}/{view}:", *problems, sep="\n  ")
            found += bool(problems)
            compared += 1
    print(f"{compared} views, {found} are not as they have to be")
    return 1 if found or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
