"""What SQLAlchemy's inspector and its expressions ask for."""

import os

import sqlalchemy
from sqlalchemy import Column, Integer, MetaData, String, Table, func, insert, select, text, update

engine = sqlalchemy.create_engine(
    f"postgresql+psycopg://ada:pencil@127.0.0.1:{os.environ['PORT']}/main",
    connect_args={"sslmode": "verify-full", "sslrootcert": os.environ["CERTIFICATE"]},
    # Tables are of their connection, without a file of the catalog.
    poolclass=sqlalchemy.pool.StaticPool,
)


def equal(expected, found):
    assert found == expected, f"expected {expected!r}, found {found!r}"


with engine.begin() as c:
    c.execute(text(
        "CREATE TABLE t (a INT NOT NULL, b VARCHAR, c DECIMAL(10, 2), d TIMESTAMP, e DOUBLE, "
        "f BOOLEAN, g BYTEA, h DATE, i BIGINT)"
    ))
    c.execute(text("CREATE VIEW v AS SELECT a FROM t WHERE a > 1"))
    rows = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
    c.execute(text("INSERT INTO t (a, b) VALUES (:a, :b)"), rows)
    equal(None, c.execute(text("SELECT b FROM t WHERE a = :a"), {"a": 2}).scalar())
inspector = sqlalchemy.inspect(engine)
equal(["t"], inspector.get_table_names())
equal(["v"], inspector.get_view_names())
equal(True, "public" in inspector.get_schema_names())
equal("public", inspector.default_schema_name)
equal((True, True, False), tuple(inspector.has_table(name) for name in ("t", "v", "nosuch")))
equal(True, inspector.has_schema("public"))
columns = [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns("t")]
equal(
    [
        ("a", "INTEGER", False),
        ("b", "TEXT", True),
        ("c", "NUMERIC(10, 2)", True),
        ("d", "TIMESTAMP", True),
        ("e", "DOUBLE PRECISION", True),
        ("f", "BOOLEAN", True),
        ("g", "BYTEA", True),
        ("h", "DATE", True),
        ("i", "BIGINT", True),
    ],
    columns,
)
equal([], inspector.get_pk_constraint("t")["constrained_columns"])
for found in (
    inspector.get_foreign_keys("t"),
    inspector.get_indexes("t"),
    inspector.get_unique_constraints("t"),
    inspector.get_check_constraints("t"),
    inspector.get_sequence_names(),
    inspector.get_temp_table_names(),
    inspector.get_materialized_view_names(),
    inspector.get_enums(),
    inspector.get_domains(),
):
    equal([], found)
equal({"text": None}, inspector.get_table_comment("t"))
equal("SELECT a FROM t WHERE a > 1;", inspector.get_view_definition("v").strip())
metadata = MetaData()
metadata.reflect(engine)
equal(["t"], list(metadata.tables))
equal(9, len(metadata.tables["t"].columns))

table = Table(
    "named",
    MetaData(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", String(30)),
)
with engine.begin() as c:
    table.metadata.create_all(c)
    c.execute(insert(table), [{"id": n, "name": f"n{n}"} for n in range(5)])
    c.execute(update(table).where(table.c.id == 3).values(name=None))
    found = c.execute(select(table).where(table.c.id > 2).order_by(table.c.id)).all()
    equal([(3, None), (4, "n4")], [tuple(row) for row in found])
    equal(5, c.execute(select(func.count()).select_from(table)).scalar())
    table.metadata.drop_all(c)
try:
    with engine.connect() as c:
        c.execute(text("SELECT nosuch"))
except sqlalchemy.exc.ProgrammingError as error:
    equal("42703", error.orig.sqlstate)
else:
    raise AssertionError("expected an error, found none")
print("done")
