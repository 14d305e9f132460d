# SPDX-License-Identifier: Apache-2.0
"""ask_redis.py HOST PORT: commands of stdin, a JSON list each, by redis-py; what came back as a JSON line each."""
import json
import sys

import redis

conn = redis.Connection(host=sys.argv[1], port=int(sys.argv[2]), decode_responses=True)
for line in sys.stdin:
    conn.send_command(*json.loads(line))
    try:
        print(json.dumps({"v": conn.read_response()}))
    except redis.ResponseError as err:
        print(json.dumps({"e": str(err)}))
conn.disconnect()
