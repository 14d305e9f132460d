# SPDX-License-Identifier: Apache-2.0
"""The extended protocol with asyncpg: binary parameters of common types, pipelines, portals with row limits, COPY in binary."""
import asyncio
import datetime
import decimal
import json
import sys
import uuid

import asyncpg

UTC = datetime.timezone.utc
VALUES = [
    ("int2", 7), ("int4", -2147483648), ("int8", 9007199254740993), ("bool", True), ("bool", False), ("text", "zo\u00eb \u2603"),
    ("varchar", "it's"), ("bytea", b"\x00\xff\\x"), ("float8", 1.5), ("float8", 1e300), ("float4", 0.25), ("numeric", decimal.Decimal("-123.4500")),
    ("uuid", uuid.UUID(int=0x1234567890abcdef1234567890abcdef)), ("date", datetime.date(2024, 2, 29)), ("date", datetime.date(1999, 12, 31)),
    ("time", datetime.time(23, 59, 58, 123)), ("timestamp", datetime.datetime(2024, 2, 29, 12, 0, 0, 500000)),
    ("timestamptz", datetime.datetime(1969, 7, 20, 20, 17, 40, tzinfo=UTC)), ("interval", datetime.timedelta(days=3, hours=4, seconds=5)),
    ("json", '{"a": [1, null]}'), ("jsonb", '{"b": 2}'), ("int4[]", [1, None, 3]), ("text[]", ["a b", "c\"d", ""]), ("oid", 42), ("text", None),
]


def tell(**told):
    print(json.dumps({k.replace("__", "."): v for k, v in told.items()}), flush=True)


async def main():
    host, port, user, password, database = sys.argv[1:6]
    db = await asyncpg.connect(host=host, port=int(port), user=user, password=password, database=database, ssl=False, timeout=30,
                               server_settings={"timezone": "UTC"})
    texts = [None if value is None else await db.fetchval(f"SELECT format('%s', $1::{kind})", value) for kind, value in VALUES]
    early = await db.prepare("SELECT 1 WHERE 7 > $1::int4")
    print('{"connected": true}', flush=True)
    sys.stdin.readline()

    # The server knows this one, and the tracer may have come too late to do so.
    await early.fetch(3)
    tell(early=True, status="OK", req__statement=early.get_name(), resp__rows=1)
    for (kind, value), text in zip(VALUES, texts):
        sql = f"SELECT id FROM people WHERE $1::{kind} IS NULL"
        rows = await db.fetch(sql, value)
        tell(op="SELECT", target="people", status="OK", req__sql=sql, req__params=[text], resp__rows=len(rows), resp__columns=["id"])

    tell(op="BEGIN", status="OK", resp__tx="transaction")
    async with db.transaction():
        # Two fetches of a portal that has four rows, and one that finds no more.
        cursor = await db.cursor("SELECT n FROM generate_series(1, $1::int4) n", 4)
        told = {"op": "SELECT", "req__sql": "SELECT n FROM generate_series(1, $1::int4) n", "status": "OK"}
        tell(**{**told, "op": "PARSE"}, resp__tx="transaction")  # and bound: asyncpg sends Sync before it fetches
        for count in (3, 3):
            rows = await cursor.fetch(count)
            tell(**told, resp__rows=len(rows), req__max_rows=count, **({"resp__suspended": True} if len(rows) == count else {}))
    tell(op="COMMIT", status="OK", resp__tx="idle")

    people = [(500 + i, f"p{i}") for i in range(20)]
    await db.executemany("INSERT INTO people VALUES ($1, $2)", people)
    for i, name in people:
        tell(op="INSERT", target="people", status="OK", req__params=[str(i), name], resp__rows=1)
    try:
        await db.executemany("INSERT INTO people VALUES ($1, $2)", [(600, "a"), (601, "b"), (1, "again"), (602, "c"), (603, "d")])
    except asyncpg.UniqueViolationError as err:
        for i in range(2):
            tell(op="INSERT", target="people", status="OK", resp__rows=1)
        tell(op="INSERT", target="people", status=err.sqlstate, error=err.message)
        for i in range(2):
            tell(op="INSERT", target="people", status="ABORTED")
    tag = await db.copy_records_to_table("people", records=[(700 + i, None) for i in range(10)])
    tell(op="PARSE", target='"people"', status="OK", req__sql='SELECT * FROM "people" LIMIT 1')  # asyncpg asks for the types
    tell(op="COPY", target='"people"', status="OK", resp__tag=tag, resp__rows=10)
    tag = await db.execute("DELETE FROM people WHERE id > 3")
    tell(op="DELETE", target="people", status="OK", resp__tag=tag)
    await db.close()


asyncio.run(main())
