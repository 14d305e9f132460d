# SPDX-License-Identifier: Apache-2.0
"""Name servers on free loopback ports, and what clients say that they asked and were told."""
import os
import re
import socket
import struct
import subprocess
import time

from .servers import LIVE, PYTHON, Server, free_port, need

ZONE = """$TTL 300
@       IN SOA ns1 admin.example.test. 2024010101 7200 3600 1209600 3600
        IN NS  ns1
ns1     IN A   127.0.0.1
a       IN A   192.0.2.1
        IN A   192.0.2.2
aaaa    IN AAAA 2001:db8::1
        IN AAAA ::ffff:192.0.2.1
both    IN A   192.0.2.7
both    IN AAAA 2001:db8::7
cname   IN CNAME a
ptr     IN PTR host.example.test.
mx      IN MX  10 mail
        IN MX  20 mail2.example.test.
txt     IN TXT "v=spf1 -all" "second \\"quoted\\" \\\\ part"
srv     IN SRV 10 60 5060 sip
caa     IN CAA 0 issue "letsencrypt.org"
ds      IN NS  ns.elsewhere.test.
ds      IN DS  60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118
https   IN HTTPS 1 . alpn="h2,h3" port=8443 ipv4hint=192.0.2.1 ipv6hint=2001:db8::1
svcb    IN SVCB 2 svc.example.test. alpn="dot" key667="hello"
naptr   IN TYPE65280 \\# 4 0A000001
big     IN TXT "{big}"
        IN TXT "{big2}"
        IN TXT "{big3}"
        IN TXT "{big4}"
        IN TXT "{big5}"
MiXeD   IN A   192.0.2.9
"""
NAMED = """
options {{ directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no;
  pid-file "{folder}/named.pid"; session-keyfile "{folder}/session.key"; allow-transfer {{ any; }}; dnssec-validation no; }};
controls {{ }};
zone "example.test" {{ type primary; file "{folder}/zone"; }};
"""
UNBOUND = """
server:
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  logfile: "{folder}/unbound.log"
  local-zone: "test." nodefault
  interface: 127.0.0.1@{port}
  do-daemonize: no
  do-not-query-localhost: no
  num-threads: 2
  module-config: "iterator"
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{behind}
"""


class NameServer(Server):
    """Ready when it answers."""

    def wait_ready(self):
        query = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05ready\x04test\x00\x00\x01\x00\x01"
        deadline = time.monotonic() + 20
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.1)
            sock.connect(self.address)
            while True:
                try:
                    sock.send(query)
                    sock.recv(1000)
                    return
                except OSError:
                    if self.process.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError(f"server did not start: {self.process.args}") from None
                    time.sleep(0.05)


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o644)
    return path


def named(folder, port=None):
    """BIND with a zone of all types."""
    port = port or free_port()
    big = {name: letter * 250 for name, letter in zip(("big", "big2", "big3", "big4", "big5"), "abcde")}
    write(f"{folder}/zone", ZONE.format(**big))
    conf = write(f"{folder}/named.conf", NAMED.format(folder=folder, port=port))
    return NameServer([need("named"), "-f", "-c", conf, "-n", "1"], ("127.0.0.1", port))


def unbound(folder, behind):
    """A resolver that asks the server behind it, with worker threads."""
    port = free_port()
    conf = write(f"{folder}/unbound.conf", UNBOUND.format(folder=folder, port=port, behind=behind[1]))
    return NameServer([need("unbound"), "-d", "-c", conf], ("127.0.0.1", port))


def dnsmasq(folder, behind):
    """A forwarder; for TCP it has children."""
    port = free_port()
    conf = write(f"{folder}/dnsmasq.conf", f"port={port}\nlisten-address=127.0.0.1\nbind-interfaces\nno-resolv\nno-hosts\n"
                 f"user=root\ngroup=root\npid-file=\nserver=127.0.0.1#{behind[1]}\ncache-size=0\n")
    return NameServer([need("dnsmasq"), "-k", "-C", conf], ("127.0.0.1", port))


def own(folder):
    """servers/names.py: does what its names say."""
    port = free_port()
    return NameServer([PYTHON, f"{LIVE}/servers/names.py", str(port)], ("127.0.0.1", port), folder)


def plain(text):
    """Presentation form without final dots, and with single blanks."""
    text = re.sub(r"\s+", " ", text.strip())
    return " ".join(word[:-1] if word.endswith(".") and len(word) > 1 and not word.endswith('".') else word for word in text.split(" "))


def dig(address, *words):
    """What dig says of its question: dict with id, status, size, answers, qname, qtype."""
    run = subprocess.run([need("dig"), f"@{address[0]}", "-p", str(address[1]), "+nosplit", *words], capture_output=True, text=True,
                         timeout=60, check=False)
    out = run.stdout
    status = re.search(r"status: (\w+), id: (\d+)", out)
    question = re.search(r";; QUESTION SECTION:\n;(\S+)\s+(\S+)\s+(\S+)", out)
    size = re.search(r"MSG SIZE  rcvd: (\d+)", out)
    answers = re.search(r";; ANSWER SECTION:\n(.*?)\n\n", out, re.DOTALL)
    rows = []
    for line in answers[1].splitlines() if answers else ():
        name, ttl, _, kind, data = line.split(None, 4)
        rows.append((plain(name), kind, int(ttl), plain(data)))
    if not status:
        return {"status": "NOREPLY", "said": out + run.stderr}
    return {"status": status[1], "id": int(status[2]), "size": size and int(size[1]), "answers": rows,
            "qname": plain(question[1]) if question else None, "qtype": question[3] if question else None,
            "tcp": "(TCP)" in out, "flags": re.search(r"flags: ([a-z ]*);", out)[1].split()}


def told(record):
    """The same of a record."""
    resp = record["resp"] or {}
    return {"status": record["status"], "id": record["stream"], "size": resp.get("bytes"), "qname": record.get("target"),
            "qtype": record.get("op"), "tcp": record["net"] == "tcp",
            "answers": [(a["name"], a["type"], a["ttl"], a["data"]) for a in resp.get("answers", [])],
            "flags": ["qr"] + [f for f in ("aa", "tc") if resp.get(f)] + ["rd"] * bool((record["req"] or {}).get("rd"))
            + ["ra"] * bool(resp.get("ra"))}


def query(number, name, kind=1):
    """A question as it is on the wire."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", number, 0x100, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, kind, 1)
