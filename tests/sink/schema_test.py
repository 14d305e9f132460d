#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""schema_test.py SCHEMA RECORDS PXTRACE: does the JSON Schema say what the sinks and the registry do?

RECORDS prints lines with every key there is; PXTRACE --list-fields names the fields of the registry.
"""
import copy
import json
import os
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    # The interpreter that the build found need not be the one that the distribution's packages are for.
    if os.path.realpath(sys.executable) != os.path.realpath("/usr/bin/python3") and os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3"] + sys.argv)
    print("SKIP: needs python3-jsonschema")
    sys.exit(77)

failures = []


def check(condition, text):
    if not condition:
        failures.append(text)


def load(path):
    with open(path) as file:
        return json.load(file)


def registry(pxtrace):
    """Names by group: {"common": {"type", ...}, "http": {"req.method", ...}}."""
    text = subprocess.run([pxtrace, "--list-fields"], check=True, capture_output=True, text=True).stdout
    groups, group = {"common": set()}, "common"
    for line in text.splitlines():
        words = line.split()
        if len(words) == 1:
            group = words[0]
            groups[group] = set()
        elif words:
            groups[group].add(words[0])
    return groups


def keys_of(schema, definition):
    """Names of the properties that a definition has by itself or by reference."""
    keys = set(definition.get("properties", {}))
    for part in definition.get("allOf", []):
        if "$ref" in part:
            keys |= keys_of(schema, schema["$defs"][part["$ref"].rsplit("/", 1)[1]])
    return keys


def names_of(defs, properties):
    """Names as --list-fields has them: those of objects and, behind a dot, of their members."""
    for name, definition in properties.items():
        yield name
        items = definition.get("items", {})
        if "$ref" in items:
            items = defs[items["$ref"].rsplit("/", 1)[1]]
        yield from (f"{name}.{member}" for member in items.get("properties", {}))


def check_names(schema, groups):
    defs = schema["$defs"]
    types = schema["properties"]["type"]["enum"]
    common = set().union(*(keys_of(schema, defs[t]) for t in types)) - {"req", "resp"}
    mine = groups["common"] | groups["summary"] | groups["tls"]
    check(common == mine, f"common keys: {sorted(common ^ mine)}")
    protocols = [g for g in groups if g not in ("common", "summary", "tls")]
    for proto in protocols:
        for side in ("req", "resp"):
            mine = {n.split(".", 1)[1] for n in groups[proto] if n.startswith(side + ".")}
            theirs = set(names_of(defs, defs[f"{proto}_{side}"]["properties"]))
            check(mine == theirs, f"{proto} {side}: {sorted(mine ^ theirs)}")
    for t, more in (("message", []), ("close", ["tls"])):
        check(sorted(defs[t]["properties"]["proto"]["enum"]) == sorted(protocols + more), f"proto of {t}")


def flatten(record):
    for key, value in record.items():
        yield key
        if key in ("req", "resp") and value:
            for inner, content in value.items():
                yield f"{key}.{inner}"
                if isinstance(content, list):
                    yield from (f"{key}.{inner}.{m}" for item in content if isinstance(item, dict) for m in item)


def check_lines(validator, lines, groups):
    seen = set()
    for number, line in enumerate(lines, 1):
        record = json.loads(line)
        check(record["seq"] == number, f"line {number}: seq {record['seq']}")
        for error in validator.iter_errors(record):
            failures.append(f"line {number}: {error.message}: {line[:300]}")
        seen |= set(flatten(record))
    wanted = groups["common"].union(*groups.values())
    check(wanted <= seen, f"never printed: {sorted(wanted - seen)}")
    return [json.loads(line) for line in lines]


def spoiled(records):
    """Records with one fault each."""
    first = {}
    for record in records:
        first.setdefault(record["type"], record)
    for record in first.values():
        for name, change in (
            ("unknown key", lambda r: r.update(nosuch=1)),
            ("no seq", lambda r: r.pop("seq")),
            ("seq 0", lambda r: r.update(seq=0)),
            ("no ok", lambda r: r.pop("ok")),
            ("ts without nanoseconds", lambda r: r.update(ts="2024-05-06T07:08:09Z")),
            ("ts_us as text", lambda r: r.update(ts_us="1")),
            ("unknown type", lambda r: r.update(type="nosuch")),
        ):
            bad = copy.deepcopy(record)
            change(bad)
            yield f"{record['type']}: {name}", bad
    for name, change in (
        ("both comm and comm_b64", lambda r: r.update(comm_b64="AAAA")),
        ("comm neither text nor null", lambda r: r.update(comm=1)),
        ("bad base64", lambda r: (r.pop("target"), r.update(target_b64="A"))),
        ("unknown flag", lambda r: r.update(flags=["nosuch"])),
        ("no status", lambda r: r.pop("status")),
        ("no error", lambda r: r.pop("error")),
        ("negative latency", lambda r: r.update(latency_ns=-1)),
        ("no req", lambda r: r.pop("req")),
        ("neither req nor resp", lambda r: r.update(req=None, resp=None)),
        ("unknown key in req", lambda r: r["req"].update(nosuch=1)),
        ("both body and body_b64", lambda r: r["resp"].update(body_b64="AAAA")),
        ("header that is no text", lambda r: r["req"]["headers"].update(a=1)),
        ("status code of two digits", lambda r: r["resp"].update(status_code=20)),
        ("unknown protocol", lambda r: r.update(proto="nosuch")),
        ("port 65536", lambda r: r.update(local_port=65536)),
        ("large id as number", lambda r: r.update(stream=2**53 + 1)),
        ("key of another type", lambda r: r.update(reason="x")),
    ):
        bad = copy.deepcopy(first["message"])
        change(bad)
        yield f"message: {name}", bad


def main():
    schema = load(sys.argv[1])
    validator_class = jsonschema.validators.validator_for(schema)
    validator_class.check_schema(schema)
    validator = validator_class(schema)
    lines = subprocess.run([sys.argv[2]], check=True, capture_output=True).stdout.decode().splitlines()
    groups = registry(sys.argv[3])
    check_names(schema, groups)
    records = check_lines(validator, lines, groups)
    for name, bad in spoiled(records):
        check(not validator.is_valid(bad), f"passes: {name}")
    for text in failures:
        print(text)
    print(f"{len(lines)} lines, {len(failures)} failures")
    sys.exit(1 if failures else 0)


main()
