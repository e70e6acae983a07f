//! Instrumented modules, compared with Wasmtime: they behave the same, and run out of
//! fuel wherever they run out of Wasmtime's.

mod bundled;
mod canonical_nans;
mod counted_loops;
mod golden;
mod has_fuel;
mod limits;
mod log;
mod nan_placement;
mod nan_uses;
mod native_stack;
mod oracle;
mod polling;
mod programs;
mod random_rows;
mod refill;
mod row_fuel;
mod row_groups;
mod rows;
mod safepoints;
mod stack;
mod unrolling;
mod version;
mod wide;

use oracle::{Bits, ONE_IN, Outcome, engine, instrumented, metered, modules, reference};

#[test]
fn random_modules_behave_the_same_and_run_out_of_fuel_where_wasmtime_does() {
    let (plain, fuelled) = (engine(false), engine(true));
    let (mut same_results, mut only_ours, mut both) = (0, 0, 0);
    for (n, module) in modules(1_500 / ONE_IN).enumerate() {
        let ours = metered(&module);
        for fuel in [1, 2, 3, 4, 6, 8, 11, 16, 22, 32, 64, 100_000] {
            let Some(theirs) = reference(&fuelled, &module, fuel) else {
                continue;
            };
            let Some(tight) = instrumented(&plain, &ours, fuel as i64) else {
                continue;
            };
            // With equal fuel: ours runs out wherever theirs does.
            for (theirs, ours) in theirs.outcomes.iter().zip(&tight.outcomes) {
                match (theirs, ours) {
                    (Outcome::Fuel, Outcome::Fuel | Outcome::Stack) => both += 1,
                    (Outcome::Fuel, _) => panic!("{n}: {ours:?} with {fuel}"),
                    (_, Outcome::Fuel | Outcome::Stack) => only_ours += 1,
                    _ => {}
                }
            }
            // With plenty of fuel: the same, bit by bit, unless theirs ran out.
            let plenty = instrumented(&plain, &ours, fuel as i64 * 10_000 + 10_000_000).unwrap();
            let pairs = theirs.outcomes.iter().zip(&plenty.outcomes);
            let comparable = theirs.outcomes.len() == plenty.outcomes.len();
            let mut same = comparable;
            for (theirs, ours) in pairs {
                if matches!(theirs, Outcome::Fuel | Outcome::Stack) || *ours == Outcome::Stack {
                    same = false;
                    break;
                }
                assert_eq!(theirs, ours, "{n} with {fuel}");
            }
            if same {
                assert_eq!(theirs.globals, plenty.globals, "{n} with {fuel}");
                assert!(theirs.memory == plenty.memory, "{n} with {fuel}");
                same_results += 1;
            }
        }
    }
    println!(
        "{same_results} had the same results, {only_ours} ran out of ours alone, {both} of both"
    );
    assert!(same_results > 300 / ONE_IN, "{same_results}");
    assert!(only_ours > 25 / ONE_IN, "{only_ours}");
    assert!(both > 25 / ONE_IN, "{both}");
}

/// Calls the export `f` of a module in the text format.
fn call(text: &str, fuel: i64) -> Outcome {
    let module = metered(&wat::parse_str(text).unwrap());
    let run = instrumented(&engine(false), &module, fuel).expect("it can be instantiated");
    let [outcome] = <[Outcome; 1]>::try_from(run.outcomes).unwrap();
    outcome
}

#[test]
fn endless_code_runs_out_of_fuel_or_stack() {
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
fn work_that_depends_on_an_operand_is_charged_before_it_is_done() {
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
fn every_exit_stores_the_counters() {
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
        // Recursive and with a loop, so that both counters are in use.
        let module = format!(
            "(module (func $f (export \"f\") (loop) (if (i32.const 0) (then (call $f))) {body})
                     (func $leaf))"
        );
        assert_eq!(call(&module, 1_000), Outcome::Results(vec![]), "{body}");
    }
}

#[test]
fn every_exit_returns_several_results() {
    let module = "(module (func $f (export \"f\") (result i32 i64 f64)
        (loop)
        (if (i32.const 0) (then (call $f) (return)))
        (i32.const 1) (i64.const 2) (f64.const 3) (br_if 0 (i32.const 1)) (return)))";
    let expected = [1, 2, u128::from(3.0_f64.to_bits())].map(Bits);
    assert_eq!(call(module, 1_000), Outcome::Results(expected.into()));
}

#[test]
fn endless_recursion_runs_out_of_stack_for_frames_of_any_size() {
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
