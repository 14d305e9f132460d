# SPDX-License-Identifier: Apache-2.0
"""asynchronous.py PORT PEM: an HTTPS server on asyncio, whose TLS goes through memory, with the paths /bytes/N and /echo."""
import asyncio
import ssl
import sys


async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            sizes = [int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")]
            got = len(await reader.readexactly(sizes[0])) if sizes else 0
            kind, _, n = lines[0].split(" ")[1].split("?")[0].strip("/").partition("/")
            body = b"a" * int(n) if kind == "bytes" else str(got).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, OSError):
        pass
    writer.close()


async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[2])
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), ssl=context)
    await server.serve_forever()


asyncio.run(main())
