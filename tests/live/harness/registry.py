# SPDX-License-Identifier: Apache-2.0
"""The list of tests, and what a test is given."""
import glob
import importlib
import os
import shutil
import tempfile

from .account import compare
from .tracer import Failed, Tracer

TESTS = []


def live(*, probes=True, vm=False, slow=False, perf=False):
    """
    Marks a test. probes: run it once per back end (else once, with the default); vm: part of the machine's subset (a back end's name: under that one),
    or "last": only there, and behind all others, since it leaves the machine changed; perf: run it with the perf transport too.
    """
    def mark(function):
        TESTS.append((function, probes, vm, slow, perf))
        return function
    return mark


def load():
    """Import every test_*.py beside this package."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for path in sorted(glob.glob(f"{here}/test_*.py")):
        importlib.import_module(os.path.basename(path)[:-3])
    return TESTS


class Context:
    """What a test is given: the back end, the transport, a private folder, things to stop afterwards."""

    def __init__(self, probe, transport=None):
        self.probe, self.transport = probe, transport
        self.folder = tempfile.mkdtemp(prefix="pxtrace-live-")
        self.stops = []
        self.account = []
        self.notes = []

    def start(self, server):
        self.stops.append(server.stop)
        return server

    def trace(self, pids, *args, **kwargs):
        if self.transport:
            args = (*args, f"--transport={self.transport}")
        return Tracer(pids, *args, probe=self.probe, **kwargs)

    def check(self, exchanges, tracer):
        """Every exchange is a record and every record is an exchange."""
        self.check_records(exchanges, tracer.messages())

    def check_records(self, exchanges, records):
        problems = compare(exchanges, records)
        if problems:
            more = f"\n    ... and {len(problems) - 12} more" if len(problems) > 12 else ""
            raise Failed(f"{len(exchanges)} exchanges, {len(records)} records:\n    "
                         + "\n    ".join(problems[:12]) + more)
        if not exchanges:
            raise Failed("the test made no exchange")

    def note(self, text):
        """A measured value, printed beside the result."""
        self.notes.append(text)

    def expect(self, claim, text):
        if not claim:
            raise Failed(text)

    def close(self):
        for stop in reversed(self.stops):
            try:
                stop()
            except Exception as err:
                print(f"# while cleaning up: {err}")
        shutil.rmtree(self.folder, ignore_errors=True)
