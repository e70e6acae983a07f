//! Time to the first row, and memory of functions and instances.
//!
//! - `cold/<module>/<start>`: `CREATE MODULE`, `IMPORT FUNCTIONS` and a query of
//!   one row, in a new session of a new process that reads the module from a file.
//!   `compiled`: Wasmtime's cache is empty and is filled. `cached`: the module is
//!   in the cache. `again`: the query once more, in the same session.
//! - `fresh/<rows>`: a call that has to create an instance, beside one that finds an
//!   idle instance. An instance is discarded after a call that ran out of fuel.
//! - `memory`: growth of the resident set of a process (`VmRSS` of
//!   `/proc/self/status`, on Linux), divided by the number of functions: by
//!   registering them, each with its preallocated instance; by a call of 8,192 rows
//!   in each instance; and by functions without instances.
//!
//! Not measured: starting the process, creating the session.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{Array, Int64Array};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use fusebox::Session;
use fusebox_benches::starts::{MODULES, child, create_module, execute, query_of, runtime, task};
use fusebox_benches::{builder, call_of, function, session_of};
use fusebox_paired::{Filter, PairedTimes, Record, interval, is_quick, median};

/// Number of functions that are registered to measure their memory.
const FUNCTIONS: usize = 500;

/// Enough for `collatz_steps(1)`, not enough for `collatz_steps(EXHAUSTING)`.
const FUEL_PER_ROW: u64 = 1_000;

/// The Collatz sequence of this number reaches 1 after 524 steps.
const EXHAUSTING: i64 = 837_799;

fn main() {
    match task().as_deref() {
        Some("memory") => run_memory(),
        Some(module) => run_start(module),
        None => {
            let filter = Filter::from_arguments();
            measure_starts(&filter);
            measure_fresh(&filter);
            measure_memory(&filter);
        }
    }
}

/// Child process: prints the nanoseconds to the first row, and of a second query.
fn run_start(module: &str) {
    let query = query_of(module);
    let session = session_of(builder().cache(true), 1);
    // Other functions of these names are built into DataFusion.
    for built_in in ["gcd", "upper"] {
        session.context().deregister_udf(built_in);
    }
    let runtime = runtime();
    let begin = Instant::now();
    create_module(&runtime, &session, module);
    execute(&runtime, &session, query);
    let first = begin.elapsed();
    let begin = Instant::now();
    execute(&runtime, &session, query);
    println!("{} {}", first.as_nanos(), begin.elapsed().as_nanos());
}

fn measure_starts(filter: &Filter) {
    for (module, _) in MODULES {
        let name = format!("cold/{module}");
        if !filter.matches(&name) {
            continue;
        }
        eprintln!("{name}");
        let bytes = module_bytes(module);
        // A large module takes seconds to compile.
        let rounds = match (is_quick(), bytes > 1 << 20) {
            (true, true) => 1,
            (true, false) | (false, true) => 3,
            (false, false) => 9,
        };
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..rounds {
            let cache = tempfile::tempdir().expect("a temporary folder can be created");
            let [compiled, _] = numbers(&child(module, cache.path()));
            let [cached, again] = numbers(&child(module, cache.path()));
            for (times, time) in times.iter_mut().zip([compiled, cached, again]) {
                times.push(time);
            }
        }
        println!("\n{:<24}{:>12}", format!("{module}, {bytes} bytes"), "time");
        for (part, times) in ["compiled", "cached", "again"].into_iter().zip(&times) {
            let nanos = median(times);
            println!("{part:<24}{:>9.2} ms", nanos / 1e6);
            let (low, high) = interval(times);
            Record {
                part: part.to_owned(),
                ns: Some(nanos),
                low: Some(low),
                high: Some(high),
                bytes: Some(bytes as f64),
                ..Record::new("cold", module)
            }
            .append();
        }
    }
}

/// Returns the size of the file of a module, in bytes.
fn module_bytes(module: &str) -> u64 {
    let file = format!("../target/guests/{module}.wasm");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::metadata(file).map_or(0, |file| file.len())
}

fn numbers<const COUNT: usize>(text: &str) -> [f64; COUNT] {
    let numbers: Vec<f64> = text
        .split_whitespace()
        .map(|number| number.parse().expect("expected a number"))
        .collect();
    numbers
        .try_into()
        .expect("the child process prints COUNT numbers")
}

/// Creates a call of a function of one argument, with the same number in each row.
fn call(function: &ScalarUDF, rows: usize, number: i64) -> ScalarFunctionArgs {
    let numbers = Arc::new(Int64Array::from_value(number, rows));
    call_of(function, rows, vec![ColumnarValue::Array(numbers)])
}

