"""What ADBC's driver of PostgreSQL does: it reads and loads all rows by COPY in bytes."""

import datetime
import os
import threading

import adbc_driver_manager
import adbc_driver_postgresql.dbapi as postgresql
import pyarrow

LONG = "SELECT count(*) FROM generate_series(1, 100000000000) WHERE value < 0"


def connect(password="pencil"):
    uri = (
        f"postgresql://ada:{password}@127.0.0.1:{os.environ['PORT']}/main"
        f"?sslmode=verify-full&sslrootcert={os.environ['CERTIFICATE']}"
    )
    return postgresql.connect(uri, autocommit=True)


def equal(expected, found):
    assert found == expected, f"expected {expected!r}, found {found!r}"


def fails(code, action):
    try:
        action()
    except adbc_driver_manager.Error as error:
        assert code in (error.sqlstate or "") or code in str(error), error
    else:
        raise AssertionError(f"expected the error {code}, found none")


def reads_rows(cursor):
    cursor.execute(os.environ["MODULE"])
    cursor.execute("IMPORT FUNCTIONS FROM MODULE adding")
    cursor.execute(
        "SELECT add(40, 2) AS a, 'x' AS b, CAST(NULL AS BIGINT) AS c, 1.5::double AS d, "
        "true AS e, DATE '2024-02-29' AS f, TIMESTAMP '2024-02-29 12:00:00' AS g, X'00ff' AS h, "
        "[1, NULL, 3] AS i, 0.5::real AS j, 7::smallint AS k, 8::int AS l"
    )
    noon = datetime.datetime(2024, 2, 29, 12)
    day = datetime.date(2024, 2, 29)
    row = (42, "x", None, 1.5, True, day, noon, b"\0\xff", [1, None, 3], 0.5, 7, 8)
    equal([row], cursor.fetchall())
    cursor.execute("SELECT value FROM generate_series(1, 100000)")
    table = cursor.fetch_arrow_table()
    equal((100000, pyarrow.int64()), (table.num_rows, table.schema.field(0).type))
    cursor.execute("SELECT 1 AS a WHERE false")
    equal([], cursor.fetchall())


def binds_values(cursor):
    cursor.execute("SELECT add($1, $2)", (40, 2))
    equal([(42,)], cursor.fetchall())
    cursor.execute("CREATE TABLE t (a BIGINT, b VARCHAR)")
    cursor.executemany("INSERT INTO t VALUES ($1, $2)", [(1, "x"), (2, None)])
    cursor.execute("SELECT b FROM t WHERE a = $1", (2,))
    equal([(None,)], cursor.fetchall())


def loads_tables(connection, cursor):
    columns = {
        "a": pyarrow.array([1, None], pyarrow.int64()),
        "b": pyarrow.array(["x", None]),
        "c": pyarrow.array([1.5, None], pyarrow.float64()),
        "d": pyarrow.array([datetime.date(2024, 2, 29), None], pyarrow.date32()),
        "e": pyarrow.array([True, None]),
        "f": pyarrow.array([datetime.datetime(2024, 2, 29, 12), None], pyarrow.timestamp("us")),
        "g": pyarrow.array([b"\0\xff", None], pyarrow.binary()),
        "h": pyarrow.array([7, None], pyarrow.int32()),
    }
    table = pyarrow.table(columns)
    equal(2, cursor.adbc_ingest("loaded", table, mode="create"))
    equal(2, cursor.adbc_ingest("loaded", table, mode="append"))
    cursor.execute("SELECT * FROM loaded WHERE a IS NOT NULL")
    rows = cursor.fetchall()
    equal(2, len(rows))
    equal(tuple(column[0].as_py() for column in columns.values()), rows[0])
    schema = connection.adbc_get_table_schema("loaded")
    equal([pyarrow.int64(), pyarrow.string()], [schema.field(0).type, schema.field(1).type])
    found = connection.adbc_get_objects(depth="all", table_name_filter="loaded")
    catalogs = found.read_all().to_pylist()
    schemas = [schema for catalog in catalogs for schema in catalog["catalog_db_schemas"] or []]
    tables = [table for schema in schemas for table in schema["db_schema_tables"] or []]
    equal(["loaded"], [table["table_name"] for table in tables])
    # The driver states no order.
    columns = sorted(column["column_name"] for column in tables[0]["table_columns"])
    equal(list("abcdefgh"), columns)


def reports_errors(cursor):
    def fetch(sql):
        cursor.execute(sql)
        cursor.fetchall()

    fails("42703", lambda: fetch("SELECT nosuch"))
    fails("42P01", lambda: fetch("SELECT * FROM nosuch"))
    fails("22012", lambda: fetch("SELECT 1 / 0"))
    cursor.execute("SET statement_timeout = '200ms'")
    fails("57014", lambda: fetch(LONG))
    cursor.execute("RESET statement_timeout")
    timer = threading.Timer(0.5, cursor.adbc_cancel)
    timer.start()
    fails("57014", lambda: fetch(LONG))
    timer.join()
    cursor.execute("SELECT 1::bigint")
    equal([(1,)], cursor.fetchall())


fails("password authentication failed", lambda: connect("wrong"))
with connect() as connection:
    with connection.cursor() as cursor:
        reads_rows(cursor)
        binds_values(cursor)
        loads_tables(connection, cursor)
        reports_errors(cursor)
print("done")
