# SPDX-License-Identifier: Apache-2.0
"""A capture that begins too late, or ends too early: what is read of it has to be true."""
import json
import os

from .tracer import Failed

COUNTS = {"bytes", "rows", "copy_bytes", "len", "body_bytes", "argc"}  # of a message that is not all there, they are less
UNKNOWN = "?"
UNDECIDED = {"asked", "sasl"}  # what is said as long as nobody has said more


def packets(data):
    """Places in a file of tcpdump's where a packet ends, but for the last."""
    at, places = 24, []
    while at < len(data):
        at += 16 + int.from_bytes(data[at + 8:at + 12], "little")
        places.append(at)
    return places[:-1]


def is_so(key, ours, theirs, is_part):
    if ours == theirs:
        return True
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return holds(ours, theirs, is_part)
    if isinstance(ours, list) and isinstance(theirs, list):
        if is_part and ours and isinstance(ours[0], dict):  # results, of which the last ones did not come
            theirs = theirs[:len(ours)]
        return len(ours) == len(theirs) and all(is_so(key, a, b, is_part) for a, b in zip(ours, theirs))
    if isinstance(ours, str):
        return ours == UNKNOWN or (is_part and (key == "command" or ours in UNDECIDED))
    return is_part and key in COUNTS and theirs is not None and ours <= theirs


def holds(ours, theirs, is_part):
    """Does one side of a record say nothing that is not so?"""
    return ours is None or (theirs is not None and all(is_so(key, value, theirs.get(key), is_part) for key, value in ours.items()))


def is_true(rec, whole):
    """Is each thing that this record says so in one of those of the whole capture, of the same connection?"""
    is_part = bool({"aborted", "gap", "mid_stream", "truncated", "unpaired"} & set(rec["flags"]))
    ports = {rec["local_port"], rec["remote_port"]}
    resp = rec["resp"]
    if rec["req"] is None:  # what ends a batch is shown with the last answer in it that is known
        resp = {key: value for key, value in resp.items() if key not in ("tx", "bytes")}
    for other in whole:
        if not is_part and rec["ts"] != other["ts"]:
            continue
        # Half of it may have another name, and what was prepared unseen has that of the message.
        same = is_part or rec.get("op") in (other.get("op"), (other["req"] or {}).get("command"))
        if same and ports == {other["local_port"], other["remote_port"]} and \
                holds(rec["req"], other["req"], is_part) and holds(resp, other["resp"], is_part):
            return True
    return False


def hides_literals(path, whole, read_back, texts):
    """Read with --redact-literals they are the same records, and these texts, which are literals, are in none."""
    hidden = read_back(path, "--redact-literals")
    for rec, other in zip(whole, hidden):
        if any(rec.get(key) != other.get(key) for key in ("op", "target", "status", "latency_ns")):
            raise Failed(f"it was {json.dumps(rec)[:400]}, and is {json.dumps(other)[:400]}")
    said, left = json.dumps(whole, ensure_ascii=False), json.dumps(hidden, ensure_ascii=False)
    shown = [text for text in texts if text not in said or text in left]
    if len(hidden) != len(whole) or shown:
        raise Failed(f"{len(hidden)} records of {len(whole)}; shown, or not there before: {shown}")


def only_true(folder, path, whole, read_back, places=100):
    """
    path is tcpdump's file, whole are the records that it gives. It is cut at each packet, or in that many places: what
    read_back makes of either part is said by whole, too.
    """
    with open(path, "rb") as file:
        data = file.read()
    ends = packets(data)
    part = os.path.join(folder, "part.pcap")
    for at in ends[::max(1, len(ends) * 2 // places)]:
        for what, piece in (("beginning", data[:at]), ("end", data[:24] + data[at:])):
            with open(part, "wb") as file:
                file.write(piece)
            for rec in read_back(part):
                if not is_true(rec, whole):
                    raise Failed(f"of the {what}, up to or from {at}, this is not so: {json.dumps(rec)[:700]}")
    os.unlink(part)
