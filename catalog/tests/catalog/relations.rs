//! Views and tables that need each other, and those that cannot be planned.

use std::fs;

use crate::{at_the_same_time, folder, number, open, run, texts};

/// Names and kinds of the relations that a session lists.
async fn listed(session: &fusebox::Session) -> Vec<String> {
    let query = "SELECT table_name || ' ' || table_type FROM information_schema.tables
        WHERE table_schema = 'public' ORDER BY 1";
    let batches = run(session, query).await.unwrap();
    let rows = batches.iter().flat_map(|batch| {
        let column = datafusion::arrow::util::display::ArrayFormatter::try_new(
            batch.column(0).as_ref(),
            &datafusion::arrow::util::display::FormatOptions::new(),
        );
        let column = column.unwrap();
        (0..batch.num_rows())
            .map(|row| column.value(row).to_string())
            .collect::<Vec<_>>()
    });
    rows.collect()
}

#[tokio::test]
async fn writers_create_relations_at_the_same_time() {
    const EACH: usize = 6;
    let folder = folder();
    let file = folder.path().join("c.db");
    at_the_same_time(&file, 4, |writer, session| async move {
        for n in 0..EACH {
            let statements = format!(
                "CREATE VIEW v_{writer}_{n} AS SELECT {n} AS a;
                 CREATE TABLE t_{writer}_{n} AS SELECT {n} AS a;
                 CREATE TABLE IF NOT EXISTS same AS SELECT 1 AS a;
                 CREATE OR REPLACE VIEW again AS SELECT {writer} AS a;
                 DROP VIEW v_{writer}_{n}"
            );
            run(&session, &statements).await.unwrap();
        }
    });
    let listed = listed(&open(&file)).await;
    assert_eq!(listed.len(), 4 * EACH + 2, "{listed:?}");
}

#[test]
fn one_of_several_writers_creates_a_view() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let created = at_the_same_time(&file, 4, |writer, session| async move {
        let create = format!("CREATE VIEW same AS SELECT {writer} AS a");
        run(&session, &create).await
    });
    assert_eq!(created.iter().filter(|created| created.is_ok()).count(), 1);
    for refused in created.into_iter().filter_map(Result::err) {
        let refused = refused.to_string();
        assert!(refused.contains("already exists"), "{refused}");
    }
}

#[tokio::test]
async fn relations_that_views_need_are_not_dropped() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let (session, other, hiding) = (open(&file), open(&file), open(&file));
    run(&hiding, "CREATE TEMPORARY TABLE t AS SELECT 2 AS a")
        .await
        .unwrap();
    let create = "CREATE TABLE t AS SELECT 1 AS a;
        CREATE VIEW v AS SELECT a FROM t;
        CREATE VIEW w AS SELECT a FROM (SELECT * FROM v) x";
    run(&session, create).await.unwrap();
    for (drop, expected) in [
        ("DROP TABLE t", "table `t` is needed by view `v`, view `w`"),
        ("DROP TABLE IF EXISTS t", "is needed by view `v`, view `w`"),
        ("DROP VIEW v", "view `v` is needed by view `w`"),
    ] {
        let refused = run(&other, drop).await.unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
        assert!(refused.contains("CASCADE"), "{refused}");
    }
    // That of the session hides the one that is needed.
    run(&hiding, "DROP TABLE t").await.unwrap();
    run(&other, "CREATE TEMPORARY VIEW own AS SELECT a FROM w")
        .await
        .unwrap();
    let refused = run(&other, "DROP VIEW w").await.unwrap_err().to_string();
    assert!(refused.contains("needed by view `own`"), "{refused}");
    assert_eq!(number(&session, "SELECT a FROM w").await.unwrap(), 1);
    run(&other, "DROP TABLE t CASCADE").await.unwrap();
    for session in [&session, &other, &open(&file)] {
        assert_eq!(listed(session).await, [""; 0]);
    }
    // Names that are equal but for their schema are others.
    let create =
        "CREATE SCHEMA s; CREATE TABLE t AS SELECT 1 AS a; CREATE TABLE s.t AS SELECT 2 AS a;
        CREATE VIEW v AS SELECT a FROM s.t";
    run(&session, create).await.unwrap();
    run(&session, "DROP TABLE t").await.unwrap();
    let refused = run(&session, "DROP TABLE s.t")
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("needed by view `v`"), "{refused}");
}

