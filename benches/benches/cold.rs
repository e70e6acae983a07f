//! What it takes until there is a first row, and what it keeps in memory.
//!
//! - `cold/<module>/<start>`: `CREATE MODULE`, `IMPORT FUNCTIONS` and a query of
//!   one row, in a new session of a new process, which reads the module from a
//!   file. `compiled`: Wasmtime's cache is empty, and is filled on the way;
//!   `cached`: the same again, with that cache. `again` is the query once more,
//!   in the same session.
//! - `fresh/<rows>`: a call that finds no instance and makes one, beside one that
//!   finds one: an instance is gone after a call that ran out of fuel.
//! - `memory`: what registering functions adds to the resident set of a process
//!   (`VmRSS` of `/proc/self/status`, where there is one), with the instance that
//!   is made ready for each; what these instances keep after a call of 8,192
//!   rows; and what is left of a function whose instance is gone. It is divided
//!   by their number.
//!
//! Not measured: starting the process, making the session.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{Array, Int64Array};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use fusebox::Session;
use fusebox_benches::{builder, call_of, function};
use fusebox_turns::{Asked, Pair, Record, interval, is_quick, median};
use tokio::runtime::Runtime;

/// Modules of several sizes, and a query that calls a function of each.
const MODULES: [(&str, &str); 3] = [
    (
        "geo",
        "SELECT haversine_km(value, value, 0, 0) FROM range(1, 2)",
    ),
    ("kernels", "SELECT add(value, value) FROM range(1, 2)"),
    ("columns", "SELECT negated(value) FROM range(1, 2)"),
];

/// Says to a process that it is a child, and what it is to do.
const TASK: &str = "FUSEBOX_BENCH_COLD";

/// How many functions are registered to see what memory they take.
const FUNCTIONS: usize = 500;

/// Enough for `collatz_steps` of small numbers, and not for that of [`TIRING`].
const FUEL_PER_ROW: u64 = 1_000;

/// A number that takes 524 steps to 1.
const TIRING: i64 = 837_799;

fn main() {
    match env::var(TASK) {
        Ok(task) if task == "memory" => keep(),
        Ok(module) => start(&module),
        Err(_) => {
            let asked = Asked::from_arguments();
            measure_starts(&asked);
            measure_fresh(&asked);
            measure_memory(&asked);
        }
    }
}

/// Nanoseconds to the first row, and for the second, of a module.
fn start(module: &str) {
    let (_, query) = MODULES
        .iter()
        .find(|(name, _)| *name == module)
        .expect("it is one of them");
    let session = builder(1)
        .cache(true)
        .build()
        .expect("there can be a cache");
    // DataFusion has functions of these names, which are other functions.
    for built_in in ["gcd", "upper"] {
        session.context().deregister_udf(built_in);
    }
    let runtime = runtime();
    let begin = Instant::now();
    execute(
        &runtime,
        &session,
        &format!("CREATE MODULE {module} LANGUAGE WASM FROM 'target/guests/{module}.wasm'"),
    );
    execute(
        &runtime,
        &session,
        &format!("IMPORT FUNCTIONS FROM MODULE {module}"),
    );
    execute(&runtime, &session, query);
    let first = begin.elapsed();
    let begin = Instant::now();
    execute(&runtime, &session, query);
    println!("{} {}", first.as_nanos(), begin.elapsed().as_nanos());
}