fn measure_fresh(filter: &Filter) {
    let session = with_steps(1);
    let steps = function(&session, "steps_0");
    for rows in [1, 8_192] {
        let name = format!("fresh/{rows}");
        if !filter.matches(&name) {
            continue;
        }
        eprintln!("{name}");
        // Equal numbers of rows, so that both calls take the same idle instance.
        let [cheap, exhausting] = [1, EXHAUSTING].map(|number| call(&steps, rows, number));
        let timed = || {
            let begin = Instant::now();
            invoke(&steps, &cheap);
            begin.elapsed().as_nanos() as f64
        };
        let [mut warm, mut fresh] = [const { Vec::new() }; 2];
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(if is_quick() { 300 } else { 2_000 }) {
            steps
                .invoke_with_args(exhausting.clone())
                .expect_err("the call runs out of fuel");
            fresh.push(timed());
            timed();
            warm.push(timed());
        }
        let times = PairedTimes::of(&warm, &fresh);
        let more = (times.ns - times.base_ns) / 1e3;
        println!("a fresh instance for {rows} rows: {more:.1} µs more");
        let record = Record {
            part: "instance".to_owned(),
            rows: rows as u64,
            ..Record::new("fresh", "collatz_steps")
        };
        record.with(&times).append();
    }
}

fn invoke(function: &ScalarUDF, call: &ScalarFunctionArgs) {
    let result = function.invoke_with_args(call.clone());
    match result.expect("no row fails") {
        ColumnarValue::Array(column) => assert_eq!(column.len(), call.number_rows),
        ColumnarValue::Scalar(_) => panic!("expected an array for an array argument"),
    }
}

/// Child process: prints the bytes of a registered function with its instance, of an
/// instance after a call, and of a function without an instance.
fn run_memory() {
    let session = with_steps(0);
    let before = resident();
    define_steps(&session, FUNCTIONS);
    let defined = resident();
    let steps = (0..FUNCTIONS).map(|number| function(&session, &format!("steps_{number}")));
    let steps: Vec<_> = steps.collect();
    let calls = [1, EXHAUSTING].map(|number| call(&steps[0], 8_192, number));
    // The first call also allocates what the host needs once.
    invoke(&steps[0], &calls[0]);
    let first_called = resident();
    for function in &steps[1..] {
        invoke(function, &calls[0]);
    }
    let called = resident();
    for function in &steps {
        function
            .invoke_with_args(calls[1].clone())
            .expect_err("the call runs out of fuel");
    }
    let discarded = resident();
    let each = |after: f64, before: f64, count: usize| (after - before) / count as f64;
    println!(
        "{} {} {}",
        each(defined, before, FUNCTIONS),
        each(defined, before, FUNCTIONS) - each(discarded, before, FUNCTIONS)
            + each(called, first_called, FUNCTIONS - 1),
        each(discarded, before, FUNCTIONS),
    );
}

fn measure_memory(filter: &Filter) {
    if !filter.matches("memory") {
        return;
    }
    if !Path::new("/proc/self/status").exists() {
        eprintln!("memory: skipped: /proc/self/status does not exist on this system");
        return;
    }
    eprintln!("memory");
    let cache = tempfile::tempdir().expect("a temporary folder can be created");
    let [registered, instance, alone]: [f64; 3] = numbers(&child("memory", cache.path()));
    println!("\n{:<40}{:>12}", "memory", "resident");
    for (kernel, bytes) in [
        ("an instance after 8,192 rows", instance),
        ("1,000 functions, an instance each", registered * 1e3),
        ("1,000 functions, no instance", alone * 1e3),
    ] {
        println!("{kernel:<40}{:>8.0} KiB", bytes / 1024.0);
        Record {
            rows: 8_192,
            bytes: Some(bytes),
            ..Record::new("memory", kernel)
        }
        .append();
    }
}

/// Returns the resident set of this process, in bytes.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("the file is readable");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.expect("VmRSS is a number") * 1024.0
}

/// Creates a session with module `math` and a number of functions of it.
fn with_steps(functions: usize) -> Session {
    let session = session_of(builder(), 1);
    execute(
        &runtime(),
        &session,
        "CREATE MODULE math LANGUAGE WASM FROM 'target/guests/math.wasm'",
    );
    define_steps(&session, functions);
    session
}

fn define_steps(session: &Session, functions: usize) {
    let runtime = runtime();
    for number in 0..functions {
        let define = format!(
            "CREATE FUNCTION steps_{number} LANGUAGE WASM FROM MODULE math
             EXPORT 'collatz_steps' WITH (fuel_per_row = {FUEL_PER_ROW})"
        );
        execute(&runtime, session, &define);
    }
}
