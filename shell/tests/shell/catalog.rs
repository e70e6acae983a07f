//! Durable catalogs: what the shell acknowledged survives kills and power failures.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{check_error, shell};

const CLAMP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../udfs/wat/clamp.wat");

/// Returns a statement that creates a function of three arguments.
fn create(name: &str) -> String {
    format!(
        "CREATE FUNCTION {name}(value BIGINT, low BIGINT, high BIGINT) LANGUAGE WASM \
         FROM MODULE clamp EXPORT 'clamp_to';"
    )
}

fn create_module() -> String {
    format!("CREATE MODULE IF NOT EXISTS clamp LANGUAGE WASM FROM '{CLAMP}';")
}

const COUNT: &str = "SELECT count(*) AS functions FROM information_schema.routines \
                     WHERE routine_name LIKE 'made%';";

/// Returns the number of functions in a catalog.
fn count(catalog: &Path) -> usize {
    let catalog = catalog.to_str().unwrap();
    let run = shell(&[catalog, "--format", "csv", "-c", COUNT], "");
    assert_eq!(run.status, Some(0), "{run:?}");
    let line = run.stdout.lines().nth(1).unwrap();
    line.parse().unwrap()
}

#[test]
fn functions_are_kept_in_the_file_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("functions.db");
    let text = format!("{}{}", create_module(), create("made"));
    let named = file.to_str().unwrap();
    let run = shell(&[named, "-c", &text], "");
    assert_eq!((run.status, &*run.stderr), (Some(0), ""), "{run:?}");
    let run = shell(
        &[
            named,
            "--format",
            "csv",
            "-c",
            "SELECT made(70, 0, 9) AS nine",
        ],
        "",
    );
    assert_eq!(run.stdout, "nine\n9\n", "{run:?}");
    // A script without a file forgets.
    let run = shell(&["-c", &text, "-c", "SHOW USER FUNCTIONS"], "");
    assert!(run.stdout.contains("made"), "{run:?}");
    check_error(&["-c", "SELECT made(70, 0, 9)"], 1, "made");
    check_error(
        &["/no/such/folder/functions.db", "-c", "SELECT 1"],
        1,
        "cannot be opened",
    );
}

