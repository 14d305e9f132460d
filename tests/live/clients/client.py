# SPDX-License-Identifier: Apache-2.0
"""
client.py HOST PORT [CA]: waits for a line on stdin, then asks for the URLs on the following lines with http.client; with a
file of authorities by HTTPS.
"""
import http.client
import ssl
import sys

sys.stdin.readline()
if len(sys.argv) > 3:
    conn = http.client.HTTPSConnection(sys.argv[1], int(sys.argv[2]), timeout=20,
                                       context=ssl.create_default_context(cafile=sys.argv[3]))
else:
    conn = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=20)
for line in sys.stdin:
    op, url, size = line.split()
    conn.request(op, url, body=b"b" * int(size) if int(size) else None)
    conn.getresponse().read()
conn.close()
