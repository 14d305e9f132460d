# SPDX-License-Identifier: Apache-2.0
"""recvmmsg and sendmmsg, and UDP: every message with its bytes, every datagram with its peer."""
import collections
import os
import struct
import subprocess
import sys
import time

from harness.capture import packets, transport
from harness.registry import live
from harness.servers import LIVE, Nginx, c_binary
from harness.tracer import SLOW



class Talk:
    """tests/live/servers/messages.c: both ends of everything; its account after the run."""

    def __init__(self, *args):
        self.process = subprocess.Popen([c_binary("messages", f"{LIVE}/servers/messages.c"), *args], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()

    @property
    def pids(self):
        return [self.process.pid]

    def run(self):
        """Lines of the account, as lists of words."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line == "done\n":
                return lines
            lines.append(line.split())
        raise AssertionError(f"ended with {self.process.wait(10 * SLOW)} after {lines[-3:]}")

    def stop(self):
        self.process.kill()
        self.process.wait()


def datagrams(path):
    """The UDP packets of a pcapng file of ours: (direction, local port, remote port, bytes, payload)."""
    for _, frame in packets(path):
        protocol, segment = transport(frame)
        if protocol == 17:
            source, target, length = struct.unpack_from(">HHH", segment)
            is_out = frame[11] == 1    # the host's made-up Ethernet address
            yield "out" if is_out else "in", source if is_out else target, target if is_out else source, length - 8, segment[8:]


def seen_as(direction, local, remote, size, payload):
    """As the account has it; what is not the whole datagram, or not one byte repeated, is another one."""
    mark = payload[:1].decode("latin-1") or "-"
    if len(payload) != size or payload != payload[:1] * size:
        mark = f"{len(payload)} bytes: {payload[:40]}"
    return ("udp", direction, str(local), str(remote), str(size), mark)


def without_sender(missing):
    return collections.Counter((*d[:3], "0", *d[4:]) for d in missing.elements() if d[1] == "in")


@live(vm=True)
def every_message(t):
    """Exchanges and datagrams in pieces, by sendmmsg and recvmmsg: with timeouts, empty messages, partial results"""
    talk = t.start(Talk())
    path = os.path.join(t.folder, "out.pcapng")
    with t.trace(talk.pids, "-w", path, "--print") as tracer:
        account = talk.run()

    want = collections.Counter((net, target, status, int(size), role) for kind, net, target, status, size in
                               (line for line in account if line[0] == "http") for role in ("client", "server"))
    seen = collections.Counter((m["net"], m["target"], m["status"], m["resp"]["body_bytes"], m["role"]) for m in tracer.messages())
    t.expect(seen == want, f"missing {want - seen}, invented {seen - want}")
    bad = [m for m in tracer.messages() if {"gap", "unpaired", "aborted", "noreply"} & set(m["flags"])]
    t.expect(not bad, f"not whole: {bad[:3]}")
    for m in tracer.messages():
        body = m["resp"].get("body", "")
        t.expect(all(c == "abcdefghijklmnopqrstuvwxyz"[i * 7 % 26] for i, c in enumerate(body)) and len(body) >= min(
            m["resp"]["body_bytes"], 5000), f"another body: {m['target']} {body[:100]!r}")

    want = collections.Counter(tuple(line) for line in account if line[0] == "udp")
    seen = collections.Counter(seen_as(*d) for d in datagrams(path))
    missing, extra = want - seen, seen - want
    if t.probe == "sock":    # told to the user's memory after this back end has looked
        unknown = without_sender(missing) & extra
        t.note(f"{unknown.total()} of {want.total()} datagrams without their sender")
        t.expect(unknown.total() <= want.total() // 50, f"senders not found: {unknown}")
        extra -= unknown
        missing = missing if unknown.total() < missing.total() else collections.Counter()
    t.expect(not missing and not extra, f"of {want.total()} datagrams missing {missing}, invented {extra}")
    notes = [r for r in tracer.read() if r["type"] == "note" and r["what"] != "silence"]  # true on a slow machine, before it begins
    t.expect(not notes, f"{notes}")


class Early:
    """tests/live/servers/early.py, asking all the time."""

    def __init__(self, address):
        self.process = subprocess.Popen([sys.executable, f"{LIVE}/servers/early.py", address[0], str(address[1])],
                                        stdout=subprocess.PIPE)
        self.process.stdout.readline()

    @property
    def pids(self):
        return [self.process.pid]

    def stop(self):
        self.process.kill()
        self.process.wait()


@live()
def while_it_starts(t):
    """recvmmsg and sendmmsg while the programs that read their bytes are still being loaded: nothing invented, all there later"""
    server = t.start(Nginx(t.folder))
    client = t.start(Early(server.address))
    for _ in range(3):
        with t.trace(client.pids, clean=False) as tracer:
            time.sleep(0.4 * SLOW)
        whole = [m for m in tracer.messages() if m["req"] and m["resp"] and not {"gap", "unpaired", "noreply"} & set(m["flags"])]
        ids = [int(m["req"]["query"][len("id="):]) for m in whole]
        t.expect(len(ids) > 20 and ids == list(range(ids[0], ids[0] + len(ids))), f"not one after the other: {ids[:80]}")
        t.expect(all(m["status"] == "200" and m["resp"]["body_bytes"] == whole[0]["resp"]["body_bytes"] for m in whole),
                 f"another answer: {whole[:2]}")
        t.expect(len(tracer.messages()) - len(whole) <= 60, f"in pieces: {len(tracer.messages()) - len(whole)} of {len(whole)}")


@live()
def peers(t):
    """--conns: each UDP socket with each of its peers, as many bytes as went each way"""
    talk = t.start(Talk())
    with t.trace(talk.pids, "--conns") as tracer:
        account = talk.run()
    want = collections.Counter()
    for _, direction, local, remote, size, _ in (line for line in account if line[0] == "udp"):
        want[int(local), int(remote), direction] += int(size)
        want[int(local), int(remote), "out" if direction == "in" else "in"] += 0
    told = {kind: [r for r in tracer.read() if r["type"] == kind and r["net"] == "udp"] for kind in ("open", "close")}
    ends = [(r["local_port"], r["remote_port"]) for r in told["open"]]
    t.expect(sorted(ends) == sorted((r["local_port"], r["remote_port"]) for r in told["close"]), f"{told}")
    seen = collections.Counter()
    for r in told["close"]:
        # Where `sock` does not find out who sent a datagram it goes to the peer that nobody knows.
        seen[r["local_port"], "in"] += r["bytes_received"]
        seen[r["local_port"], r["remote_port"], "out"] += r["bytes_sent"]
        t.expect(r["remote_addr"] in ("127.0.0.1", "0.0.0.0", "::") and r["ok"], f"{r}")
    for (local, remote, direction), size in want.items():
        if direction == "out":
            t.expect(seen[local, remote, "out"] == size, f"{local} to {remote}: {seen[local, remote, 'out']} of {size} bytes")
    for local in {key[0] for key in want}:
        size = sum(n for key, n in want.items() if key[0] == local and key[2] == "in")
        t.expect(seen[local, "in"] == size, f"{local}: {seen[local, 'in']} of {size} bytes came")
    t.expect(tracer.read()[-1]["connections"] == 4, f"a pair of datagram sockets is no connection: {tracer.read()[-1]}")
