#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The program from outside, as far as it needs no root: exit codes, and which stream says what. program_test.py PXTRACE"""
import os
import pathlib
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tools"))
import pcapmake  # noqa: E402
import terminal  # noqa: E402

faults = []
program = sys.argv[1]


def check(ok, fault):
    if not ok:
        faults.append(fault)


def run(*words, **more):
    more = {"stdin": subprocess.DEVNULL, "timeout": 60, **more}
    if "stdout" not in more:
        more["stdout"] = subprocess.PIPE
    return subprocess.run([*words], stderr=subprocess.PIPE, text=True, check=False, **more)


# words -> exit code, what the error has to say
WRONG = [
    (["-a", "-p", "1"], 2, "-a"),
    (["-i", "eth0"], 2, "no interfaces"),
    (["--jsn"], 2, "--json"),
    (["-p", "x"], 2, "not a list"),
    (["-p", "1", "htp"], 2, "did you mean http?"),
    (["-r", "x", "status", ">=", "5x", "and", "(ok"], 2, "^"),
    (["-r", "x", "-F", "/nowhere/at/all"], 1, "/nowhere/at/all"),
    (["-r", "x", "-F", "/dev/zero"], 2, "8192 bytes"),
    (["-r", "x", "--proto", "http,htp"], 2, "did you mean http?"),
    (["-r", "x", "--no-proto", "http,"], 2, "no protocol ''"),
    (["-r", "x", "-d", "80=htpp"], 2, "did you mean http?"),
    (["-r", "x", "--no-proto", "http", "-d", "80=http"], 2, "leave"),
    (["-r", "x", "--fields", "ts,nosuch"], 2, "no field 'nosuch'"),
    (["-r", "x", "--fields", "ts,,comm"], 2, "no field ''"),
    (["-p", "1", "--", "ls"], 2, "exclude each other"),
    (["--buffer", "7", "-p", "1"], 2, "256k"),
    (["-r", "/nowhere/at/all"], 1, "/nowhere/at/all"),
    (["-r", "/dev/null"], 1, "/dev/null"),
    (["-r", "/etc/passwd"], 1, "/etc/passwd"),
]

RIGHT = [
    (["--help"], "Usage: pxtrace"),
    (["-h", "--anything"], "Usage: pxtrace"),
    (["--version"], "pxtrace "),
    (["--list-fields"], "latency_ns"),
    (["--list-protocols"], "http"),
]


def check_wrong(words, code, part, found):
    name = " ".join(["pxtrace", *words])
    lines = found.stderr.splitlines()
    check(found.returncode == code, f"{name}: exit code {found.returncode}, not {code}: {found.stderr}")
    check(found.stdout == "", f"{name}: standard output carries data only, not {found.stdout!r}")
    check(part in found.stderr, f"{name}: {found.stderr!r} does not say {part!r}")
    check(all(line.startswith("pxtrace: ") for line in lines), f"{name}: a line of {lines} has no prefix")
    check("Sanitizer" not in found.stderr, f"{name}: {found.stderr}")


def check_without_root():
    """As nobody, from a copy that nobody may read: the build's folder may be closed to others."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        copy = shutil.copy(program, folder + "/pxtrace")
        os.chmod(copy, 0o755)
        command = [copy, "-p", "1"]
        if os.geteuid() == 0:
            if not shutil.which("setpriv"):
                return
            command = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *command]
        check_wrong(["-p", "1"], 3, "Try: sudo pxtrace -p 1", run(*command))


def run_on_terminal(tape, out, *words, until=b""):
    """What comes to a terminal at standard error while a tape is fed through a pipe, the second half once `until` is there."""
    ours, theirs = terminal.opened()
    process = subprocess.Popen([program, "-r", "-", *words], stdin=subprocess.PIPE, stdout=out, stderr=theirs)
    os.close(theirs)
    data = pathlib.Path(tape).read_bytes()
    process.stdin.write(data[:len(data) // 2])
    process.stdin.flush()
    text, deadline = b"", time.monotonic() + (20 if until else 1.5)
    while not (until and until in text) and time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            text += os.read(ours, 4096)
    process.stdin.write(data[len(data) // 2:])
    process.stdin.close()
    text += terminal.rest(ours)
    check(process.wait(60) == 0, f"{words}: status {process.returncode}: {text}")
    return text.decode()


def check_progress():
    """A long -r run tells a terminal how far it is, in a line that goes away again; -q has none, a pipe neither."""
    tape = pathlib.Path(__file__).parent.parent / "golden/nginx/tape.gz"
    with tempfile.TemporaryFile() as file:
        text = run_on_terminal(tape, file, until=b"messages")
        check(re.search(r"\r\x1b\[Kpxtrace: reading standard input: \d+ messages", text), f"no progress: {text!r}")
        check(text.rpartition("\r\x1b[K")[2].count("\n") == 1, f"it stays: {text!r}")
        check("\x1b[" not in text.replace("\r\x1b[K", ""), f"colours: {text!r}")
        check(run_on_terminal(tape, file, "-q") == "", "-q does not silence it")


def read_slowly(path, *words):
    """What comes to a terminal at standard error while somebody reads the records of a file slowly enough for more than a second."""
    ours, theirs = terminal.opened()
    process = subprocess.Popen([program, "-j", "-r", path, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    records, slow_until = 0, time.monotonic() + (2 if "-q" in words else 60)
    while piece := process.stdout.read1(65536):
        records += piece.count(b"\n")
        if time.monotonic() < slow_until:
            time.sleep(0.01)
        if select.select([ours], [], [], 0)[0]:
            slow_until = 0
    text = terminal.rest(ours)
    check(process.wait(60) == 0 and records > 9000, f"{words}: status {process.returncode}, {records} records: {text}")
    return text.decode()


def check_percent():
    """Of a file it says how much has been read."""
    with tempfile.TemporaryDirectory() as folder:
        talk = pcapmake.Conversation().open()
        for number in range(9000):
            talk.exchange(b"/%d?" % number + b"q" * 1000)
        pcapmake.pcap(folder + "/long.pcap", talk.close().frames())
        text = read_slowly(folder + "/long.pcap")
        said = re.findall(r"\r\x1b\[Kpxtrace: reading \S+/long\.pcap: (\d+) %, (\d+) messages", text)
        check(said and all(0 < int(percent) <= 100 and abs(int(percent) - int(count) / 90) < 12 for percent, count in said), f"{text!r}")
        last = text.rpartition("\r\x1b[K")[2]
        check(re.fullmatch(r"pxtrace: 9000 messages, [^\x1b]+\r\n", last), f"it stays: {text!r}")
        check(read_slowly(folder + "/long.pcap", "-q") == "", "-q does not silence it")


def main():
    for words, code, part in WRONG:
        check_wrong(words, code, part, run(program, *words))
    check_without_root()
    check_progress()
    check_percent()
    for words, part in RIGHT:
        begin = time.monotonic()
        found = run(program, *words)
        took = time.monotonic() - begin
        check(found.returncode == 0 and part in found.stdout and not found.stderr, f"{words}: {found}")
        check(took < 5, f"{words} took {took:.1f} s")
        with open("/dev/full", "w", encoding="utf-8") as full:
            found = run(program, *words, stdout=full)
        check(found.returncode == 1 and "No space left" in found.stderr, f"{words} > /dev/full: {found}")
    if shutil.which("ldd"):
        linked = run("ldd", program).stdout
        check("libbcc" not in linked and "libLLVM" not in linked, f"linked with libbcc: {linked}")
    print("\n".join(faults) or "as it should be")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
