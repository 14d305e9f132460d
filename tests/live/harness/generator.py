# SPDX-License-Identifier: Apache-2.0
"""The generator: a client and a server process that move bytes in every way there is, and what they tell of it."""
import glob
import json
import os
import subprocess

from .account import Exchange
from .servers import LIVE, building, built_dir, newer
from .tracer import SLOW, Failed

STEP = 16


def binary():
    path, sources = f"{built_dir()}/generator", sorted(glob.glob(f"{LIVE}/generator/*.[ch]"))
    with building():
        if not newer(path, *sources):
            subprocess.run(["cc", "-O2", "-Wall", "-o", path, *(s for s in sources if s.endswith(".c"))], check=True)
    return path


def body(number, size):
    """The first size bytes of a message's body, as generator.c fills them in."""
    return "".join(f"{number:07x}{at:08x}\n" for at in range(0, size, STEP))[:size]


class Generator:
    """Both processes, waiting for go()."""

    def __init__(self, folder, selection):
        self.folder = folder
        self.process = subprocess.Popen([binary(), folder, selection], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, start_new_session=True)
        self.pids = [int(word) for word in self.process.stdout.readline().split()]
        self.rows = []

    def go(self, timeout=60):
        """Let them begin; returns when both are done."""
        _, err = self.process.communicate("go\n", timeout * SLOW)
        if self.process.returncode:
            raise Failed(f"the generator itself failed: {err}")
        for side in ("client", "server"):
            with open(os.path.join(self.folder, f"{side}.json")) as file:
                self.rows += [json.loads(line) for line in file]
        if [row["type"] for row in self.rows].count("end") != 2:
            raise Failed("the generator did not come to its end")

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def of(self, kind):
        return [row for row in self.rows if row["type"] == kind]

    def exchanges(self):
        """What has to be in the records, both sides of each."""
        return [exchange_of(row) for row in self.of("exchange")]


def exchange_of(row):
    ends = (row["local"], row["remote"]) if row["role"] == "client" else (row["remote"], row["local"])
    return Exchange.from_json({**row, "client": ends[0], "server": ends[1]})
