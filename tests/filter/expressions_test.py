#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do filter expressions choose what they say? expressions_test.py PXTRACE GOLDEN-FOLDER

Each expression stands beside a Python function over a JSON record that was written from the manual, not from the
code. All tapes of the golden tests are replayed once without an expression and once with each; what comes out with
it has to be exactly what the function takes of what comes out without, and every expression has to divide the whole:
it takes something, or its row says that it takes nothing.
"""
import gzip
import ipaddress
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

MS = 1_000_000


def num(value):
    """The number that a value looks like, or None."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return value
    return float(value) if re.fullmatch(r"[+-]?\d+(\.\d+)?", value) else None


def req(r, key):
    return (r.get("req") or {}).get(key)


def resp(r, key):
    return (r.get("resp") or {}).get(key)


def own(r, key):
    """A bare name that is no common key: the request's, where the protocol has it there, else the response's."""
    return req(r, key) if key in REQUEST_KEYS else resp(r, key)


REQUEST_KEYS = {"method", "path", "query", "host", "headers", "body", "body_bytes", "bytes", "version", "url",
                "content_type", "scheme"}


def status(r):
    return num(r.get("status"))


def ends(r):
    return [r.get("local_port"), r.get("remote_port")]


def in_net(r, net):
    if r["net"] == "unix":
        return False
    net = ipaddress.ip_network(net)
    return any(ipaddress.ip_address(r[k].split("%")[0]) in net for k in ("local_addr", "remote_addr") if r.get(k))


def header(r, side, name):
    return ((r.get(side) or {}).get("headers") or {}).get(name)


def more(value, limit):
    return value is not None and value > limit


