#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do the queries of examples/questions.md give what stands below them? questions_test.py [--update] PXTRACE

Each ```sql block is run on shop/tape.gz; the block behind it has the answer, which --update writes.
"""
import gzip
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parent.parent / "examples" / "questions.md"
QUESTION = re.compile(r"(?s)(^```sql\n(.*?)^```\n\n)^```\n(.*?)^```$", re.MULTILINE)
COUNT = 12


def main():
    update = sys.argv[1] == "--update"
    program = sys.argv[-1]
    faults = []
    text = PAGE.read_text()
    with tempfile.TemporaryDirectory() as folder:
        tape = pathlib.Path(folder) / "tape"
        tape.write_bytes(gzip.decompress((HERE / "shop" / "tape.gz").read_bytes()))

        def answered(found):
            done = subprocess.run([program, "-q", "-r", tape, "--sql", found[2]], capture_output=True, text=True, check=False)
            if done.returncode or done.stderr:
                faults.append(f"{found[2]}\n{done.stderr}")
            if len(done.stdout.splitlines()) < 2:
                faults.append(f"{found[2]}\ngives no row")
            if not update and done.stdout != found[3]:
                faults.append(f"{found[2]}\ngives\n{done.stdout}")
            return f"{found[1]}```\n{done.stdout}```"

        new = QUESTION.sub(answered, text)
        count = len(QUESTION.findall(text))
    if update:
        PAGE.write_text(new)
    if text.count("```sql") != COUNT or count != COUNT:
        faults.append(f"{count} questions have an answer, not {COUNT}")
    print("\n".join(faults) or f"{count} questions are answered as the page says")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
