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

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use datafusion::prelude::{SessionConfig, SessionContext};
use fusebox::Session;
use fusebox_benches::{builder, session_of};
use fusebox_catalog::SqliteCatalog;
use fusebox_paired::{Filter, Record, interval, is_quick, median};
use tokio::runtime::Runtime;

/// Modules of several sizes, each with a query that calls one of its functions.
const MODULES: [(&str, &str); 3] = [
    (
        "geo",
        "SELECT haversine_km(value, value, 0, 0) FROM range(1, 2)",
    ),
    ("kernels", "SELECT add(value, value) FROM range(1, 2)"),
    ("columns", "SELECT negated(value) FROM range(1, 2)"),
];

/// The query of the base.
const OPERATORS: &str = "SELECT value + value FROM range(1, 2)";

/// Modules and functions of a large catalog.
const LARGE_MODULES: usize = 20;
const LARGE_FUNCTIONS: usize = 1_000;

/// Environment variable with the task of a child process: one of `create`, `query`,
/// `operators`, `fill` and `open`, and the name of a module.
const TASK: &str = "FUSEBOX_BENCH_REOPENED";

/// Environment variable with the folder of the catalog and of the caches.
const FOLDER: &str = "FUSEBOX_BENCH_FOLDER";

fn main() {
    let Ok(task) = env::var(TASK) else {
        let filter = Filter::from_arguments();
        measure_first_rows(&filter);
        measure_opening(&filter);
        return;
    };
    let folder = env::var(FOLDER).expect("the parent has set it");
    let catalog = Path::new(&folder).join("catalog.db");
    let (task, module) = task.split_once(' ').expect("a task has two words");
    match task {
        "create" => create(&catalog, module),
        "fill" => fill(&catalog),
        task => {
            let begin = Instant::now();
            match task {
                "query" => execute(&runtime(), &session(&catalog), query_of(module)),
                "open" => execute(&runtime(), &session(&catalog), "SELECT 1"),
                _ => query_operators(),
            }
            println!("{}", begin.elapsed().as_nanos());
        }
    }
}

fn query_of(module: &str) -> &'static str {
    let found = MODULES.iter().find(|(name, _)| *name == module);
    found.expect("the task names one of MODULES").1
}

fn session(catalog: &Path) -> Session {
    let catalog = SqliteCatalog::open(catalog).expect("the catalog opens");
    session_of(builder().cache(true).catalog(Arc::new(catalog)), 1)
}

fn create(catalog: &Path, module: &str) {
    let session = session(catalog);
    // Other functions of these names are built into DataFusion.
    for built_in in ["gcd", "upper"] {
        session.context().deregister_udf(built_in);
    }
    let from = format!("LANGUAGE WASM FROM 'target/guests/{module}.wasm'");
    let runtime = runtime();
    execute(
        &runtime,
        &session,
        &format!("CREATE MODULE {module} {from}"),
    );
    execute(
        &runtime,
        &session,
        &format!("IMPORT FUNCTIONS FROM MODULE {module}"),
    );
}

/// Fills a catalog with many functions of modules that differ in a custom section.
fn fill(catalog: &Path) {
    let session = session(catalog);
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

/// Runs a task in a child process with its caches in a folder; returns its standard output.
fn child(task: &str, folder: &Path) -> String {
    let program = env::current_exe().expect("the executable has a path");
    let output = Command::new(program)
        .env(TASK, task)
        .env(FOLDER, folder)
        // The location of the cache depends on the operating system.
        .env("XDG_CACHE_HOME", folder)
        .env("XDG_CONFIG_HOME", folder)
        .env("HOME", folder)
        .output()
        .expect("the child process can be started");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{message}");
    String::from_utf8(output.stdout).expect("the child process prints a number")
}

fn nanos(text: &str) -> f64 {
    text.trim().parse().expect("expected a number")
}

fn execute(runtime: &Runtime, session: &Session, sql: &str) {
    runtime.block_on(async {
        let frame = session.sql(sql).await;
        let frame = frame.expect("build the guests first: cargo xtask guests");
        frame.collect().await.expect("the statement is executed");
    });
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime can be started")
}
