# SPDX-License-Identifier: Apache-2.0
"""The text line of a live trace: its columns, piped, against the client's account."""
import re

from harness.raw import Client
from harness.registry import live
from harness.servers import Nginx

LINE = re.compile(r"(?P<time>\d\d:\d\d:\d\d\.\d{6}) (?P<comm>\S+)\[(?P<pid>\d+)\] (?P<local>\S+) (?P<dir><-|->) (?P<remote>\S+) "
                  r"(?P<proto>\S+) (?P<status>\S+) (?P<latency>\d+\.\d{3}ms|-) (?P<req>\d+)/(?P<resp>\d+) (?P<summary>.*)")


@live(probes=False)
def columns(t):
    """one line per exchange with all columns, IPv6 in brackets, UNIX sockets by name"""
    server = t.start(Nginx(t.folder))
    with t.trace(server.pids, json_lines=False) as tracer:
        for address in (server.address, ("::1", server.address[1]), server.socket_path):
            with Client(address, t.account) as client:
                client.ask("GET", "/small?q=1")
                client.ask("HEAD", "/page")
                client.ask("GET", "/missing")
    tracer.file.seek(0)
    lines = tracer.file.read().decode().splitlines()
    t.expect(len(lines) == len(t.account), f"{len(lines)} lines for {len(t.account)} exchanges: {lines[:3]}")
    for ex, line in zip(t.account, lines):
        match = LINE.fullmatch(line)
        t.expect(match, f"not in columns: {line!r}")
        got = match.groupdict()
        t.expect((got["comm"], got["dir"], got["proto"], got["status"]) == ("nginx", "<-", "http", ex.status), line)
        t.expect((int(got["req"]), int(got["resp"])) == (ex.req_bytes, ex.resp_bytes), f"sizes: {line} {ex}")
        t.expect(int(got["pid"]) in server.pids, line)
        t.expect(got["summary"].startswith(f"{ex.op} ") and ex.url in got["summary"], line)
        if ex.server[1]:
            host = f"[{ex.server[0]}]" if ":" in ex.server[0] else ex.server[0]
            t.expect(got["local"] == f"{host}:{ex.server[1]}", line)
        else:
            t.expect(got["local"] == f"unix:{ex.server[0]}", line)


@live(probes=False)
def details(t):
    """-vv adds indented lines only, so that grep -v '^ ' undoes it; secrets do not appear"""
    server = t.start(Nginx(t.folder))
    with t.trace(server.pids, "-vv", json_lines=False) as tracer:
        with Client(server.address, t.account) as client:
            client.ask("GET", "/small?token=1", headers=[("Authorization", "Bearer s3cr3t"), ("Cookie", "sid=s3cr3t"),
                                                         ("X-Shown", "visible-value"), ("X-Esc", "a\x1b[31mred")])
    tracer.file.seek(0)
    text = tracer.file.read().decode()
    plain = [line for line in text.splitlines() if not line.startswith(" ")]
    t.expect(len(plain) == 1 and LINE.fullmatch(plain[0]), f"plain lines: {plain}")
    t.expect("visible-value" in text and "authorization: ***" in text.lower(), f"headers are not shown: {text}")
    t.expect("s3cr3t" not in text, "a secret is shown")
    t.expect("\x1b" not in text, "a control character gets through")
