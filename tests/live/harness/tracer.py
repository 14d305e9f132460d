# SPDX-License-Identifier: Apache-2.0
"""The traced program's run: started, awaited until it is live, ended, its records read and checked."""
import functools
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time

SCHEMA = os.environ.get("PX_LIVE_SCHEMA") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../doc/pxtrace.schema.json")
IN_VM = "PX_IN_VM" in os.environ
SLOW = 10 if IN_VM else 1
BANNER = "pxtrace: tracing "


def kept(records):
    """What of them a capture holds: all but their numbers and what /proc says of a process while it runs."""
    return [{k: v for k, v in rec.items() if k not in ("seq", "exe", "cgroup", "unit", "container")} for rec in records]


class Failed(Exception):
    """What was seen is not what has to be."""


def binary():
    return os.environ["PXTRACE"]


@functools.cache
def validator():
    """A function that checks one record against the shipped schema; to look at the schema itself takes as long as 25 records."""
    import jsonschema

    with open(SCHEMA) as file:
        schema = json.load(file)
    cls = jsonschema.validators.validator_for(schema)
    cls.check_schema(schema)
    return cls(schema).validate


class Tracer:
    """pxtrace on pids. Use it as a context: it is live when the block begins, and ended and checked after it.

    pids     None where args name the targets
    out      None for a temporary file (read by records()), or where stdout goes (subprocess.PIPE, ...)
    tls      the test is about TLS
    clean    check the exit status, the record stream's shape and that nothing was lost
    """

    def __init__(self, pids, *args, probe=None, json_lines=True, out=None, clean=True, validate_all=True, tls=False):
        self.argv = [binary()]
        if pids:
            self.argv += ["-p", ",".join(map(str, pids))]
        if json_lines:
            self.argv.append("-j")
        if probe:
            self.argv.append(f"--probe={probe}")
        self.argv += args
        if IN_VM and not tls:    # what is for it takes 10 s to compile there
            self.argv.insert(1, "--no-tls")
        self.json_lines, self.clean, self.validate_all = json_lines, clean, validate_all
        self.file = tempfile.TemporaryFile() if out is None else None
        self.started = time.monotonic()
        # A session of its own: pxtrace never traces its own process group, and the tests' process is one end of many tests.
        self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=self.file or out, stderr=subprocess.PIPE,
                                        start_new_session=True)
        self.errors = []
        self.live = threading.Event()
        self.live_after = None
        self.reader = threading.Thread(target=self.read_errors, daemon=True)
        self.reader.start()
        self.lines = None
        self.exit_after = None

    def read_errors(self):
        for line in self.process.stderr:
            text = line.decode(errors="replace").rstrip("\n")
            self.errors.append(text)
            if text.startswith(BANNER):
                self.live_after = time.monotonic() - self.started
                self.live.set()
        self.live.set()

    @property
    def pid(self):
        return self.process.pid

    def wait_live(self):
        self.live.wait(10 * SLOW)
        if self.live_after is None:
            self.process.kill()
            self.process.wait()
            self.reader.join(1)
            raise Failed(f"no banner; status {self.process.returncode}, stderr: {self.errors}")
        return self

    def await_text(self, *patterns):
        """Wait until lines of stderr have matched these, one after the other."""
        deadline, at, left = time.monotonic() + 20 * SLOW, 0, list(patterns)
        while left:
            if at < len(self.errors):
                if re.search(left[0], self.errors[at]):
                    left.pop(0)
                at += 1
            elif self.process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"stderr has no {left}: {self.errors}")
            else:
                time.sleep(0.01)

    def __enter__(self):
        return self.wait_live()

    def __exit__(self, kind, *_):
        if kind:
            self.process.kill()
            self.process.wait()
        else:
            self.settle()
            self.stop()

    def settle(self):
        """Wait until nothing more is printed: a peer has its answer before the call that sent it returns."""
        size, deadline = -1, time.monotonic() + 5 * SLOW
        while self.file and self.process.poll() is None and time.monotonic() < deadline:
            last, size = size, os.fstat(self.file.fileno()).st_size
            if size == last:
                break
            time.sleep(0.05 * SLOW)

    def stop(self, sig=signal.SIGINT):
        """End it and look at how it ended."""
        begin = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            status = self.process.wait(10 * SLOW)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed("did not end on a signal") from None
        self.exit_after = time.monotonic() - begin
        self.reader.join(5)
        if not self.clean:
            return
        if status != 0:
            raise Failed(f"exit status {status}; stderr: {self.errors[-20:]}")
        if self.file and self.json_lines:
            self.check_stream()

    def read(self):
        """All of stdout's records as objects."""
        if self.lines is None:
            self.file.seek(0)
            self.lines = [json.loads(line) for line in self.file]
        return self.lines

    def check_stream(self):
        lines = self.read()
        kinds = [rec.get("type") for rec in lines]
        if not lines or kinds[0] != "start" or kinds[-1] != "stop":
            raise Failed(f"records begin with {kinds[:1]} and end with {kinds[-1:]}; stderr: {self.errors}")
        for i, rec in enumerate(lines):
            if rec.get("seq") != i + 1:
                raise Failed(f"record {i + 1} has seq {rec.get('seq')}")
        check = validator()
        for rec in lines if self.validate_all else lines[:200] + lines[200:-1:997] + lines[-1:]:
            try:
                check(rec)
            except Exception as err:
                raise Failed(f"not as the schema says: {str(err).splitlines()[0]}: {json.dumps(rec)[:1500]}") from None
        lost = [rec for rec in lines if rec.get("type") == "lost"]
        stop = lines[-1]
        if lost or stop.get("lost_events") or stop.get("lost_bytes"):
            raise Failed(f"lost: {lost[:5]} {stop}")
        if stop.get("messages") != kinds.count("message"):
            raise Failed(f"stop counts {stop.get('messages')} messages of {kinds.count('message')}")

    def messages(self):
        return [rec for rec in self.read() if rec.get("type") == "message"]
