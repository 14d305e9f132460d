// SPDX-License-Identifier: Apache-2.0
// server.js PORT: one text in the coding that the path names, /gzip /deflate /br /zstd /plain; /echo; websocket upgrades.
'use strict';
const crypto = require('crypto');
const http = require('http');
const zlib = require('zlib');

const text = '{"text":"the same words, again and again, the same words"}';
const coded = {
	gzip: zlib.gzipSync(text),
	deflate: zlib.deflateSync(text),
	br: zlib.brotliCompressSync(text),
	zstd: Buffer.from('KLUv/QRohQEAZAJ7InRleHQiOiJ0aGUgc2FtZSB3b3JkcywgYWdhaW4gYW5kLCAifQIAREmsYuUJco7F6Q==', 'base64'), // zstd -19
	plain: Buffer.from(text),
};

const server = http.createServer((req, res) => {
	let got = 0;
	req.on('data', (piece) => { got += piece.length; });
	req.on('end', () => {
		const kind = req.url.split('?')[0].slice(1);
		const body = kind === 'echo' ? Buffer.from(String(got)) : coded[kind];
		if (!body) {
			res.statusCode = 404;
			res.end();
			return;
		}
		res.setHeader('Content-Type', kind === 'echo' ? 'text/plain' : 'application/json');
		if (coded[kind] && kind !== 'plain')
			res.setHeader('Content-Encoding', kind);
		res.setHeader('Set-Cookie', 'session=0123456789abcdef; Path=/');
		res.end(body);
	});
});

// RFC 6455: what the client sends in a frame comes back in one.
server.on('upgrade', (req, socket) => {
	const accept = crypto.createHash('sha1')
		.update(req.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
	socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
		'Sec-WebSocket-Accept: ' + accept + '\r\n\r\n');
	socket.on('data', (frame) => {
		const size = frame[1] & 0x7f, mask = frame.subarray(2, 6), out = Buffer.alloc(2 + size);
		out[0] = frame[0];
		out[1] = size;
		for (let i = 0; i < size; i++)
			out[2 + i] = frame[6 + i] ^ mask[i % 4];
		socket.write(out);
	});
	socket.on('error', () => {});
});
server.keepAliveTimeout = 60000;
server.listen(Number(process.argv[2]), '127.0.0.1');
