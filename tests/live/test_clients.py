# SPDX-License-Identifier: Apache-2.0
"""Real clients, traced, against a server that counts each byte."""
import os

from harness import clients
from harness.registry import live
from harness.servers import Nginx, RawServer


def asked(t, make, address=None):
    """Trace what make(server) starts; the server's account is the truth."""
    server = t.start(RawServer(t.folder, address))
    client = make(server)
    t.stops.append(client.stop)
    with t.trace([client.pid]) as tracer:
        client.go()
        tracer.process.wait(5)  # it ends with its target
    t.check([ex.seen_as("client") for ex in server.account()], tracer)
    return tracer


@live()
def curl(t):
    """curl: keep-alive over many URLs, an upload that expects 100-continue, HEAD, a chunked upload"""
    upload = os.path.join(t.folder, "upload")
    with open(upload, "wb") as file:
        file.write(b"u" * 2_000_000)

    def make(server):
        base = f"http://{server.address[0]}:{server.address[1]}"
        steps = []
        for i in range(10):
            steps += ["--next", "-o/dev/null", f"{base}/bytes/{i * 1000}?i={i}"]
        steps += ["--next", "-o/dev/null", "-H", "Expect: 100-continue", "--data-binary", f"@{upload}", f"{base}/echo?up"]
        steps += ["--next", "-I", "-o/dev/null", f"{base}/bytes/5?head"]
        steps += ["--next", "-o/dev/null", "-T", upload, "-H", "Transfer-Encoding: chunked", f"{base}/echo?put"]
        steps += ["--next", "-o/dev/null", f"{base}/chunked/70000"]
        steps += ["--next", "-o/dev/null", f"{base}/close/70000"]
        return clients.curl(*steps[1:])
    tracer = asked(t, make)
    t.expect({rec["comm"] for rec in tracer.messages()} == {"curl"}, "comm is not curl")


@live()
def curl_unix(t):
    """curl over a UNIX socket"""
    path = os.path.join(t.folder, "s.sock")

    def make(_server):
        return clients.curl("--unix-socket", path, "-o/dev/null", "http://live.test/bytes/100?a",
                            "-o/dev/null", "http://live.test/bytes/50000?b")
    asked(t, make, path)


ASKS = [(op, url, size) for i in range(20) for op, url, size in (
    ("GET", f"/bytes/{i * 900}?i={i}", 0), ("POST", f"/echo?i={i}", i * 5000), ("HEAD", f"/bytes/10?i={i}", 0),
    ("GET", f"/chunked/{i * 3000}?i={i}", 0), ("DELETE", f"/status/204?i={i}", 0))]


@live()
def python_client(t):
    """http.client"""
    asked(t, lambda server: clients.script("client.py", *server.address, ASKS))


@live()
def node_client(t):
    """node's http.request with a keep-alive agent"""
    asked(t, lambda server: clients.script("client.js", *server.address, ASKS))


@live()
def wrk_client(t):
    """wrk as the traced side, against nginx: as many records as it had answers"""
    server = t.start(Nginx(t.folder))
    client = clients.wrk("-t1", "-c4", "-d1s", f"http://127.0.0.1:{server.address[1]}/small")
    t.stops.append(client.stop)
    with t.trace([client.pid], validate_all=False) as tracer:
        client.go()
        tracer.process.wait(20)
    server.stop(3)
    logged = len(server.log_lines())
    seen = tracer.messages()
    answered = [rec for rec in seen if rec["status"] == "200"]
    t.note(f"{logged} requests")
    # What was under way when wrk left is a NOREPLY record here, whether or not nginx came to log it.
    t.expect(abs(logged - len(answered)) <= 4 and len(seen) - len(answered) <= 4 and len(seen) >= logged,
             f"nginx logged {logged}, records {len(seen)}, of them with an answer {len(answered)}")
