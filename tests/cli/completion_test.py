#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the completion file in bash and has zsh read its own: completion_test.py FOLDER"""
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
    (["pxtrace", "-"], ["--json", "-v", "-o", "--list-fields"], "-i"),
    (["pxtrace", "--probe", ""], ["auto", "sock", "tracepoint", "kprobe", "fentry"], "--json"),
    (["pxtrace", "--probe", "=", "k"], ["kprobe"], "auto"),
    (["pxtrace", "--color", "="], ["auto", "always", "never"], "="),
    (["pxtrace", "-p", ""], ["1"], "self"),
    (["pxtrace", "-r", "/etc/pass"], ["/etc/passwd"], "--json"),
    (["pxtrace", "--count", ""], [""], "--json"),
]


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
    if shutil.which("zsh"):
        run = subprocess.run(["zsh", "-n", f"{folder}/_pxtrace"], capture_output=True, text=True, check=False)
        if run.returncode or run.stderr:
            failed += 1
            print(f"zsh: {run.stderr}")
    else:
        print("no zsh here: its file was not read")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
