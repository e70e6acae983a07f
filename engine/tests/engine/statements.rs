//! Statements: execution order, nesting, effects on the session, and round trips.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use fusebox::{Error, FileAccess, Privileges, Session};

use crate::{CLAMP, number, run, session, text, udfs};

#[tokio::test]
async fn statements_before_a_syntax_error_are_executed() {
    let session = session();
    let text = format!("{CLAMP} SELECT 'unfinished");
    assert!(matches!(run(&session, &text).await, Err(Error::Syntax(_))));
    let batches = run(&session, "SELECT clamp_to(9, 1, 5)").await.unwrap();
    assert_eq!(number(&batches), 5);
    assert!(session.sql("SELECT 1; SELECT 2").await.is_err());
    assert!(session.sql(" ; ").await.is_err());
}

#[tokio::test]
async fn dialect_acts_on_the_next_statement_of_a_text() {
    let session = session();
    let text = "SET datafusion.sql_parser.dialect = 'mysql';
        SELECT 1 AS `a;b`;
        SET datafusion.sql_parser.dialect = 'postgresql'; SELECT 2 AS \"a;b\", 'x\\' AS c;
        SELECT 3 AS \"a;b\"";
    let last = run(&session, text).await.unwrap();
    assert_eq!(number(&last), 3);
    assert_eq!(last[0].schema().field(0).name(), "a;b");
    // The place is that of the whole text, and what ran before stays.
    let text = "SET datafusion.sql_parser.dialect = 'generic';\n\nSELECT 1;\n  SELECT )";
    let error = run(&session, text).await.unwrap_err().to_string();
    assert!(error.contains("Line: 4"), "{error}");
    // Statements that were taken before a change keep their dialect.
    let statements = session.statements("SET datafusion.sql_parser.dialect = 'mysql'; SELECT 1");
    assert_eq!(statements.collect::<Result<Vec<_>, _>>().unwrap().len(), 2);
}

#[tokio::test]
async fn deeply_nested_statements_are_rejected() {
    let session = session();
    for (open, close) in [
        ("ARRAY<", ">"),
        ("ARRAY<STRUCT<a ", ">>"),
        ("Nullable(", ")"),
        ("", "[]"),
        ("", " ARRAY"),
        ("", "[3]"),
    ] {
        for depth in [1_000, 50_000] {
            let nested = format!("{}BIGINT{}", open.repeat(depth), close.repeat(depth));
            for text in [
                format!("CREATE FUNCTION f({nested}) RETURNS BIGINT LANGUAGE WASM AS 'x'"),
                format!("DROP FUNCTION f({nested})"),
                format!("SELECT CAST(NULL AS {nested})"),
            ] {
                assert!(run(&session, &text).await.is_err(), "{open} {close}");
            }
        }
    }
    for text in [
        format!("SELECT {}1{}", "(".repeat(50_000), ")".repeat(50_000)),
        format!("SELECT {}1", "- ".repeat(50_000)),
        format!("SELECT {}1", "NOT ".repeat(50_000)),
        format!("{}SELECT 1", "EXPLAIN ".repeat(200_000)),
        create_module_with_declarations(&"EXPLAIN ".repeat(30_000)),
        create_module_with_declarations(&format!("SELECT 1{}", "::INT".repeat(50_000))),
        create_module_with_declarations(&format!("SELECT 1{}", "+1".repeat(100_000))),
        create_module_with_declarations(&",".repeat(15_000_000)),
        create_module_with_declarations(&"CREATE FUNCTION a() RETURNS INT;".repeat(400_000)),
    ] {
        assert!(run(&session, &text).await.is_err());
    }
}

/// Returns `CREATE MODULE` for a module whose section `fusebox.functions` is `text`.
fn create_module_with_declarations(text: &str) -> String {
    let section = format!("(@custom \"fusebox.functions\" \"{text}\")");
    format!("CREATE MODULE m LANGUAGE WASM AS $$(module {section})$$")
}