fn measure_starts(asked: &Asked) {
    for (module, _) in MODULES {
        let name = format!("cold/{module}");
        if !asked.has(&name) {
            continue;
        }
        eprintln!("{name}");
        let size = format!("../target/guests/{module}.wasm");
        let size = Path::new(env!("CARGO_MANIFEST_DIR")).join(size);
        let bytes = fs::metadata(size).map_or(0, |file| file.len());
        // A large module takes long to compile.
        let turns = match (is_quick(), bytes > 1 << 20) {
            (true, true) => 1,
            (true, false) | (false, true) => 3,
            (false, false) => 9,
        };
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..turns {
            let cache = tempfile::tempdir().expect("there is room for a cache");
            let [compiled, _] = numbers(&child(module, cache.path()));
            let [cached, again] = numbers(&child(module, cache.path()));
            for (times, time) in times.iter_mut().zip([compiled, cached, again]) {
                times.push(time);
            }
        }
        let size = format!("../target/guests/{module}.wasm");
        let size = Path::new(env!("CARGO_MANIFEST_DIR")).join(size);
        let bytes = fs::metadata(size).map_or(0, |file| file.len());
        println!(
            "\n{:<24}{:>12}",
            format!("{module}, {bytes} bytes"),
            "takes"
        );
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

/// Starts this program once more, with nothing in its cache but what is in that
/// folder, and returns what it prints.
fn child(task: &str, cache: &Path) -> String {
    let program = env::current_exe().expect("this program is a file");
    let output = Command::new(program)
        .env(TASK, task)
        // Where Wasmtime keeps its cache is the system's affair.
        .env("XDG_CACHE_HOME", cache)
        .env("XDG_CONFIG_HOME", cache)
        .env("HOME", cache)
        .output()
        .expect("this program can be started");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("it prints numbers")
}

fn numbers<const COUNT: usize>(text: &str) -> [f64; COUNT] {
    let numbers: Vec<f64> = text
        .split_whitespace()
        .map(|number| number.parse().expect("it is a number"))
        .collect();
    numbers.try_into().expect("it prints as many")
}

/// A call of a function of one number for rows of the same one.
fn call(function: &ScalarUDF, rows: usize, number: i64) -> ScalarFunctionArgs {
    let numbers = Arc::new(Int64Array::from_value(number, rows));
    call_of(function, rows, vec![ColumnarValue::Array(numbers)])
}

fn measure_fresh(asked: &Asked) {
    let session = with_steps(1);
    let steps = function(&session, "steps_0");
    for rows in [1, 8_192] {
        let name = format!("fresh/{rows}");
        if !asked.has(&name) {
            continue;
        }
        eprintln!("{name}");
        // Of as many rows, so that it takes the instance that the other would.
        let [easy, tiring] = [1, TIRING].map(|number| call(&steps, rows, number));
        let timed = || {
            let begin = Instant::now();
            answer(&steps, &easy);
            begin.elapsed().as_nanos() as f64
        };
        let [mut warm, mut fresh] = [const { Vec::new() }; 2];
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(if is_quick() { 300 } else { 2_000 }) {
            steps
                .invoke_with_args(tiring.clone())
                .expect_err("it runs out of fuel");
            fresh.push(timed());
            timed();
            warm.push(timed());
        }
        let pair = Pair::of(&warm, &fresh);
        let more = (pair.fusebox - pair.native) / 1e3;
        println!("a fresh instance for {rows} rows: {more:.1} µs more");
        let record = Record {
            part: "instance".to_owned(),
            rows: rows as u64,
            ..Record::new("fresh", "collatz_steps")
        };
        record.with(&pair).append();
    }
}

fn answer(function: &ScalarUDF, call: &ScalarFunctionArgs) {
    let answer = function.invoke_with_args(call.clone());
    match answer.expect("no row fails") {
        ColumnarValue::Array(column) => assert_eq!(column.len(), call.number_rows),
        ColumnarValue::Scalar(_) => panic!("a column gives a column"),
    }
}

/// Prints what is resident before there are functions, with them, with their
/// instances after a call, and without those.
fn keep() {
    let session = with_steps(0);
    let before = resident();
    define_steps(&session, FUNCTIONS);
    let defined = resident();
    let steps = (0..FUNCTIONS).map(|number| function(&session, &format!("steps_{number}")));
    let steps: Vec<_> = steps.collect();
    let calls = [1, TIRING].map(|number| call(&steps[0], 8_192, number));
    // What the host itself needs for a call is not an instance's.
    answer(&steps[0], &calls[0]);
    let bare = resident();
    for function in &steps[1..] {
        answer(function, &calls[0]);
    }
    let called = resident();
    for function in &steps {
        function
            .invoke_with_args(calls[1].clone())
            .expect_err("it runs out of fuel");
    }
    let gone = resident();
    let each = |more: f64, less: f64, count: usize| (more - less) / count as f64;
    println!(
        "{} {} {}",
        each(defined, before, FUNCTIONS),
        each(defined, before, FUNCTIONS) - each(gone, before, FUNCTIONS)
            + each(called, bare, FUNCTIONS - 1),
        each(gone, before, FUNCTIONS),
    );
}

fn measure_memory(asked: &Asked) {
    if !asked.has("memory") {
        return;
    }
    if !Path::new("/proc/self/status").exists() {
        eprintln!("memory: left out: the system does not say what is resident");
        return;
    }
    eprintln!("memory");
    let cache = tempfile::tempdir().expect("there is room for a cache");
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

/// The bytes of this process that are in memory.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("the system has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.expect("it is a number") * 1024.0
}

/// A session with the module `math`, and so many functions of it.
fn with_steps(functions: usize) -> Session {
    let session = builder(1).build().expect("the defaults work");
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

fn execute(runtime: &Runtime, session: &Session, sql: &str) {
    runtime.block_on(async {
        let frame = session.sql(sql).await;
        let frame = frame.expect("build the guests first: cargo xtask guests");
        frame.collect().await.expect("it has rows, or none");
    });
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime can be started")
}
