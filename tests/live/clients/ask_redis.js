// SPDX-License-Identifier: Apache-2.0
// ask_redis.js HOST PORT: commands of stdin, a JSON list each, by node-redis; what came back as a JSON line each.
process.env.NODE_PATH = "/usr/share/nodejs:/usr/lib/nodejs";
require("module").Module._initPaths();
const { createClient } = require("redis");

async function main() {
  const client = createClient({ socket: { host: process.argv[2], port: Number(process.argv[3]) } });
  await client.connect();
  const lines = require("fs").readFileSync(0, "utf8").split("\n").filter((line) => line);
  for (const line of lines) {
    try {
      console.log(JSON.stringify({ v: await client.sendCommand(JSON.parse(line)) }));
    } catch (err) {
      console.log(JSON.stringify({ e: err.message }));
    }
  }
  await client.disconnect();
}

main();
