//! Scripts, and the places of their errors.

use std::fs;

use crate::shell;

#[test]
fn errors_of_scripts_name_file_line_and_column() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a script.sql");
    let name = file.to_str().unwrap();
    for (sql, expected) in [
        (
            "SELECT 1;\n-- twice\nSELECT 2\n  FROM Nowhere;\nSELECT 3;",
            ":4:8: table 'datafusion.public.nowhere' not found\n    FROM Nowhere;\n         ^\n",
        ),
        (
            "SELECT 1;\n\nSELECT 2 FORM x y;\n",
            ":3:10: sql parser error: Expected: EOF, found: x; did you mean FROM?\n  \
             SELECT 2 FORM x y;\n           ^\n",
        ),
        // The error is in no word of the statement.
        (
            "/* a */ SELECT 1;\n/* b\n*/ SELECT 1 / 0;",
            ":3:4: Divide by zero error\n",
        ),
    ] {
        std::fs::write(&file, sql).unwrap();
        for arguments in [&["-f", name][..], &["--echo", "-f", name]] {
            let run = shell(arguments, "");
            let message = run.stderr.strip_prefix("error: ").unwrap_or_default();
            let rest = message.strip_prefix(name).unwrap_or_default();
            assert!(rest.starts_with(expected), "{run:?}");
        }
    }
    let run = shell(&["-f", "-"], "SELECT 1;\nSELECT a;");
    assert!(run.stderr.starts_with("error: <stdin>:2:8: "), "{run:?}");
    let run = shell(&["-c", "SELECT a"], "");
    assert!(run.stderr.starts_with("error: No field named a"), "{run:?}");
}

#[test]
fn lines_of_scripts_may_be_commands() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("out.csv");
    let script = format!(
        "CREATE TABLE t AS SELECT '\n\\d is a line of a string\n' AS s,\n 1 AS n;\n\
         \\set limit 2\n.mode csv\n\\o {}\nSELECT n FROM t WHERE n < :limit;\n\\o\n\
         SELECT length(s) AS l\n FROM t\n\\g\n\\echo end\n",
        file.display()
    );
    let run = shell(&["-f", "-"], &script);
    assert_eq!(
        (run.status, &*run.stdout),
        (Some(0), "l\n26\nend\n"),
        "{run:?}"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "n\n1\n");
    // An error ends the script, and tells its line.
    let run = shell(
        &["-f", "-"],
        "\\echo 1\n\nSELECT 1\n FROM nowhere;\n\\echo 2\n",
    );
    assert_eq!((run.status, &*run.stdout), (Some(1), "1\n"), "{run:?}");
    assert!(
        run.stderr.starts_with("error: <stdin>:4:7: table "),
        "{run:?}"
    );
    let run = shell(&["-c", "\\dt"], "");
    assert_eq!(run.status, Some(0), "{run:?}");
    let run = shell(&["-c", "\\i no/such/file.sql"], "");
    assert_eq!(run.status, Some(1), "{run:?}");
    let run = shell(&["-f", "-"], "SELECT 1;\n\\zz\nSELECT 2;\n");
    assert!(run.stderr.starts_with("error: <stdin>:2: "), "{run:?}");
    assert_eq!(
        (run.status, run.stdout.contains('2')),
        (Some(1), false),
        "{run:?}"
    );
    let run = shell(&["--root", ".", "-c", "\\i /etc/passwd"], "");
    assert!(run.stderr.contains("refused with --root"), "{run:?}");
    let run = shell(&["--root", ".", "-c", "\\! echo no"], "");
    assert!(run.stderr.contains("refused with --root"), "{run:?}");
    assert!(!run.stdout.contains("no"), "{run:?}");
}

#[test]
fn scripts_read_those_beside_them() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("parts");
    std::fs::create_dir(&folder).unwrap();
    let main = directory.path().join("main.sql");
    std::fs::write(&main, "\\ir parts/one.sql\n").unwrap();
    std::fs::write(folder.join("one.sql"), "\\ir two.sql\n\\echo one\n").unwrap();
    std::fs::write(folder.join("two.sql"), "\\echo two\n").unwrap();
    let run = shell(&["-f", main.to_str().unwrap()], "");
    assert_eq!(
        (run.status, &*run.stdout),
        (Some(0), "two\none\n"),
        "{run:?}"
    );
    let run = shell(&["-c", "\\ir no/such.sql"], "");
    assert!(run.stderr.contains("cannot read `no/such.sql`"), "{run:?}");
    let run = shell(&["--root", ".", "-c", "\\ir x.sql"], "");
    assert!(run.stderr.contains("refused with --root"), "{run:?}");
}

