//! `.dump` and `.schema`: statements that can be executed.

use std::fs;

use crate::shell;

/// Dumps a catalog, and returns what a query finds in another that the dump makes.
#[track_caller]
fn dumped(create: &str, query: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (before, after, script) = (path("before.db"), path("after.db"), path("dump.sql"));
    let run = shell(&[&before, "-c", create], "");
    assert_eq!((run.status, &*run.stderr), (Some(0), ""), "{run:?}");
    let run = shell(&[&before, "-c", &format!("\\o {script}\n.dump")], "");
    assert_eq!((run.status, &*run.stderr), (Some(0), ""), "{run:?}");
    let run = shell(&[&after, "-f", &script], "");
    let text = fs::read_to_string(&script).unwrap();
    assert_eq!((run.status, &*run.stderr), (Some(0), ""), "{text}");
    let run = shell(&[&after, "--format", "csv", "-c", query], "");
    assert_eq!((run.status, &*run.stderr), (Some(0), ""), "{text} {run:?}");
    run.stdout
}

#[test]
fn views_named_like_words_of_their_tables_come_after_them() {
    let create = "CREATE TABLE orders(id INT, customer VARCHAR);
        CREATE VIEW customer AS SELECT DISTINCT customer FROM orders;
        INSERT INTO orders VALUES (1, 'a'), (2, 'a')";
    assert_eq!(dumped(create, "SELECT * FROM customer"), "customer\na\n");
    // Words of strings, aliases and columns are no relations.
    let create = "CREATE VIEW z AS SELECT 1 AS a, 'b' AS b;
        CREATE VIEW a AS SELECT b AS z FROM z AS b; CREATE VIEW b AS SELECT z AS a FROM a";
    assert_eq!(dumped(create, "SELECT * FROM b"), "a\nb\n");
}

#[test]
fn keys_are_those_of_the_dumped_tables() {
    let create = "CREATE TABLE k(id BIGINT PRIMARY KEY, v VARCHAR, UNIQUE (v));
        INSERT INTO k VALUES (1, 'a'), (2, NULL)";
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for catalog in ["--memory", &path("a.db")] {
        let dump = shell(&[catalog, "-c", create, "-c", ".dump"], "");
        assert_eq!((dump.status, &*dump.stderr), (Some(0), ""), "{dump:?}");
        let sql = dump.stdout.rsplit_once("CREATE TABLE").unwrap().1;
        let sql = format!("CREATE TABLE{sql}; INSERT INTO k VALUES (3, 'a')");
        let run = shell(&["-c", &sql], "");
        let refused = "duplicate key: expected one row with (v) = (a), found 2";
        assert!(run.stderr.contains(refused), "{run:?}");
    }
}

#[test]
fn views_of_equal_names_are_ordered_by_schema() {
    let create = "CREATE SCHEMA s; CREATE VIEW s.b AS SELECT 1 AS x;
        CREATE VIEW a AS SELECT * FROM s.b; CREATE VIEW s.a AS SELECT * FROM a;
        CREATE VIEW b AS SELECT x + 1 AS x FROM s.a";
    assert_eq!(dumped(create, "SELECT * FROM b"), "x\n2\n");
}

#[test]
fn what_cannot_be_created_is_a_comment_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("x.csv"), "n\n1\n").unwrap();
    let create = format!(
        "CREATE EXTERNAL TABLE gone STORED AS CSV LOCATION '{}';
         CREATE VIEW a AS SELECT n\nFROM gone; CREATE VIEW b AS SELECT n FROM a;
         CREATE VIEW zkeep AS SELECT 42 AS k",
        path("x.csv")
    );
    let run = shell(&[&path("a.db"), "-c", &create], "");
    assert_eq!((run.status, &*run.stderr), (Some(0), ""), "{run:?}");
    fs::remove_file(path("x.csv")).unwrap();
    let dump = shell(&[&path("a.db"), "-c", ".dump"], "").stdout;
    for comment in [
        "\n-- The table datafusion.public.gone is left out: ",
        "\n-- The view datafusion.public.a is left out: ",
        "\n-- CREATE VIEW b AS SELECT n FROM a;\n",
    ] {
        assert!(dump.contains(comment), "{dump}");
    }
    fs::write(path("dump.sql"), dump).unwrap();
    let query = "SELECT k FROM zkeep";
    let arguments = [
        &*path("b.db"),
        "--format",
        "csv",
        "-f",
        &path("dump.sql"),
        "-c",
        query,
    ];
    let run = shell(&arguments, "");
    assert_eq!((run.status, &*run.stdout), (Some(0), "k\n42\n"), "{run:?}");
}

