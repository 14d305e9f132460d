# SPDX-License-Identifier: Apache-2.0
"""pxtrace -i with a script that is written while it runs: a line goes in, and what it gives comes out before the next."""
import json
import re
import subprocess
import threading
import time

from .tracer import BANNER, SLOW, Failed, binary


class Script:
    """A shell without a terminal on pids, or on what args name. It ends with a fault of a line, or with end()."""

    def __init__(self, t, pids, *args, tls=False):
        argv = [binary(), "-i", f"--probe={t.probe}", *([] if tls else ["--no-tls"]), *(["-p", ",".join(map(str, pids))] if pids else []), *args]
        # A session of its own: pxtrace leaves its own process group out where no process is named.
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        t.stops.append(self.stop)
        self.lines, self.errors, self.marks = [], [], 0
        self.readers = [threading.Thread(target=self.read, args=pair, daemon=True)
                        for pair in ((self.process.stdout, self.lines), (self.process.stderr, self.errors))]
        for reader in self.readers:
            reader.start()
        self.wait(lambda: any(line.startswith(BANNER) for line in self.errors), "no banner")

    @staticmethod
    def read(stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))

    def wait(self, condition, what):
        deadline = time.monotonic() + 30 * SLOW
        while not condition():
            if time.monotonic() > deadline or (self.process.poll() is not None and not condition()):
                raise Failed(f"{what}; status {self.process.poll()}, stdout {self.lines[-20:]}, stderr {self.errors[-20:]}")
            time.sleep(0.005)

    def say(self, line):
        """What a line gives, as lines."""
        self.marks += 1
        mark, begin = f"the-end-of-{self.marks}", len(self.lines)
        self.process.stdin.write(f"{line}\nSELECT '{mark}' AS mark;\n")
        self.process.stdin.flush()
        self.wait(lambda: any(mark in said for said in self.lines[begin:]), f"no answer to {line}")
        end = next(i for i in range(begin, len(self.lines)) if self.lines[i].strip() == "mark")
        return self.lines[begin:end]

    def messages(self, at_least=0):
        """The rows of messages as objects, when there are so many."""
        deadline = time.monotonic() + 10 * SLOW
        fields = ("pid", "comm", "role", "proto", "target", "status", "flags", "tls", "exe", "local_addr", "conn")
        query = "SELECT 'row ' || json_object(" + ", ".join(f"'{f}', {f}" for f in fields) + ") AS r FROM messages ORDER BY seq;"
        while True:
            rows = [json.loads(m[1]) for m in (re.match(r"\s*row (\{.*\})", line) for line in self.say(query)) if m]
            if len(rows) >= at_least:
                return rows
            if time.monotonic() > deadline:
                raise Failed(f"{len(rows)} messages instead of {at_least}: {rows}")
            time.sleep(0.02)

    def add(self, *pids):
        return self.say(f".target -p {','.join(map(str, pids))}")

    def remove(self, *pids):
        return self.say(f".target remove -p {','.join(map(str, pids))}")

    def refused(self, line):
        """The script ends with this line's fault: what is said, and the exit status."""
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        self.process.wait(30 * SLOW)
        for reader in self.readers:
            reader.join(5)
        return self.errors, self.process.returncode

    def end(self):
        """No more lines: it ends by itself; lines of stderr."""
        self.process.stdin.close()
        try:
            status = self.process.wait(20 * SLOW)
        except subprocess.TimeoutExpired:
            raise Failed("the shell does not end with its script") from None
        for reader in self.readers:
            reader.join(5)
        if status:
            raise Failed(f"status {status}: {self.errors[-20:]}")
        return self.errors

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
