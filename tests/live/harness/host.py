# SPDX-License-Identifier: Apache-2.0
"""What the host's kernel holds, and traffic in the background."""
import glob
import json
import os
import re
import subprocess
import threading
import time

from .raw import Client
from .servers import Skip, need

SETTLE_S = 10 if os.environ.get("PX_IN_VM") else 1



def bpf_objects(kind):
    """All BPF programs or maps ("prog", "map"), as "kind id name"."""
    out = subprocess.run([need("bpftool"), "-j", kind, "list"], capture_output=True, check=True).stdout
    return {f"{kind} {item['id']} {item.get('name', '')}" for item in json.loads(out or b"[]")}


def probe_events():
    """The lines of tracefs' lists of dynamic probes."""
    lines = []
    for name in ("kprobe_events", "uprobe_events", "dynamic_events"):
        try:
            with open(f"/sys/kernel/tracing/{name}") as file:
                lines += file.read().splitlines()
        except OSError:
            pass
    return sorted(lines)


def bpf_state():
    return bpf_objects("prog"), bpf_objects("map"), probe_events()


def held():
    """All BPF objects that a living process has open, as "kind id"."""
    found = set()
    for path in glob.glob("/proc/[0-9]*/fdinfo/*"):
        try:
            with open(path) as file:
                found |= {f"{kind} {number}" for kind, number in re.findall(r"^(map|prog)_id:\s*(\d+)", file.read(), re.M)}
        except OSError:
            pass
    return found


def left_behind(before, patience_s=5):
    """
    What is there that was not before; the kernel frees some of it a moment after the last descriptor is closed.

    Looking must not come too early: who lists maps opens each of them, and a prog_array that is opened and closed while
    the kernel is about to clear it is never freed (6.18; prog_array_map_clear() takes a reference per call, its deferred
    half gives back one).
    """
    deadline = time.monotonic() + patience_s
    time.sleep(SETTLE_S)
    while True:
        now = bpf_state()
        rest = [now[0] - before[0], now[1] - before[1], [line for line in now[2] if line not in before[2]]]
        if not any(rest):
            return []
        if time.monotonic() > deadline:
            if any(name.endswith((" px_ring", " px_perf")) and name.rsplit(" ", 1)[0] in held() for name in now[1]):
                raise Skip("another tracer is at work here, so nobody knows whose programs and maps these are")
            return [item for item in rest if item]
        time.sleep(SETTLE_S)


def session_of(leader):
    """Pids of processes in the session that leader began."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[3]) == leader and fields[0] != "Z":
                found.append(int(name))
    return found


def cpu_ns(pid):
    """Nanoseconds of CPU that all threads of a process have used."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
            total += int(file.read().split()[0])
    return total


def busy_share(seconds=0.5):
    """How much of all CPUs was in use in this time, in which the caller does nothing."""
    def read():
        with open("/proc/stat") as file:
            times = [int(word) for word in file.readline().split()[1:9]]
        return sum(times), times[3] + times[4]
    total, idle = read()
    time.sleep(seconds)
    later, idler = read()
    return 1 - (idler - idle) / max(1, later - total)


def resident_kb(pid):
    """(all, without BPF maps such as the ring) resident memory in kB."""
    total = rings = 0
    ring = False
    with open(f"/proc/{pid}/smaps") as file:
        for line in file:
            head = line.split()
            if "-" in head[0] and not head[0].endswith(":"):
                ring = "bpf-map" in line or "bpf_map" in line
            elif head[0] == "Rss:":
                total += int(head[1])
                rings += int(head[1]) if ring else 0
    return total, total - rings


class Traffic:
    """A client in the background that asks for url again and again until it is stopped."""

    def __init__(self, address, url="/small", pause_s=0.001):
        self.address, self.url, self.pause_s = address, url, pause_s
        self.account, self.errors = [], []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.drive, daemon=True)

    def drive(self):
        try:
            with Client(self.address, self.account) as client:
                while not self.ended.wait(self.pause_s):
                    client.ask("GET", self.url)
        except (OSError, EOFError) as err:
            self.errors.append(err)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join(10)
