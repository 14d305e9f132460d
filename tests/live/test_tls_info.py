# SPDX-License-Identifier: Apache-2.0
"""Handshakes, told as `tls` records: against openssl's own account of them, and of programs whose plaintext cannot be had."""
import json
import os
import re
import shutil
import subprocess

from harness import clients, tls
from harness.registry import live
from harness.servers import LIVE, PYTHON, RawServer, Server, Skip, free_port, need
from harness.tcpdump import Tcpdump
from harness.tracer import binary


ALERTS = {"40": "handshake_failure", "70": "protocol_version", "80": "internal_error"}


class SServer(Server):
    """openssl s_server, which answers with a page about the connection."""

    def __init__(self, folder, pem):
        port = free_port()
        super().__init__([need("openssl"), "s_server", "-www", "-quiet", "-cert", pem, "-accept", f"127.0.0.1:{port}", "-alpn",
                          "http/1.1"], ("127.0.0.1", port), cwd=folder)


def registered(name):
    """The registered name of a cipher suite, of the one that openssl calls it by."""
    text = subprocess.run([need("openssl"), "ciphers", "-stdname", "ALL:@SECLEVEL=0"], capture_output=True, text=True).stdout
    return re.search(rf"^(\S+)\s+- {re.escape(name)} ", text, re.M)[1]


class SClient(clients.Client):
    """openssl s_client with these options; told() is its account of the connection."""

    def __init__(self, server, *args):
        # It calls it an error that the server leaves without a word.
        super().__init__(["sh", "-c", '"$@" 2>&1; true', "sh", need("openssl"), "s_client", "-ign_eof", "-servername", "live.test", "-connect",
                          f"127.0.0.1:{server.address[1]}", *args], "GET / HTTP/1.0\r\n\r\n", keep=True)

    def told(self, text):
        def found(pattern):
            match = re.search(pattern, text)
            return match and match[1]
        version, cipher = re.search(r"(?:New|Reused), (\S+), Cipher is (\S+)", text).groups()
        alert = found(r"SSL alert number (\d+)")
        out = {"sni": "live.test", "alert": None}
        if cipher != "(NONE)":
            out.update(tls_version=version, cipher=registered(cipher), resumed="\nReused, " in text)
        if version == "TLSv1.2":
            out["alpn"] = found(r"ALPN protocol: (\S+)")
        if alert:
            out.update(alert=ALERTS[alert], status=ALERTS[alert], alert_from="remote", ok=False)
        return out


