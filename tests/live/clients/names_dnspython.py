# SPDX-License-Identifier: Apache-2.0
"""names_dnspython.py HOST PORT: reads lines `udp|tcp NAME TYPE`, asks dnspython, and tells what it was told as JSON lines."""
import json
import sys

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype


def main():
    host, port = sys.argv[1], int(sys.argv[2])
    for line in sys.stdin:
        way, name, kind = line.split()
        query = dns.message.make_query(name, kind)
        answer = (dns.query.udp if way == "udp" else dns.query.tcp)(query, host, port=port, timeout=30)
        rows = [(rrset.name.to_text(True), dns.rdatatype.to_text(rrset.rdtype), rrset.ttl, item.to_text())
                for rrset in answer.answer for item in rrset]
        flags = ["qr"] + [word for word in ("aa", "tc", "rd", "ra") if answer.flags & dns.flags.from_text(word)]
        print(json.dumps({"id": query.id, "qname": name, "qtype": kind, "tcp": way == "tcp", "status": dns.rcode.to_text(answer.rcode()),
                          "answers": rows, "flags": flags}))


main()
