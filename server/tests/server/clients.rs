//! Programs that others use, through TLS and with a password: each creates a module, imports it,
//! binds values and nulls of all types, reads errors, cancels, and copies rows.
//!
//! `cargo xtask test` installs the packages of Python. The others are packages of Debian. A test
//! whose client is missing says so.

use std::env;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use fusebox_server::{Server, TlsConfig, UserConfig};

use crate::flight::flight_config;
use crate::{FILES, server};

/// Statement that creates a module with a function.
const MODULE: &str = "CREATE MODULE adding LANGUAGE WASM AS $$(module \
     (@custom \"fusebox.functions\" \
     \"CREATE FUNCTION add(a BIGINT, b BIGINT) RETURNS BIGINT LANGUAGE WASM;\") \
     (func (export \"add\") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1))))$$";

/// pgjdbc, as Debian installs it.
const JDBC: &str = "/usr/share/java/postgresql.jar";

/// Driver of ODBC, as Debian names it.
const ODBC: &str = "PostgreSQL Unicode";

/// Returns the folder of packages of Python that `cargo xtask test` has installed.
pub(crate) fn python_packages() -> String {
    let installed = env::var("FUSEBOX_CLIENTS").unwrap_or_default();
    let own = env::var("PYTHONPATH").unwrap_or_default();
    let folders = [installed, own].into_iter();
    let folders: Vec<_> = folders.filter(|folder| !folder.is_empty()).collect();
    folders.join(":")
}

/// Starts a server with a certificate and the user `ada`, whose password is `pencil`.
fn secure_server() -> Server {
    let mut config = flight_config();
    let mut ada = UserConfig::default();
    "ada".clone_into(&mut ada.name);
    "pencil".clone_into(&mut ada.password);
    config.users = vec![ada];
    config.tls = Some(TlsConfig {
        certificate: format!("{FILES}/tls/server.crt").into(),
        key: format!("{FILES}/tls/server.key").into(),
    });
    server(config)
}

/// Returns true if a command runs and succeeds.
fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).env("PYTHONPATH", python_packages());
    command.stdin(Stdio::null());
    let output = command.output();
    output.is_ok_and(|output| output.status.success())
}

/// Runs a program that checks what a server answers, and prints `done`.
fn run(server: &Server, program: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    command.args(arguments).env("PYTHONPATH", python_packages());
    for variable in ["PGPASSWORD", "PGOPTIONS", "PGSSLMODE", "PGSERVICE"] {
        command.env_remove(variable);
    }
    let port = server.postgres_address().unwrap().port();
    command.env("PORT", port.to_string()).env("MODULE", MODULE);
    let port = server.flight_address().unwrap().port();
    command.env("FLIGHT_PORT", port.to_string());
    command.env("CERTIFICATE", format!("{FILES}/tls/server.crt"));
    command.stdin(Stdio::null());
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed.trim_end(), "done", "{errors}");
}

/// Runs a program of Python with packages, unless one is missing.
fn run_python(file: &str, packages: &str) {
    if !succeeds("python3", &["-c", &format!("import {packages}")]) {
        let packages = packages.replace(',', "");
        eprintln!("skipped: {packages} are not installed; to install: cargo xtask test");
        return;
    }
    run(
        &secure_server(),
        "python3",
        &[&format!("{FILES}/clients/{file}")],
    );
}

#[test]
fn psycopg_works_over_tls() {
    run_python("use_psycopg.py", "psycopg");
}

#[test]
fn asyncpg_works_over_tls() {
    run_python("use_asyncpg.py", "asyncpg");
}

#[test]
fn the_inspector_of_sqlalchemy_reads_the_catalog() {
    run_python("use_sqlalchemy.py", "sqlalchemy, psycopg");
}

#[test]
fn adbc_reads_and_loads_rows_by_copy() {
    let packages = "adbc_driver_postgresql, adbc_driver_manager, pyarrow";
    run_python("use_adbc_postgresql.py", packages);
}

