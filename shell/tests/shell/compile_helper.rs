//! Compilation in a helper process.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{check, shell};

/// `CREATE FUNCTION` of a module with `functions` more functions, which take the code
/// generator some milliseconds each. No two modules are equal, so that none is found in a
/// cache.
fn create(functions: usize) -> String {
    static MODULES: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let salt = now.as_nanos() as u64 ^ u64::from(MODULES.fetch_add(1, Ordering::Relaxed));
    let mut others = format!("(global i64 (i64.const {salt}))");
    for n in 0..functions {
        let _ = write!(others, "(func $other{n} (param i64 f64) (result i64)");
        for k in 0..200 {
            let _ = write!(
                others,
                "(local.set 0 (i64.rotl (i64.xor (local.get 0) (i64.const {n}{k}))
                    (i64.load offset={k} (i32.wrap_i64 (local.get 0)))))"
            );
        }
        others.push_str("(local.get 0))");
    }
    format!(
        "CREATE FUNCTION zero(BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$(module
           (memory (export \"memory\") 2) (func (export \"fusebox_abi_1\")) {others}
           (func (export \"fusebox_alloc\") (param i32) (result i32) (i32.const 65536))
           (func (export \"fusebox_udf_zero\") (param i32 i32 i32) (result i32)
             (i32.store (i32.const 20) (i32.const 1024))
             (i64.store (local.get 2) (i64.extend_i32_u (local.get 1)))
             (i64.store offset=24 (local.get 2) (i64.const 2))
             (i32.store offset=40 (local.get 2) (i32.const 16)) (i32.const 0)))$$"
    )
}

/// Functions of modules that need little memory, and a lot.
const SMALL: usize = 3;
const LARGE: usize = 400;

/// Enough for the executable of a test and the threads of the compiler.
const ENOUGH_MB: &str = "2000";

#[test]
fn helper_compiles_what_the_shell_calls() {
    let sql = format!(
        "{}; SELECT zero(value) AS z FROM range(0, 2)",
        create(SMALL)
    );
    let arguments = ["--compile-memory", ENOUGH_MB, "--format", "csv", "-c", &sql];
    check(&arguments, "z\n0\n0\n");
}

#[test]
fn module_that_needs_more_memory_than_the_helper_has_is_refused() {
    // Found by halving: what a helper with a small module needs, which its executable decides.
    let compiles = |megabytes: u32, functions| {
        let run = shell(
            &["--compile-memory", &megabytes.to_string()],
            &create(functions),
        );
        match run.status {
            Some(0) => true,
            Some(1) if run.stderr.contains("found one that needs more") => false,
            // Too little for the first thread of the helper.
            Some(1) if megabytes < 1_000 && functions == SMALL => false,
            _ => panic!("{run:?}"),
        }
    };
    let (mut low, mut high) = (0, 2_000);
    while high - low > 16 {
        let middle = (low + high) / 2;
        match compiles(middle, SMALL) {
            true => high = middle,
            false => low = middle,
        }
    }
    assert!(compiles(high + 16, SMALL));
    assert!(!compiles(high + 16, LARGE));
    assert!(compiles(2_000, LARGE));
}

#[test]
fn helper_that_is_called_by_hand_says_who_calls_it() {
    let run = shell(&["compile-helper", "x"], "");
    assert_eq!(run.status, Some(2), "{run:?}");
    assert!(run.stderr.contains("started by the engine"), "{run:?}");
    let run = shell(&["compile-helper", "x", "x", "x", "1", "1"], "");
    assert_eq!(run.status, Some(2), "{run:?}");
}
