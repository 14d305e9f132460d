# SPDX-License-Identifier: Apache-2.0
"""DNS: real name servers and resolvers; what the clients say they asked and were told is the truth."""
import collections
import json
import os
import re
import socket
import subprocess

from harness import clients, dns
from harness.cuts import only_true
from harness.registry import live
from harness.servers import LIVE, PYTHON, go_program, need, port_of_another
from harness.tcpdump import Tcpdump
from harness.tracer import binary

TYPES = [("a", "A"), ("aaaa", "AAAA"), ("cname", "CNAME"), ("cname", "A"), ("ptr", "PTR"), ("mx", "MX"), ("txt", "TXT"), ("srv", "SRV"),
         ("caa", "CAA"), ("ds", "DS"), ("https", "HTTPS"), ("svcb", "SVCB"), ("naptr", "TYPE65280"), ("MiXeD", "A"), ("nosuch", "A"),
         ("a", "AAAA"), ("", "SOA"), ("", "NS"), ("big", "TXT")]


def compare(t, said, records, role):
    """Each thing said is one record, and each record has been said; answers in any order. What the client does not say is not compared."""
    def key(d):
        return json.dumps({k: sorted(d[k]) if k == "answers" else d[k] for k in said[0]}, sort_keys=True)
    rows = [key(dns.told(r)) for r in records if r["role"] == role]
    want = [key({**d, "flags": [f for f in d["flags"] if f in ("qr", "aa", "tc", "rd", "ra")]}) for d in said]
    missing, extra = collections.Counter(want) - collections.Counter(rows), collections.Counter(rows) - collections.Counter(want)
    t.expect(not missing and not extra, f"missing {list(missing)[:3]}\n    invented {list(extra)[:3]}")


def replay(path):
    out = subprocess.run([binary(), "-j", "-r", path], capture_output=True, text=True, check=True).stdout
    return [r for r in map(json.loads, out.splitlines()) if r["type"] == "message"]


def dissected(path, port):
    """What tshark makes of it: (response or not, id, name, rcode) of each message."""
    out = subprocess.run([need("tshark"), "-r", path, "-d", f"udp.port=={port},dns", "-d", f"tcp.port=={port},dns", "-Y", "dns", "-T", "fields",
                          "-e", "dns.flags.response", "-e", "dns.id", "-e", "dns.qry.name", "-e", "dns.flags.rcode"],
                         capture_output=True, text=True, check=True).stdout
    return [line.split("\t") for line in out.splitlines()]


def essence(records):
    """What has to be the same live and from a capture."""
    return sorted(json.dumps([r["op"], r["target"], r["status"], r["stream"], r["net"], r["req"], r["resp"]], sort_keys=True) for r in records)


@live()
def named_all_types(t):
    """named, asked by dig for every type over UDP and TCP, cut answers, EDNS; the same from tcpdump's capture, and tshark agrees"""
    server = t.start(dns.named(t.folder))
    port = server.address[1]
    path = os.path.join(t.folder, "dns.pcap")
    said = []
    with Tcpdump(port, path), t.trace(server.pids) as tracer:
        for name, kind in TYPES:
            name = f"{name}.example.test" if name else "example.test"
            said.append(dns.dig(server.address, "+nocookie", "+ignore", name, kind))
            said.append(dns.dig(server.address, "+tcp", "+noedns", name, kind))
        said.append(dns.dig(server.address, "+noedns", "+ignore", "big.example.test", "TXT"))
        said.append(dns.dig(server.address, "elsewhere.invalid", "A"))
        said.append(dns.dig(server.address, "+norec", "a.example.test", "TYPE65281"))
    t.expect(any("tc" in d["flags"] for d in said), "no answer was cut")
    compare(t, said, tracer.messages(), "server")
    captured = replay(path)
    seen, told = collections.Counter(essence(tracer.messages())), collections.Counter(essence(captured))
    t.expect(seen == told, f"{len(captured)} records of {len(tracer.messages())}; only live {[r[:300] for r in seen - told][:3]}\n"
             f"    only in the capture {[r[:300] for r in told - seen][:3]}")
    theirs = dissected(path, port)
    t.expect(len([m for m in theirs if m[0] in ("1", "True")]) == len(captured), f"tshark sees {len(theirs)} messages")
    rcodes = {"0": "NOERROR", "3": "NXDOMAIN", "5": "REFUSED"}
    t.expect(sorted((int(m[1], 16), rcodes[m[3]]) for m in theirs if m[0] in ("1", "True")) ==
             sorted((r["stream"], r["status"]) for r in captured), "tshark's outcomes are others")


