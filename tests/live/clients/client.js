// SPDX-License-Identifier: Apache-2.0
// client.js HOST PORT [CA]: waits for a line on stdin, then asks for the URLs on the following lines with http.request;
// with a file of authorities by HTTPS.
'use strict';
const [host, port, authority] = process.argv.slice(2);
const http = require(authority ? 'https' : 'http');
const ca = authority && require('fs').readFileSync(authority);
const agent = new http.Agent({ keepAlive: true, maxSockets: 1, ca });
let text = '';

function ask(lines) {
	if (!lines.length) {
		agent.destroy();
		return;
	}
	const [method, path, size] = lines[0].split(' ');
	const req = http.request({ host, port, method, path, agent }, (res) => {
		res.resume();
		res.on('end', () => setImmediate(ask, lines.slice(1)));
	});
	req.end(Number(size) ? Buffer.alloc(Number(size), 'b') : undefined);
}

process.stdin.on('data', (piece) => { text += piece; });
process.stdin.on('end', () => ask(text.split('\n').slice(1).filter(Boolean)));
