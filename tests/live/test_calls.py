# SPDX-License-Identifier: Apache-2.0
"""Every system call that moves bytes, on every kind of stream socket: what client and server moved, and what is told of it."""
import os
import subprocess
from collections import Counter, defaultdict

from harness.capture import streams
from harness.generator import Generator, body
from harness.registry import live
from harness.servers import PYTHON

KEPT = 16 * 1024

# Splices a byte into a socket when it is told to, and stays.
SPLICER = ("import os, socket; ends = socket.socketpair(); out, into = os.pipe(); input(); os.write(into, b'.');"
           "os.splice(out, ends[0].fileno(), 1); input()")


def inode_of(rec):
    return int(rec["conn"].split(".")[0], 16)


def short(row, *keys):
    return f"{row['role']} {row['local']} {row['remote']} inode {row['inode']} " + " ".join(str(row.get(key)) for key in keys)


def is_shown(row, side, probe):
    """Whether the back end can have the bytes of the request (side 0) or the answer (1)."""
    return row["contents"][side] not in ("none", *(("pipe",) if probe != "sock" else ()))


def wrong_contents(row, rec, probe):
    """Where the bodies in a record are not what was sent."""
    found = []
    for side, where in enumerate(("req", "resp")):
        have = (rec[where] or {}).get("body", "")
        want = body(2 * int(row["url"].split("/")[1]) + side, min(row[f"{where}_body"], KEPT))
        if not is_shown(row, side, probe):
            want = want[:len(have)]  # not asked for, but it has to be right
        if have != want:
            found.append(f"{row['url']} {row['role']}: {where}.body by {row['calls'][side]}: {len(have)} of {len(want)} bytes: {have[:32]!r}")
    return found


def wrong_messages(generator, records, probe):
    rows = {(row["role"], row["url"]): row for row in generator.of("exchange")}
    found = []
    for rec in records:
        row = rows[rec["role"], rec["target"]]
        if (inode_of(rec), rec["pid"], rec["net"]) != (row["inode"], row["pid"], row["net"]):
            found.append(f"{row['url']} {row['role']}: {rec['conn']} {rec['pid']} {rec['net']} instead of inode {row['inode']} {row['pid']}")
        found += wrong_contents(row, rec, probe)
    return found


def ends_of(rec):
    return rec["role"], [rec["local_addr"], rec["local_port"]], [rec["remote_addr"], rec["remote_port"]]


def wrong_opens(generator, records):
    """Each connection is opened once, as it was; each failure is told with its cause; nothing else."""
    found = []
    opens = {}
    for rec in records:
        if opens.setdefault((inode_of(rec), rec["role"]), rec) is not rec:
            found.append(f"opened twice: {rec}")
    for row in generator.of("connection"):
        rec = opens.pop((row["inode"], row["role"]), None)
        if row["paired"]:
            if rec:
                found.append(f"nobody opened it: {rec}")
        elif not rec or ends_of(rec) != (row["role"], row["local"], row["remote"]) or rec["error"]:
            found.append(f"open: {rec} for {short(row)}")
        elif row["role"] == "client" and row["net"] == "tcp" and not 0 < (rec["connect_ns"] or 0) <= row["connect_ns"]:
            found.append(f"connected in {rec['connect_ns']} of {row['connect_ns']} ns")
    for row in generator.of("failure"):
        rec = opens.pop((row["inode"], "client"), None)
        if not rec or [rec["remote_addr"], rec["remote_port"]] != row["remote"] or rec["error"] != row["error"]:
            found.append(f"failure: {rec} for {row}")
        elif not 0 < (rec["connect_ns"] or 0) <= row["connect_ns"]:
            found.append(f"failed in {rec['connect_ns']} of {row['connect_ns']} ns")
    return found + [f"invented: {rec}" for rec in opens.values()]


