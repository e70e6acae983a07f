//! Clients that others wrote, where they are installed.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use fusebox_server::UserConfig;

use crate::clients::python_packages;
use crate::flight::flight_config;
use crate::{ADD, config, server};

/// Runs psql with a script; `None` if it is not installed.
fn psql(address: SocketAddr, script: &str) -> Option<String> {
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-A", "-v", "ON_ERROR_STOP=1", "-h"]);
    command.args([&address.ip().to_string(), "-p", &address.port().to_string()]);
    command.args(["-U", "ada", "-d", "main", "-c", "\\pset footer off"]);
    for line in script.lines() {
        command.args(["-c", line]);
    }
    for variable in ["PGPASSWORD", "PGOPTIONS", "PGSSLMODE"] {
        command.env_remove(variable);
    }
    command.stdin(Stdio::null());
    let Ok(output) = command.output() else {
        eprintln!("skipped: psql is not installed; to install: apt install postgresql-client");
        return None;
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{errors}");
    assert_eq!(errors, "", "{script}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn psql_creates_and_calls_functions() {
    let server = server(config());
    let script = format!("{ADD}\nSELECT add(40, 2) AS sum, 'x' AS t, NULL AS n\nBEGIN\nCOMMIT");
    if let Some(output) = psql(server.postgres_address().unwrap(), &script) {
        assert_eq!(output, "sum|t|n\n42|x|\n");
    }
}

#[test]
fn psql_lists_what_there_is() {
    let server = server(config());
    let script = format!(
        "{ADD}\nCREATE TABLE t (a INT NOT NULL, b DECIMAL(10, 2))\nCREATE VIEW v AS SELECT a FROM t"
    );
    let address = server.postgres_address().unwrap();
    if psql(address, &script).is_none() {
        return;
    }
    let script = script.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION");
    for (command, expected) in [
        ("\\d", vec!["public|t|table|ada", "public|v|view|ada"]),
        ("\\dt", vec!["public|t|table|ada"]),
        ("\\dv", vec!["public|v|view|ada"]),
        ("\\d t", vec!["a|integer||not null|", "b|numeric(10,2)|||"]),
        ("\\dn", vec!["public|ada"]),
        ("\\l", vec!["main|ada|UTF8"]),
        ("\\df", vec!["public|add|int8|int8, int8|func"]),
        (
            "\\df+ add",
            vec!["public|add|int8|int8, int8|func|immutable"],
        ),
        ("\\du", vec!["ada|"]),
        ("\\d v", vec!["a|integer||not null|"]),
        ("\\dT", vec![]),
        ("\\x", vec![]),
        ("\\conninfo", vec!["main"]),
    ] {
        // Without a catalog file, tables are of their connection.
        let output = psql(address, &format!("{script}\n{command}")).unwrap();
        for line in expected {
            assert!(
                output.contains(line),
                "{command}: expected {line}, found\n{output}"
            );
        }
    }
}

#[test]
fn psql_copies_rows() {
    let server = server(config());
    let address = server.postgres_address().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "1,x\n2,y\n").unwrap();
    let path = file.path().display();
    let script = format!("CREATE TABLE t (a INT, b VARCHAR)\n\\copy t FROM '{path}' CSV");
    let script = format!("{script}\n\\copy t TO STDOUT");
    if let Some(output) = psql(address, &script) {
        assert_eq!(output, "1\tx\n2\ty\n");
    }
}

/// Runs a program of Python; `None` if it or a package is not installed.
fn python(address: SocketAddr, package: &str, program: &str) -> Option<String> {
    let has_package = Command::new("python3")
        .args(["-c", &format!("import {package}")])
        .env("PYTHONPATH", python_packages())
        .stderr(Stdio::null())
        .status();
    if !has_package.is_ok_and(|status| status.success()) {
        let packages = package.replace(',', "");
        eprintln!("skipped: {package} is not installed; to install: pip install {packages}");
        return None;
    }
    let output = Command::new("python3")
        .args(["-c", program])
        .env("PORT", address.port().to_string())
        .env("PYTHONPATH", python_packages())
        .env("ADD", ADD)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn psycopg_binds_parameters() {
    let server = server(config());
    let program = r"
import os, psycopg, datetime
with psycopg.connect(host='127.0.0.1', port=os.environ['PORT'], user='ada', dbname='main') as c:
    c.execute('CREATE TABLE t (a INT, b VARCHAR, c DATE, d DOUBLE, e BYTEA)')
    day = datetime.date(2024, 2, 29)
    for binary in (False, True):
        with c.cursor(binary=binary) as cursor:
            cursor.execute('INSERT INTO t VALUES (%s, %s, %s, %s, %s)', (7, 'x', day, 1.5, b'\0\xff'))
            cursor.execute('SELECT * FROM t WHERE a = %s LIMIT 1', (7,))
            assert cursor.fetchall() == [(7, 'x', day, 1.5, b'\0\xff')], cursor.fetchall()
            cursor.execute('SELECT [1, 2], true, CAST(1.25 AS DECIMAL(10, 2)), NULL')
            print(cursor.fetchone())
    with c.cursor().copy('COPY t TO STDOUT') as copy:
        print(len(list(copy.rows())))
    try:
        c.execute('SELECT nosuch')
    except psycopg.errors.UndefinedColumn as error:
        print('undefined column')
";
    if let Some(output) = python(server.postgres_address().unwrap(), "psycopg", program) {
        let row = "([1, 2], True, Decimal('1.25'), None)\n";
        assert_eq!(output, format!("{row}{row}2\nundefined column\n"));
    }
}

#[test]
fn asyncpg_prepares_statements() {
    let server = server(config());
    let program = r"
import asyncio, asyncpg, os, decimal
async def main():
    c = await asyncpg.connect(host='127.0.0.1', port=os.environ['PORT'], user='ada', database='main')
    await c.execute('CREATE TABLE t (a BIGINT, b VARCHAR, c DOUBLE, d DECIMAL(10, 2), e TIMESTAMP)')
    await c.executemany('INSERT INTO t (a, b) VALUES ($1, $2)', [(n, str(n)) for n in range(100)])
    print(await c.fetchval('SELECT count(*) FROM t WHERE a < $1', 50))
    print(await c.fetchrow('SELECT $1::DOUBLE + 1, $2::DECIMAL(10, 2)', 1.5, decimal.Decimal('2.50')))
    async with c.transaction():
        seen = [row['a'] async for row in c.cursor('SELECT a FROM t ORDER BY a', prefetch=7)]
    print(len(seen))
    await c.close()
asyncio.run(main())
";
    if let Some(output) = python(server.postgres_address().unwrap(), "asyncpg", program) {
        let lines: Vec<&str> = output.lines().collect();
        assert_eq!((lines[0], lines[2]), ("50", "100"), "{output}");
        assert!(
            lines[1].contains("2.5") && lines[1].contains("Decimal('2.50')"),
            "{output}"
        );
    }
}

#[test]
fn sqlalchemy_inspects_tables() {
    let server = server(config());
    let program = r"
import os, sqlalchemy
from sqlalchemy import text
engine = sqlalchemy.create_engine(f'postgresql+psycopg://ada@127.0.0.1:{os.environ[\'PORT\']}/main')
with engine.begin() as c:
    c.execute(text('CREATE TABLE t (a INT NOT NULL, b VARCHAR)'))
    c.execute(text('INSERT INTO t VALUES (:a, :b)'), [{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'y'}])
    print(c.execute(text('SELECT b FROM t WHERE a = :a'), {'a': 2}).scalar())
inspector = sqlalchemy.inspect(engine)
print(inspector.get_table_names(), inspector.has_table('t'))
print([(c['name'], str(c['type']), c['nullable']) for c in inspector.get_columns('t')])
";
    let program = program.replace("\\'", "\"");
    if let Some(output) = python(
        server.postgres_address().unwrap(),
        "sqlalchemy, psycopg",
        &program,
    ) {
        assert_eq!(
            output,
            "y\n['t'] True\n[('a', 'INTEGER', False), ('b', 'TEXT', True)]\n"
        );
    }
}

/// Packages of the driver of Flight SQL.
const ADBC: &str = "adbc_driver_flightsql, adbc_driver_manager, pyarrow";

#[test]
fn adbc_logs_in_and_cancels_statements() {
    let mut config = flight_config();
    let mut ada = UserConfig::default();
    "ada".clone_into(&mut ada.name);
    "pencil".clone_into(&mut ada.password);
    config.users = vec![ada];
    // For a driver that does not cancel.
    config.statement_seconds_max = 30;
    let server = server(config);
    let program = r#"
import os, threading, time, adbc_driver_flightsql.dbapi as flight, adbc_driver_manager
uri = 'grpc://127.0.0.1:' + os.environ['PORT']
def connected(password):
    user = {'username': 'ada', 'password': password}
    return flight.connect(uri, db_kwargs=user, autocommit=True)
try:
    with connected('wrong') as c, c.cursor() as cursor:
        cursor.execute('SELECT 1')
except adbc_driver_manager.Error as error:
    print('password authentication failed' in str(error))
with connected('pencil') as c:
    done = threading.Event()
    with c.cursor() as cursor:
        def cancel():
            while not done.wait(0.1):
                try:
                    cursor.adbc_cancel()
                except adbc_driver_manager.Error:
                    pass
        cancelling = threading.Thread(target=cancel)
        cancelling.start()
        try:
            cursor.execute('SELECT count(*) FROM generate_series(1, 100000000000) WHERE value < 0')
            cursor.fetchall()
        except adbc_driver_manager.Error as error:
            print('timeout' not in str(error))
        done.set()
        cancelling.join()
    with c.cursor() as cursor:
        try:
            cursor.execute('SELECT nosuch')
        except adbc_driver_manager.Error as error:
            print('nosuch' in str(error))
        for _ in range(100):
            cursor.execute('SELECT count(*) FROM fusebox.sessions WHERE active_since IS NOT NULL')
            running = cursor.fetchone()[0]
            if running == 1:
                break
            time.sleep(0.1)
        print(running)
"#;
    if let Some(output) = python(server.flight_address().unwrap(), ADBC, program) {
        assert_eq!(output, "True\nTrue\nTrue\n1\n");
    }
}

#[test]
fn adbc_executes_statements_over_flight() {
    let server = server(flight_config());
    let program = r#"
import os, adbc_driver_flightsql.dbapi as flight, adbc_driver_manager, pyarrow
uri = 'grpc://127.0.0.1:' + os.environ['PORT']
with flight.connect(uri, autocommit=True) as c, c.cursor() as cursor:
    cursor.execute(os.environ['ADD'])
    cursor.execute("SELECT add(40, 2) AS sum, 'x' AS t, CAST(NULL AS DATE) AS n")
    print(cursor.fetchall())
    try:
        cursor.execute(os.environ['ADD'])
        cursor.fetchall()
    except adbc_driver_manager.Error as error:
        print('already exists' in str(error))
    cursor.execute('CREATE TABLE t (a BIGINT, b VARCHAR)')
    cursor.executemany('INSERT INTO t VALUES ($1, $2)', [(1, 'x'), (2, None)])
    cursor.execute('SELECT b FROM t WHERE a = $1', (1,))
    print(cursor.fetchall())
    cursor.execute("SELECT arrow_cast('a', 'Dictionary(Int32, Utf8)') AS d, [1, 2] AS l")
    print(cursor.fetch_arrow_table().to_pylist())
    found = c.adbc_get_objects(depth='tables', table_name_filter='t').read_all().to_pylist()
    schemas = [schema for catalog in found for schema in catalog['catalog_db_schemas'] or []]
    tables = [table for schema in schemas for table in schema['db_schema_tables'] or []]
    print([table['table_name'] for table in tables])
    print(c.adbc_get_info()['vendor_name'])
    cursor.execute('SELECT value FROM generate_series(1, 100000)')
    print(cursor.fetch_arrow_table().num_rows)
"#;
    let address = server.flight_address().unwrap();
    if let Some(output) = python(address, ADBC, program) {
        let lines: Vec<&str> = output.lines().collect();
        assert_eq!(
            lines,
            [
                "[(42, 'x', None)]",
                "True",
                "[('x',)]",
                "[{'d': 'a', 'l': [1, 2]}]",
                "['t']",
                "Fusebox",
                "100000"
            ]
        );
    }
}