#[test]
fn adbc_works_over_flight_and_tls() {
    let packages = "adbc_driver_flightsql, adbc_driver_manager, pyarrow";
    run_python("use_adbc_flightsql.py", packages);
}

#[test]
fn pgjdbc_works_over_tls() {
    if !Path::new(JDBC).exists() || !succeeds("java", &["-version"]) {
        eprintln!(
            "skipped: pgjdbc is not installed; to install: apt install default-jre-headless \
             libpostgresql-jdbc-java"
        );
        return;
    }
    let program = format!("{FILES}/clients/Jdbc.java");
    // The zone of the machine is another one than that of the server.
    let zone = "-Duser.timezone=Asia/Kolkata";
    run(&secure_server(), "java", &[zone, "-cp", JDBC, &program]);
}

/// Runs isql with lines of statements.
fn isql(server: &Server, password: &str, lines: &str) -> Output {
    let port = server.postgres_address().unwrap().port();
    let source = format!(
        "DRIVER={ODBC};SERVER=127.0.0.1;PORT={port};DATABASE=main;UID=ada;PWD={password};\
         sslmode=require"
    );
    let mut command = Command::new("isql");
    command.args(["-v", "-b", "-k", "-d|", &source]);
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // A client that was refused reads nothing.
    let _ = input.write_all(lines.as_bytes());
    drop(input);
    child.wait_with_output().unwrap()
}

#[test]
fn isql_works_over_tls() {
    if !succeeds("odbcinst", &["-q", "-d", "-n", ODBC]) || !succeeds("isql", &["--version"]) {
        eprintln!(
            "skipped: isql or its driver is not installed; to install: apt install unixodbc \
             odbc-postgresql"
        );
        return;
    }
    let server = secure_server();
    let refused = isql(&server, "wrong", "SELECT 1\n");
    let printed = String::from_utf8_lossy(&refused.stdout).into_owned();
    let printed = printed + &String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success(), "{printed}");
    assert!(
        printed.contains("password authentication failed"),
        "{printed}"
    );
    // isql allocates a statement at the same address for each line: its name returns.
    let lines = [
        MODULE,
        "IMPORT FUNCTIONS FROM MODULE adding",
        "CREATE TABLE t (a INT, b VARCHAR, c DECIMAL(10, 2), d DATE, e TIMESTAMP, f BOOLEAN, \
         g DOUBLE, h BYTEA, i BIGINT, j TIME)",
        "INSERT INTO t VALUES (1, 'x', 2.5, DATE '2024-02-29', TIMESTAMP '2024-02-29 12:00:00', \
         true, 1.5, X'00ff', 7, TIME '12:34:56'), \
         (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        "SELECT * FROM t ORDER BY a",
        "SELECT nosuch FROM t",
        "SELECT 1 / 0 AS n",
        "SELECT add(40, 2) AS sum",
    ];
    let output = isql(&server, "pencil", &(lines.join("\n") + "\n"));
    let printed = String::from_utf8_lossy(&output.stdout);
    let mut printed = printed.lines().filter(|line| !line.trim().is_empty());
    let mut next = || printed.next().unwrap_or_default();
    let row = "1|x|2.50|2024-02-29|2024-02-29 12:00:00|1|1.5|00ff|7|12:34:56";
    assert_eq!(next(), row, "{output:?}");
    assert_eq!(next(), "2|||||||||");
    let rest: Vec<_> =
        std::iter::from_fn(|| Some(next()).filter(|line| !line.is_empty())).collect();
    let errors: Vec<_> = rest.iter().filter_map(|line| line.get(..7)).collect();
    assert!(errors.contains(&"[42703]"), "{rest:?}");
    assert!(errors.contains(&"[22012]"), "{rest:?}");
    assert_eq!(rest.last().copied(), Some("42"), "{rest:?}");
}