#[tokio::test]
async fn show_create_function_recreates_the_same_function() {
    let binary = wat::parse_file(udfs().join("wat/clamp.wat")).unwrap();
    let base64 = BASE64_STANDARD.encode(binary);
    for create in [
        CLAMP.to_owned(),
        format!("CREATE FUNCTION clamp_to LANGUAGE WASM AS BASE64 '{base64}'"),
        "CREATE MODULE \"A b\" LANGUAGE WASM FROM 'wat/clamp.wat';
         CREATE TEMPORARY FUNCTION \"Select\" STABLE LANGUAGE WASM FROM MODULE \"A b\"
             EXPORT 'clamp_to' WITH (memory = '65537kB', stack = '5000B', instances = 9999)"
            .to_owned(),
        format!(
            "CREATE FUNCTION f(x VARCHAR, \"from\" BYTEA, SMALLINT UNSIGNED) RETURNS FLOAT
                 LANGUAGE WASM VOLATILE STRICT AS $t${};; $$t$ EXPORT 'clamp_to'",
            std::fs::read_to_string(udfs().join("wat/clamp.wat"))
                .unwrap()
                .replace("(@custom", ";; $$ (@custom")
                .replace("\"CREATE", ";; \"CREATE"),
        ),
    ] {
        let session = session();
        run(&session, &create)
            .await
            .unwrap_or_else(|error| panic!("{create}: {error}"));
        let name = text(&run(&session, "SHOW USER FUNCTIONS").await.unwrap(), 0);
        let show = format!("SHOW CREATE FUNCTION \"{name}\"");
        let shown = text(&run(&session, &show).await.unwrap(), 1);
        let again = format!("DROP FUNCTION \"{name}\"; {shown}; {show}");
        let second = text(&run(&session, &again).await.unwrap(), 1);
        assert_eq!(shown, second);
    }
}

/// Runs statements in order and returns the number in the result of the last one.
async fn last_number(session: &Session, statements: &[&str]) -> i64 {
    let mut last = Vec::new();
    for statement in statements {
        last = run(session, statement).await.unwrap();
    }
    number(&last)
}

#[tokio::test]
async fn datafusion_statements_take_effect_in_the_session() {
    let folder = tempfile::tempdir().unwrap();
    let clamp = CLAMP.replace("wat/", &format!("{}/wat/", udfs().display()));
    let file = folder.path().join("t.csv").display().to_string();
    let copy = format!("COPY t TO '{file}' STORED AS CSV OPTIONS ('format.has_header' 'true')");
    let external = format!(
        "CREATE EXTERNAL TABLE e STORED AS CSV LOCATION '{file}'
         OPTIONS ('format.has_header' 'true')"
    );
    let session = Session::builder().privileges(Privileges {
        files: FileAccess::under("/").unwrap().writable(),
        ..Privileges::all()
    });
    let session = session.build().unwrap();
    for (statements, expected) in [
        (
            &[
                &clamp,
                "CREATE TABLE t AS SELECT clamp_to(value, 2, 4) AS a FROM range(0, 7)",
                "SELECT sum(a) FROM t",
            ][..],
            21,
        ),
        (&["INSERT INTO t VALUES (100)", "SELECT sum(a) FROM t"], 121),
        (&[&copy, &external, "SELECT sum(a) FROM e"], 121),
        (
            &[
                "CREATE VIEW v AS SELECT clamp_to(a, 1, 3) AS b FROM t",
                "SELECT sum(b) FROM v",
            ],
            21,
        ),
        (
            &[
                "CREATE SCHEMA s",
                "CREATE TABLE s.t AS SELECT 7 AS a",
                "SELECT a FROM s.t",
            ],
            7,
        ),
        (
            &[
                "PREPARE p(BIGINT) AS SELECT clamp_to($1, 0, 9)",
                "EXECUTE p(12)",
            ],
            9,
        ),
        (
            &[
                "SET datafusion.execution.batch_size = 5",
                "SELECT CAST(value AS BIGINT) FROM information_schema.df_settings
                 WHERE name = 'datafusion.execution.batch_size'",
            ],
            5,
        ),
        (
            &[
                "DROP TABLE e",
                "DROP VIEW v",
                "DROP SCHEMA s CASCADE",
                "SELECT count(*) FROM information_schema.tables
                 WHERE table_schema IN ('public', 's')",
            ],
            1,
        ),
    ] {
        assert_eq!(last_number(&session, statements).await, expected);
    }
    assert!(run(&session, "DEALLOCATE p; EXECUTE p(12)").await.is_err());
}

#[tokio::test]
async fn equal_calls_in_one_query_have_equal_results() {
    let session = session();
    run(&session, CLAMP).await.unwrap();
    let query = "CREATE VIEW v AS SELECT clamp_to(value, 2, 4) AS a FROM range(0, 7);
        WITH c AS (SELECT clamp_to(value, 2, 4) AS a FROM range(0, 7))
        SELECT clamp_to(c.a, 0, 9) + count(*)
        FROM c JOIN v ON clamp_to(c.a, 0, 9) = clamp_to(v.a, 0, 9)
        GROUP BY clamp_to(c.a, 0, 9) ORDER BY clamp_to(c.a, 0, 9)";
    // Three rows of seven are clamped to 2, one is 3, three are clamped to 4.
    assert_eq!(number(&run(&session, query).await.unwrap()), 2 + 9);
}