const IN_MEMORY: &str = "CREATE TABLE t(a BIGINT NOT NULL DEFAULT 3, b VARCHAR, PRIMARY KEY (a));
    INSERT INTO t VALUES (1, 'x'), (2, NULL);
    CREATE SCHEMA s;
    CREATE TABLE s.\"L\" AS SELECT [1, 2] AS l, 1.5 AS d;
    CREATE VIEW v AS SELECT a FROM t;
    CREATE VIEW a AS SELECT a + 1 AS a FROM v;";

#[test]
fn relations_in_memory_are_dumped() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("dump.sql");
    let script = script.to_str().unwrap();
    let dump = format!("{IN_MEMORY}\n\\o {script}\n.dump\n");
    let run = shell(&["-f", "-"], &dump);
    assert_eq!((run.status, &*run.stderr), (Some(0), ""), "{run:?}");
    let queries = "SELECT * FROM t; SELECT sum(a) AS s FROM a; SELECT * FROM s.\"L\";
        INSERT INTO t (b) VALUES ('y'); SELECT a FROM t WHERE b = 'y'";
    let expected = "a,b\n1,x\n2,\ns\n5\nl,d\n\"[1,2]\",1.5\ncount\n1\na\n3\n";
    for catalog in ["--memory", folder.path().join("a.db").to_str().unwrap()] {
        let run = shell(
            &[catalog, "--format", "csv", "-f", script, "-c", queries],
            "",
        );
        assert!(run.stdout.ends_with(expected), "{catalog} {run:?}");
    }
}

#[test]
fn schema_is_printed_without_rows() {
    let create = "CREATE TABLE t(a BIGINT, b VARCHAR); INSERT INTO t VALUES (1, 'x');
        CREATE VIEW v AS SELECT a FROM t;";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.db");
    for catalog in ["--memory", file.to_str().unwrap()] {
        let shown = |command: &str| {
            let script =
                format!("\\o /dev/null\n{create}\n\\o\n{command}\nDROP VIEW v; DROP TABLE t;");
            let run = shell(&[catalog, "-f", "-"], &script);
            assert_eq!((run.status, &*run.stderr), (Some(0), ""), "{run:?}");
            run.stdout
        };
        for name in ["t", "public.T", "datafusion.public.t"] {
            let table = shown(&format!(".schema {name}"));
            assert!(table.starts_with("CREATE TABLE "), "{table}");
            assert!(table.contains("BIGINT, b VARCHAR"), "{table}");
            assert_eq!(table.lines().count(), 1, "{table}");
        }
        assert_eq!(shown(".schema v"), "CREATE VIEW v AS SELECT a FROM t;\n");
        let all = shown(".schema");
        assert!(all.lines().count() == 2 && !all.contains("INSERT"), "{all}");
    }
    let run = shell(&["-c", ".schema missing"], "");
    assert!(
        run.status == Some(1) && run.stderr.contains("not found"),
        "{run:?}"
    );
}

#[test]
fn users_are_dumped_with_verifiers_and_grants() {
    let create = "CREATE ROLE analysts; CREATE USER ada PASSWORD 'pencil'; GRANT analysts TO ada;
        ALTER USER ada SET fusebox.quota.sessions = 3; GRANT CREATE ON ALL FUNCTIONS TO analysts";
    let query = "SELECT has_password, member_of, settings FROM fusebox.users WHERE can_login";
    let users = "has_password,member_of,settings\n\
                 true,analysts,fusebox.quota.sessions = 3\n";
    assert_eq!(dumped(create, query), users);
    let query = "SELECT * FROM fusebox.grants";
    let grants = "grantee,privilege,object\nanalysts,CREATE,ALL FUNCTIONS\n";
    assert_eq!(dumped(create, query), grants);
    let dump = shell(&["-c", &format!("{create};\n.dump")], "").stdout;
    assert!(!dump.contains("pencil"), "{dump}");
}
