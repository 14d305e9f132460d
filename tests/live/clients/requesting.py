# SPDX-License-Identifier: Apache-2.0
"""requesting.py HOST PORT CA: client.py with requests, by HTTPS."""
import sys

import requests

session = requests.Session()
session.verify, session.trust_env = sys.argv[3], False
sys.stdin.readline()
for line in sys.stdin:
    op, url, size = line.split()
    session.request(op, f"https://{sys.argv[1]}:{sys.argv[2]}{url}", data=b"b" * int(size) if int(size) else None).raise_for_status()
session.close()
