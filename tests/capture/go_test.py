# SPDX-License-Identifier: Apache-2.0
"""go_test.py GO_PLACES FOLDER: what is found in Go programs, against Go's own disassembler. FOLDER keeps what is built."""
import os
import re
import shutil
import subprocess
import sys

PROGRAM = """package main

import (
	"crypto/tls"
	"os"
)

func main() {
	listener, _ := tls.Listen("tcp", os.Args[1], &tls.Config{})
	server, _ := listener.Accept()
	client, _ := tls.Dial("tcp", os.Args[1], nil)
	server.Read(make([]byte, 1))
	client.Write(make([]byte, 1))
}
"""
PLAIN = "package main\n\nfunc main() { println(1) }\n"
FUNCTIONS = ["Read", "Write", "clientHandshake", "serverHandshake"]
VARIANTS = {
    "plain": [],
    "stripped": ["-ldflags=-s -w"],
    "pie": ["-buildmode=pie"],
    "external": ["-ldflags=-linkmode=external"],
    "external-pie-stripped": ["-buildmode=pie", "-ldflags=-linkmode=external -s -w"],
}


def go_of(path):
    """The go command and its environment, or None."""
    go = os.environ.get("PX_GO") or shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    env = dict(os.environ, GOFLAGS="-mod=mod", GOTOOLCHAIN="local", GOPROXY="off", CGO_ENABLED="1")
    env.setdefault("HOME", path)
    env.setdefault("GOCACHE", f"{path}/cache")
    return go, env


def build(go, env, folder, text, args):
    mark = f"{folder}/{env['PX_MARK']}"
    if os.path.exists(mark) and os.path.getmtime(mark) > os.path.getmtime(__file__):
        return f"{folder}/program"
    os.makedirs(folder, exist_ok=True)
    for name, content in (("go.mod", "module places\n\ngo 1.17\n"), ("main.go", text)):
        with open(f"{folder}/{name}", "w") as file:
            file.write(content)
    subprocess.run([go, "build", *args, "-o", f"{folder}/program", "."], cwd=folder, env=env, check=True)
    with open(mark, "w"):
        return f"{folder}/program"


def places(tool, program):
    lines = subprocess.run([tool, program], capture_output=True, text=True, check=True).stdout.splitlines()
    return lines[0].split(), [[int(word) for word in line.split()] for line in lines[1:]]


def offset_of(program, address):
    """Where the file has what is at that address in memory."""
    text = subprocess.run(["readelf", "-lW", program], capture_output=True, text=True, check=True).stdout
    for m in re.finditer(r"^\s+LOAD\s+(0x\w+) (0x\w+) 0x\w+ (0x\w+)", text, re.M):
        offset, start, size = (int(word, 16) for word in m.groups())
        if start <= address < start + size:
            return address - start + offset
    raise AssertionError(f"{address:#x} is nowhere in {program}")


def judged(go, env, program, name):
    """Offset of the function and its returns as `go tool objdump` has them; None: there is none."""
    text = subprocess.run([go, "tool", "objdump", "-s", rf"^crypto/tls\.\(\*Conn\)\.{name}$", program],
                          capture_output=True, text=True, env=env, check=True).stdout
    rows = [(int(m[1], 16), m[2]) for m in re.finditer(r"^\s+\S+:\d+\s+0x([0-9a-f]+)\s+[0-9a-f]+\s+(\S+)", text, re.M)]
    if not rows:
        return None
    start = rows[0][0]
    return [offset_of(program, start), [at - start for at, word in rows if word == "RET"]]


def main():
    tool, folder = sys.argv[1:3]
    go, env = go_of(folder)
    if not go:
        print("SKIP: no go here")
        return 77
    version = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, env=env, check=True).stdout.strip()
    env["PX_MARK"] = f"built-by-{version.split()[0]}"
    want = None
    for name, args in VARIANTS.items():
        if "external" in name and not shutil.which("gcc"):
            print(f"SKIP {name}: no gcc here")
            continue
        program = build(go, env, f"{folder}/{name}", PROGRAM, args)
        head, found = places(tool, program)
        assert head == ["yes", version.split()[0][2:]], f"{name}: {head}"
        judges = 0
        for function, have in zip(FUNCTIONS, found):
            truth = None if "stripped" in name else judged(go, env, program, function)
            assert truth in (None, [have[0], have[3:]]), f"{name}: {function} is {truth}, not {have}"
            judges += truth is not None
        assert found[0][2] == (os.uname().machine == "x86_64"), f"{name}: Read is {found[0]}"
        got = [row[1:] for row in found]
        assert all(row[2:] for row in got), f"{name}: {got}"
        want = want or (got if judges else None)
        # It cannot tell of stripped programs, nor Go 1.19's of PIE: there the code is known to be the same.
        assert judges == len(FUNCTIONS) or got == want, f"{name}: {got}, not {want}"
        with open(program, "rb") as file:
            image = file.read()
        for at, *_, in found:  # each compares its stack with the goroutine's limit
            assert b"\x3b\x66\x10" in image[at:at + 16] or image[at:at + 4] == b"\x90\x0b\x40\xf9", f"{name}: {at}"
    head, found = places(tool, build(go, env, f"{folder}/none", PLAIN, []))
    assert head == ["no"] and not found, f"a program without TLS: {head} {found}"
    return 0


if __name__ == "__main__":
    sys.exit(main())