@live(probes=False)
def captures(t):
    """tcpdump's file of questions over UDP and TCP, cut at each packet: what is told is so"""
    server = t.start(dns.named(t.folder, port=port_of_another(80)))
    path = os.path.join(t.folder, "dns.pcap")
    with Tcpdump(server.address[1], path):
        said = [dns.dig(server.address, *way, f"{name}.example.test", kind) for name, kind in TYPES[:3] + [("nosuch", "A")]
                for way in ((), ("+tcp",), ("+ignore", "+noedns"))]
    whole = replay(path)
    compare(t, said, whole, "client")
    only_true(t.folder, path, whole, replay)


@live()
def zone_transfer(t):
    """dig AXFR from named is one record"""
    server = t.start(dns.named(t.folder))
    with t.trace(server.pids) as tracer:
        out = subprocess.run([need("dig"), "@127.0.0.1", "-p", str(server.address[1]), "example.test", "AXFR"], capture_output=True,
                             text=True, check=True, timeout=30).stdout
    lines = [line for line in out.splitlines() if line and not line.startswith(";")]
    records = tracer.messages()
    t.expect([(r["op"], r["target"], r["status"], r["resp"]["answer_count"]) for r in records] ==
             [("AXFR", "example.test", "NOERROR", len(lines))], f"{len(lines)} lines, {records}")


def resolver(t, make):
    """Both sides of a resolver: asked by dig, it asks named; each question is seen twice."""
    behind = t.start(dns.named(t.folder))
    server = t.start(make(t.folder, behind.address))
    said = []
    with t.trace(server.pids, "-f") as tracer:
        for name, kind in TYPES:
            name = f"{name}.example.test" if name else "example.test"
            said.append(dns.dig(server.address, "+nocookie", name, kind))
            said.append(dns.dig(server.address, "+tcp", "+noedns", name.replace("example", "EXAMPLE"), kind))
    served = [r for r in tracer.messages() if r["role"] == "server"]
    asked = [r for r in tracer.messages() if r["role"] == "client"]
    def rows(list_of):
        return collections.Counter(json.dumps([d["id"], d["qname"], d["qtype"], d["status"], d["size"], sorted(d["answers"])])
                                   for d in list_of)
    wrong = rows(said) - rows(map(dns.told, served)), rows(map(dns.told, served)) - rows(said)
    # an answer that was cut is asked for again
    again = [r for r in served if r["resp"] and r["resp"]["tc"]]
    if wrong[0]:
        id = json.loads(list(wrong[0])[0])[0]
        t.expect(False, f"missing {[d for d in said if d['id'] == id]} invented {list(wrong[1])}; "
                 f"seen {[r for r in tracer.messages() if r['stream'] == id]}; stderr {tracer.errors}")
    t.expect(sum(wrong[1].values()) <= len(again), f"invented {list(wrong[1])}")
    # where the machine is slow it gives up waiting, and asks again
    told = {r["target"] for r in asked if r["status"] != "NOREPLY"}
    t.expect(asked and all(r["remote_port"] == behind.address[1] and r["target"] in told for r in asked),
             f"what it asked: {[r for r in asked if r['target'] not in told or r['remote_port'] != behind.address[1]][:3]}")
    return tracer


@live()
def unbound_resolver(t):
    """unbound with worker threads"""
    resolver(t, dns.unbound)


