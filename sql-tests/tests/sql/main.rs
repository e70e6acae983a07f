//! Runs the golden files, DataFusion's own test files, and tests that SQL alone
//! cannot express.
//!
//! A file may use only files below it in this list.
//!
//! `UPDATE_SLT=1` writes the actual results into the golden files; read the diff.

/// Makes an async test function a trial that runs on the runtime.
macro_rules! trial {
    ($runtime:expr, $test:ident) => {{
        let runtime = Arc::clone($runtime);
        Trial::test(stringify!($test), move || runtime.block_on($test()))
    }};
}

// The golden files, with the results that they state.
mod golden;

// Equal results for every number of partitions, batch size and row order.
mod determinism;

// Guest functions against the same Rust compiled natively.
mod differential;

// Accumulators called directly, and queries that are cancelled or fail.
mod accumulators;

// DataFusion's test files, with built-in functions replaced by Wasm.
mod datafusion_suite;

// Nested results in every operation of DataFusion.
mod nested_results;

// TYPES.md against the golden files.
mod type_table;

// Sessions of random statements.
mod fuzz;

// Many sessions at once, for a time.
mod soak;

// Memory and mappings after hostile guests.
mod baseline;

// Sessions with the bundled functions and the flights, and their results.
mod sessions;

// The golden files, and the names of their tests.
mod golden_files;

// A pseudo-random number generator.
mod rng;

use std::sync::Arc;

use fusebox_testing::is_own_process;
use sqllogictest::harness::{Arguments, run};
use tokio::runtime::Runtime;

fn main() {
    // The files of DataFusion's suite are in use by the process that started this one.
    let files = golden_files::files();
    if is_own_process() {
        let mut trials = soak::trials();
        trials.extend(baseline::trials(&files));
        run(&Arguments::from_args(), trials).exit();
    }
    let runtime = Arc::new(Runtime::new().expect("a runtime can be started"));
    let mut trials = golden::trials(&runtime, &files);
    trials.extend(determinism::trials(&runtime, &files));
    trials.extend(differential::trials(&runtime));
    trials.extend(accumulators::trials(&runtime));
    trials.extend(nested_results::trials(&runtime));
    trials.extend(type_table::trials());
    trials.extend(fuzz::trials());
    trials.extend(soak::trials());
    trials.extend(baseline::trials(&files));
    let (suite, summary) = datafusion_suite::trials(&runtime);
    trials.extend(suite);
    let conclusion = run(&Arguments::from_args(), trials);
    if let Ok(summary) = summary.lock() {
        summary.print();
    }
    conclusion.exit();
}
