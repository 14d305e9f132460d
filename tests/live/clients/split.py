# SPDX-License-Identifier: Apache-2.0
"""split.py PORT AUTHORITY NAME: one request over TLS, whose ClientHello goes out in several records, and these in many calls."""
import socket
import ssl
import sys

sys.stdin.readline()
sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
context = ssl.create_default_context(cafile=sys.argv[2])
context.check_hostname = False
context.set_alpn_protocols(["http/1.1"])
incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
tls = context.wrap_bio(incoming, outgoing, server_hostname=sys.argv[3])


def until_done(call, *args):
    """Make the call until it needs no more of the peer."""
    while True:
        try:
            result = call(*args)
        except ssl.SSLWantReadError:
            result = None
        text = outgoing.read()
        if text[:1] == b"\x16" and call == tls.do_handshake and text[5] == 1:
            hello, cut = text[5:], 60
            text = b"".join(text[:3] + len(part).to_bytes(2, "big") + part for part in
                            (hello[i:i + cut] for i in range(0, len(hello), cut)))
            for i in range(0, len(text), 31):
                sock.sendall(text[i:i + 31])
        elif text:
            sock.sendall(text)
        if result is not None or call == tls.do_handshake and tls.cipher():
            return result
        incoming.write(sock.recv(65536))


until_done(tls.do_handshake)
until_done(tls.write, b"GET /close/100 HTTP/1.1\r\nHost: a\r\n\r\n")
until_done(tls.read, 65536)
