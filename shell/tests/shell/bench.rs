//! Tests of `fusebox bench` with bundled functions and with invalid modules.
//!
//! Times are only asserted to be positive.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::{check_error, shell};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Returns the path of a module of the workspace.
fn path(module: &str) -> String {
    let path = Path::new(ROOT).join(module);
    assert!(path.exists(), "build the guests first: cargo xtask guests");
    path.to_str().unwrap().to_owned()
}

fn guest(name: &str) -> String {
    path(&format!("target/guests/{name}.wasm"))
}

/// Enough time for calls of some rows on a busy machine.
const LONG: [&str; 2] = ["--seconds", "0.5"];

/// Returns the output of `bench`, which runs briefly unless the arguments say
/// otherwise.
fn bench(module: &str, arguments: &[&str]) -> String {
    let brief = match arguments.contains(&LONG[0]) {
        true => &[][..],
        false => &["--seconds", "0.01"],
    };
    let run = shell(&[&["bench", module], brief, arguments].concat(), "");
    assert_eq!((run.stderr.as_str(), run.status), ("", Some(0)));
    run.stdout
}

/// Returns the output of `bench` as JSON objects.
fn lines(module: &str, arguments: &[&str]) -> Vec<Value> {
    let printed = bench(module, &[arguments, &["--format", "ndjson"]].concat());
    let lines = printed.lines();
    lines.map(|l| serde_json::from_str(l).unwrap()).collect()
}

fn texts<'a>(lines: &'a [Value], key: &str) -> Vec<&'a str> {
    let texts = lines.iter().map(|line| line[key].as_str());
    texts.map(Option::unwrap_or_default).collect()
}

#[test]
fn every_function_of_a_module_is_measured() {
    let found = lines(&guest("math"), &[&["--rows", "64"], &LONG[..]].concat());
    let names = texts(&found, "function");
    assert_eq!(names, ["checked_div", "collatz_steps", "mod_pow"]);
    for line in &found {
        assert_eq!(line["rows"], 64, "{line}");
        assert_eq!(line["note"], Value::Null, "{line}");
        let number = |key: &str| line[key].as_f64().unwrap();
        for key in [
            "rows_per_second",
            "ns_per_row",
            "fixed_ns",
            "lower_ns_per_row",
            "guest_ns_per_row",
            "lift_ns_per_row",
            "reset_ns_per_row",
        ] {
            assert!(number(key) > 0.0, "{key}: {line}");
        }
        // A row has one to three numbers as arguments, and one as result.
        assert_eq!(number("bytes_out_per_row"), 8.0);
        assert!((8.0..50.0).contains(&number("bytes_in_per_row")));
        assert!(number("fuel_per_row") > 10.0);
        assert_eq!(number("memory_bytes") % 65_536.0, 0.0);
    }
}

#[test]
fn counts_are_the_same_in_every_run() {
    let counts = || {
        let found = lines(&guest("math"), &["--rows", "1", "--numbers", "7..7"]);
        let keys = ["bytes_in_per_row", "fuel_per_row", "memory_bytes"];
        let counts = found.iter().map(|line| keys.map(|key| line[key].clone()));
        counts.collect::<Vec<_>>()
    };
    let first = counts();
    assert!(first.iter().flatten().all(Value::is_number), "{first:?}");
    assert_eq!(first, counts());
}

