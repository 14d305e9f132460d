# SPDX-License-Identifier: Apache-2.0
"""The account: what the ends of a connection know about their exchanges, and its comparison with the records."""
from collections import defaultdict
from dataclasses import asdict, dataclass, fields
from typing import Optional

NOREPLY = "NOREPLY"


@dataclass
class Exchange:
    """One request and its answer. None means that the teller cannot know, and is not compared.

    op, url     method and request target as sent (path and query)
    status      the code as a string, or NOREPLY
    *_bytes     bytes on the wire with head, framing and, for answers, the 1xx before them
    *_body      bytes of content: without chunk framing, before decoding
    client      address and port of the side that asked: ("127.0.0.1", 4711), ("/path", 0) for UNIX sockets
    role        which side the traced process was, None for either
    flags       flags that have to be there
    """

    op: str
    url: str
    status: str
    req_bytes: Optional[int] = None
    req_body: Optional[int] = None
    resp_bytes: Optional[int] = None
    resp_body: Optional[int] = None
    client: Optional[tuple] = None
    server: Optional[tuple] = None
    role: Optional[str] = None
    flags: tuple = ()

    def seen_as(self, role):
        """The same exchange, told for a traced process in this role."""
        return Exchange(**{**asdict(self), "role": role})

    def to_json(self):
        return asdict(self)

    @staticmethod
    def from_json(obj):
        known = {f.name for f in fields(Exchange)}
        obj = {k: tuple(v) if isinstance(v, list) else v for k, v in obj.items() if k in known}
        return Exchange(**obj)


def split_url(url):
    """(path, query or None) of a request target in origin form."""
    path, mark, query = url.partition("?")
    return path, query if mark else None


def address_of(sockaddr):
    """(address, port) as the records have it, of what getsockname() gives."""
    if isinstance(sockaddr, bytes):
        return "@" + sockaddr[1:].decode(), 0
    if isinstance(sockaddr, str):
        return sockaddr, 0
    return sockaddr[0], sockaddr[1]


def key_of_record(rec):
    return rec.get("op"), rec.get("target"), rec["req"].get("query") if rec.get("req") else None, rec.get("status")


def key_of_exchange(ex):
    if ex.op == "CONNECT" or ex.url.startswith("http://"):
        return ex.op, ex.url, None, ex.status
    path, query = split_url(ex.url)
    return ex.op, path, query, ex.status


def differences(ex, rec):
    """What the record says differently from the exchange, as a list of texts."""
    out = []

    def check(name, want, got):
        if want is not None and want != got:
            out.append(f"{name}: {got!r} instead of {want!r}")

    req, resp = rec.get("req") or {}, rec.get("resp") or {}
    check("req.bytes", ex.req_bytes, req.get("bytes"))
    check("req.body_bytes", ex.req_body, req.get("body_bytes", 0))
    check("resp.bytes", ex.resp_bytes, resp.get("bytes"))
    check("resp.body_bytes", ex.resp_body, resp.get("body_bytes", 0))
    check("role", ex.role, rec.get("role"))
    local, remote = ((ex.client, ex.server) if rec.get("role") == "client" else (ex.server, ex.client))
    for name, want in (("local", local), ("remote", remote)):
        if want is not None:
            check(name, tuple(want), (rec.get(f"{name}_addr"), rec.get(f"{name}_port")))
    for flag in ex.flags:
        if flag not in rec.get("flags", []):
            out.append(f"flags: no {flag!r} in {rec.get('flags')}")
    wrong = {"gap", "unpaired"} & set(rec.get("flags", []))
    if wrong:
        out.append(f"flags: {sorted(wrong)} without any loss")
    if ex.status != NOREPLY:
        if rec.get("latency_ns") is None or rec["latency_ns"] < 0:
            out.append(f"latency_ns: {rec.get('latency_ns')}")
        ok = int(ex.status) < 400
        check("ok", ok, rec.get("ok"))
    return out


def compare(exchanges, records):
    """Each exchange against one record. Returns texts: what is missing, invented or told wrongly; empty when all agree."""
    waiting = defaultdict(list)
    for rec in records:
        waiting[key_of_record(rec)].append(rec)
    rest = []
    for ex in exchanges:
        bucket = waiting[key_of_exchange(ex)]
        for i, rec in enumerate(bucket):
            if not differences(ex, rec):
                del bucket[i]
                break
        else:
            rest.append(ex)
    problems = []
    for ex in rest:
        bucket = waiting[key_of_exchange(ex)]
        if bucket:
            rec = min(bucket, key=lambda r: len(differences(ex, r)))
            bucket.remove(rec)
            problems.append(f"wrong: {ex.op} {ex.url} {ex.status}: " + "; ".join(differences(ex, rec)))
        else:
            problems.append(f"missing: {ex}")
    for bucket in waiting.values():
        for rec in bucket:
            problems.append(f"invented: {brief(rec)}")
    return problems


def brief(rec):
    """A record in one short line."""
    req, resp = rec.get("req") or {}, rec.get("resp") or {}
    return (f"{rec.get('role')} {rec.get('local_addr')}:{rec.get('local_port')} {rec.get('remote_addr')}:{rec.get('remote_port')} "
            f"{rec.get('op')} {rec.get('target')} ?{req.get('query')} {rec.get('status')} "
            f"{req.get('bytes')}/{resp.get('bytes')} body {req.get('body_bytes')}/{resp.get('body_bytes')} "
            f"flags={rec.get('flags')} error={rec.get('error')}")


def agree(ours, theirs):
    """The accounts of both ends say the same; returns texts where they do not. It is the accounts that are tested by this."""
    def rows(account):
        return sorted((ex.op, ex.url, ex.status, ex.req_bytes, ex.req_body, ex.resp_bytes, ex.resp_body) for ex in account)
    a, b = rows(ours), rows(theirs)
    return [] if a == b else [f"{x} against {y}" for x, y in zip(a, b) if x != y] + [f"{len(a)} against {len(b)} exchanges"]