#[test]
fn variables_are_set_by_arguments_and_rows() {
    let sql = "SELECT :n * 7 AS a, :'day' AS d";
    let arguments = ["--format", "csv", "-v", "n=6", "--variable", "day=a=b"];
    let run = shell(&[&arguments[..], &["-c", sql]].concat(), "");
    assert_eq!(run.stdout, "a,d\n42,a=b\n", "{run:?}");
    let run = shell(&["-v", "n", "-c", "SELECT 1"], "");
    assert!(run.stderr.contains("expected NAME=VALUE"), "{run:?}");
    assert_eq!(run.status, Some(2), "{run:?}");
    let script = "\\set gone 1\n.mode csv\n\
                  SELECT max(value) AS m, 'it''s' AS s, NULL AS gone FROM range(0, 43) \\gset\n\
                  SELECT :m AS a, :'s' AS b;\n\
                  SELECT 1 AS n;\n\\gset x_\nSELECT :x_n + 1 AS c;\nSELECT :gone;\n";
    let run = shell(&["-f", "-"], script);
    assert_eq!(run.stdout, "a,b\n42,it's\nn\n1\nc\n2\n", "{run:?}");
    assert_eq!(run.status, Some(1), "{run:?}");
    for (sql, error) in [
        (
            "SELECT value AS n FROM range(0, 3) \\gset",
            "expected one row for \\gset, found 3",
        ),
        (
            "SELECT 1 AS n WHERE false \\gset",
            "expected one row for \\gset, found 0",
        ),
        ("SELECT count(*) \\gset", "found count(*): write AS name"),
    ] {
        let run = shell(&["-c", sql], "");
        assert!(run.stderr.contains(error), "{run:?}");
        assert_eq!((run.status, &*run.stdout), (Some(1), ""), "{run:?}");
    }
}

#[test]
fn copies_pass_standard_streams() {
    let copy = "CREATE TABLE t (n BIGINT, s VARCHAR);\n\\copy t FROM STDIN\n\
                \\copy (SELECT n + 1 AS m, s FROM t ORDER BY n) TO STDOUT (FORMAT csv)\n\
                \\copy t (n) TO STDOUT (FORMAT ndjson)\nSELECT 1 AS x;";
    let run = shell(&["--format", "tsv", "-c", copy], "n,s\n1,\"a,b\"\n2,\n");
    let expected = "count\n2\n2,\"a,b\"\n3,\n{\"n\":1}\n{\"n\":2}\nx\n1\n";
    assert_eq!((run.status, &*run.stdout), (Some(0), expected), "{run:?}");
    let run = shell(
        &["-f", "-"],
        "CREATE TABLE t (n BIGINT);\n\\copy t FROM STDIN\n",
    );
    assert!(run.stderr.contains("in a script"), "{run:?}");
    let run = shell(&["--root", ".", "-c", "\\copy t FROM STDIN"], "n\n1\n");
    assert!(run.stderr.contains("refused with --root"), "{run:?}");
}

#[test]
fn echoed_scripts_have_commands_and_variables() {
    let script = "\\set n 6\n.mode csv\nSELECT :n AS a;\n\nSELECT\n2 AS b \\g\n\\echo end\nSELECT 1\n FROM nope;";
    let run = shell(&["--echo", "-f", "-"], script);
    assert_eq!(
        run.stdout, "SELECT 6 AS a;\na\n6\nSELECT\n2 AS b\nb\n2\nend\nSELECT 1\n FROM nope;\n",
        "{run:?}"
    );
    assert!(run.stderr.starts_with("error: <stdin>:9:7: "), "{run:?}");
    let run = shell(
        &["-e", "-v", "n=1", "--format", "csv", "-c", "SELECT :n AS a"],
        "",
    );
    assert_eq!(run.stdout, "SELECT 1 AS a\na\n1\n", "{run:?}");
}

