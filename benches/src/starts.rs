//! Starts of new processes: their modules, tasks and caches.

use std::env;
use std::path::Path;
use std::process::Command;

use fusebox::Session;
use tokio::runtime::Runtime;

/// Modules of several sizes, each with a query that calls one of its functions.
pub const MODULES: [(&str, &str); 3] = [
    (
        "geo",
        "SELECT haversine_km(value, value, 0, 0) FROM range(1, 2)",
    ),
    ("kernels", "SELECT add(value, value) FROM range(1, 2)"),
    ("columns", "SELECT negated(value) FROM range(1, 2)"),
];

/// Environment variable with the task of a child process.
const TASK: &str = "FUSEBOX_BENCH_TASK";

/// Returns the task of this process; `None` if it is not a child.
pub fn task() -> Option<String> {
    env::var(TASK).ok()
}

/// Returns the query of one of [`MODULES`].
///
/// # Panics
///
/// If the module is none of them.
pub fn query_of(module: &str) -> &'static str {
    let found = MODULES.iter().find(|(name, _)| *name == module);
    found.expect("the task names one of MODULES").1
}

/// Runs a task in a child process with its caches in a folder, which is its working directory;
/// returns its standard output.
///
/// # Panics
///
/// If the child process fails.
pub fn child(task: &str, folder: &Path) -> String {
    let program = env::current_exe().expect("the executable has a path");
    let output = Command::new(program)
        .env(TASK, task)
        .current_dir(folder)
        // The location of the caches depends on the operating system.
        .env("XDG_CACHE_HOME", folder)
        .env("XDG_CONFIG_HOME", folder)
        .env("HOME", folder)
        .output()
        .expect("the child process can be started");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{message}");
    String::from_utf8(output.stdout).expect("the child process prints text")
}

/// Creates one of the bundled modules, and its functions.
///
/// # Panics
///
/// If the guests were not built.
pub fn create_module(runtime: &Runtime, session: &Session, module: &str) {
    let from = format!("LANGUAGE WASM FROM 'target/guests/{module}.wasm'");
    execute(runtime, session, &format!("CREATE MODULE {module} {from}"));
    let import = format!("IMPORT FUNCTIONS FROM MODULE {module}");
    execute(runtime, session, &import);
}

/// Executes a statement.
///
/// # Panics
///
/// If it fails.
pub fn execute(runtime: &Runtime, session: &Session, sql: &str) {
    runtime.block_on(async {
        let frame = session.sql(sql).await;
        let frame = frame.expect("build the guests first: cargo xtask guests");
        frame.collect().await.expect("the statement is executed");
    });
}

/// Starts a runtime of one thread.
///
/// # Panics
///
/// If it cannot be started.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime can be started")
}