@live()
def dnsmasq_forwarder(t):
    """dnsmasq, which forks for TCP"""
    resolver(t, dns.dnsmasq)


@live(perf=True)
def retries_and_strays(t):
    """Retries, late, forged, double and missing answers, a header alone, one socket and two servers"""
    one, two = t.start(dns.own(t.folder)), t.start(dns.own(t.folder))
    script = os.path.join(LIVE, "clients", "names.py")
    client = clients.Client(["/usr/bin/python3", script, str(one.address[1]), str(two.address[1])])
    t.stops.append(client.stop)
    with t.trace([client.pid]) as tracer:
        client.go()
        tracer.process.wait(10)
    seen = collections.Counter((r["target"], r["status"], (r["req"] or {}).get("tries"), tuple(r["flags"])) for r in tracer.messages())
    want = collections.Counter({
        ("plain.test", "NOERROR", 1, ()): 20, ("second.test", "NOERROR", 2, ()): 1, ("never.test", "NOREPLY", 1, ("noreply",)): 1,
        ("twice.test", "NOERROR", 1, ()): 1, ("twice.test", "NOERROR", None, ("unpaired",)): 1,
        ("forged.test", "NOERROR", 1, ()): 1, ("FORGER.test", "NOERROR", None, ("unpaired",)): 1,
        ("head.test", "FORMERR", 1, ()): 1, ("late-300.test", "NOERROR", 1, ()): 1, ("nosuch.test", "NXDOMAIN", 1, ()): 1,
        ("both.test", "NOERROR", 1, ()): 2})
    t.expect(seen == want, f"missing {want - seen}, invented {seen - want}")
    late = [r for r in tracer.messages() if r["target"] == "late-300.test"][0]
    t.expect(300e6 <= late["latency_ns"] < 2e9, f"latency {late['latency_ns']}")


@live()
def node_c_ares(t):
    """node's c-ares: dns.Resolver"""
    server = t.start(dns.named(t.folder))
    code = """
const { Resolver } = require('dns').promises; const r = new Resolver(); r.setServers(['127.0.0.1:%d']);
(async () => { for (const [n, k] of [['a','A'],['aaaa','AAAA'],['mx','MX'],['txt','TXT'],['srv','SRV'],['nosuch','A']])
  { try { await r.resolve(n + '.example.test', k); } catch (e) { if (e.code != 'ENOTFOUND') throw e; } } })();
""" % server.address[1]
    client = clients.Client([need("node"), "-e", code])
    t.stops.append(client.stop)
    with t.trace([client.pid]) as tracer:
        client.go()
        tracer.process.wait(10)
    t.expect([(r["op"], r["target"], r["status"]) for r in tracer.messages()] ==
             [(k, f"{n}.example.test", "NXDOMAIN" if n == "nosuch" else "NOERROR")
              for n, k in (("a", "A"), ("aaaa", "AAAA"), ("mx", "MX"), ("txt", "TXT"), ("srv", "SRV"), ("nosuch", "A"))],
             f"{[(r['op'], r['target'], r['status'], r['flags']) for r in tracer.messages()]}")


@live()
def python_dnspython(t):
    """dnspython over UDP and TCP, the client's side: numbers, outcomes, flags and answers as it was told"""
    server = t.start(dns.named(t.folder))
    asks = [(way, f"{name}.example.test", kind) for name, kind in TYPES if name and name != "big" for way in ("udp", "tcp")]
    client = clients.Client([PYTHON, f"{LIVE}/clients/names_dnspython.py", "127.0.0.1", str(server.address[1])],
                            "".join(" ".join(ask) + "\n" for ask in asks), keep=True)
    t.stops.append(client.stop)
    with t.trace([client.pid]) as tracer:
        said = [json.loads(line) for line in client.go().splitlines()]
        tracer.process.wait(20)
    t.expect(len(said) == len(asks), f"{len(said)} of {len(asks)} answers")
    for one in said:  # it writes digests small, and numbers and addresses of services in quotes
        one["answers"] = [(dns.plain(name), kind, ttl, re.sub(r'(port|hint)="(.*?)"', r"\1=\2", dns.plain(data.upper() if kind in ("DS", "TYPE65280") else data)))
                          for name, kind, ttl, data in one["answers"]]
    compare(t, said, tracer.messages(), "client")


