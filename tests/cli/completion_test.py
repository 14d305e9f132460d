#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the completion file in bash, has zsh and fish read theirs, and looks for each option of --help in all three.

    completion_test.py FOLDER PXTRACE
"""
import re
import shutil
import subprocess
import sys

BASH = r'''
. "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pxtrace; printf '%s\n' "${COMPREPLY[@]}"
'''

# what is typed, as bash cuts it into words -> some of what is offered, and something that is not
CASES = [
    (["pxtrace", "--pr"], ["--probe"], "--pid"),
    (["pxtrace", "-"], ["--json", "-v", "-o", "--list-fields", "--interactive"], "-i"),
    (["pxtrace", "--probe", ""], ["auto", "sock", "tracepoint", "kprobe", "fentry"], "--json"),
    (["pxtrace", "--probe", "=", "k"], ["kprobe"], "auto"),
    (["pxtrace", "--color", "="], ["auto", "always", "never"], "="),
    (["pxtrace", "-p", ""], ["1"], "self"),
    (["pxtrace", "-r", "/etc/pass"], ["/etc/passwd"], "--json"),
    (["pxtrace", "--count", ""], [""], "--json"),
    (["pxtrace", "--proto", ""], ["http"], "--json"),
    (["pxtrace", "--fields", "ts,lat"], ["ts,latency_ns"], "latency_ns"),
    (["pxtrace", "--fields", "req.me"], ["req.method"], "ts"),
    (["pxtrace", "--format", ""], ["text", "json", "csv"], "--json"),
]


def check_options(folder, program):
    """How many of the options of --help are not in a file, and the reverse."""
    text = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    helped = {name for line in text.splitlines() if re.match(r"  +-", line)
              for name in re.findall(r"(?:^|, |  )(--?[A-Za-z][\w-]*)", line[:27])}
    files = {name: open(f"{folder}/{name}").read() for name in ("pxtrace", "_pxtrace", "pxtrace.fish")}
    words = re.search(r"local options='([^']*)'", files["pxtrace"])[1].split()
    found = {
        # bash offers an option by its name where it has one
        "pxtrace": set(words) | {n for n in helped if len(n) == 2 and re.search(rf"^\t{n}[|)]", files["pxtrace"], re.M)},
        "_pxtrace": set(re.findall(r"'\*(--?[A-Za-z][\w-]*)", files["_pxtrace"])),
        "pxtrace.fish": {"-" + n for n in re.findall(r" -s (\w)", files["pxtrace.fish"])} |
                        {"--" + n for n in re.findall(r" -l ([\w-]+)", files["pxtrace.fish"])},
    }
    failed = 0
    for name, options in found.items():
        missing = {n for n in helped - options if name != "pxtrace" or len(n) > 2}
        if missing or options - helped:
            failed += 1
            print(f"{name}: without {sorted(missing)}, and with {sorted(options - helped)}")
    return failed


def main():
    folder = sys.argv[1]
    failed = 0
    for words, wanted, unwanted in CASES:
        run = subprocess.run(["bash", "--norc", "-c", BASH, "bash", f"{folder}/pxtrace", *words],
                             capture_output=True, text=True, check=False)
        offered = run.stdout.split("\n")
        if run.returncode or run.stderr or unwanted in offered or not set(wanted) <= set(offered):
            failed += 1
            print(f"{words}: offered {offered} {run.stderr}")
    for shell, name in (("zsh", "_pxtrace"), ("fish", "pxtrace.fish")):
        if shutil.which(shell):
            run = subprocess.run([shell, "-n", f"{folder}/{name}"], capture_output=True, text=True, check=False)
            if run.returncode or run.stderr:
                failed += 1
                print(f"{shell}: {run.stderr}")
        else:
            print(f"no {shell} here: its file was not read")
    failed += check_options(folder, sys.argv[2])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
