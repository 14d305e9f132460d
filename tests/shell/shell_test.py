#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The shell of -i through a real terminal, and as a script. shell_test.py PXTRACE GOLDEN-FOLDER"""
import contextlib
import fcntl
import gzip
import os
import pathlib
import pty
import re
import select
import signal
import sqlite3
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import time

PROMPT = "pxtrace> "
LIMIT = 60
faults = []


def check(ok, fault):
    if not ok:
        faults.append(str(fault))


class Shell:
    """A shell on a terminal of its own; what it shows comes as text without escape sequences."""

    def __init__(self, program, tape, home, rows=40, columns=120, **env):
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen([program, "-q", "-r", tape, "-i"], stdin=theirs, stdout=theirs, stderr=theirs,
                                        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                                        env={"PATH": os.environ["PATH"], "TERM": "xterm", "XDG_STATE_HOME": str(home), "LANG": "C.UTF-8", "TMPDIR": str(home.parent),
                                             "PAGER": "cat", **env})
        os.close(theirs)
        self.text = ""
        self.until(PROMPT)

    def until(self, *wanted):
        """Read until these have come, one behind the other; what was shown."""
        deadline, shown = time.monotonic() + LIMIT, ""
        while True:
            at = 0
            for word in wanted:
                at = self.text.find(word, at) + len(word) if at >= 0 and self.text.find(word, at) >= 0 else -1
            if at >= 0:
                shown, self.text = self.text[:at], self.text[at:]
                return shown
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.ours], [], [], left)[0]:
                raise AssertionError(f"no {wanted} in {self.text!r}")
            try:
                piece = os.read(self.ours, 65536).decode(errors="replace")
            except OSError:
                raise AssertionError(f"it ended before {wanted}: {self.text!r}") from None
            self.text += re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]|\x07", "", piece)

    def type(self, text):
        os.write(self.ours, text.encode())

    def ask(self, line):
        """What a line gives, up to the next prompt."""
        self.type(line + "\n")
        self.until("\n")
        return self.until(PROMPT)[:-len(PROMPT)].replace("\r", "")

    def resize(self, rows, columns):
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def end(self):
        self.type("\x04")
        status = self.process.wait(LIMIT)
        os.close(self.ours)
        return status


def on_a_terminal(program, tape, folder):
    home = folder / "state"
    s = Shell(program, tape, home)
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
    s.process.send_signal(signal.SIGWINCH)
    narrow = s.ask("SELECT printf('%.*c', 300, 'x') AS a;").splitlines()[1]
    check(len(wide) == 120 and len(narrow) == 60, f"{len(wide)} and {len(narrow)} columns")
    check("GET" in s.ask(".top http"), "the last ten seconds of a file")
    check("a file was read" in s.ask(".tail status >= 400"), "nothing comes of a file")
    check(s.end() == 0, "Ctrl-D ends it")
    check((home / "pxtrace" / "history").read_text().startswith("SELECT count(*) AS n FROM http;\n"), "the history")
    check(stat.S_IMODE((home / "pxtrace").stat().st_mode) == 0o700, "the folder of the history")
    s = Shell(program, tape, home, rows=10, PAGER="sed s/^/paged:/")
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
    saved = folder / "saved.db"
    run(f".save {saved}\n")
    check(stat.S_IMODE(saved.stat().st_mode) == 0o600, "the copy can be read by others")
    with contextlib.closing(sqlite3.connect(saved)) as db:
        check(db.execute("SELECT count(*) FROM http").fetchone() == (8,) and
              db.execute("PRAGMA integrity_check").fetchone() == ("ok",), "the copy")
    (folder / "link").symlink_to(saved)
    run(f".save {folder}/link\n", 1)
    check(not list(folder.glob("pxtrace-??????")), "the shell's own tables are left")


def main():
    program, golden = sys.argv[1], pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tape = folder / "nginx"
        tape.write_bytes(gzip.decompress((golden / "nginx" / "tape.gz").read_bytes()))
        on_a_terminal(program, tape, folder)
        as_a_script(program, tape, folder)
    print("\n".join(faults[:20]) or "the shell does what is typed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
