# SPDX-License-Identifier: Apache-2.0
"""
asynchronous.py HOST PORT CA [PAUSE]: waits for a line on stdin, then asks for the URLs on the following lines on four HTTPS connections
of asyncio at the same time, whose TLS goes through memory. Each rests for PAUSE seconds after its first answer.
"""
import asyncio
import ssl
import sys

CONNECTIONS = 4


async def ask(context, asks):
    reader, writer = await asyncio.open_connection(sys.argv[1], int(sys.argv[2]), ssl=context)
    for i, (op, url, size) in enumerate(asks):
        if i == 1:
            await asyncio.sleep(float((sys.argv[4:] or [0])[0]))
        body = b"b" * int(size)
        writer.write(f"{op} {url} HTTP/1.1\r\nHost: live.test\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        sizes = [int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length:")]
        await reader.readexactly(sizes[0])
    writer.close()


async def main():
    sys.stdin.readline()
    asks = [line.split() for line in sys.stdin]
    context = ssl.create_default_context(cafile=sys.argv[3])
    await asyncio.gather(*(ask(context, asks[i::CONNECTIONS]) for i in range(CONNECTIONS)))


asyncio.run(main())