#[test]
fn cd_changes_where_relative_paths_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("a b")).unwrap();
    std::fs::write(folder.path().join("a b/x.csv"), "n\n7\n").unwrap();
    let path = folder.path().to_str().unwrap();
    let catalog = folder.path().join("c.db");
    let script = format!(
        ".mode csv\n\\cd {path}\n\\cd 'a b'\nSELECT n FROM 'x.csv';\n\\cd ..\n\
         CREATE EXTERNAL TABLE x STORED AS CSV LOCATION 'a b/x.csv';\n.cd 'a b'\n\
         SELECT n + 1 AS m FROM x;\n"
    );
    let run = shell(&[catalog.to_str().unwrap(), "-f", "-"], &script);
    assert_eq!(
        (run.status, &*run.stdout),
        (Some(0), "n\n7\nm\n8\n"),
        "{run:?}"
    );
    let run = shell(&["-f", "-"], "\\cd /no/such\n\\echo end\n");
    let expected = "error: <stdin>:1: expected a folder that can be entered, found '/no/such': ";
    assert!(
        run.stderr.starts_with(expected) && run.stdout.is_empty(),
        "{run:?}"
    );
    let run = shell(&["--root", path, "-f", "-"], "\\cd 'a b'\n");
    assert!(run.stderr.contains("refused with --root"), "{run:?}");
}

#[test]
fn lists_are_for_readers() {
    let script = "CREATE TABLE t (a VARCHAR NOT NULL, b DECIMAL(9, 2), c TIMESTAMP, d BIGINT[]);\n\
                  CREATE VIEW v AS SELECT a FROM t;\n\
                  .mode csv\n\\d t\n.tables\n";
    let run = shell(&["-f", "-"], script);
    assert_eq!(
        (run.status, &*run.stdout),
        (
            Some(0),
            "column_name,data_type,is_nullable\na,VARCHAR,NO\nb,\"DECIMAL(9, 2)\",YES\n\
             c,TIMESTAMP,YES\nd,BIGINT[],YES\n\
             schema,name,type\npublic,t,table\npublic,v,view\n"
        ),
        "{run:?}"
    );
}

#[test]
fn keys_and_kinds_of_tables_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("x.csv"), "n\n1\n").unwrap();
    let script = format!(
        "CREATE TABLE t (id BIGINT PRIMARY KEY, a VARCHAR, \"B\" INT, UNIQUE (a, \"B\"));\n\
         CREATE TEMPORARY TABLE u AS SELECT 1 AS a;\n\
         CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '{}';\n\
         CREATE VIEW v AS SELECT a FROM t;\n\
         \\d t\n\\d v\n.mode csv\n\\d t\n\\d\n",
        path("x.csv")
    );
    for (catalog, temporary) in [("--memory", "table"), (&*path("c.db"), "temporary table")] {
        let run = shell(&[catalog, "-f", "-"], &script);
        let (tables, listed) = run.stdout.split_once("column_name,data_type").unwrap();
        assert_eq!(tables.matches("KEY").count(), 1, "{run:?}");
        assert!(tables.contains("\nPRIMARY KEY (id)\n"), "{run:?}");
        assert!(tables.contains("\nUNIQUE (a, \"B\")\n"), "{run:?}");
        let expected = format!(
            "schema,name,type\npublic,t,table\npublic,u,{temporary}\npublic,v,view\n\
             public,x,external table\n"
        );
        assert!(listed.ends_with(&expected), "{run:?}");
    }
}

#[test]
fn built_in_functions_are_listed_by_their_names() {
    let run = shell(&["-f", "-"], ".mode csv\n\\df strp*\n\\df\n");
    let (header, rest) = run.stdout.split_once('\n').unwrap();
    assert_eq!(header, "name,arguments,returns,kind,module,description");
    assert!(
        rest.starts_with("strpos,\"str String, substr String\","),
        "{rest}"
    );
    // Without a pattern, those of users.
    assert!(rest.ends_with(&format!("\n{header}\n")), "{rest}");
}
