#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does the manual page agree with the program? man_test.py PXTRACE MAN-FOLDER

The options are those of --help, each once in both; the list of keys is the registry's; the examples are command
lines that pxtrace takes; man and mandoc have nothing to say about the page.
"""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

faults = []


def check(ok, fault):
    if not ok:
        faults.append(fault)


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def options_of_help(text):
    return {name for line in text.splitlines() if re.match(r"  +-", line)
            for name in re.findall(r"(?:^|, |  )(--?[A-Za-z][\w-]*)", line[:27])}


def options_of_man(text):
    """From lines such as `.It Fl s , -snaplen Ar SIZE`."""
    return ["-" + name for forms in re.findall(r"^\.It Fl (?:(\w)\b(?: , )?)?(-[\w-]+)?", text, re.MULTILINE)
            for name in forms if name]


def check_options(program, page):
    helped = options_of_help(run(program, "--help").stdout)
    explained = options_of_man(page)
    check(len(helped) > 20, f"--help names only {sorted(helped)}")
    for name in sorted(helped - set(explained)):
        check(False, f"{name} is in --help and not in the page")
    for name in sorted(set(explained) - helped):
        check(False, f"{name} is in the page and not in --help")
    for name in sorted(set(explained)):
        check(explained.count(name) == 1, f"{name} is explained {explained.count(name)} times")


def check_fields(program, folder):
    listing = run(program, "--list-fields").stdout
    check("latency_ns" in listing, "--list-fields does not list latency_ns")
    found = run(sys.executable, str(folder / "fields.py"), "--check", str(folder / "pxtrace.8"), input=listing)
    check(found.returncode == 0, "the list of keys is not the registry's; "
          f"run: pxtrace --list-fields | man/fields.py man/pxtrace.8\n{found.stdout}{found.stderr}")


def check_examples(program, page, readme):
    """-V ends the reading of options with exit 0 when all before it were right."""
    section = page.split(".Sh EXAMPLES\n")[1].split(".Sh ")[0]
    examples = re.findall(r"^pxtrace (.*)$", section, re.MULTILINE)
    check(len(examples) >= 5, f"only {len(examples)} examples")
    recipes = re.findall(r"^(?:sudo )?pxtrace (.*?)(?:  +#.*)?$", readme, re.MULTILINE)
    check(len(recipes) >= 5, f"only {len(recipes)} recipes in README.md")
    for example in examples + recipes:
        words = shlex.split(example.split(" | ")[0].replace('"$(pgrep nginx)"', "1,2"))
        found = run(program, *words, "-V")
        check(found.returncode == 0, f"pxtrace {example}: {found.stderr}")
        for step in example.split(" | ")[1:]:
            if shutil.which("jq") and step.startswith("jq"):
                found = run(*shlex.split(step), input="")
                check(found.returncode == 0, f"{step}: {found.stderr}")


def check_overhead(page, measured):
    """Numbers of the page are measured ones."""
    section = page.split(".Sh OVERHEAD\n")[1].split(".Sh ")[0]
    numbers = re.findall(r"[\d.]+ us", section)
    check(len(numbers) >= 4, f"OVERHEAD has only {numbers}")
    for number in numbers:
        check(number in measured, f"OVERHEAD says {number}, doc/performance.md does not")


def check_form(path):
    if shutil.which("man"):
        found = run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path,
                    env={**os.environ, "MANROFFSEQ": "", "MANWIDTH": "80", "LC_ALL": "C.UTF-8"})
        check(found.returncode == 0 and not found.stderr, f"man: {found.stderr}")
    else:
        print("no man here: its warnings were not looked at")
    if shutil.which("mandoc"):
        found = run("mandoc", "-Tlint", "-Wwarning", path)
        check(found.returncode == 0, f"mandoc: {found.stdout}")
    else:
        print("no mandoc here: its warnings were not looked at")


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    page = (folder / "pxtrace.8").read_text()
    check_options(program, page)
    check_fields(program, folder)
    check_examples(program, page, (folder.parent / "README.md").read_text())
    check_overhead(page, (folder.parent / "doc/performance.md").read_text())
    check_form(str(folder / "pxtrace.8"))
    print("\n".join(faults) or "the page agrees with the program")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