# expression, what it takes of the messages of all tapes; a third item: it takes none
TABLE = [
    ("http", lambda r: r["proto"] == "http"),
    ("not http", lambda r: r["proto"] != "http", "none"),
    ("proto = http", lambda r: r["proto"] == "http"),
    ("ok", lambda r: r["ok"]),
    ("not ok", lambda r: not r["ok"]),
    ("! ok", lambda r: not r["ok"]),
    ("ok = false", lambda r: not r["ok"]),
    ("ok != false", lambda r: r["ok"]),
    ("tls", lambda r: r["tls"], "none"),
    ("not not ok", lambda r: r["ok"]),
    ("status = 200", lambda r: r["status"] == "200"),
    ("status == 200", lambda r: r["status"] == "200"),
    ("status = 200.0", lambda r: status(r) == 200),
    ("status != 200", lambda r: r["status"] != "200"),
    ("status >= 400", lambda r: more(status(r), 399.9)),
    ("status<400", lambda r: status(r) is not None and status(r) < 400),
    ("status > 299 and status <= 404", lambda r: status(r) is not None and 299 < status(r) <= 404),
    ("status = NOREPLY", lambda r: r["status"] == "NOREPLY"),
    ("status >= NOREPLY", lambda r: False, "none"),
    ("status ~ ^2", lambda r: r["status"].startswith("2")),
    ('status ~ "^[45]"', lambda r: re.search("^[45]", r["status"]) is not None),
    ("status !~ ^2", lambda r: not r["status"].startswith("2")),
    ("status in (200,404)", lambda r: r["status"] in ("200", "404")),
    ("status in ( 200 , 404 )", lambda r: r["status"] in ("200", "404")),
    ("status not in (200,404)", lambda r: r["status"] not in ("200", "404")),
    ("status contains 0", lambda r: "0" in r["status"]),
    ("status_code >= 400", lambda r: more(resp(r, "status_code"), 399)),
    ("status_code ~ ^40", lambda r: resp(r, "status_code") is not None and str(resp(r, "status_code")).startswith("40")),
    ("resp.status_code != 200", lambda r: resp(r, "status_code") not in (None, 200)),
    ("resp_status_code = 200", lambda r: resp(r, "status_code") == 200),
    ("method = GET", lambda r: req(r, "method") == "GET"),
    ("method = get", lambda r: False, "none"),
    ("op in (POST, PUT, HEAD)", lambda r: r.get("op") in ("POST", "PUT", "HEAD")),
    ("req.method = POST", lambda r: req(r, "method") == "POST"),
    ('path ~ "^/s"', lambda r: (req(r, "path") or "").startswith("/s")),
    ("path ~ e$", lambda r: (req(r, "path") or "").endswith("e")),
    ("path ~ ^/page$", lambda r: req(r, "path") == "/page"),
    ("path ~ a", lambda r: "a" in (req(r, "path") or "")),
    ('path ~ "^/(page|big)(/|$)"', lambda r: re.search("^/(page|big)(/|$)", req(r, "path") or "") is not None),
    ("path ~ ^/(page|big)$", lambda r: req(r, "path") in ("/page", "/big")),
    ("path ~ [0-9]{2,}", lambda r: re.search("[0-9]{2,}", req(r, "path") or "") is not None),
    ('path ~ ""', lambda r: req(r, "path") is not None),
    ("path contains ag", lambda r: "ag" in (req(r, "path") or "")),
    ("path not contains ag", lambda r: req(r, "path") is not None and "ag" not in req(r, "path")),
    ("target = /page or target = /big", lambda r: r.get("target") in ("/page", "/big")),
    ("query", lambda r: bool(req(r, "query"))),
    ("not query", lambda r: not req(r, "query")),
    ("query ~ id=[13]$", lambda r: re.search("id=[13]$", req(r, "query") or "") is not None),
    ('query = "id=1"', lambda r: req(r, "query") == "id=1"),
    ("query = 'id=1'", lambda r: req(r, "query") == "id=1"),
    ("host = live.test", lambda r: req(r, "host") == "live.test"),
    ("host != live.test", lambda r: req(r, "host") not in (None, "live.test")),
    ("host ~ [0-9]:", lambda r: re.search("[0-9]:", req(r, "host") or "") is not None),
    ("version = 1.1", lambda r: num(req(r, "version")) == 1.1),
    ("version = 1.10", lambda r: num(req(r, "version")) == 1.1),
    ("version < 1.1", lambda r: num(req(r, "version")) is not None and num(req(r, "version")) < 1.1, "none"),
    ("headers contains host", lambda r: header(r, "req", "host") is not None),
    ("not req.headers contains HOST", lambda r: header(r, "req", "host") is None),
    ("headers.host = live.test", lambda r: header(r, "req", "host") == "live.test"),
    ("req.headers.user-agent ~ ^curl", lambda r: (header(r, "req", "user-agent") or "").startswith("curl")),
    ("resp.headers.Content-Length > 100", lambda r: more(num(header(r, "resp", "content-length")), 100)),
    ("resp.headers.server !~ nginx",
     lambda r: header(r, "resp", "server") is not None and "nginx" not in header(r, "resp", "server")),
    ("content_encoding in (gzip, br, zstd)", lambda r: resp(r, "content_encoding") in ("gzip", "br", "zstd")),
    ("resp.body contains a", lambda r: "a" in (resp(r, "body") or "")),
    ("resp.body_bytes > 1kB", lambda r: more(resp(r, "body_bytes"), 1000)),
    ("resp.body_bytes >= 1k", lambda r: more(resp(r, "body_bytes"), 1023)),
    ("resp.bytes > 0.5kB", lambda r: False, "error"),
    ("bytes < 100", lambda r: req(r, "bytes") is not None and req(r, "bytes") < 100),
    ("resp.bytes > 2kB", lambda r: more(resp(r, "bytes"), 2000)),
    ("resp.body_bytes = 0", lambda r: resp(r, "body_bytes") == 0),
    ("latency > 1ms", lambda r: more(r["latency_ns"], MS)),
    ("latency <= 1000us", lambda r: r["latency_ns"] is not None and r["latency_ns"] <= MS),
    ("latency > 1.5ms", lambda r: more(r["latency_ns"], 1.5 * MS)),
    ("latency_ns > 100000", lambda r: more(r["latency_ns"], 100000)),
    ("latency_ns < 100us", lambda r: r["latency_ns"] is not None and r["latency_ns"] < 100000),
    ("latency", lambda r: r["latency_ns"] is not None),
    ("ttfb >= 50us", lambda r: more(r["ttfb_ns"], 49999)),
    ("ttfb_ns > 1h", lambda r: more(r["ttfb_ns"], 3600 * 10**9), "none"),
    ("pid > 1", lambda r: more(r.get("pid"), 1)),
    ("pid = 27977", lambda r: r.get("pid") == 27977),
    ("comm = nginx", lambda r: r.get("comm") == "nginx"),
    ("comm ~ ^(node|python3)", lambda r: re.search("^(node|python3)", r.get("comm", "")) is not None),
    ("comm in (nginx, node) and not ok", lambda r: r.get("comm") in ("nginx", "node") and not r["ok"]),
    ("role = client", lambda r: r.get("role") == "client"),
    ("role != client", lambda r: r.get("role") not in (None, "client")),
    ("net = unix", lambda r: r["net"] == "unix"),
    ("net in (tcp, udp)", lambda r: r["net"] in ("tcp", "udp")),
    ("port 35745", lambda r: 35745 in ends(r)),
    ("port = 35745", lambda r: 35745 in ends(r)),
    ("port != 35745", lambda r: 35745 not in ends(r)),
    ("port in (35745, 80)", lambda r: 35745 in ends(r) or 80 in ends(r)),
    ("port < 1024", lambda r: any(p < 1024 for p in ends(r))),
    ("remote_port > 40000", lambda r: more(r["remote_port"], 40000)),
    ("host 127.0.0.1", lambda r: in_net(r, "127.0.0.1/32")),
    ("host 127.0.0.0/8", lambda r: in_net(r, "127.0.0.0/8")),
    ("host ::1", lambda r: in_net(r, "::1/128")),
    ("host ::/0", lambda r: in_net(r, "::/0")),
    ("host 10.0.0.0/9", lambda r: in_net(r, "10.0.0.0/9"), "none"),
    ("local_addr = 127.0.0.1", lambda r: r.get("local_addr") == "127.0.0.1"),
    ("local_addr ~ sock", lambda r: "sock" in r.get("local_addr", "")),
    ("flags contains mid_stream", lambda r: "mid_stream" in r["flags"]),
    ("flags in (gap, aborted)", lambda r: bool({"gap", "aborted"} & set(r["flags"]))),
    ("flags ~ ^no", lambda r: any(f.startswith("no") for f in r["flags"])),
    ("flags != redacted", lambda r: "redacted" not in r["flags"]),
    ("flags", lambda r: bool(r["flags"])),
    ("not flags", lambda r: not r["flags"]),
    ("error", lambda r: bool(r.get("error"))),
    ("error contains Found", lambda r: "Found" in (r.get("error") or "")),
    ("trace_id", lambda r: bool(r.get("trace_id")), "none"),
    ("ts > 2026-01-01T00:00:00Z", lambda r: r["ts"] > "2026-01-01"),
    ("ts < 2026-11-21T15:04:26.5Z", lambda r: r["ts"] < "2026-11-21T15:04:26.5"),
    ("ts_us > 1s", lambda r: r["ts_us"] > 10**6),
    ("type = message", lambda r: True),
    ("type = open", lambda r: False, "none"),
    ("http and status >= 400 or latency > 5ms",
     lambda r: (r["proto"] == "http" and more(status(r), 399.9)) or more(r["latency_ns"], 5 * MS)),
    ("http and (status >= 400 or latency > 5ms)",
     lambda r: r["proto"] == "http" and (more(status(r), 399.9) or more(r["latency_ns"], 5 * MS))),
    ("not (method = GET or method = POST)", lambda r: req(r, "method") not in ("GET", "POST")),
    ("not method = GET and not method = POST", lambda r: req(r, "method") not in ("GET", "POST")),
    ("not method = GET or ok", lambda r: req(r, "method") != "GET" or r["ok"]),
    ("ok && method = GET || status = 404",
     lambda r: (r["ok"] and req(r, "method") == "GET") or r["status"] == "404"),
    ("((((ok))))", lambda r: r["ok"]),
    ("(ok)and(method = GET)", lambda r: r["ok"] and req(r, "method") == "GET"),
    (" and ".join(["ok"] * 200), lambda r: r["ok"]),
    ("messages > 3", lambda r: False, "none"),
]


