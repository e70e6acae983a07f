//! Time to the first row from a catalog that was written before.
//!
//! `reopened/<module>`: a new process opens a catalog in a SQLite file, builds an engine and a
//! session, and queries one row of a function of it. Instrumented and native code are in the
//! user's cache. Its base is a process that builds a context of DataFusion alone and computes
//! the same kind of row by operators.
//!
//! `opened/<functions>`: opening a catalog of 20 modules, and the first statement of a session.
//!
//! Not measured: starting the process.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use datafusion::prelude::{SessionConfig, SessionContext};
use fusebox::Session;
use fusebox_benches::starts::{MODULES, child, create_module, execute, query_of, runtime, task};
use fusebox_benches::{builder, session_of};
use fusebox_catalog::SqliteCatalog;
use fusebox_paired::{Filter, Record, interval, is_quick, median};

/// The query of the base.
const OPERATORS: &str = "SELECT value + value FROM range(1, 2)";

/// Modules and functions of a large catalog.
const LARGE_MODULES: usize = 20;
const LARGE_FUNCTIONS: usize = 1_000;

/// The catalog, in the folder of a child process.
const CATALOG: &str = "catalog.db";

/// A child process has one of the tasks `create`, `query`, `operators`, `fill` and `open`, with
/// the name of a module.
fn main() {
    let Some(task) = task() else {
        let filter = Filter::from_arguments();
        measure_first_rows(&filter);
        measure_opening(&filter);
        return;
    };
    let (task, module) = task.split_once(' ').expect("a task has two words");
    match task {
        "create" => create(module),
        "fill" => fill(),
        task => {
            let begin = Instant::now();
            match task {
                "query" => execute(&runtime(), &session(), query_of(module)),
                "open" => execute(&runtime(), &session(), "SELECT 1"),
                _ => query_operators(),
            }
            println!("{}", begin.elapsed().as_nanos());
        }
    }
}

fn session() -> Session {
    let catalog = SqliteCatalog::open(CATALOG).expect("the catalog opens");
    session_of(builder().cache(true).catalog(Arc::new(catalog)), 1)
}

fn create(module: &str) {
    let session = session();
    // Other functions of these names are built into DataFusion.
    for built_in in ["gcd", "upper"] {
        session.context().deregister_udf(built_in);
    }
    create_module(&runtime(), &session, module);
}

/// Fills a catalog with many functions of modules that differ in a custom section.
fn fill() {
    let session = session();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guests/math.wasm");
    let math = fs::read(file).expect("build the guests first: cargo xtask guests");
    let runtime = runtime();
    for number in 0..LARGE_MODULES {
        let mut bytes = math.clone();
        // A custom section with an empty content, and a name of one letter.
        bytes.extend([0, 2, 1, b'a' + number as u8]);
        let created = runtime.block_on(session.create_module(&format!("m{number}"), bytes));
        created.expect("the module is valid");
    }
    for number in 0..LARGE_FUNCTIONS {
        let module = number % LARGE_MODULES;
        let define = format!(
            "CREATE FUNCTION steps_{number} LANGUAGE WASM FROM MODULE m{module}
             EXPORT 'collatz_steps'"
        );
        execute(&runtime, &session, &define);
    }
}

fn query_operators() {
    let config = SessionConfig::new().with_target_partitions(1);
    let context = SessionContext::new_with_config(config);
    runtime().block_on(async {
        let frame = context.sql(OPERATORS).await.expect("the query is valid");
        frame.collect().await.expect("the query runs");
    });
}

fn measure_first_rows(filter: &Filter) {
    let rounds = if is_quick() { 3 } else { 15 };
    for (module, _) in MODULES {
        let name = format!("reopened/{module}");
        if !filter.matches(&name) {
            continue;
        }
        eprintln!("{name}");
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        child(&format!("create {module}"), folder.path());
        let (mut rows, mut base) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            rows.push(nanos(&child(&format!("query {module}"), folder.path())));
            base.push(nanos(&child(&format!("operators {module}"), folder.path())));
        }
        let (row, own) = (median(&rows), median(&base));
        println!(
            "{module:<12} first row {:>8.2} ms, DataFusion's own {:>6.2} ms, more {:>8.2} ms",
            row / 1e6,
            own / 1e6,
            (row - own) / 1e6
        );
        record(module, "reopened", &rows);
        record(module, "operators", &base);
    }
}

fn measure_opening(filter: &Filter) {
    let name = format!("opened/{LARGE_FUNCTIONS}");
    if !filter.matches(&name) {
        return;
    }
    eprintln!("{name}");
    let folder = tempfile::tempdir().expect("a temporary folder can be created");
    child("fill math", folder.path());
    let times: Vec<_> = (0..if is_quick() { 3 } else { 15 })
        .map(|_| nanos(&child("open math", folder.path())))
        .collect();
    println!(
        "{LARGE_FUNCTIONS} functions of {LARGE_MODULES} modules open in {:.2} ms, a statement \
         included",
        median(&times) / 1e6
    );
    record("1,000 functions", "opened", &times);
}

/// Appends a kind of start, beside those of `cold`.
fn record(name: &str, part: &str, times: &[f64]) {
    let (low, high) = interval(times);
    Record {
        part: part.to_owned(),
        ns: Some(median(times)),
        low: Some(low),
        high: Some(high),
        ..Record::new("cold", name)
    }
    .append();
}

fn nanos(text: &str) -> f64 {
    text.trim().parse().expect("expected a number")
}