#[test]
fn the_table_has_a_line_for_each_function_and_the_error_of_a_failed_one() {
    let printed = bench(&guest("geo"), &["--rows", "32"]);
    let found: Vec<&str> = printed.lines().collect();
    let cells = |line: &str| -> Vec<String> {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    let head = "function rows/s ns/row fixed bytes bytes fuel memory lower guest lift reset note";
    assert_eq!(cells(found[1]).join(" "), head);
    let line = |name: &str| {
        let found = found.iter().find(|line| line.contains(name));
        cells(found.unwrap())
    };
    let failed = line("geohash");
    assert!(failed[1..12].iter().all(|cell| cell == "-"), "{failed:?}");
    assert_eq!(failed[12], "failed at row 0: the length is not");
    let measured = line("haversine_km");
    assert!(
        measured[1..12].iter().all(|cell| cell != "-"),
        "{measured:?}"
    );
    assert!(measured[11].ends_with(" %"), "{measured:?}");
}

#[test]
fn functions_are_selected_by_name_and_overloads_have_a_line_each() {
    let module = guest("twins");
    let chosen = ["--rows", "16", "--function", "gcd", "--function", "to_hex"];
    let found = lines(&module, &chosen);
    let names = texts(&found, "function");
    assert_eq!(names.iter().filter(|name| **name == "gcd").count(), 2);
    assert_eq!(names.iter().filter(|name| **name == "to_hex").count(), 8);
    assert_eq!(names.len(), 10);
    assert!(found.iter().all(|line| line["note"].is_null()), "{found:?}");
    let printed = bench(&module, &chosen);
    assert!(printed.contains("gcd(DECIMAL(*), DECIMAL(*))"), "{printed}");
    assert!(printed.contains("to_hex(TINYINT UNSIGNED)"), "{printed}");
}

#[test]
fn equal_rows_are_measured_beside_rows_that_are_all_asked() {
    let module = guest("math");
    let chosen = ["--rows", "512", "--function", "collatz_steps"];
    let without = lines(&module, &chosen);
    assert_eq!(without[0]["reused_ns_per_row"], Value::Null);
    let with = lines(&module, &[&chosen[..], &["--reuse"]].concat());
    assert!(with[0]["reused_ns_per_row"].as_f64().unwrap() > 0.0);
    let printed = bench(&module, &[&chosen[..], &["--reuse"]].concat());
    let head = printed.lines().nth(1).unwrap();
    assert!(head.contains("| reset | reused |"), "{head}");
    // Other kinds have none.
    let found = lines(
        &guest("stats"),
        &["--rows", "64", "--function", "ema", "--reuse"],
    );
    assert_eq!(found[0]["reused_ns_per_row"], Value::Null);
}

#[test]
fn aggregate_window_and_table_functions_are_measured() {
    let found = lines(&guest("stats"), &["--rows", "256"]);
    let kind = |kind: &str| {
        let of_kind = found.iter().filter(|line| line["kind"] == kind);
        of_kind.collect::<Vec<_>>()
    };
    let names = |kind: Vec<&Value>| -> Vec<String> {
        let measured = kind.into_iter().filter(|line| line["rows"].is_u64());
        measured
            .map(|line| line["function"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(kind("window")), ["ema", "sessionize"]);
    assert_eq!(names(kind("table")), ["series", "split_lines"]);
    let aggregates = names(kind("aggregate"));
    assert!(aggregates.contains(&"geomean".to_owned()), "{aggregates:?}");
    // A generated text has one line.
    let lines_of = found.iter().find(|line| line["function"] == "split_lines");
    assert_eq!(lines_of.unwrap()["note"], "a table of 1 row");
}

#[test]
fn arguments_are_generated_for_functions_of_all_types() {
    let shape = ["--rows", "8", "--nulls", "20", "--length", "6"];
    let found = lines(&guest("types"), &shape);
    assert!(found.len() > 40);
    for note in texts(&found, "note") {
        assert!(!note.contains("cannot generate"), "{note}");
        assert!(!note.contains("internal error"), "{note}");
    }
    let failed = found.iter().filter(|line| line["rows"].is_null());
    let failed: Vec<Value> = failed.cloned().collect();
    // These functions need text in a certain format, or always fail.
    let wants = ["at_most", "panics", "to_decimal"];
    assert_eq!(texts(&failed, "function"), wants);
}

#[test]
fn functions_are_called_with_the_rows_of_a_query() {
    let module = guest("geo");
    let query = "SELECT 40.64 + value, '-73.78', 6 FROM range(0, 3)";
    let rows = ["--rows", "10", "--data", query];
    let found = lines(&module, &[&rows, &LONG[..]].concat());
    assert_eq!(found[0]["rows"], 10);
    assert_eq!(found[0]["note"], Value::Null);
    assert_eq!(found[1]["note"], "the query has 3 columns for 4 arguments");

    let query = "SELECT 'north', 1, 2, 3";
    let found = lines(&module, &["--data", query, "--function", "haversine_km"]);
    let note = found[0]["note"].as_str().unwrap();
    assert!(note.contains("'north'"), "{note}");

    check_error(
        &["bench", &module, "--data", "SELECT 1 WHERE false"],
        1,
        "no rows",
    );
    check_error(
        &["bench", &module, "--data", "SELECT missing"],
        1,
        "missing",
    );
}

#[test]
fn a_function_that_is_not_called_has_a_note() {
    let found = lines(&guest("math"), &["--rows", "16", "--nulls", "100"]);
    for line in found {
        assert_eq!(line["note"], "was not called: all rows are null");
        assert_eq!(line["fuel_per_row"], 0.0);
    }
    let one = lines(&guest("kinds"), &["--rows", "16", "--function", "quantile"]);
    assert_eq!(one[0]["note"], Value::Null);
}

#[test]
fn the_profile_lists_guest_functions_and_is_valid_json() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("profile.json");
    let arguments = [
        "--function",
        "sha256_hex",
        "--seconds",
        "0.5",
        "--profile",
        file.to_str().unwrap(),
        "--format",
        "json",
    ];
    let module = guest("kernels");
    let run = shell(&[&["bench", &module], &arguments[..]].concat(), "");
    assert_eq!((run.stderr.as_str(), run.status), ("", Some(0)));
    let (_, hottest) = run.stdout.split_once('\n').unwrap();
    let hottest: Vec<Value> = serde_json::from_str(hottest).unwrap();
    let names = texts(&hottest, "guest_function");
    assert!(names.contains(&"kernels::crates::sha256_hex"), "{names:?}");
    for row in &hottest {
        let percent = |key: &str| row[key].as_f64().unwrap();
        assert!(percent("own_percent") <= percent("total_percent"), "{row}");
        assert!(percent("total_percent") <= 100.0, "{row}");
        assert_eq!(row["function"], "sha256_hex");
    }

    let profile: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let thread = &profile["threads"][0];
    assert_eq!(thread["name"], "sha256_hex");
    let samples = thread["samples"]["length"].as_u64();
    assert_eq!(samples, hottest[0]["samples"].as_u64());
    assert!(samples.unwrap() > 0);
    let written = profile.to_string();
    assert!(written.contains("kernels::crates::sha256_hex"));

    let nowhere = folder.path().join("no/profile.json");
    let arguments = ["bench", &module, "--profile", nowhere.to_str().unwrap()];
    check_error(&arguments, 1, "cannot write `");
}

#[test]
fn a_module_that_cannot_be_measured_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let fails = |module: &str, message: &str| check_error(&["bench", module], 1, message);
    fails("nowhere.wasm", "cannot read `nowhere.wasm`");
    fails(folder.path().to_str().unwrap(), "is not a regular file");
    fails(
        &write("notes.txt", b"no module"),
        "neither a Wasm module nor its text",
    );
    fails(
        &write("empty.wasm", b""),
        "neither a Wasm module nor its text",
    );
    fails(
        &write("broken.wasm", b"\0asm\x01\0\0\0\x01\xff"),
        "is not valid",
    );
    fails(&write("bare.wat", b"(module)"), "declares no functions");
    let lies = br#"(module (@custom "fusebox.functions" "CREATE FUNCTION f() RETURNS INT;"))"#;
    fails(&write("lies.wat", lies), "does not export");
    // Quotes in a file name are escaped in statements.
    let quoted = write("it's \"quoted\".wat", b"(module)");
    fails(&quoted, "module `it's \"quoted\"` declares no functions");
    fails(&path("udfs/hostile/status.wat"), "declares no functions");
}

#[test]
fn the_error_of_a_hostile_function_is_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("endless.wat");
    let endless = r#"(module
        (@custom "fusebox.functions" "CREATE FUNCTION spin(a BIGINT) RETURNS BIGINT;"
          "CREATE FUNCTION trap(a BIGINT) RETURNS BIGINT;")
        (memory (export "memory") 1)
        (func (export "fusebox_abi_1"))
        (func (export "fusebox_alloc") (param i32) (result i32) (i32.const 1024))
        (func (export "fusebox_udf_spin") (param i32 i32 i32) (result i32)
          (loop $again (br $again)) (i32.const 0))
        (func (export "fusebox_udf_trap") (param i32 i32 i32) (result i32) (unreachable)))"#;
    fs::write(&file, endless).unwrap();
    let found = lines(file.to_str().unwrap(), &["--rows", "4"]);
    let notes = texts(&found, "note");
    assert!(notes[0].starts_with("ran out of fuel"), "{notes:?}");
    assert!(notes[1].starts_with("trapped"), "{notes:?}");
}

