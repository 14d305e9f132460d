#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The shell of -i through a real terminal, and as a script. shell_test.py PXTRACE GOLDEN-FOLDER"""
import contextlib
import gzip
import os
import pathlib
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tools"))
import pcapmake  # noqa: E402
import terminal  # noqa: E402

PROMPT = "pxtrace> "
LIMIT = 60
faults = []


COMMANDS = set(".tables .fields .tail .top .conns .map .stats .filter .target .pause .resume .keep .save .export .examples .help .quit".split())


def check(ok, fault):
    if not ok:
        faults.append(str(fault))


def shell(program, tape, home, rows=40, columns=120, **env):
    return terminal.Dialogue([program, "-q", "-r", tape, "-i"], PROMPT, rows, columns,
                             XDG_STATE_HOME=str(home), TMPDIR=str(home.parent), **env).begin()


def on_a_terminal(program, tape, folder):
    home = folder / "state"
    s = shell(program, tape, home)
    check(s.ask("SELECT count(*) AS n FROM http;") == "n\n8\n", "a query")
    s.type("SELECT count(*) AS n\n")
    s.until("...> ")
    check(s.ask("FROM http WHERE NOT ok;") == "n\n1\n", "a query of two lines")
    check("http" in s.ask(".tables") and "_part" not in s.ask(".tables"), "the tables")
    check("resp_status_code" in s.ask(".fields http"), "the columns of a table")
    check("there is no table" in s.ask(".fields nosuch"), "an unknown table")
    check("there is no command" in s.ask(".nosuch"), "an unknown command")
    check("no such column" in s.ask("SELECT nosuch FROM http;"), "an error of SQL")
    for line in ("ATTACH 'x' AS y;", "DELETE FROM messages;"):
        check("can read, but not" in s.ask(line), line)
    # completion: a command, a table, a column, a function
    for typed, whole in ((".tab\t", ".tables"), ("SELECT resp_status_c\t", "resp_status_code"), ("SELECT percen\t", "percentile(")):
        s.type(typed)
        s.until(whole)
        s.type("\x03")
        s.until("^C", PROMPT)
    # Ctrl-C in a query that would go on for ever, and the shell goes on
    s.type("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n;\n")
    s.until("\n")
    time.sleep(0.3)
    s.type("\x03")
    s.until("interrupted", PROMPT)
    check(s.ask("SELECT 1 AS a;") == "a\n1\n", "the shell goes on")
    # another width
    wide = s.ask("SELECT printf('%.*c', 300, 'x') AS a;").splitlines()[1]
    s.resize(40, 60)
    narrow = s.ask("SELECT printf('%.*c', 300, 'x') AS a;").splitlines()[1]
    check(len(wide) == 120 and len(narrow) == 60, f"{len(wide)} and {len(narrow)} columns")
    check("GET" in s.ask(".top http"), "the last ten seconds of a file")
    check("a file was read" in s.ask(".tail status >= 400"), "nothing comes of a file")
    check(s.end() == 0, "Ctrl-D ends it")
    check((home / "pxtrace" / "history").read_text().startswith("SELECT count(*) AS n FROM http;\n"), "the history")
    check(stat.S_IMODE((home / "pxtrace").stat().st_mode) == 0o700, "the folder of the history")
    s = shell(program, tape, home, rows=10, PAGER="sed s/^/paged:/")
    s.type("\x1b[A")
    s.until(".tail status >= 400")
    s.type("\x03")
    s.until(PROMPT)
    check("paged:" in s.ask("SELECT seq FROM messages UNION ALL SELECT seq FROM messages;"), "a long answer is paged")
    check("paged:" not in s.ask("SELECT 1;"), "a short one is not")
    check(s.end() == 0, "ends again")


def as_a_script(program, tape, folder):
    def run(script, code=0):
        done = subprocess.run([program, "-q", "-r", tape, "-i"], input=script.encode(), capture_output=True, check=False, timeout=LIMIT,
                              env={**os.environ, "TMPDIR": str(folder)})
        check(done.returncode == code, f"{script!r} ends with {done.returncode}: {done.stderr}")
        return done.stdout.decode(), done.stderr.decode()

    check(run("SELECT count(*) AS n FROM http;\nSELECT 1 AS a") == ("n\n8\na\n1\n", ""), "a script")
    check(run("# a remark\n\nSELECT 1 AS a -- ;\n, 2 AS b;\n.quit\nSELECT 3;\n")[0] == "a  b\n1  2\n", "remarks, and an end")
    out, err = run("SELECT 1 AS a;\nSELEC 2;\nSELECT 3;\n", 2)
    check(out == "a\n1\n" and err == 'pxtrace: near "SELEC": syntax error\n', f"a fault ends it: {out!r} {err!r}")
    run(".nosuch\n", 2)
    check("8 messages" in run(".stats\n")[0], "statistics")
    check("not a live trace" in run(".target -p 1\n", 2)[1], "a file has no processes to add")
    told = run(".help\n")[0].splitlines()
    check(all(len(line) <= 80 for line in told), f".help is wider than 80 columns: {told}")
    check({line.split()[0] for line in told[1:]} == COMMANDS, f".help: {told}")
    check("GET" in run(run(".examples\n")[0])[0], "the examples")
    saved = folder / "saved.db"
    run(f".save {saved}\n")
    check(stat.S_IMODE(saved.stat().st_mode) == 0o600, "the copy can be read by others")
    with contextlib.closing(sqlite3.connect(saved)) as db:
        check(db.execute("SELECT count(*) FROM http").fetchone() == (8,) and
              db.execute("PRAGMA integrity_check").fetchone() == ("ok",), "the copy")
    (folder / "link").symlink_to(saved)
    run(f".save {folder}/link\n", 1)
    check(not list(folder.glob("pxtrace-??????")), "the shell's own tables are left")