def messages(program, tape, *words):
    done = subprocess.run([program, "-qj", "-r", tape, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        return None, done.stderr
    return [r for r in map(json.loads, done.stdout.splitlines()) if r["type"] == "message"], done.stderr


def same(record):
    return {k: v for k, v in record.items() if k != "seq"}


def look_at(row, program, tapes, whole):
    expression, function, *rest = row
    taken = passed = 0
    for tape in tapes:
        found, err = messages(program, tape, expression)
        if rest == ["error"]:
            return None if found is None else f"{expression}: is no error"
        if found is None:
            return f"{expression}: {err}"
        expected = [same(r) for r in whole[tape] if function(r)]
        if [same(r) for r in found] != expected:
            wrong = [r for r in found if not function(r)] or expected
            return f"{expression}: {len(found)} of {len(whole[tape])} messages, not {len(expected)}: {wrong[:1]}"
        taken += len(expected)
        passed += len(whole[tape]) - len(expected)
    if (taken == 0) != (rest == ["none"]):
        return f"{expression}: takes {taken} and leaves {passed}: nothing is tested by that"
    return None


def main():
    program, golden = sys.argv[1], pathlib.Path(sys.argv[2])
    assert len({row[0] for row in TABLE}) >= 60
    with tempfile.TemporaryDirectory() as folder:
        tapes = []
        for packed in sorted(golden.glob("*/tape.gz")):
            tape = pathlib.Path(folder) / packed.parent.name
            tape.write_bytes(gzip.decompress(packed.read_bytes()))
            tapes.append(str(tape))
        whole = {tape: messages(program, tape)[0] for tape in tapes}
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            faults = [f for f in pool.map(lambda row: look_at(row, program, tapes, whole), TABLE) if f]
        expression = pathlib.Path(folder) / "expression"
        expression.write_text("# failed ones\nstatus >= 400   # by the server or the client\n  or not ok\n")
        tape = next(t for t in tapes if t.endswith("/nginx"))
        found, err = messages(program, tape, "-F", str(expression))
        if found is None or [same(r) for r in found] != [same(r) for r in whole[tape] if not r["ok"]]:
            faults.append(f"-F: {err or found}")
    print("\n".join(faults) or f"{len(TABLE)} expressions on {len(tapes)} tapes take what they should")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