#[tokio::test]
async fn relations_that_cannot_be_planned_are_listed() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let csv = folder.path().join("rows.csv");
    fs::write(&csv, "a\n1\n").unwrap();
    let root = fusebox::FileAccess::any();
    let privileges = fusebox::Privileges {
        files: root,
        ..fusebox::Privileges::all()
    };
    let open = || {
        let catalog = fusebox_catalog::SqliteCatalog::open(&file).unwrap();
        let engine = fusebox::Engine::builder()
            .catalog(std::sync::Arc::new(catalog))
            .privileges(privileges.clone())
            .build()
            .unwrap();
        engine.session().build().unwrap()
    };
    let create = format!(
        "CREATE EXTERNAL TABLE e STORED AS CSV LOCATION '{}'; CREATE VIEW v AS SELECT * FROM e;
         CREATE VIEW fine AS SELECT 1 AS a",
        csv.display()
    );
    run(&open(), &create).await.unwrap();
    fs::remove_file(&csv).unwrap();
    fs::create_dir(&csv).unwrap();
    fs::write(csv.join("x.csv"), [0xff, 0xfe, b'\n', 0xff]).unwrap();
    let session = open();
    let expected = ["e BASE TABLE", "fine VIEW", "v VIEW"];
    assert_eq!(listed(&session).await, expected);
    // Twice, since they are listed now.
    for _ in 0..2 {
        let failed = run(&session, "SELECT * FROM v").await;
        let failed = failed.map(|_| ()).unwrap_err().to_string();
        assert!(failed.contains("`datafusion.public.e`"), "{failed}");
    }
    let refused = run(&session, "CREATE VIEW v AS SELECT 1 AS a").await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("already exists"), "{refused}");
    let shown = texts(&session, "SHOW CREATE TABLE v", 3).await;
    assert_eq!(shown, ["CREATE VIEW v AS SELECT * FROM e"]);
    run(&session, "CREATE OR REPLACE VIEW v AS SELECT 5 AS a")
        .await
        .unwrap();
    assert_eq!(number(&session, "SELECT a FROM v").await.unwrap(), 5);
    run(&session, "DROP TABLE e").await.unwrap();
    assert_eq!(listed(&session).await, ["fine VIEW", "v VIEW"]);
    assert_eq!(listed(&open()).await, ["fine VIEW", "v VIEW"]);
}

#[tokio::test]
async fn kept_view_needs_what_is_kept() {
    let folder = folder();
    let session = open(&folder.path().join("c.db"));
    let create = r#"CREATE TEMPORARY TABLE t AS SELECT 1 AS a;
        CREATE TEMPORARY VIEW v AS SELECT a FROM t;
        CREATE TEMPORARY FUNCTION plus_one(a BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$
        (module (func (export "plus_one") (param i64) (result i64)
            (i64.add (local.get 0) (i64.const 1)))) $$"#;
    run(&session, create).await.unwrap();
    for (query, expected) in [
        ("SELECT a FROM t", "temporary table `t`"),
        (
            "SELECT 1 AS a WHERE 1 IN (SELECT a FROM v)",
            "temporary view `v`",
        ),
        (
            "SELECT plus_one(a) AS a FROM range(0, 3) r(a)",
            "temporary function `plus_one`",
        ),
    ] {
        let create = format!("CREATE VIEW w AS {query}");
        let refused = run(&session, &create).await.unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
        let create = format!("CREATE TEMPORARY VIEW w AS {query}; DROP VIEW w");
        run(&session, &create).await.unwrap();
    }
    assert_eq!(listed(&session).await, ["t BASE TABLE", "v VIEW"]);
}

#[tokio::test]
async fn tables_are_shown_as_statements() {
    let folder = folder();
    let session = open(&folder.path().join("c.db"));
    let create = "CREATE TABLE stated (a INT NOT NULL, b VARCHAR DEFAULT 'x');
        CREATE TABLE queried AS SELECT 1 AS a, 'x' AS \"B\";
        CREATE TEMPORARY TABLE own (a DOUBLE)";
    run(&session, create).await.unwrap();
    for name in ["stated", "queried", "own"] {
        let show = format!("SHOW CREATE TABLE {name}");
        let shown = texts(&session, &show, 3).await;
        let temporary = if name == "own" { "TEMPORARY " } else { "" };
        let again = shown[0].replace("CREATE TABLE", &format!("CREATE {temporary}TABLE"));
        let columns = "SELECT arrow_cast(string_agg(column_name || is_nullable
            || replace(data_type, 'View', ''), ','), 'Utf8') FROM information_schema.columns
            WHERE table_name = ";
        let columns = format!("{columns}'{name}'");
        let before = texts(&session, &columns, 0).await;
        run(&session, &format!("DROP TABLE {name}; {again}"))
            .await
            .unwrap();
        assert_eq!(texts(&session, &columns, 0).await, before, "{shown:?}");
    }
}