/// Starts the shell with a script of functions, each followed by its acknowledgement.
fn start_creating(catalog: &Path, first: usize, last: usize) -> Child {
    let mut script = create_module() + COUNT;
    for n in first..last {
        script += &format!("{} SELECT {n} AS n;", create(&format!("made_{n}")));
    }
    // The shell stays until it is killed.
    script += "SELECT count(*) FROM range(0, 1000000000000);";
    let script_file = catalog.with_extension(format!("{first}.sql"));
    fs::write(&script_file, script).unwrap();
    Command::new(env!("CARGO_BIN_EXE_fusebox"))
        .arg(catalog)
        .args(["--format", "csv", "-f"])
        .arg(script_file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A number that differs from round to round, without an end of its own.
fn varying(round: u32) -> u32 {
    round.wrapping_mul(2_654_435_761) >> 16
}

#[test]
fn kills_lose_nothing_that_was_acknowledged() {
    let rounds = std::env::var("FUSEBOX_TEST_KILLS").map_or(20, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("functions.db");
    let mut acknowledged = 0;
    for round in 0..rounds {
        let mut child = start_creating(&file, acknowledged, acknowledged + 200);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut line = || lines.next().unwrap().unwrap();
        assert_eq!(line(), "functions");
        let found: usize = line().parse().unwrap();
        // The statement that was killed may have taken effect: its name is taken then.
        assert!(
            (acknowledged..=acknowledged + 1).contains(&found),
            "{acknowledged} {found}"
        );
        if found > acknowledged {
            acknowledged = found;
            child.kill().unwrap();
            child.wait().unwrap();
            continue;
        }
        for _ in 0..varying(round) % 5 {
            assert_eq!(line(), "n");
            acknowledged = line().parse::<usize>().unwrap() + 1;
        }
        thread::sleep(Duration::from_micros(u64::from(varying(round + 7) % 9_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it has acknowledged until then.
        for pair in lines
            .map_while(Result::ok)
            .collect::<Vec<_>>()
            .chunks_exact(2)
        {
            acknowledged = pair[1].parse::<usize>().unwrap() + 1;
        }
    }
    let found = count(&file);
    assert!(
        (acknowledged..=acknowledged + 1).contains(&found),
        "{acknowledged} {found}"
    );
    assert!(acknowledged > 10, "{acknowledged}");
}

/// Compiles the library that drops unsynced writes; `None` where there is no C compiler.
fn unsynced_library(folder: &Path) -> Option<PathBuf> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/shell/unsynced.c");
    let library = folder.join("unsynced.so");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .args([source, "-ldl"])
        .status()
        .ok()?;
    assert!(compiled.success());
    Some(library)
}

#[cfg(target_os = "linux")]
#[test]
fn power_failures_lose_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = unsynced_library(folder.path()) else {
        eprintln!("skipped: there is no C compiler");
        return;
    };
    let (files, disk) = (folder.path().join("files"), folder.path().join("disk"));
    for folder in [&files, &disk] {
        fs::create_dir(folder).unwrap();
    }
    let files = fs::canonicalize(files).unwrap();
    let file = files.join("functions.db");
    for n in 0..10 {
        let script = format!(
            "{}{} CREATE TABLE IF NOT EXISTS made (n BIGINT); INSERT INTO made VALUES ({n});
             SELECT {n} AS n; SELECT count(*) FROM range(0, 1000000000000)",
            create_module(),
            create(&format!("made_{n}"))
        );
        let mut child = Command::new(env!("CARGO_BIN_EXE_fusebox"))
            .arg(&file)
            .args(["--format", "csv", "-c", &script])
            .env("LD_PRELOAD", &library)
            .env("UNSYNCED_FROM", &files)
            .env("UNSYNCED_TO", &disk)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for expected in ["count", "1", "n", &n.to_string()] {
            assert_eq!(lines.next().unwrap().unwrap(), expected);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let copy = folder.path().join(format!("copy-{n}"));
        fs::create_dir(&copy).unwrap();
        for entry in fs::read_dir(&disk).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
        let copy = copy.join("functions.db");
        assert_eq!(count(&copy), n + 1);
        let rows = "SELECT count(*) AS rows FROM made";
        let run = shell(&[copy.to_str().unwrap(), "--format", "csv", "-c", rows], "");
        assert_eq!(run.stdout, format!("rows\n{}\n", n + 1), "{run:?}");
    }
}

#[test]
fn many_functions_are_opened_without_compiling_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("functions.db");
    let mut script = create_module();
    for n in 0..300 {
        script += &create(&format!("made_{n}"));
    }
    let named = file.to_str().unwrap();
    let run = shell(&[named], &script);
    assert_eq!(run.status, Some(0), "{run:?}");
    let start = Instant::now();
    assert_eq!(count(&file), 300);
    // A ceiling against compilations of all.
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
}

/// A file system of 256 KiB in a namespace of its own; skipped where that needs a privilege.
#[cfg(target_os = "linux")]
#[test]
fn full_disk_is_an_error_that_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut script = create_module();
    for n in 0..2_000 {
        script += &create(&format!("made_{n}"));
    }
    let script_file = folder.path().join("script.sql");
    fs::write(&script_file, script).unwrap();
    let inside = "mount -t tmpfs -o size=256k tmpfs \"$1\" || exit 77
        \"$0\" \"$1/functions.db\" -f \"$2\" 2> \"$2.error\" && exit 1
        cat \"$2.error\"
        \"$0\" \"$1/functions.db\" --format csv -c \"$3\"";
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", inside])
        .arg(env!("CARGO_BIN_EXE_fusebox"))
        .args([&disk, &script_file])
        .arg(COUNT)
        .output();
    let Ok(output) = output else {
        eprintln!("skipped: there is no unshare");
        return;
    };
    let (out, error) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    if output.status.code() == Some(77) || error.contains("unshare") {
        eprintln!("skipped: {error}");
        return;
    }
    assert!(
        out.contains("the disk is full: free some space"),
        "{out} {error}"
    );
    let made = out
        .lines()
        .last()
        .and_then(|line| line.parse::<usize>().ok());
    assert!(made.is_some_and(|made| made > 5), "{out} {error}");
}

/// Tables of all types that SQL can write.
const TABLES: &str = "
    CREATE TABLE declared (a BIGINT NOT NULL, \"B c\" VARCHAR DEFAULT 'it''s', PRIMARY KEY (a));
    INSERT INTO declared VALUES (-1, ''), (2, NULL);
    CREATE TABLE typed AS SELECT
        arrow_cast(v, 'UInt8') AS u, v = 1 AS b, 1.5 * v AS d, 'x' || v AS t,
        arrow_cast('2024-02-29T12:00:00.123456789', 'Timestamp(ns, \"UTC\")') AS ts,
        arrow_cast('2024-02-29', 'Date32') AS da, arrow_cast('12:30:00.5', 'Time64(ns)') AS ti,
        arrow_cast('12.34', 'Decimal128(10, 2)') AS de, X'00ff' AS by,
        CASE v WHEN 1 THEN [1, NULL, 3] END AS li, named_struct('k', [v], 'n', 'q') AS st,
        CASE v WHEN 0 THEN arrow_cast('NaN', 'Float64') ELSE arrow_cast('-inf', 'Float64') END AS f,
        INTERVAL '14 months -3 days 2.000000007 seconds' AS iv, arrow_cast('-1 year', 'Interval(YearMonth)') AS ym,
        arrow_cast(v - 5, 'Duration(Millisecond)') AS du, NULL AS nothing,
        MAP {'a': [v], 'b': NULL} AS m, MAP {v: DATE '2024-02-29'} AS md,
        CASE v WHEN 1 THEN map([], []) END AS me,
        arrow_cast([v, NULL], 'FixedSizeList(2, Int64)') AS fl
        FROM (VALUES (0), (1)) AS x(v);
    CREATE TABLE none AS SELECT * FROM typed WHERE false;
    CREATE VIEW big AS SELECT a FROM declared WHERE a > 0;
";

#[test]
fn dump_has_the_rows_of_tables() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (before, after, script) = (path("before.db"), path("after.db"), path("dump.sql"));
    let run = shell(&[&before, "-c", TABLES], "");
    assert_eq!((run.status, &*run.stderr), (Some(0), ""), "{run:?}");
    let run = shell(&[&before], &format!(".output {script}\n.dump\n"));
    assert_eq!((run.status, &*run.stderr), (Some(0), ""), "{run:?}");
    // A command is an argument, too.
    let run = shell(&[&before, "-c", ".dump"], "");
    assert_eq!(run.stdout, fs::read_to_string(&script).unwrap(), "{run:?}");
    let run = shell(&[&after, "-f", &script], "");
    assert_eq!((run.status, &*run.stderr), (Some(0), ""), "{run:?}");
    let shown = |file: &str| {
        let queries = "SELECT * FROM declared; SELECT * FROM typed; DESCRIBE typed; DESCRIBE none;
            SELECT * FROM big; INSERT INTO declared (a) VALUES (9); SELECT * FROM declared";
        let run = shell(&[file, "--format", "json", "-c", queries], "");
        assert_eq!((run.status, &*run.stderr), (Some(0), ""), "{run:?}");
        run.stdout
    };
    assert_eq!(shown(&before), shown(&after));
    // A run has no literal.
    let runs = "CREATE TABLE m AS
        SELECT arrow_cast(1, 'RunEndEncoded(\"run_ends\": non-null Int32, \"values\": Int64)') AS m";
    let run = shell(&[&before, "-c", runs], "");
    assert_eq!(run.status, Some(0), "{run:?}");
    let run = shell(&[&before], ".dump\n");
    assert!(
        run.stdout
            .contains("-- The rows of datafusion.public.m are left out"),
        "{run:?}"
    );
}

/// A function that adds one.
const ADD_ONE: &str = "CREATE FUNCTION plus_one(a BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$
    (module (func (export \"plus_one\") (param i64) (result i64)
        (i64.add (local.get 0) (i64.const 1)))) $$;
    CREATE TABLE d (a BIGINT, b BIGINT DEFAULT plus_one(6));
    CREATE VIEW v AS SELECT plus_one(a) AS a FROM d;";

/// The schema of the shell looks for files, too: what needs a function is found in it all the same.
#[test]
fn functions_that_are_needed_are_not_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.db").to_str().unwrap().to_owned();
    for catalog in ["--memory", &file] {
        let run = shell(
            &[catalog, "-c", &format!("{ADD_ONE} DROP FUNCTION plus_one")],
            "",
        );
        let needed = "is needed by the default of `b` of table `d`, view `v`";
        assert!(
            run.status == Some(1) && run.stderr.contains(needed),
            "{run:?}"
        );
    }
    let cascade = "DROP FUNCTION plus_one CASCADE; INSERT INTO d (a) VALUES (1); SELECT b FROM d";
    let run = shell(&[&file, "--format", "csv", "-c", cascade], "");
    assert!(run.stdout.ends_with("b\n\n"), "{run:?}");
}

#[test]
fn schemas_are_dropped_and_created_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.db").to_str().unwrap().to_owned();
    let sql = "CREATE SCHEMA s; DROP SCHEMA s; CREATE SCHEMA s;
        CREATE TABLE s.t AS SELECT 1 AS a; DROP TABLE s.t; DROP SCHEMA s;
        CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 2 AS a; DROP SCHEMA s CASCADE;
        CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 3 AS a; SELECT a FROM s.t;";
    for catalog in ["--memory", &file] {
        let run = shell(&[catalog, "--format", "csv", "-c", sql], "");
        assert_eq!((&*run.stdout, &*run.stderr), ("a\n3\n", ""), "{run:?}");
    }
    let run = shell(&[&file, "-c", "DROP SCHEMA s"], "");
    let expected = "schema `s` has 1 tables and views; DROP SCHEMA … CASCADE would drop them too";
    assert!(run.stderr.contains(expected), "{run:?}");
    let run = shell(&[&file, "-c", "DROP SCHEMA s CASCADE"], "");
    assert_eq!((run.status, &*run.stderr), (Some(0), ""), "{run:?}");
    let count = "SELECT count(*) AS n FROM information_schema.schemata WHERE schema_name = 's'";
    let run = shell(&[&file, "--format", "csv", "-c", count], "");
    assert_eq!(run.stdout, "n\n0\n", "{run:?}");
}
