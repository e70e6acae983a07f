"""What ADBC's driver of Flight SQL does over TLS."""

import datetime
import decimal
import os

import adbc_driver_flightsql.dbapi as flight
import adbc_driver_manager

LONG = "SELECT count(*) FROM generate_series(1, 100000000000) WHERE value < 0"


def connect(password="pencil"):
    with open(os.environ["CERTIFICATE"], encoding="ascii") as certificate:
        roots = certificate.read()
    options = {
        "username": "ada",
        "password": password,
        "adbc.flight.sql.client_option.tls_root_certs": roots,
    }
    uri = f"grpc+tls://127.0.0.1:{os.environ['FLIGHT_PORT']}"
    return flight.connect(uri, db_kwargs=options, autocommit=True)


def equal(expected, found):
    assert found == expected, f"expected {expected!r}, found {found!r}"


def fails(text, action):
    try:
        action()
    except adbc_driver_manager.Error as error:
        assert text in str(error), error
    else:
        raise AssertionError(f"expected an error with {text}, found none")


def log_in_wrongly():
    with connect("wrong") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def fetch(cursor, sql, parameters=None):
    cursor.execute(sql, parameters)
    return cursor.fetchall()


fails("password authentication failed", log_in_wrongly)
with connect() as connection, connection.cursor() as cursor:
    cursor.execute(os.environ["MODULE"])
    cursor.execute("IMPORT FUNCTIONS FROM MODULE adding")
    equal([(42,)], fetch(cursor, "SELECT add($1, $2)", (40, 2)))
    equal([(None,)], fetch(cursor, "SELECT add(40, CAST(NULL AS BIGINT))"))
    sql = (
        "SELECT 'x' AS a, CAST(NULL AS DATE) AS b, 1.5::double AS c, true AS d, "
        "DATE '2024-02-29' AS e, X'00ff' AS f, [1, NULL, 3] AS g, 0.5::real AS h, "
        "7::smallint AS i, 8::int AS j, CAST(2.50 AS DECIMAL(10, 2)) AS k"
    )
    day = datetime.date(2024, 2, 29)
    number = decimal.Decimal("2.50")
    row = ("x", None, 1.5, True, day, b"\0\xff", [1, None, 3], 0.5, 7, 8, number)
    equal([row], fetch(cursor, sql))
    cursor.execute("CREATE TABLE t (a BIGINT, b VARCHAR)")
    cursor.executemany("INSERT INTO t VALUES ($1, $2)", [(1, "x"), (2, None)])
    equal([(1, "x"), (2, None)], fetch(cursor, "SELECT * FROM t ORDER BY a"))
    fails("nosuch", lambda: fetch(cursor, "SELECT nosuch"))
    fails("already exists", lambda: fetch(cursor, os.environ["MODULE"]))
    cursor.execute("SET fusebox.statement_timeout = '200ms'")
    fails("statement_timeout", lambda: fetch(cursor, LONG))
    cursor.execute("RESET fusebox.statement_timeout")
    equal([(1,)], fetch(cursor, "SELECT 1"))
print("done")
