# SPDX-License-Identifier: Apache-2.0
"""Load: nothing is lost at the rate that wrk and nginx reach on this machine."""
import os
import subprocess
import threading

from harness.raw import Client
from harness.registry import live
from harness.servers import Nginx, RawServer, need

ALONE = True


@live(slow=True, perf=True)
def wrk_200000(t):
    """200,000 requests of wrk against nginx: as many records as nginx's own log has lines, none lost"""
    want = 200_000
    server = t.start(Nginx(t.folder))
    url = f"http://127.0.0.1:{server.address[1]}/small"
    with t.trace(server.pids, validate_all=False) as tracer:
        done = 0
        while done < want:
            out = subprocess.run([need("wrk"), "-t1", "-c16", "-d4s", url], capture_output=True, text=True, check=True).stdout
            line = [line for line in out.splitlines() if " requests in " in line][0]
            done += int(line.split()[0])
        # nginx ends first, so that everything it logs has been seen.
        server.stop(3)
        tracer.process.wait(60)  # it ends with its target
    logged = server.log_lines()
    t.note(f"{len(logged)} requests")
    seen = tracer.messages()
    t.expect(len(seen) == len(logged), f"nginx logged {len(logged)} requests, there are {len(seen)} records")
    # Per connection the same number of the same size: the log has the client's port.
    def per_port(items):
        out = {}
        for port, size in items:
            n, total = out.get(port, (0, 0))
            out[port] = (n + 1, total + size)
        return out
    theirs = per_port((int(line.split()[5]), int(line.split()[4])) for line in logged if line.split()[2] == "200")
    ours = per_port((rec["remote_port"], rec["resp"]["bytes"]) for rec in seen if rec["status"] == "200")
    different = {port: (theirs.get(port), ours.get(port)) for port in theirs.keys() | ours.keys()
                 if theirs.get(port) != ours.get(port)}
    # An answer cut off by wrk's leaving may be logged with other counts than went out.
    off = sum(abs((a or (0, 0))[0] - (b or (0, 0))[0]) for a, b in different.values())
    t.expect(off <= 64, f"{off} records differ from the log per connection: {list(different.items())[:4]}")


@live(perf=True)
def many_connections(t):
    """A connection per request, from several threads at once"""
    server = t.start(Nginx(t.folder))
    threads, each = (2, 60) if os.environ.get("PX_IN_VM") else (4, 500)

    def drive(who):
        for i in range(each):
            with Client(server.address, t.account) as client:
                client.ask("GET", f"/small?who={who}&i={i}", headers=[("Connection", "close")])

    with t.trace(server.pids) as tracer:
        running = [threading.Thread(target=drive, args=(who,)) for who in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
    t.expect(len(t.account) == threads * each, "the test's own account")
    t.check([ex.seen_as("server") for ex in t.account], tracer)


@live(perf=True)
def many_threads_one_process(t):
    """A server with a thread per connection, all busy"""
    server = t.start(RawServer(t.folder))

    def drive(who):
        with Client(server.address, t.account) as client:
            for i in range(200):
                client.ask("POST", f"/echo?who={who}&i={i}", body=b"x" * (i * 50))

    with t.trace(server.pids) as tracer:
        running = [threading.Thread(target=drive, args=(who,)) for who in range(8)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
    t.check([ex.seen_as("server") for ex in t.account], tracer)
