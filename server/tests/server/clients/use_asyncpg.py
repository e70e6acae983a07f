"""What a program in Python does by asyncpg, which states no types of parameters."""

import asyncio
import datetime
import decimal
import io
import os
import ssl

import asyncpg

LONG = "SELECT count(*) FROM generate_series(1, 100000000000) WHERE value < 0"


def options(password="pencil"):
    return {
        "host": "127.0.0.1",
        "port": os.environ["PORT"],
        "user": "ada",
        "password": password,
        "database": "main",
        "ssl": ssl.create_default_context(cafile=os.environ["CERTIFICATE"]),
    }


def equal(expected, found):
    assert found == expected, f"expected {expected!r}, found {found!r}"


async def fails(code, work):
    try:
        await work
    except asyncpg.PostgresError as error:
        equal(code, error.sqlstate)
    else:
        raise AssertionError(f"expected the error {code}, found none")


async def binds_values(c):
    day = datetime.date(2024, 2, 29)
    moment = datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc)
    for value, cast in [
        (7, "smallint"),
        (-7, "int"),
        (2**62, "bigint"),
        (0.5, "real"),
        (1.5, "double"),
        (decimal.Decimal("2.500"), "decimal(10, 3)"),
        ("é", "text"),
        (b"\0\xff", "bytea"),
        (True, "boolean"),
        (day, "date"),
        (datetime.time(1, 2, 3), "time"),
        (datetime.datetime(2024, 2, 29, 12, 34, 56, 500000), "timestamp"),
        (moment, "timestamptz"),
        (datetime.timedelta(days=1, seconds=5), "interval"),
        ([1, None, 3], "bigint[]"),
        (["a b", None, ""], "text[]"),
    ]:
        sql = f"SELECT $1::{cast}"
        equal(value, await c.fetchval(sql, value))
        equal(None, await c.fetchval(sql, None))


async def copies_rows(c):
    await c.execute("CREATE TABLE t (a BIGINT, b VARCHAR, c DATE)")
    rows = [(1, "x", datetime.date(2024, 2, 29)), (2, None, None)]
    equal("COPY 2", await c.copy_records_to_table("t", records=rows))
    found = await c.fetch("SELECT * FROM t WHERE a <= $1 ORDER BY a", 2)
    equal(rows, [tuple(row) for row in found])
    out = io.BytesIO()
    await c.copy_from_query("SELECT a, b FROM t ORDER BY a", output=out, format="csv")
    equal(b"1,x\n2,\n", out.getvalue())
    more = [(n, str(n)) for n in range(3, 100)]
    await c.executemany("INSERT INTO t (a, b) VALUES ($1, $2)", more)
    equal(99, await c.fetchval("SELECT count(*) FROM t"))
    async with c.transaction():
        seen = [row["a"] async for row in c.cursor("SELECT a FROM t ORDER BY a", prefetch=7)]
    equal(list(range(1, 100)), seen)


async def reports_errors(c):
    await fails("42703", c.fetch("SELECT nosuch"))
    await fails("42601", c.fetch("SELEC 1"))
    await fails("22012", c.fetch("SELECT 1 / 0"))
    try:
        await c.fetch(LONG, timeout=0.5)
    except asyncio.TimeoutError:
        pass
    else:
        raise AssertionError("expected a timeout, found none")
    await c.execute("SET statement_timeout = '200ms'")
    await fails("57014", c.fetch(LONG))
    await c.execute("RESET statement_timeout")
    equal(1, await c.fetchval("SELECT 1"))


async def main():
    await fails("28P01", asyncpg.connect(**options("wrong")))
    c = await asyncpg.connect(**options())
    await c.execute(os.environ["MODULE"])
    await c.execute("IMPORT FUNCTIONS FROM MODULE adding")
    equal(42, await c.fetchval("SELECT add($1, $2)", 40, 2))
    equal(None, await c.fetchval("SELECT add($1, $2)", 40, None))
    await binds_values(c)
    await copies_rows(c)
    await reports_errors(c)
    await c.close()
    # Connections are reset when they return to their pool.
    async with asyncpg.create_pool(min_size=2, max_size=4, **options()) as pool:
        sums = await asyncio.gather(*[pool.fetchval("SELECT add($1, 1)", n) for n in range(20)])
    equal([n + 1 for n in range(20)], sums)
    print("done")


asyncio.run(main())
