# SPDX-License-Identifier: Apache-2.0
"""Perf buffers, the second way of events: on every back end, chosen by itself, refused, and with processors that come and go."""
import os
import subprocess
import time

from harness.raw import Client
from harness.registry import live
from harness.servers import LIVE, Nginx, c_binary, need
from harness.tracer import SLOW, binary

ALONE = True

CPU = "/sys/devices/system/cpu/cpu1/online"


def switch_cpu(on):
    with open(CPU, "w") as file:
        file.write(str(int(on)))


@live(vm=True)
def perf(t):
    """Perf buffers under each back end; in the machine with a processor that goes offline, or is so from the beginning"""
    server = t.start(Nginx(t.folder))

    def some(client, mark):
        client.ask("GET", f"/small?{mark}")
        client.ask("GET", f"/page?{mark}")
        client.ask("POST", f"/missing?{mark}", body=b"x" * 30_000)

    def go_offline():
        if os.environ.get("PX_IN_VM") and os.path.exists(CPU):
            t.stops.append(lambda: switch_cpu(True))
            switch_cpu(False)
            t.note("one processor offline")

    if t.probe == "fentry":
        go_offline()
    with t.trace(server.pids, "--transport=perf") as tracer:
        with Client(server.address, t.account) as client:
            some(client, "first")
            if t.probe == "kprobe":
                go_offline()
            some(client, "second")
    t.expect(tracer.read()[0]["transport"] == "perf", f"{tracer.read()[0]}")
    t.check([ex.seen_as("server") for ex in t.account], tracer)


@live(perf=True)
def wakes_the_reader(t):
    """After half a second of silence the tracer sleeps until something happens: a record comes at once, not when its timer is due"""
    server = t.start(Nginx(t.folder))
    tracer = t.trace(server.pids, out=subprocess.PIPE, clean=False)
    delays = []
    with Client(server.address, t.account) as client:
        tracer.wait_live()
        tracer.process.stdout.readline()
        for i in range(5):
            time.sleep(0.5)
            client.ask("GET", f"/small?{i}")
            begin = time.monotonic()
            tracer.process.stdout.readline()
            delays.append(time.monotonic() - begin)
    tracer.stop()
    t.note("after " + ", ".join(f"{delay * 1e3:.1f}" for delay in delays) + " ms")
    t.expect(sorted(delays)[2] < 0.2, f"records came after {delays} s")


@live(probes=False)
def without_a_ring(t):
    """A kernel that does not know ring buffers: perf buffers are used, and that is said; --transport=ring says what is missing"""
    server = t.start(Nginx(t.folder))
    shim = c_binary("no_ring.so", f"{LIVE}/servers/no_ring.c", "-shared", "-fPIC")
    env = dict(os.environ, LD_PRELOAD=shim, ASAN_OPTIONS="verify_asan_link_order=0")
    for transport, status, words in (("auto", 0, ["no BPF ring buffer"]), ("perf", 0, []), ("ring", 4, ["Linux 5.8", "--transport=perf"])):
        done = subprocess.run([binary(), "-j", "-p", ",".join(map(str, server.pids)), "--duration", "0.2s", f"--transport={transport}"],
                              capture_output=True, text=True, env=env, timeout=30 * SLOW, check=False, start_new_session=True)
        t.expect(done.returncode == status, f"{transport}: {done.returncode} {done.stderr}")
        t.expect(status or '"transport":"perf"' in done.stdout, f"{transport}: {done.stdout}")
        t.expect(status or ("no BPF ring buffer" in done.stderr) == bool(words), f"{transport}: {done.stderr}")
        for word in words:
            t.expect(word in done.stderr, f"{word!r} is not in stderr: {done.stderr}")


@live(probes=False)
def locked_memory(t):
    """Without cap_ipc_lock there is a limit to perf buffers: which, and what helps"""
    path = "/var/tmp/pxtrace-few-caps"
    subprocess.run(["install", "-m", "755", binary(), path], check=True)
    t.stops.append(lambda: os.unlink(path))
    target = subprocess.Popen([need("setpriv"), "--reuid=65534", "--clear-groups", "/bin/sleep", "60"])
    t.stops.append(target.kill)
    caps = "+bpf,+perfmon"
    few = [need("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups", f"--inh-caps={caps}", f"--ambient-caps={caps}",
           "--bounding-set=-all,+bpf,+perfmon", "prlimit", "--memlock=65536", path, "-p", str(target.pid), "--duration", "0.1s",
           "--transport=perf"]
    for buffer, status in (("512M", 3), ("256k", 0)):
        done = subprocess.run([*few, "--buffer", buffer], capture_output=True, text=True, timeout=30 * SLOW, check=False)
        t.expect(done.returncode == status, f"--buffer {buffer}: {done.returncode} {done.stderr}")
        if status:
            for word in ("perf_event_mlock_kb", "--buffer", "cap_ipc_lock"):
                t.expect(word in done.stderr, f"{word!r} is not in stderr: {done.stderr}")
