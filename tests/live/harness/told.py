# SPDX-License-Identifier: Apache-2.0
"""Client programs that tell each exchange they had as a JSON object: names of the record's keys, and their values."""
import json
import os
import subprocess

from .servers import LIVE, PYTHON, Skip, go_program, need


class Told:
    """A client program: it says when it is connected, waits for a line, and tells each exchange."""

    def __init__(self, argv, env=None):
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, env=env, start_new_session=True)
        if "connected" not in self.process.stdout.readline():
            raise RuntimeError(f"{argv}: {self.process.stderr.read()[-500:]}")

    @property
    def pid(self):
        return self.process.pid

    def go(self):
        out, err = self.process.communicate("go\n", 100)
        if self.process.returncode:
            raise RuntimeError(f"{self.process.args}: {self.process.returncode}: {err[-500:]}")
        return [json.loads(line) for line in out.splitlines()]

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def program(name, package, *words):
    """clients/NAME in its language, with these arguments; package is what it imports if it is Go's."""
    kind = name.rsplit(".", 1)[1]
    env = None
    if kind == "go":
        if not os.path.isdir(f"/usr/share/gocode/src/{package}"):
            raise Skip(f"no {package} here")
        argv = [go_program(name.removesuffix(".go") + "-go", f"{LIVE}/clients/{name}", f"{LIVE}/clients/told.go", GOPATH="/usr/share/gocode")]
    else:
        runner = {"py": PYTHON, "rb": "ruby", "pl": "perl", "js": "node"}[kind]
        argv = [need(runner), f"{LIVE}/clients/{name}"]
        env = dict(os.environ, NODE_PATH="/usr/share/nodejs")
    return Told([*argv, *words], env)


def value(record, path):
    for name in path.split("."):
        record = (record or {}).get(name)
    return record


def differences(told, records):
    """Texts, one for each thing that the records of one connection say otherwise than its client."""
    out = []
    for i, want in enumerate(told):
        if i >= len(records):
            out.append(f"missing: {want}")
            continue
        rec = records[i]
        for path, expected in want.items():
            got = len(value(rec, "resp.results") or []) if path == "results" else value(rec, path)
            if got != expected:
                out.append(f"{want}: {path} is {got!r} in {json.dumps(rec)[:400]}")
        if {"gap", "unpaired", "noreply"} & set(rec["flags"]) or (rec["status"] == "OK") != (want.get("status") == "OK"):
            out.append(f"{want}: {rec['status']} {rec['flags']}")
        if rec["status"] != "-" and not rec["latency_ns"]:
            out.append(f"{want}: latency {rec['latency_ns']}")
    out += [f"invented: {json.dumps(rec)[:300]}" for rec in records[len(told):]]
    return out
