"""What a program in Python does by psycopg."""

import datetime
import decimal
import os
import threading
import uuid

import psycopg

LONG = "SELECT count(*) FROM generate_series(1, 100000000000) WHERE value < 0"


def connect(password="pencil", **options):
    return psycopg.connect(
        host="127.0.0.1",
        port=os.environ["PORT"],
        user="ada",
        password=password,
        dbname="main",
        sslmode="verify-full",
        sslrootcert=os.environ["CERTIFICATE"],
        **options,
    )


def equal(expected, found):
    assert found == expected, f"expected {expected!r}, found {found!r}"


def fails(code, action):
    try:
        action()
    except psycopg.Error as error:
        equal(code, error.sqlstate)
    else:
        raise AssertionError(f"expected the error {code}, found none")


def refuses_passwords():
    try:
        connect("wrong")
    except psycopg.OperationalError as error:
        assert "password authentication failed" in str(error), error
    else:
        raise AssertionError("expected a wrong password to be refused")


def creates_functions(c):
    c.execute(os.environ["MODULE"])
    c.execute("IMPORT FUNCTIONS FROM MODULE adding")
    for n in range(8):
        equal((40 + n,), c.execute("SELECT add(%s, %s)", (40, n), prepare=True).fetchone())
    equal((None,), c.execute("SELECT add(%s, 1)", (None,)).fetchone())


def binds_values(c):
    day = datetime.date(2024, 2, 29)
    local = datetime.datetime(2024, 2, 29, 12, 34, 56, 500000)
    moment = datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc)
    time = datetime.time(12, 34, 56)
    row = (1, "é", day, 1.5, b"\0\xff", True, local, time, decimal.Decimal("2.50"))
    c.execute(
        "CREATE TABLE t (a INT, b VARCHAR, c DATE, d DOUBLE, e BYTEA, f BOOLEAN, g TIMESTAMP, "
        "h TIME, i DECIMAL(10, 2))"
    )
    insert = "INSERT INTO t VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
    c.execute(insert, row)
    c.execute(insert, (2,) + (None,) * 8)
    for binary in (False, True):
        with c.cursor(binary=binary) as cursor:
            found = cursor.execute("SELECT * FROM t ORDER BY a").fetchall()
            equal([row, (2,) + (None,) * 8], found)
            for value, cast in [
                (moment, "timestamptz"),
                (local, "timestamp"),
                (day, "date"),
                (datetime.time(1, 2, 3), "time"),
                (datetime.timedelta(days=1, seconds=5), "interval"),
                ([1, None, 3], "bigint[]"),
                (float("inf"), "double"),
                (10**30, "decimal(38, 0)"),
            ]:
                for marker in ("%s", "%b", "%t"):
                    found = cursor.execute(f"SELECT {marker}::{cast}", (value,)).fetchone()
                    equal((value,), found)
            name = uuid.UUID(int=5)
            equal((str(name),), cursor.execute("SELECT %s", (name,)).fetchone())
    zoned = c.execute("SELECT now(), '2024-02-29 12:00+00'::timestamptz").fetchone()
    equal(moment, zoned[1])
    assert zoned[0].tzinfo is not None, zoned
    # Numbers have the smallest type that holds them.
    found = c.execute("SELECT sum(value) FROM generate_series(1, %s)", (1000,)).fetchone()
    equal(500500, found[0])


def reports_errors(c):
    for code, sql in [
        ("42703", "SELECT nosuch"),
        ("42601", "SELEC 1"),
        ("42P01", "SELECT * FROM nosuch"),
        ("22012", "SELECT 1 / 0"),
    ]:
        fails(code, lambda: c.execute(sql))
    timer = threading.Timer(0.5, c.cancel)
    timer.start()
    fails("57014", lambda: c.execute(LONG))
    timer.join()
    c.execute("SET statement_timeout = '200ms'")
    fails("57014", lambda: c.execute(LONG))
    c.execute("RESET statement_timeout")
    equal((1,), c.execute("SELECT 1").fetchone())


def copies_rows(c):
    c.execute("CREATE TABLE u (a BIGINT, b VARCHAR, c DATE, d BIGINT[])")
    rows = [(1, "x\ty", datetime.date(2024, 2, 29), [1, 2]), (2, None, None, None)]
    with c.cursor() as cursor:
        with cursor.copy("COPY u FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int8", "text", "date", "int8[]"])
            for row in rows:
                copy.write_row(row)
        with cursor.copy("COPY (SELECT * FROM u ORDER BY a) TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(["int8", "text", "date", "int8[]"])
            equal(rows, list(copy.rows()))
        with cursor.copy("COPY u (a, b, c) FROM STDIN") as copy:
            copy.write_row((3, "z", None))
        with cursor.copy("COPY (SELECT a, b FROM u WHERE a > 1 ORDER BY a) TO STDOUT") as copy:
            equal([("2", None), ("3", "z")], list(copy.rows()))


def pipelines_statements(c):
    with c.pipeline():
        cursors = [c.execute("SELECT %s::int + 0", (n,)) for n in range(20)]
    equal([(n,) for n in range(20)], [cursor.fetchone() for cursor in cursors])
    with c.cursor() as cursor:
        found = cursor.stream("SELECT value FROM generate_series(1, 10000)")
        equal(50005000, sum(row[0] for row in found))


refuses_passwords()
with connect(autocommit=True) as connection:
    creates_functions(connection)
    binds_values(connection)
    reports_errors(connection)
    copies_rows(connection)
    pipelines_statements(connection)
with connect() as connection:
    fails("42703", lambda: connection.execute("SELECT nosuch"))
    fails("25P02", lambda: connection.execute("SELECT 1"))
    connection.rollback()
    equal((1,), connection.execute("SELECT 1").fetchone())
print("done")
