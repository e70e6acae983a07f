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

#[test]
fn functions_of_the_catalog_mix_with_tables_and_functions_of_users() {
    let (_server, mut client) = connected();
    client.query(ADD).unwrap();
    client
        .query("CREATE TABLE t (a INT, owner VARCHAR)")
        .unwrap();
    client
        .query("INSERT INTO t VALUES (1, current_user), (2, 'bob')")
        .unwrap();
    for (sql, expected) in [
        ("SELECT add(40, 2), current_user", "42|ada"),
        ("SELECT a FROM t WHERE owner = session_user", "1"),
        (
            "SELECT a, current_schema, CURRENT_ROLE FROM t WHERE a = 2",
            "2|public|ada",
        ),
        (
            "SELECT current_database(), pg_catalog.current_schema(), add(1, 1)",
            "ada|public|2",
        ),
        (
            "SELECT pg_typeof(add(1, 2)), pg_typeof(a) FROM t WHERE a = 1",
            "bigint|integer",
        ),
        (
            "WITH u AS (SELECT current_user AS name) SELECT t.a FROM t JOIN u ON u.name = t.owner",
            "1",
        ),
        (
            "SELECT count(*) FROM information_schema.tables \
             WHERE table_schema = current_schema() AND table_name = 't'",
            "1",
        ),
    ] {
        assert_eq!(client.rows(sql), [expected], "{sql}");
    }
    let version = client.rows("SELECT version(), a FROM t WHERE a = 1");
    assert!(
        version[0].starts_with("PostgreSQL 16.0 (Fusebox "),
        "{version:?}"
    );
    let copied = client.query("COPY (SELECT add(1, 2), current_user) TO STDOUT");
    assert_eq!(copied.unwrap().copied, b"3\tada\n");
    let changed = client.query("UPDATE t SET owner = current_user WHERE a = 2");
    assert_eq!(changed.unwrap().tags, ["UPDATE 1"]);
    let answer = client
        .query("SELECT current_schema, count(*) FROM t WHERE owner = current_user")
        .unwrap();
    assert_eq!(answer.columns, ["current_schema", "count"]);
    assert_eq!(answer.texts(), ["public|2"]);
    let answer = client.query("SELECT current_schema, nosuch FROM t");
    assert_eq!(answer.code(), "42703");
    assert_eq!(answer.error.unwrap()[&'P'], "24");
}

#[test]
fn functions_of_users_keep_their_names() {
    let (_server, mut client) = connected();
    assert_eq!(client.rows("SELECT quote_ident('a b')"), ["\"a b\""]);
    // The session has borrowed the name, and not kept it.
    let own = ADD
        .replace("add(BIGINT", "quote_ident(BIGINT")
        .replace("\"add\"", "\"quote_ident\"");
    client.query(&own).unwrap();
    let sql = "SELECT quote_ident(40, 2), current_user, pg_catalog.quote_ident('a b')";
    assert_eq!(client.rows(sql), ["42|ada|\"a b\""]);
    assert_eq!(client.rows("SELECT quote_ident(1, 2)"), ["3"]);
    client.query("DROP FUNCTION quote_ident").unwrap();
    assert_eq!(client.rows("SELECT quote_ident('a b')"), ["\"a b\""]);
    // Words and names of columns are theirs too.
    client
        .query("CREATE TABLE u (version INT, \"current_user\" INT)")
        .unwrap();
    client.query("INSERT INTO u VALUES (1, 2)").unwrap();
    assert_eq!(
        client.rows("SELECT version, \"current_user\", u.version FROM u"),
        ["1|2|1"]
    );
}