def wrong_closes(generator, records):
    """Each TCP connection is closed once, with all that went over it."""
    found = []
    closes = Counter((inode_of(rec), rec["role"]) for rec in records)
    found += [f"closed {n} times: {key}" for key, n in closes.items() if n > 1]
    told = {(inode_of(rec), rec["role"]): rec for rec in records}
    exchanges = Counter((row["inode"], row["role"]) for row in generator.of("exchange"))
    for row in generator.of("connection"):
        key = row["inode"], row["role"]
        rec = told.get(key)
        if not rec:
            if row["net"] == "tcp":
                found.append(f"never closed: {short(row)}")
        elif (rec["bytes_sent"], rec["bytes_received"], rec["messages"]) != (row["sent"], row["received"], exchanges[key]):
            found.append(f"close: {rec} for {short(row, 'sent', 'received')}")
    return found


def messages_of(row):
    """Both messages of an exchange, as they were sent."""
    number = 2 * int(row["url"].split("/")[1])
    asked, answered = row["req_body"], row["resp_body"]
    head = "Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
    return (f"POST {row['url']} HTTP/1.1\r\nHost: generator\r\n" + head % asked + body(number, asked),
            "HTTP/1.1 200 OK\r\n" + head % answered + body(number + 1, answered))


def wrong_streams(generator, path, probe):
    """Each connection is in the file as one of its ends saw it, byte for byte."""
    rows = defaultdict(list)
    for row in generator.of("exchange"):
        rows[row["inode"]].append(row)
    found, seen = [], 0
    for (inode, way), stream in streams(path).items():
        if not stream.pieces or b"".join(piece for _, piece in stream.pieces) == b".":  # a connect that failed, or the splicer's
            continue
        side = (rows[inode][0]["role"] == "client") == (way == "in")
        whole = "".join(messages_of(row)[side] for row in rows[inode]).encode()
        here = 0
        for at, piece in stream.pieces:
            here += len(piece)
            if whole[at:at + len(piece)] != piece:
                found.append(f"{rows[inode][0]['url']}: {way}: other bytes at {at}: {piece[:40]}")
                break
        is_whole = all(is_shown(row, side, probe) for row in rows[inode])
        if here > len(whole) or (is_whole and here != len(whole)):
            found.append(f"{rows[inode][0]['url']}: {way}: {here} of {len(whole)} bytes")
        seen += is_whole
    if seen < len(rows) // 2:
        found.append(f"{seen} directions of {len(rows) // 2} connections are there")
    return found


def every_way(t, selection, path=None):
    generator = Generator(t.folder, selection)
    t.stops.append(generator.stop)
    splicer = subprocess.Popen([PYTHON, "-c", SPLICER], stdin=subprocess.PIPE, text=True, bufsize=1, start_new_session=True)
    t.stops.append(splicer.kill)
    # The ring has room for half of all there is, if the tracer has to wait for a processor: in a crowded one large calls are copied in part.
    saved = ("-w", path, "--print") if path else ()
    with t.trace([*generator.pids, splicer.pid], "--conns", "--buffer", "64M" if selection == "short" else "512M", *saved) as tracer:
        if t.probe == "sock":  # what is spliced out of sockets is seen from the first splice into one on
            print(file=splicer.stdin)
            tracer.await_text("uses splice.* counted from now on")
        generator.go()
    t.check(generator.exchanges(), tracer)
    told = {kind: [rec for rec in tracer.read() if rec["type"] == kind and rec["pid"] != splicer.pid] for kind in ("message", "open", "close")}
    wrong = wrong_messages(generator, told["message"], t.probe) + wrong_opens(generator, told["open"]) + wrong_closes(generator, told["close"])
    if path:
        wrong += wrong_streams(generator, path, t.probe)
    t.expect(not wrong, f"{len(wrong)} are wrong:\n    " + "\n    ".join(wrong[:12]))
    ends = generator.of("end")
    t.expect(sum(row["interrupted"] for row in ends) > 3 and sum(row["would_block"] for row in ends) > 3,
             f"no call was interrupted, or none found nothing to do: {ends}")
    t.note(f"{len(told['message'])} records of {len(generator.of('connection'))} ends of connections")


@live()
def every_call(t):
    """Each call that moves bytes, on each kind of stream socket: nothing missing, nothing invented, sizes, ends and contents exact"""
    every_way(t, "all")


@live(vm=True, perf=True)
def every_call_once(t):
    """The same, each call on one kind of socket or another; and the bytes in a file"""
    every_way(t, "short", os.path.join(t.folder, "out.pcapng"))