#[test]
fn functions_are_measured_with_other_options() {
    let module = guest("kernels");
    let fibonacci = ["--function", "fibonacci", "--numbers", "24..25"];
    let found = lines(&module, &fibonacci);
    let notes = texts(&found, "note");
    assert!(notes[0].starts_with("ran out of fuel"), "{notes:?}");
    let with = ["--with", "fuel_per_row = 100000000, memory = '1MB'"];
    let found = lines(&module, &[&fibonacci[..], &with].concat());
    assert_eq!(found.len(), 1);
    let note = found[0]["note"].as_str().unwrap_or_default();
    assert!(!note.starts_with("ran out of fuel"), "{found:?}");
    let bad = ["bench", &module, "--with", "colour = 'red'"];
    check_error(&bad, 1, "has an unknown option colour; the options are");
    let bad = ["bench", &module, "--with", "fuel_per_row"];
    check_error(&bad, 1, "sql parser error");
}

#[test]
fn invalid_arguments_are_rejected() {
    let module = guest("geo");
    let unknown = ["bench", &module, "--function", "haversine"];
    check_error(
        &unknown,
        1,
        "no function `haversine`; did you mean `haversine_km`?",
    );
    check_error(
        &["bench", &module, "--function", "xyz"],
        1,
        "no function `xyz`\n",
    );
    for wrong in [
        ["--rows", "0"],
        ["--rows", "many"],
        ["--seconds", "0"],
        ["--seconds", "NaN"],
        ["--nulls", "101"],
        ["--numbers", "9..1"],
        ["--numbers", "1"],
        ["--length", "long"],
    ] {
        check_error(&[&["bench", &module][..], &wrong].concat(), 2, wrong[0]);
    }
    check_error(&["bench"], 2, "<MODULE>");
    check_error(&["-c", "SELECT 1", "bench", &module], 2, "--command");
}
