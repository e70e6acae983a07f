//! PostgreSQL's catalog, by the queries of psql and of drivers.

use crate::{ADD, connected};

#[test]
fn functions_of_the_catalog_are_known() {
    let (_server, mut client) = connected();
    for (sql, expected) in [
        ("SELECT current_schema()", "public"),
        ("SELECT current_user, current_database()", "ada|ada"),
        (
            "SELECT pg_catalog.current_setting('server_version')",
            "16.0",
        ),
        (
            "SELECT pg_catalog.format_type(1700, 655366)",
            "numeric(10,2)",
        ),
        ("SELECT 'pg_class'::regclass::oid", "1259"),
        (
            "SELECT nspname FROM pg_namespace WHERE oid = 2200",
            "public",
        ),
        (
            "SELECT typname FROM pg_catalog.pg_type WHERE oid = 20",
            "int8",
        ),
        ("SELECT pg_is_in_recovery()", "f"),
        ("SELECT count(*) FROM pg_catalog.pg_trigger", "0"),
    ] {
        assert_eq!(client.rows(sql), [expected], "{sql}");
    }
    let version = client.rows("SELECT version()");
    assert!(
        version[0].starts_with("PostgreSQL 16.0 (Fusebox "),
        "{version:?}"
    );
    assert_eq!(client.query("SELECT 'nosuch'::regclass").code(), "42P01");
}

#[test]
fn relations_and_functions_are_listed() {
    let (_server, mut client) = connected();
    client
        .query("CREATE TABLE t (a INT NOT NULL, b DECIMAL(10, 2), c VARCHAR[])")
        .unwrap();
    client.query("CREATE VIEW v AS SELECT a FROM t").unwrap();
    client.query(ADD).unwrap();
    let classes = "SELECT c.relname, c.relkind FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = 'public' ORDER BY 1";
    assert_eq!(client.rows(classes), ["t|r", "v|v"]);
    let columns = "SELECT attname, pg_catalog.format_type(atttypid, atttypmod), attnotnull \
         FROM pg_catalog.pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 \
         ORDER BY attnum";
    assert_eq!(
        client.rows(columns),
        ["a|integer|t", "b|numeric(10,2)|f", "c|text[]|f"]
    );
    let functions = "SELECT proname, pg_catalog.pg_get_function_arguments(oid), \
         pg_catalog.pg_get_function_result(oid), prokind FROM pg_catalog.pg_proc";
    assert_eq!(client.rows(functions), ["add|int8, int8|int8|f"]);
}
