# SPDX-License-Identifier: Apache-2.0
"""
asynchronous.py HOST PORT CA CONNECTIONS PAUSE [aiohttp]: waits for a line on stdin, then asks for the URLs on the following lines on
so many HTTPS connections at the same time, whose TLS goes through memory; by asyncio's streams, or aiohttp. Each rests for
PAUSE seconds after its first answer.
"""
import asyncio
import ssl
import sys


async def streams(host, port, context):
    """A function that asks on a connection of its own, and one that ends it."""
    reader, writer = await asyncio.open_connection(host, int(port), ssl=context)

    async def ask(op, url, body):
        writer.write(f"{op} {url} HTTP/1.1\r\nHost: live.test\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        sizes = [int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length:")]
        await reader.readexactly(sizes[0])

    async def end():
        writer.close()
    return ask, end


async def sessions(host, port, context):
    """The same with aiohttp."""
    import aiohttp

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1, ssl=context))

    async def ask(op, url, body):
        async with session.request(op, f"https://{host}:{port}{url}", data=body or None) as answer:
            await answer.read()
    return ask, session.close


async def one(connect, args, asks, pause):
    ask, end = await connect(*args)
    for i, (op, url, size) in enumerate(asks):
        if i == 1:
            await asyncio.sleep(pause)
        await ask(op, url, b"b" * int(size))
    await end()


async def main():
    host, port, authority, count, pause, *how = sys.argv[1:]
    sys.stdin.readline()
    asks = [line.split() for line in sys.stdin]
    args = (host, port, ssl.create_default_context(cafile=authority))
    connect = sessions if how == ["aiohttp"] else streams
    await asyncio.gather(*(one(connect, args, asks, float(pause)) for _ in range(int(count))))


asyncio.run(main())
