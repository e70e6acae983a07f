//! The pass against Wasmtime: a rewritten module does what it did, and stops
//! where Wasmtime's own fuel stops it.

mod bundled;
mod canonical;
mod counted;
mod golden;
mod lookouts;
mod more;
mod oracle;
mod programs;
mod refill;
mod repairs;
mod rows;
mod seen;
mod stack;
mod together;
mod wide;

use fusebox_instrument::{Error, Options, instrument};

use oracle::{Bits, ONE_IN, Outcome, engine, metered, modules, reference, rewritten};

#[test]
fn random_modules_do_what_they_did_and_stop_where_wasmtime_stops_them() {
    let (plain, fuelled) = (engine(false), engine(true));
    let (mut finished, mut stopped, mut stopped_by_both) = (0, 0, 0);
    for (n, module) in modules(1_500 / ONE_IN).enumerate() {
        let ours = metered(&module);
        for fuel in [1, 2, 3, 4, 6, 8, 11, 16, 22, 32, 64, 100_000] {
            let Some(theirs) = reference(&fuelled, &module, fuel) else {
                continue;
            };
            let Some(tight) = rewritten(&plain, &ours, fuel as i64) else {
                continue;
            };
            // With as much fuel: whatever theirs stops, ours has stopped.
            for (theirs, ours) in theirs.outcomes.iter().zip(&tight.outcomes) {
                match (theirs, ours) {
                    (Outcome::Fuel, Outcome::Fuel | Outcome::Stack) => stopped_by_both += 1,
                    (Outcome::Fuel, _) => panic!("{n}: {ours:?} with {fuel}"),
                    (_, Outcome::Fuel | Outcome::Stack) => stopped += 1,
                    _ => {}
                }
            }
            // With plenty: the same, bit by bit, unless theirs was stopped.
            let plenty = rewritten(&plain, &ours, fuel as i64 * 10_000 + 10_000_000).unwrap();
            let both = theirs.outcomes.iter().zip(&plenty.outcomes);
            let comparable = theirs.outcomes.len() == plenty.outcomes.len();
            let mut same = comparable;
            for (theirs, ours) in both {
                if matches!(theirs, Outcome::Fuel | Outcome::Stack) || *ours == Outcome::Stack {
                    same = false;
                    break;
                }
                assert_eq!(theirs, ours, "{n} with {fuel}");
            }
            if same {
                assert_eq!(theirs.globals, plenty.globals, "{n} with {fuel}");
                assert!(theirs.memory == plenty.memory, "{n} with {fuel}");
                finished += 1;
            }
        }
    }
    println!("{finished} finished, {stopped} stopped by ours alone, {stopped_by_both} by both");
    assert!(finished > 300 / ONE_IN, "{finished}");
    assert!(stopped > 25 / ONE_IN, "{stopped}");
    assert!(stopped_by_both > 25 / ONE_IN, "{stopped_by_both}");
}

#[test]
fn what_depends_on_the_machine_is_refused() {
    for (text, reason) in [
        (
            "(func (param v128) (result v128) (f32x4.relaxed_madd (local.get 0) (local.get 0) (local.get 0)))",
            "relaxed SIMD",
        ),
        ("(memory 1 1 shared)", "threads"),
        ("(memory i64 1)", "memory64"),
        ("(memory 1) (memory 1)", "multiple memories"),
        ("(memory 1 (pagesize 1))", "custom page sizes"),
        ("(func (throw_ref))", "exceptions"),
        ("(func (atomic.fence))", "threads"),
        ("(type (struct))", "gc"),
    ] {
        let module = wat::parse_str(format!("(module {text})")).unwrap();
        let refused = instrument(&module, Options::default());
        let refused = refused.expect_err("it is refused").to_string();
        assert!(refused.contains(reason), "{text}: {refused}");
    }
}

/// Runs the export `f` of a module in text.
fn call(text: &str, fuel: i64) -> Outcome {
    let module = metered(&wat::parse_str(text).unwrap());
    let run = rewritten(&engine(false), &module, fuel).expect("it can be instantiated");
    let [outcome] = <[Outcome; 1]>::try_from(run.outcomes).unwrap();
    outcome
}

