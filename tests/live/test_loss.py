# SPDX-License-Identifier: Apache-2.0
"""Loss: what could not be seen is told, and never leads to a wrong pair. Each answer names its request."""
import os
import signal
import subprocess
import time

from harness.raw import Client
from harness.registry import live
from harness.servers import Nginx, Skip, echo_id_binary, echo_id_server
from harness.tracer import Failed

ALONE = True

THREADS = 4


def open_text(path, default):
    if not os.path.exists(path):
        return default
    with open(path) as file:
        return file.read().strip()


def client(server, count):
    return subprocess.Popen([echo_id_binary(), "client", str(server.address[1]), str(THREADS), str(count)],
                            stdout=subprocess.PIPE, text=True)


def account_for(t, tracer, moved, requests):
    """No wrong pair; the bytes of the records and those told as lost are all that were moved."""
    stop = tracer.read()[-1]
    pairs, told = 0, 0
    for rec in tracer.messages():
        told += sum(side["bytes"] for side in (rec["req"], rec["resp"]) if side)
        if rec.get("op") and rec["status"] == "200":
            pairs += 1
            if rec["target"] != f"/id/{rec['resp']['body']}":
                raise Failed(f"a wrong pair: {rec['target']} {rec['resp']['body']} {rec['flags']}")
    lost = stop["lost_bytes"]
    t.expect(told + lost >= moved, f"{moved} bytes were moved; {told} are in records, {lost} told as lost")
    t.expect(told <= moved, f"{moved} bytes were moved, but {told} are in records")
    t.expect(pairs == requests or stop["lost_events"] > 0, f"{pairs} pairs of {requests}, and no loss told: {stop}")
    t.note(f"{pairs} of {requests} exchanges, {stop['lost_events']} events lost, "
           f"{told * 100 // moved} % of the bytes in records")
    return pairs


def moved_by(process):
    out, _ = process.communicate(timeout=120)
    return sum(map(int, out.split()))


@live(perf=True)
def smallest_buffer(t):
    """100,000 requests through the smallest ring, while the tracer is stopped now and then"""
    server = t.start(echo_id_server(t.folder))
    with t.trace(server.pids, "--buffer", "256k", clean=False, validate_all=False) as tracer:
        flood = client(server, 100_000 // THREADS)
        while flood.poll() is None:
            os.kill(tracer.pid, signal.SIGSTOP)
            time.sleep(0.02)
            os.kill(tracer.pid, signal.SIGCONT)
            time.sleep(0.05)
        moved = moved_by(flood)
    account_for(t, tracer, moved, 100_000)
    t.expect(tracer.read()[-1]["lost_events"] > 0, "the ring was never full: this showed nothing")
    where = {rec["where"] for rec in tracer.read() if rec["type"] == "lost"}
    t.expect((t.transport or "ring") in where, f"lost records tell of {where}")


@live(perf=True)
def stopped_for_seconds(t):
    """A tracer that is stopped for 3 s under traffic goes on afterwards"""
    server = t.start(echo_id_server(t.folder))
    with t.trace(server.pids, "--buffer", "1M", clean=False, validate_all=False) as tracer:
        flood = client(server, 25_000)
        time.sleep(0.2)
        os.kill(tracer.pid, signal.SIGSTOP)
        time.sleep(3)
        os.kill(tracer.pid, signal.SIGCONT)
        moved = moved_by(flood)
        time.sleep(0.3)
        again = client(server, 25)
        moved += moved_by(again)
    pairs = account_for(t, tracer, moved, (25_000 + 25) * THREADS)
    last = {f"/id/{i}" for i in range(1, 101)}
    late = [r for r in tracer.messages() if r.get("target") in last and not r["flags"] and r["status"] == "200"]
    t.expect(len(late) >= 100, f"new connections after the loss: {len(late)} of 100 exchanges are whole; {pairs} in all")


@live(perf=True)
def crowded(t):
    """A body that is larger than the ring while the tracer is stopped: its middle is not copied, its size is told, nothing is lost"""
    server = t.start(Nginx(t.folder))
    with t.trace(server.pids, "--buffer", "4M") as tracer:
        with Client(server.address, t.account) as conn:
            conn.ask("GET", "/small?before")
            os.kill(tracer.pid, signal.SIGSTOP)
            conn.ask("GET", "/big", headers=[("Range", "bytes=1000-8000999")])
            conn.ask("GET", "/small?after")
            os.kill(tracer.pid, signal.SIGCONT)
    t.check([ex.seen_as("server") for ex in t.account], tracer)


def expect_foreign(t, server, name):
    """What this server moves is told of by a note that has this name in it, and no message is made of it."""
    t.start(server)
    with t.trace(server.pids, clean=False) as tracer:
        moved = moved_by(subprocess.Popen([echo_id_binary(), "client", str(server.address[1]), "1", "100"],
                                          stdout=subprocess.PIPE, text=True))
        time.sleep(1.5)
    notes = [r for r in tracer.read() if r["type"] == "note" and r["what"] == "foreign"]
    wrong = [r for r in tracer.messages() if r.get("op") and r["status"] == "200"]
    t.expect(not wrong, f"messages made of bytes that were not seen: {wrong[:2]}")
    t.expect(len(notes) == 1 and name in notes[0]["text"],
             f"{moved} bytes went by {name}, and it is not said: {notes} {tracer.errors}")


@live()
def moved_by_io_uring(t):
    """Bytes that io_uring moves have no system call that describes them: that is said, and nothing is made of them"""
    if open_text("/proc/sys/kernel/io_uring_disabled", "0") != "0":
        raise Skip("io_uring is disabled here")
    expect_foreign(t, echo_id_server(t.folder, "uring"), "io_uring")


@live()
def moved_by_32_bit_calls(t):
    """The same of programs whose system calls are those of 32 bits"""
    try:
        server = echo_id_server(t.folder, "compat")
    except RuntimeError:
        raise Skip("this kernel has no 32-bit calls") from None
    expect_foreign(t, server, "32-bit")
