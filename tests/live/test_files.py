# SPDX-License-Identifier: Apache-2.0
"""-w on live traffic, beside tcpdump of the same traffic: what is read back from either tells the same exchanges."""
import json
import os
import re
import shutil
import signal
import subprocess
import time
import zlib

from harness.raw import Client
from harness.registry import live
from harness.servers import Nginx, RawServer, need
from harness.tcpdump import Tcpdump
from harness.tracer import kept

MARKS = ("_ws.malformed || tcp.analysis.retransmission || tcp.analysis.out_of_order || tcp.analysis.lost_segment || "
         "tcp.analysis.ack_lost_segment || tcp.analysis.duplicate_ack || tcp.analysis.window_full")


def read_back(path, *words):
    result = subprocess.run([os.environ["PXTRACE"], *words, "-qjr", path], capture_output=True, text=True, timeout=60, check=False)
    if result.returncode:
        raise AssertionError(f"-r {path}: {result.stderr}")
    return [r for r in map(json.loads, result.stdout.splitlines()) if r["type"] == "message"]


def key(record, ours):
    """What both ways of looking have to agree on. Packets of tcpdump know no process, and show the client's side."""
    client, server = ("remote", "local") if record["role"] == "server" and ours else ("local", "remote")
    req, resp = record.get("req") or {}, record.get("resp") or {}
    return (record.get("op"), record.get("target"), req.get("query"), record["status"], record[f"{client}_port"], record[f"{server}_port"],
            req.get("bytes"), resp.get("bytes"), req.get("body_bytes"), resp.get("body_bytes"), zlib.crc32((resp.get("body") or "").encode()))


def same(t, ours, theirs):
    ours, theirs = sorted(map(str, ours)), sorted(map(str, theirs))
    only = [r[:200] for r in ours if r not in theirs], [r[:200] for r in theirs if r not in ours]
    t.expect(ours == theirs, f"{len(ours)} and {len(theirs)} exchanges; only in the first: {only[0][:2]}, only in the second: {only[1][:2]}")


def marked(path):
    result = subprocess.run(["tshark", "-r", path, "-Y", MARKS], capture_output=True, text=True, timeout=120, check=False)
    return result.stdout.splitlines() if result.returncode == 0 else [result.stderr]


def ask_all(address, account):
    for n in range(3):
        with Client(address, account) as client:
            client.ask("GET", f"/small?n={n}")
            client.ask("HEAD", f"/page?n={n}")
            client.ask("GET", f"/missing?n={n}")
            client.ask("GET", f"/page?n={n}")


@live()
def beside_tcpdump(t):
    """-w and tcpdump of the same traffic give the same exchanges, and tshark marks nothing"""
    need("tshark")
    server = t.start(Nginx(t.folder))
    ours, theirs = os.path.join(t.folder, "ours.pcapng"), os.path.join(t.folder, "theirs.pcap")
    dump = Tcpdump(server.address[1], theirs)
    with t.trace(server.pids, "-w", ours, "--print") as tracer:
        ask_all(server.address, t.account)
    dump.stop()
    t.check([ex.seen_as("server") for ex in t.account], tracer)
    back = read_back(ours)
    t.check_records([ex.seen_as("server") for ex in t.account], back)
    same(t, [key(r, True) for r in back], [key(r, False) for r in read_back(theirs)])
    t.expect(kept(back) == kept(tracer.messages()), "read back: not the records that were printed")
    t.expect(not marked(ours), f"marked by tshark: {marked(ours)[:3]}")


@live()
def both_ends(t):
    """Both ends of a connection and bodies over many calls: both records are there, and tshark sees one connection"""
    need("tshark")
    server = t.start(RawServer(t.folder))
    ours = os.path.join(t.folder, "ours.pcapng")
    with t.trace([*server.pids, os.getpid()], "-w", ours, "--print") as tracer:
        with Client(server.address, t.account) as client:
            client.ask("GET", "/bytes/300000?a=1")
            client.ask("POST", "/echo?a=2", body=b"x" * 200000)
            client.ask("GET", "/bytes/0?a=3")
    both = [ex.seen_as(role) for ex in t.account for role in ("server", "client")]
    t.check(both, tracer)
    back = read_back(ours)
    t.check_records(both, back)
    t.expect({r["pid"] for r in back} == {os.getpid(), *server.pids} & {r["pid"] for r in tracer.messages()}, "processes")
    t.expect(not marked(ours), f"marked by tshark: {marked(ours)[:3]}")
    one = subprocess.run(["tshark", "-r", ours, "-Y", "http.request"], capture_output=True, text=True, check=True).stdout
    t.expect(len(one.splitlines()) == len(t.account), f"tshark sees {one}")


@live(probes=False)
def unix_socket(t):
    """A UNIX socket as packets: read back with its path, and HTTP for tshark"""
    need("tshark")
    server = t.start(Nginx(t.folder))
    ours = os.path.join(t.folder, "ours.pcapng")
    with t.trace(server.pids, "-w", ours, "--print") as tracer:
        ask_all(server.socket_path, t.account)
    wanted = [ex.seen_as("server") for ex in t.account]
    t.check(wanted, tracer)
    t.check_records(wanted, read_back(ours))
    t.expect(not marked(ours), f"marked by tshark: {marked(ours)[:3]}")


@live(probes=False)
def rotation_after_privileges_are_gone(t):
    """-G goes on creating files, for the user behind sudo too, and -z gets each of them"""
    folder = os.path.join(t.folder, "theirs")
    os.mkdir(folder)
    os.chown(folder, 1, 1)
    os.chmod(folder, 0o700)
    server = t.start(Nginx(t.folder))
    os.environ.update(SUDO_UID="1", SUDO_GID="1")
    try:
        with t.trace(server.pids, "-w", os.path.join(folder, "f-%s"), "-G", "1", "-z", "gzip", "--print") as tracer:
            for n in range(8):
                with Client(server.address, t.account) as client:
                    client.ask("GET", f"/small?n={n}")
                time.sleep(0.4)
    finally:
        del os.environ["SUDO_UID"], os.environ["SUDO_GID"]
    t.check([ex.seen_as("server") for ex in t.account], tracer)
    time.sleep(0.5)
    names = sorted(os.listdir(folder))
    t.expect(len(names) >= 3 and [n.endswith(".gz") for n in names].count(False) == 1, f"files: {names}")
    t.expect({os.stat(os.path.join(folder, n)).st_uid for n in names if not n.endswith(".gz")} == {1}, "owners")
    back = [r for n in names for r in read_back(os.path.join(folder, n))]
    t.check_records([ex.seen_as("server") for ex in t.account], back)


@live(probes=False)
def killed_writer(t):
    """kill -9 under traffic: what was written can be read, and lacks no more than the last moment"""
    server = t.start(Nginx(t.folder))
    ours = os.path.join(t.folder, "ours.pcapng")
    with t.trace(server.pids, "-w", ours, clean=False) as tracer:
        ask_all(server.address, t.account)
        time.sleep(0.3)
        tracer.process.send_signal(signal.SIGKILL)
        tracer.process.wait()
    t.check_records([ex.seen_as("server") for ex in t.account], read_back(ours))
    t.expect(re.fullmatch("0o100600", oct(os.stat(ours).st_mode)), "mode")
    if shutil.which("tshark"):
        t.expect(not marked(ours), f"marked by tshark: {marked(ours)[:3]}")