#[test]
fn whatever_has_no_end_is_stopped() {
    for text in [
        "(loop $l (br $l))",
        "(loop $l (br_if $l (i32.const 1)))",
        "(loop $l (loop $m (br $l)))",
        "(loop $l (block $b (br_table $l $b (i32.const 0))))",
        "(loop $l (if (i32.const 1) (then (br $l))))",
        "(call $f)",
        "(call $f) (call $f)",
        "(return_call $f)",
        "(call_indirect (i32.const 0))",
        "(return_call_indirect (i32.const 0))",
        "(call $ping)",
        "(loop $l (call $leaf) (br $l))",
        "(loop $l (drop (memory.grow (i32.const 1))) (br $l))",
        "(loop $l (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)) (br $l))",
    ] {
        let module = format!(
            "(module (memory 1) (table funcref (elem $f))
               (func $f (export \"f\") {text})
               (func $leaf) (func $ping (call $pong)) (func $pong (call $ping)))"
        );
        let outcome = call(&module, 100_000);
        assert!(
            matches!(outcome, Outcome::Fuel | Outcome::Stack),
            "{text}: {outcome:?}"
        );
    }
}

#[test]
fn work_that_an_operand_asks_for_is_paid_before_it_is_done() {
    for (text, fuel) in [
        (
            "(memory.fill (i32.const 0) (i32.const 1) (i32.const 65536))",
            8192,
        ),
        (
            "(memory.copy (i32.const 0) (i32.const 8) (i32.const 32768))",
            4096,
        ),
        ("(drop (memory.grow (i32.const 10)))", 10240),
        (
            "(table.fill (i32.const 0) (ref.null func) (i32.const 5000))",
            5000,
        ),
    ] {
        let module =
            format!("(module (memory 1 100) (table 5000 funcref) (func (export \"f\") {text}))");
        assert_eq!(call(&module, fuel), Outcome::Fuel, "{text}");
        assert_eq!(
            call(&module, fuel + 100),
            Outcome::Results(vec![]),
            "{text}"
        );
    }
}

#[test]
fn every_exit_puts_the_counters_back() {
    for body in [
        "(return)",
        "(br 0)",
        "(br_if 0 (i32.const 1))",
        "(br_table 0 0 (i32.const 5))",
        "(block (br 1))",
        "(loop (return))",
        "(loop (br 1))",
        "(block (loop (br_table 0 1 2 (i32.const 2))))",
        "(return_call $leaf)",
        "(call $leaf)",
        "",
    ] {
        // Recursive and with a loop: both counters are kept.
        let module = format!(
            "(module (func $f (export \"f\") (loop) (if (i32.const 0) (then (call $f))) {body})
                     (func $leaf))"
        );
        assert_eq!(call(&module, 1_000), Outcome::Results(vec![]), "{body}");
    }
}

#[test]
fn several_results_pass_through_every_exit() {
    let module = "(module (func $f (export \"f\") (result i32 i64 f64)
        (loop)
        (if (i32.const 0) (then (call $f) (return)))
        (i32.const 1) (i64.const 2) (f64.const 3) (br_if 0 (i32.const 1)) (return)))";
    let expected = [1, 2, u128::from(3.0_f64.to_bits())].map(Bits);
    assert_eq!(call(module, 1_000), Outcome::Results(expected.into()));
}

#[test]
fn chain_of_calls_is_bounded_without_running_it() {
    let length = 20_000;
    let functions: String = (1..length).map(|n| format!("(func (call {n}))")).collect();
    let module = format!("(module {functions} (func) (export \"f\" (func 0)))");
    let module = wat::parse_str(module).unwrap();
    assert!(matches!(
        instrument(&module, Options::default()),
        Err(Error::Chain { .. })
    ));
}

#[test]
fn module_that_would_keep_a_compiler_busy_is_refused() {
    let refused = |text: &str| instrument(&wat::parse_str(text).unwrap(), Options::default());
    let nested = |depth: usize| {
        let (open, close) = ("block ".repeat(depth), "end ".repeat(depth));
        refused(&format!("(module (func {open} {close}))"))
    };
    assert!(nested(999).is_ok());
    assert!(matches!(nested(1_000), Err(Error::Nesting { .. })));
    let many = |count: usize| refused(&format!("(module {})", "(func)".repeat(count)));
    let busy = |locals: usize, loops: usize| {
        let (locals, loops) = ("(local i64)".repeat(locals), "(loop)".repeat(loops));
        refused(&format!("(module (func {locals} {loops}))"))
    };
    assert!(busy(1_000, 1_000).is_ok());
    assert!(matches!(busy(1_000, 1_001), Err(Error::Work { .. })));
    assert!(many(30_000).is_ok());
    assert!(matches!(many(30_001), Err(Error::Functions { .. })));
}

#[test]
fn recursion_goes_as_deep_as_its_frames_allow() {
    let recursive = |locals: usize| {
        format!(
            "(module (func $f (export \"f\") {} (call $f)))",
            "(local i64)".repeat(locals)
        )
    };
    assert_eq!(call(&recursive(0), 1_000_000), Outcome::Stack);
    assert_eq!(call(&recursive(1_000), 1_000_000), Outcome::Stack);
    assert_eq!(call(&recursive(49_000), 1_000_000), Outcome::Stack);
}

#[test]
fn names_of_the_host_are_refused() {
    let module = wat::parse_str("(module (func (export \"fusebox:fuel\")))").unwrap();
    assert!(matches!(
        instrument(&module, Options::default()),
        Err(Error::Reserved(_))
    ));
}
