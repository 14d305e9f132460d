# SPDX-License-Identifier: Apache-2.0
"""--conns: connections as they open, fail and close, seen from the side that connects."""
import subprocess
import sys

from harness.registry import live
from harness.servers import RawServer, free_port

CLIENT = """
import errno, select, socket, sys
good, bad = ("127.0.0.1", int(sys.argv[1])), ("127.0.0.1", int(sys.argv[2]))
sys.stdin.readline()
for address in (good, bad):
    for blocking in (True, False):
        s = socket.socket()
        s.setblocking(blocking)
        error = s.connect_ex(address)
        if error == errno.EINPROGRESS:
            select.select([], [s], [])
            error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not error:
            s.setblocking(True)
            s.sendall(b"GET /bytes/5 HTTP/1.1\\r\\nHost: conns\\r\\nConnection: close\\r\\n\\r\\n")
            while s.recv(4096):
                pass
        s.close()
sys.stdin.readline()
"""


@live()
def opened_and_refused(t):
    """connect(), blocking and not, to a server and to nobody: how it ended, how long it took, and the close"""
    server = t.start(RawServer(t.folder))
    closed = free_port()
    client = subprocess.Popen([sys.executable, "-c", CLIENT, str(server.address[1]), str(closed)], stdin=subprocess.PIPE, text=True)
    t.stops.append(client.kill)
    with t.trace([client.pid], "--conns") as tracer:
        client.stdin.write("\n")
        client.stdin.flush()
        tracer.settle()
    opens = [r for r in tracer.read() if r["type"] == "open"]
    seen = sorted((r["remote_port"], r["error"] or "") for r in opens)
    want = sorted([(server.address[1], "")] * 2 + [(closed, "ECONNREFUSED")] * 2)
    t.expect(seen == want, f"opened: {seen}, instead of {want}")
    for r in opens:
        t.expect(r["role"] == "client" and 0 < (r["connect_ns"] or 0) < 1e9, f"{r}")
    closes = [r for r in tracer.read() if r["type"] == "close" and r["messages"]]
    t.expect(len(closes) == 2, f"{closes}")
    t.expect(len(tracer.messages()) == 2, f"{tracer.messages()}")