@live()
def go_resolver(t):
    """Go's own resolver, which asks again over TCP what did not fit"""
    server = t.start(dns.named(t.folder))
    asks = [("A", "a"), ("MX", "mx"), ("TXT", "txt"), ("A", "MiXeD"), ("A", "nosuch"), ("TXT", "big"), ("A", "both")]
    words = [word for kind, name in asks for word in (kind, f"{name}.example.test")]
    client = clients.Client([go_program("names-go", f"{LIVE}/clients/names_resolver.go"), f"127.0.0.1:{server.address[1]}", *words], keep=True)
    t.stops.append(client.stop)
    with t.trace([client.pid]) as tracer:
        said = [json.loads(line) for line in client.go().splitlines()]
        tracer.process.wait(20)
    records = tracer.messages()
    # it joins the strings of a text
    whole = [[r["op"], r["target"], r["status"], sorted(a["data"].replace('" "', "") for a in r["resp"]["answers"])]
             for r in records if not r["resp"]["tc"]]
    said = [[kind, name, status, sorted(map(dns.plain, answers))] for kind, name, status, answers in said]
    t.expect(whole == said and len(said) == len(asks), f"said {said}\n    records {whole}")
    t.expect([(r["op"], r["target"], r["net"]) for r in records if r["resp"]["tc"]] == [("TXT", "big.example.test", "udp")], "what was cut")


@live()
def glibc_getaddrinfo(t):
    """glibc asks for A and AAAA in one sendmmsg: two records each; in a network of its own"""
    script = os.path.join(LIVE, "clients", "names_apart.py")
    client = clients.Client(["/usr/bin/unshare", "--net", "--mount", "/usr/bin/python3", script, t.folder])
    t.stops.append(client.stop)
    with t.trace([client.pid]) as tracer:
        client.go()
        tracer.process.wait(20)
    seen = collections.Counter((r["op"], r["target"], r["status"], tuple(r["flags"])) for r in tracer.messages())
    want = collections.Counter({(k, f"h{i}.test", "NOERROR", ()): 1 for i in range(20) for k in ("A", "AAAA")})
    t.expect(seen == want, f"missing {want - seen}, invented {seen - want}")


@live()
def saved_and_read(t):
    """-w of datagrams, read by -r, gives the same records; --port, --host and --role choose among them"""
    server = t.start(dns.own(t.folder))
    path = os.path.join(t.folder, "saved.pcapng")

    def ask(times):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            sock.connect(server.address)
            for i in range(times):
                sock.send(dns.query(i, f"n{i}.test"))
                sock.recv(1000)
    with t.trace(server.pids, "-w", path, "--print") as tracer:
        ask(30)
    t.expect(len(tracer.messages()) == 30, f"{len(tracer.messages())} records")
    again = replay(path)
    same = ("ts", "latency_ns", "pid", "tid", "comm", "role", "net", "local_addr", "local_port", "remote_addr", "remote_port", "op",
            "target", "status", "flags", "req", "resp")
    t.expect([{k: r[k] for k in same} for r in again] == [{k: r[k] for k in same} for r in tracer.messages()], "read, it is another")
    for words, count in ((("--port", str(server.address[1])), 5), (("--port", "1"), 0), (("--host", "127.0.0.1"), 5),
                         (("--host", "10.0.0.0/8"), 0), (("--role", "server"), 5), (("--role", "client"), 0)):
        with t.trace(server.pids, *words) as tracer:
            ask(5)
        t.expect(len(tracer.messages()) == count, f"{words}: {len(tracer.messages())} records of {count}")