@live()
def tls_info(t):
    """
    TLS 1.2 and 1.3, first and resumed, with ALPN and without, as openssl s_client tells it; alerts of either side; a ClientHello in many
    records and calls; by the tracer and from tcpdump's file
    """
    pem, authority = tls.certificate(t.folder)
    server = t.start(SServer(t.folder, pem))
    path, session = os.path.join(t.folder, "lo.pcap"), os.path.join(t.folder, "session")
    trusted = ["-CAfile", authority]
    runs = [SClient(server, *trusted, *args) for args in (
        ["-tls1_2", "-alpn", "h2,http/1.1", "-sess_out", f"{session}2"], ["-tls1_2", "-alpn", "http/1.1", "-sess_in", f"{session}2"],
        ["-tls1_3", "-sess_out", f"{session}3"], ["-tls1_3", "-sess_in", f"{session}3"],
        ["-tls1_2", "-no_ticket", "-cipher", "ECDHE-RSA-CHACHA20-POLY1305"])]
    alerts = [SClient(server, "-verify_return_error", "-tls1_2"),  # it knows no authority, and says so
              SClient(server, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")]  # which the server does not speak
    split = clients.Client([PYTHON, f"{LIVE}/clients/split.py", str(server.address[1]), authority, "live.test"], "begin\n")
    every = [*runs, *alerts, split]
    t.stops += [client.stop for client in every]
    dump = Tcpdump(server.address[1], path)
    told = []
    with t.trace([client.pid for client in every], "-f", "--tls-info") as tracer:
        told += [client.told(client.go().decode(errors="replace")) for client in runs]
        alerts[0].go()
        refused = alerts[1].told(alerts[1].go().decode(errors="replace"))
        split.go()
    dump.stop()
    t.expect(refused["alert"], f"openssl tells of no alert: {refused}")
    told += [{"alert": "unknown_ca", "alert_from": "local", "status": "unknown_ca", "ok": False, "tls_version": "TLSv1.2"}, refused,
             {"alert": None, "resumed": False, "sni": "live.test", "alpn_offered": ["http/1.1"], "tls_version": "TLSv1.3"}]
    back = [json.loads(line) for line in subprocess.run([binary(), "-r", path, "-j", "--tls-info"], capture_output=True, text=True,
                                                        check=True).stdout.splitlines()]
    for lines in (tracer.read(), back):
        records = sorted((rec for rec in lines if rec["type"] == "tls"), key=lambda rec: rec["ts_us"])
        t.expect(len(records) == len(told), f"{len(records)} handshakes of {len(told)}: {records}")
        for want, rec in zip(told, records):
            wrong = {key: (rec.get(key), value) for key, value in want.items() if rec.get(key) != value}
            t.expect(not wrong, f"record and account: {wrong} of {rec}")
        t.expect(len({rec["ja4"] for rec in records}) > 2, "JA4 says nothing")
    messages = [(rec.get("op"), rec["status"]) for rec in tracer.messages()]
    t.expect(messages == [("GET", "200")] * 6, f"plaintext: {messages}")


def java(t, server):
    if not shutil.which("javac"):
        raise Skip("no JDK here")
    return clients.Client([need("java"), "-XX:TieredStopAtLevel=1", f"{LIVE}/clients/Secure.java", str(server.address[1]), "live.test"])


def rustup(t, server):
    """A program with rustls that hosts for development have; what it asks for is not there."""
    path = os.path.expanduser("~/.cargo/bin/rustup")
    if not os.path.exists(path):
        t.note("no rustup here")
        return None
    return clients.Client(["env", f"RUSTUP_HOME={t.folder}/rustup", f"CARGO_HOME={t.folder}/cargo", f"SSL_CERT_FILE={t.folder}/ca.pem",
                           f"RUSTUP_DIST_SERVER=https://localhost:{server.address[1]}/status/404", "RUSTUP_MAX_RETRIES=0", "sh", "-c",
                           f"{path} toolchain install nightly --profile minimal; true"])


@live()
def tls_strangers(t):
    """Java and rustls: what they use is said once, with what helps; each connection is told with its server name, nothing is invented"""
    pem, _ = tls.certificate(t.folder)
    found = []
    for make, name, sni in ((java, "Java's own TLS", "live.test"), (rustup, "rustls", "localhost")):
        server = t.start(RawServer(t.folder, pem=pem))
        client = make(t, server)
        if client:
            t.stops.append(client.stop)
            found.append((client, server, name, sni))
    with t.trace([client.pid for client, *_ in found], "-f") as tracer:
        for client, *_ in found:
            client.go()
        tracer.process.wait(10)
    t.expect(not tracer.messages(), f"invented: {tracer.messages()}")
    for _, server, name, sni in found:
        count = len({tuple(ex.client) for ex in server.account()})
        records = [rec for rec in tracer.read() if rec["type"] == "tls" and rec["remote_port"] == server.address[1]]
        t.expect(count and len(records) == count, f"{len(records)} tls records of {count} connections")
        for rec in records:
            t.expect(name in rec["note"] and "trace its peers" in rec["note"], f"note: {rec.get('note')}")
            t.expect(rec["cipher"].startswith("TLS_") and rec["sni"] == sni, f"record: {rec}")
        said = [line for line in tracer.errors if f"TLS is not looked into: {name}" in line]
        t.expect(len(said) == 1, f"said {len(said)} times: {said}")
