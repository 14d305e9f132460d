// SPDX-License-Identifier: Apache-2.0
// server.js PORT [PEM]: node's http server with the paths /bytes/N /chunked/N /close/N /status/CODE /echo.
'use strict';
const [port, pem] = process.argv.slice(2);
const http = require(pem ? 'https' : 'http');
const key = pem && require('fs').readFileSync(pem);

const server = http.createServer({ maxHeaderSize: 256 * 1024, key, cert: key }, (req, res) => {
	let got = 0;
	req.on('data', (piece) => { got += piece.length; });
	req.on('end', () => {
		const [kind, rest] = req.url.split('?')[0].slice(1).split('/');
		const n = Number(rest) || 0;
		if (kind === 'bytes') {
			res.setHeader('Content-Length', n);
			res.end(Buffer.alloc(n, 'n'));
		} else if (kind === 'chunked') {
			for (let at = 0; at < n; at += 5000)
				res.write(Buffer.alloc(Math.min(5000, n - at), 'n'));
			res.end();
		} else if (kind === 'close') {
			res.useChunkedEncodingByDefault = false;
			res.setHeader('Connection', 'close');
			res.removeHeader('Transfer-Encoding');
			res.write(Buffer.alloc(n, 'n'));
			res.end();
		} else if (kind === 'status') {
			res.statusCode = n;
			res.end();
		} else if (kind === 'echo') {
			res.end(String(got));
		} else {
			res.statusCode = 404;
			res.end();
		}
	});
});
server.keepAliveTimeout = 60000;
server.listen(Number(port), '127.0.0.1');
