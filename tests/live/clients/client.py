# SPDX-License-Identifier: Apache-2.0
"""client.py HOST PORT: waits for a line on stdin, then asks for the URLs on the following lines with http.client."""
import http.client
import sys

sys.stdin.readline()
conn = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=20)
for line in sys.stdin:
    op, url, size = line.split()
    conn.request(op, url, body=b"b" * int(size) if int(size) else None)
    conn.getresponse().read()
conn.close()