#[tokio::test]
async fn case_of_names_is_kept() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let session = open(&file);
    let create = "SET datafusion.sql_parser.enable_ident_normalization = false;
        CREATE TABLE Base (Id INT, Name VARCHAR);
        INSERT INTO Base VALUES (1, 'x');
        CREATE VIEW CamelV AS WITH Cte AS (SELECT Id, COUNT(*) AS Count FROM Base B GROUP BY B.Id)
        SELECT Cte.*, Base.Name AS Name2 FROM Cte JOIN Base USING (Id) WHERE LENGTH(Name) = 1";
    run(&session, create).await.unwrap();
    assert_eq!(
        number(&session, "SELECT Count FROM CamelV").await.unwrap(),
        1
    );
    let session = open(&file);
    let query = r#"SELECT "Count" FROM "CamelV" WHERE "Name2" = 'x' AND "Id" = 1"#;
    assert_eq!(number(&session, query).await.unwrap(), 1);
    run(&session, r#"INSERT INTO "Base" VALUES (2, 'yy')"#)
        .await
        .unwrap();
}

#[tokio::test]
async fn schemas_are_kept_without_relations() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let (session, other) = (open(&file), open(&file));
    run(
        &session,
        "CREATE SCHEMA bare; CREATE SCHEMA IF NOT EXISTS bare; CREATE SCHEMA gone",
    )
    .await
    .unwrap();
    run(
        &other,
        "CREATE TABLE bare.t AS SELECT 1 AS a; DROP SCHEMA gone",
    )
    .await
    .unwrap();
    run(&other, "DROP TABLE bare.t").await.unwrap();
    let last = open(&file);
    let names = "SELECT arrow_cast(string_agg(schema_name, ',' ORDER BY schema_name), 'Utf8')
        FROM information_schema.schemata WHERE schema_name IN ('bare', 'gone')";
    assert_eq!(texts(&last, names, 0).await, ["bare"]);
    run(
        &last,
        "CREATE VIEW bare.v AS SELECT 1 AS a; DROP SCHEMA bare CASCADE",
    )
    .await
    .unwrap();
    run(&open(&file), "SELECT a FROM bare.v").await.unwrap_err();
    run(&open(&file), "CREATE VIEW bare.v AS SELECT 1 AS a")
        .await
        .unwrap_err();
}

/// Quotes in a row and after backslashes are as they were written.
#[tokio::test]
async fn literals_are_there_again() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    let create = r"CREATE VIEW v AS SELECT '''''' AS a, '\''' AS b, E'\'\\' AS c, 'it''s' AS d;
        CREATE TABLE t (n BIGINT, a VARCHAR DEFAULT '''''', b VARCHAR DEFAULT '\''');
        INSERT INTO t (n) VALUES (1)";
    let session = open(&file);
    run(&session, create).await.unwrap();
    let view = "SELECT arrow_cast(concat(a, '|', b, '|', c, '|', d), 'Utf8') FROM v";
    let table = "SELECT arrow_cast(concat(n, '|', a, '|', b), 'Utf8') FROM t ORDER BY n";
    for (session, rows) in [(session, vec![1]), (open(&file), vec![1, 2])] {
        if rows.len() > 1 {
            let insert = "INSERT INTO t (n) VALUES (2)";
            run(&session, insert).await.unwrap();
        }
        assert_eq!(texts(&session, view, 0).await, [r"''|\'|'\|it's"]);
        let expected: Vec<_> = rows.iter().map(|n| format!(r"{n}|''|\'")).collect();
        assert_eq!(texts(&session, table, 0).await, expected);
    }
}

/// A text of MySQL is a name elsewhere: the view would be another one in other sessions.
#[tokio::test]
async fn view_that_would_be_another_is_refused() {
    let folder = folder();
    let session = open(&folder.path().join("functions.db"));
    let view = "SET datafusion.sql_parser.dialect = 'mysql';
        CREATE VIEW v AS SELECT \"a\" AS b";
    let error = run(&session, view).await.unwrap_err().to_string();
    let expected = "the catalog cannot keep `datafusion.public.v`";
    assert!(error.contains(expected), "{error}");
    let view = "CREATE VIEW v AS SELECT 'a' AS b";
    run(&session, view).await.unwrap();
}
