#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the #include lines of src/ and parsers/ with the picture of who may include whom.

    layering.py ROOT       every wrong arrow on a line, exit 1 if there is one
    layering.py --test     make trees with one fault each and see that it is found
"""
import pathlib
import re
import sys
import tempfile

# stage: what its files may include beside themselves; a name with a dot is that one header only.
PICTURE = {
    "base": set(),
    "record": {"base"},
    "parsers": {"record", "base"},
    "stream": {"base"},
    "capture": {"abi.h", "base"},
    "decode": {"parsers", "stream", "base"},
    "match": {"parsers", "record", "base"},
    "conn": {"capture/event.h", "decode", "match", "stream", "parsers", "record", "base"},
    "sink": {"capture/event.h", "record", "base"},
    "tally": {"sink/escape.h", "record", "base"},
    "tables": {"sink", "tally/fold.h", "record", "base"},
    "shell": {"tables", "record", "cli/args.h", "base"},
    "cli": {"base"},
    "filter": {"cli/args.h", "record", "base"},
    # what joins the stages
    "report": {"base", "record", "parsers", "capture", "match", "conn", "filter", "sink"},
    "save": {"base", "record", "parsers", "capture", "conn", "sink"},
    "sums": {"base", "record", "sink", "cli", "tally", "report"},
    "command": {"base"},
    "tail": {"base", "record", "sink", "filter"},
    "export": {"base", "record", "sink", "tables"},
    "talk": {"base", "record", "sink", "capture", "conn", "cli", "filter", "report", "notes", "aims", "choice", "outputs", "database", "export", "tables",
             "shell", "tail"},
    "database": {"base", "record", "sink", "cli", "tables", "choice"},
    "inspect": {"base", "capture", "cli", "sink"},
    "choice": {"base", "record", "parsers", "conn", "cli", "filter", "sink", "tally/fields.h"},
    "notes": {"base", "capture", "conn", "sink", "cli", "report"},
    "outputs": {"base", "sink", "cli", "save"},
    "watched": {"base", "cli"},
    "aims": {"base", "capture", "cli", "conn", "report", "notes"},
    "pipeline": {"base", "record", "parsers", "stream", "capture", "decode", "match", "conn", "sink",
                 "cli", "filter", "report", "save", "sums", "command", "notes", "outputs", "choice", "database",
                 "tables", "aims", "talk", "watched", "wiring"},
    "wiring": {"base", "capture", "conn", "match", "sink", "cli", "report", "save", "sums", "notes", "outputs", "choice",
               "database", "tables", "talk", "pipeline"},
    "main": {"base", "record", "parsers", "sink", "cli", "filter", "tally", "pipeline", "command", "choice",
             "inspect", "capture"},
}

# Bytes in, values out: these stages touch no file, socket, clock or stdio.
PURE = {"parsers", "stream", "decode", "match"}
PURE_HEADERS = {
    "ctype.h", "errno.h", "inttypes.h", "limits.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "stdlib.h",
    "string.h", "strings.h", "emmintrin.h", "immintrin.h", "zlib.h", "zstd.h", "zstd_errors.h", "brotli/decode.h",
}

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


def stage_of(path):
    """The stage of a file, given its path below the root."""
    if path.parts[0] == "parsers":
        return "parsers"
    return path.parts[1] if len(path.parts) > 2 else path.stem


def stage_of_include(name, root):
    """The stage of a quoted header, as the include path src:parsers:bpf_src finds it; None where it finds none."""
    if (root / "src" / name).exists():
        return stage_of(pathlib.PurePath("src") / name)
    if (root / "parsers" / name).exists():
        return "parsers"
    return name if (root / "bpf_src" / name).exists() else None


def faults_of(path, text, root):
    stage = stage_of(path)
    if stage not in PICTURE:
        yield f"{path}: stage '{stage}' is not in the picture; add it to {pathlib.Path(__file__).name}"
        return
    includes = INCLUDE.findall(text)
    for quoted, system in includes:
        if quoted:
            other = stage_of_include(quoted, root)
            if other is None:
                yield f"{path}: \"{quoted}\" is in none of src/, parsers/, bpf_src/"
            elif other != stage and other not in PICTURE[stage] and quoted not in PICTURE[stage]:
                yield f"{path}: {stage} must not include \"{quoted}\" ({other})"
        elif stage in PURE and system not in PURE_HEADERS:
            yield f"{path}: {stage} touches no file, socket, clock or stdio, so not <{system}>"
    own = path.with_suffix(".h")
    if path.suffix == ".c" and (root / own).exists():
        spelled = str(own.relative_to(*own.parts[:1]))
        if not includes or includes[0][0] != spelled:
            yield f"{path}: its own header \"{spelled}\" comes first"


def faults_below(root):
    for top in ("src", "parsers"):
        for path in sorted((root / top).rglob("*.[ch]")):
            yield from faults_of(path.relative_to(root), path.read_text(), root)


def self_test():
    good = {
        "bpf_src/abi.h": "",
        "src/base/bytes.h": "#include <stdio.h>\n",
        "src/record/record.h": '#include "base/bytes.h"\n',
        "src/record/record.c": '#include "record/record.h"\n',
        "src/capture/event.h": '#include "abi.h"\n',
        "src/capture/live.h": '#include "capture/event.h"\n',
        "src/conn/conn.c": '#include "capture/event.h"\n#include <net/if.h>\n',
        "src/pipeline.c": '#include "capture/live.h"\n',
        "parsers/parser.h": '#include "record/record.h"\n',
        "parsers/http/http.c": '#include "parser.h"\n# include <string.h>\n',
    }
    faults = {
        "src/base/log.c": ('#include "record/record.h"\n', "base must not include"),
        "src/record/field.c": ('#include "parser.h"\n', "record must not include"),
        "src/conn/table.c": ('  #  include "capture/live.h"\n', "conn must not include"),
        "src/record/record.c": ('#include <stdio.h>\n#include "record/record.h"\n', "comes first"),
        "src/stream/stream.c": ("#include <unistd.h>\n", "touches no file"),
        "parsers/http/http.c": ("#include <stdio.h>\n", "touches no file"),
        "parsers/http/body.c": ('#include "abi.h"\n', "parsers must not include"),
        "src/base/map.c": ('#include "gone.h"\n', "in none of"),
        "src/odd/odd.c": ("", "not in the picture"),
    }
    failed = 0
    for path, (text, expected) in [(None, ("", None)), *faults.items()]:
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            for file, content in {**good, **({path: text} if path else {})}.items():
                (root / file).parent.mkdir(parents=True, exist_ok=True)
                (root / file).write_text(content)
            found = list(faults_below(root))
        right = not found if path is None else len(found) == 1 and path in found[0] and expected in found[0]
        if not right:
            failed += 1
            print(f"{path}: expected {expected!r}, found {found}")
    return failed


def main():
    if sys.argv[1:] == ["--test"]:
        return 1 if self_test() else 0
    found = list(faults_below(pathlib.Path(sys.argv[1])))
    print("\n".join(found) or "every arrow is in the picture")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