# Bytes that a terminal would obey, that are no text, that CSV and JSON have to escape.
ODD = b"/evil\x9b31m\xff,\"'\xe2\x80\xae\xc2\x85%41"
HOSTILE = b"\x1b]0;" + ODD + b"\x07\0\x7f\r\n\x1b[2J"


def hostile_capture(path):
    """The same in every place of a request, its answer, and a list of Redis."""
    http, redis = pcapmake.Conversation().open(), pcapmake.Conversation(cport=40001, sport=6379).open()
    http.send(0, b"GET " + ODD + b" HTTP/1.1\r\nHost: a\r\nX-Odd: " + ODD + b"\r\n\r\n")
    http.send(1, b"HTTP/1.1 200 OK\r\nContent-Type: " + ODD + b"\r\nContent-Length: %d\r\n\r\n" % len(HOSTILE) + HOSTILE)
    text = b"$%d\r\n" % len(HOSTILE) + HOSTILE + b"\r\n"
    redis.send(0, b"*3\r\n$3\r\nSET\r\n" + text + text)
    redis.send(1, b"-ERR " + HOSTILE.replace(b"\r\n", b"") + b"\r\n")
    pcapmake.pcap(path, http.frames() + redis.frames())


def bytes_of(program, *words):
    return subprocess.run([program, "-q", *map(str, words)], capture_output=True, check=True, timeout=LIMIT).stdout


def exported(program, tape, folder):
    """What .export writes is what -j, --format csv and -w write, byte for byte."""
    ours = {kind: folder / f"ours.{kind}" for kind in ("json", "csv", "pcapng")}
    done = subprocess.run([program, "-q", "-r", tape, "-i"], input="".join(f".export {k} {p}\n" for k, p in ours.items()).encode(),
                          check=False, timeout=LIMIT, capture_output=True, env={**os.environ, "TMPDIR": str(folder)})
    check(done.returncode == 0, f"{tape}: {done.stderr}")
    told = b"".join(line for line in bytes_of(program, "-r", tape, "-j", "--conns").splitlines(True) if b'"type":"message"' in line)
    bytes_of(program, "-r", tape, "-w", folder / "theirs.pcapng")
    check(told and ours["json"].read_bytes() == told, f"{tape}: JSON differs")
    check(ours["csv"].read_bytes() == bytes_of(program, "-r", tape, "--format", "csv"), f"{tape}: CSV differs")
    check(ours["pcapng"].read_bytes() == (folder / "theirs.pcapng").read_bytes(), f"{tape}: packets differ")
    check(all(stat.S_IMODE(p.stat().st_mode) == 0o600 for p in ours.values()), f"{tape}: others can read it")


def hostile(program, folder):
    """What the peer chose is escaped on the terminal, whichever way it is asked for."""
    capture = folder / "hostile.pcap"
    hostile_capture(capture)
    exported(program, capture, folder)
    s = shell(program, capture, folder / "state", rows=1000, columns=0)
    asked = [s.ask(line) for line in ("SELECT * FROM http;", "SELECT * FROM redis;", ".map", ".conns", ".top")]
    check("evil" in asked[0] and "evil" in asked[1] and "ERR" in asked[1], f"the values are not there: {asked}")
    shown = re.sub(rb"\x1b\[(\?2004[hl]|K)", b"", s.raw)    # readline's own
    check(not re.search(rb"[\0-\x08\x0b\x0c\x0e-\x1f\x7f\xff]|\xc2[\x80-\x9f]|\xe2\x80\xae", shown), f"reaches the terminal: {shown}")
    check(s.end() == 0, "ends")


def main():
    program, golden = sys.argv[1], pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tape = folder / "nginx"
        tape.write_bytes(gzip.decompress((golden / "nginx" / "tape.gz").read_bytes()))
        on_a_terminal(program, tape, folder)
        as_a_script(program, tape, folder)
        for packed in [*golden.glob("*/tape.gz"), golden.parent / "tables" / "shop" / "tape.gz"]:
            tape.write_bytes(gzip.decompress(packed.read_bytes()))
            exported(program, tape, folder)
        hostile(program, folder)
    print("\n".join(faults[:20]) or "the shell does what is typed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
