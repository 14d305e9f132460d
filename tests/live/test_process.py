# SPDX-License-Identifier: Apache-2.0
"""The program as a process: how it ends, and what it leaves behind."""
import os
import signal
import subprocess
import time

from harness import host
from harness.raw import Client
from harness.registry import live
from harness.servers import Nginx, need
from harness.tracer import SLOW, Failed, binary

ALONE = True


@live(perf=True)
def signals(t):
    """SIGINT, SIGTERM and SIGHUP end it with 0 and a summary, also when they come twice at once; SIGUSR1 prints a line and goes on"""
    server = t.start(Nginx(t.folder))
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        before = host.bpf_state()
        account = []
        tracer = t.trace(server.pids).wait_live()
        with Client(server.address, account) as client:
            client.ask("GET", f"/small?signal={sig.name}")
            if sig == signal.SIGTERM:
                count = len(tracer.errors)
                os.kill(tracer.pid, signal.SIGUSR1)
                time.sleep(0.3 * SLOW)
                t.expect(len(tracer.errors) == count + 1, f"SIGUSR1 printed {tracer.errors[count:]}")
            client.ask("GET", f"/small?again={sig.name}")
        tracer.settle()
        os.kill(tracer.pid, sig)  # timeout(1) sends what it was sent to its child and to its group
        tracer.stop(sig)
        t.check([ex.seen_as("server") for ex in account], tracer)
        t.expect("2 messages" in tracer.errors[-1] and "0 events lost" in tracer.errors[-1], f"summary: {tracer.errors}")
        rest = host.left_behind(before)
        t.expect(not rest, f"left behind: {rest}")


@live(perf=True)
def target_exits(t):
    """It ends with 0 by itself when the last target is gone"""
    server = t.start(Nginx(t.folder))
    tracer = t.trace(server.pids).wait_live()
    with Client(server.address, t.account) as client:
        client.ask("GET", "/small?only")
    server.stop()
    try:
        tracer.process.wait(5 * SLOW)
    except subprocess.TimeoutExpired:
        tracer.process.kill()
        raise Failed("still there 5 s after its target") from None
    tracer.stop()
    t.check([ex.seen_as("server") for ex in t.account], tracer)


@live(perf=True)
def count_and_duration(t):
    """-c N ends after N messages, --duration after its time; both with 0"""
    server = t.start(Nginx(t.folder))
    with host.Traffic(server.address):
        tracer = t.trace(server.pids, "-c", "7").wait_live()
        tracer.process.wait(10 * SLOW)
        tracer.stop()
        t.expect(len(tracer.messages()) == 7, f"-c 7 gave {len(tracer.messages())} messages")
        tracer = t.trace(server.pids, "--duration", "1s").wait_live()
        tracer.process.wait(10 * SLOW)
        took = time.monotonic() - tracer.started
        tracer.stop()
        told = tracer.read()[-1]["duration_ns"] / 1e9    # since the probes are live
        t.expect(1 <= told < 1 + 0.5 * SLOW, f"--duration 1s: the run had {told:.2f} s")
        t.expect(told < took < told + 1.5 * SLOW, f"--duration 1s took {took:.2f} s in all")
        t.expect(len(tracer.messages()) > 20, f"{len(tracer.messages())} messages in a second")


@live()
def reader_leaves(t):
    """| head -5: five lines, then a quiet end with 0"""
    server = t.start(Nginx(t.folder))
    with host.Traffic(server.address):
        tracer = t.trace(server.pids, json_lines=False, out=subprocess.PIPE, clean=False).wait_live()
        lines = [tracer.process.stdout.readline() for _ in range(5)]
        tracer.process.stdout.close()
        try:
            status = tracer.process.wait(5 * SLOW)
        except subprocess.TimeoutExpired:
            tracer.process.kill()
            raise Failed("still there 5 s after its reader") from None
    tracer.reader.join(1)
    t.expect(status == 0, f"exit status {status}: {tracer.errors}")
    t.expect(all(b" http 200 " in line for line in lines), f"lines: {lines}")
    t.expect(not any("roken pipe" in line for line in tracer.errors), f"not quiet: {tracer.errors}")


@live(vm=True, perf=True)
def killed_under_load(t):
    """kill -9 under load: no program, map or probe stays, no process either, and the target goes on"""
    server = t.start(Nginx(t.folder))
    before = host.bpf_state()
    load = subprocess.Popen([need("wrk"), "-t1", "-c8", "-d4s", f"http://127.0.0.1:{server.address[1]}/small"],
                            stdout=subprocess.PIPE, text=True)
    t.stops.append(load.kill)
    tracer = t.trace(server.pids, clean=False).wait_live()
    time.sleep(0.5)
    t.expect(host.bpf_objects("prog") - before[0], "there were no programs to begin with")
    os.kill(tracer.pid, signal.SIGKILL)
    tracer.process.wait()
    rest = host.left_behind(before)
    t.expect(not rest, f"left behind: {rest}")
    t.expect(not host.session_of(tracer.pid), f"processes left: {host.session_of(tracer.pid)}")
    out = load.communicate(timeout=30 * SLOW)[0]
    t.expect("Socket errors" not in out and "Non-2xx" not in out, f"the target was harmed: {out}")
    with Client(server.address, t.account) as client:
        client.ask("GET", "/small?after")
    t.expect(server.alive() and t.account[-1].status == "200", "the target does not answer")


@live(probes=False)
def killed_while_loading(t):
    """kill -9 during start-up: the loader child goes with it"""
    target = subprocess.Popen(["/bin/sleep", "30"])
    t.stops.append(target.kill)
    before = host.bpf_state()
    for delay in (0.01, 0.05, 0.1, 0.15, 0.2):
        process = subprocess.Popen([binary(), "-p", str(target.pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   start_new_session=True)
        time.sleep(delay)
        process.kill()
        process.wait()
        deadline = time.monotonic() + 2 * SLOW
        while host.session_of(process.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        t.expect(not host.session_of(process.pid), f"killed after {delay} s, its child goes on")
    rest = host.left_behind(before)
    t.expect(not rest, f"left behind: {rest}")


@live(probes=False)
def idle_target_is_explained(t):
    """After 5 s without a message it says why, once"""
    server = t.start(Nginx(t.folder))
    tracer = t.trace(server.pids).wait_live()
    count = len(tracer.errors)
    time.sleep(6)
    said = tracer.errors[count:]
    t.expect(len(said) == 1, f"said {said}")
    tracer.stop()
    t.expect(not tracer.messages(), "messages of an idle server")
