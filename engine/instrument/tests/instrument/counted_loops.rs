//! Loops with a known trip count are charged once.

use crate::call;
use crate::oracle::Outcome;

/// A function with a loop that counts `$c` from `start` to `end` in steps and runs
/// `body` in each iteration. It returns the number of iterations.
fn counting(start: u32, end: u32, step: i32, shape: usize, body: &str) -> String {
    let next = format!("local.get $c i32.const {step} i32.add local.tee $c");
    let (start, branch) = match shape {
        0 => (start.wrapping_sub(end), format!("{next} br_if 0")),
        1 => (start, format!("{next} local.get $end i32.ne br_if 0")),
        _ => (start, format!("local.get $end {next} i32.ne br_if 0")),
    };
    format!(
        r#"(module (memory 1) (func $nothing) (func (export "f") (result i32)
            (local $c i32) (local $end i32) (local $iterations i32)
            (local.set $c (i32.const {start})) (local.set $end (i32.const {end}))
            loop
              (local.set $iterations (i32.add (local.get $iterations) (i32.const 1)))
              {body}
              {branch}
            end
            local.get $iterations))"#,
        start = start as i32,
        end = end as i32,
    )
}

/// The least fuel with which a function returns, and its result.
fn need(module: &str) -> (i64, u128) {
    let result = |fuel| match call(module, fuel) {
        Outcome::Results(results) => Some(results[0].0),
        Outcome::Fuel => None,
        other => panic!("{other:?}"),
    };
    let (mut low, mut high) = (0, 1 << 24);
    while low < high {
        let middle = (low + high) / 2;
        match result(middle) {
            Some(_) => high = middle,
            None => low = middle + 1,
        }
    }
    (low, result(low).expect("it returns with this much fuel"))
}

#[test]
fn counted_loop_is_charged_for_its_iterations() {
    for shape in 0..3 {
        for (start, end, step, iterations) in [
            (100, 0, -1, 100),
            (96, 0, -8, 12),
            (96, 0, -12, 8),
            (1, 0, -1, 1),
            (7, 107, 1, 100),
            (7, 107, 4, 25),
            (7, 107, 10, 10),
            (u32::MAX - 15, 16, 8, 4),
            (16, u32::MAX - 15, -8, 4),
        ] {
            let name = format!("{start} to {end} by {step}, shape {shape}");
            let (fuel, result) = need(&counting(start, end, step, shape, "call $nothing"));
            assert_eq!(result, iterations, "{name}");
            // The same loop in a form without a known trip count, which is not unrolled because
            // of its call.
            let body = "(call $nothing) (br_if 1 (i32.const 0))";
            let other = counting(start, end, step, shape, body);
            let other = other
                .replace("loop", "block loop")
                .replace("end\n", "end end\n");
            let (each, result) = need(&other);
            assert_eq!(result, iterations, "{name}");
            // Minus the branch and its constant.
            let expected = each - 2 * iterations as i64;
            assert!(
                (expected - 2..=expected + 2).contains(&fuel),
                "{name}: {fuel} for {expected}"
            );
        }
    }
}

#[test]
fn loop_that_steps_over_its_end_traps() {
    for shape in 0..3 {
        for (start, end, step) in [(97, 0, -8), (7, 108, 10), (0, 1, 2), (3, 0, 2)] {
            let outcome = call(&counting(start, end, step, shape, ""), 1 << 50);
            assert_eq!(outcome, Outcome::Fuel, "{start} to {end} by {step}");
        }
    }
}

#[test]
fn loop_that_wraps_around_is_charged_for_its_iterations() {
    // `step * iterations` is the distance modulo 2³².
    for iterations in [1, 2, 3, 1_000, 65_537] {
        for step in [3, -3, 12, -40, 0x1234_5677, i32::MAX, -0x3fff_fffc] {
            let end = step.unsigned_abs().wrapping_mul(iterations);
            let end = if step < 0 { end.wrapping_neg() } else { end };
            for shape in 0..3 {
                let (_, result) = need(&counting(0, end, step, shape, ""));
                assert_eq!(result, u128::from(iterations), "{step}, shape {shape}");
            }
        }
    }
    // 2⁶⁴/3 mod 2³² iterations.
    let module = counting(0, 1, 3, 1, "");
    assert_eq!(call(&module, 1 << 32), Outcome::Fuel);
}

#[test]
fn trap_precedes_the_end_of_a_loop_that_can_be_paid_for() {
    let trap = "(i32.store (i32.mul (local.get $iterations) (i32.const 4096)) (local.get $c))";
    let outcome = call(&counting(0, 1, 3, 1, trap), 1 << 50);
    assert_eq!(outcome, Outcome::Trap(wasmtime::Trap::MemoryOutOfBounds));
    // An endless loop cannot be paid for.
    let outcome = call(&counting(0, 1, 2, 1, trap), 1 << 50);
    assert_eq!(outcome, Outcome::Fuel);
}

#[test]
fn loop_whose_counter_wraps_around_is_charged_in_full() {
    let module = counting(0, 0, -1, 0, "");
    assert_eq!(call(&module, 1 << 34), Outcome::Fuel);
    assert_eq!(
        call(&counting(0, 0, 1 << 30, 1, ""), 1_000),
        Outcome::Results(vec![crate::oracle::Bits(4)])
    );
}

#[test]
fn loop_with_other_control_flow_is_charged_per_iteration() {
    for body in [
        // Another back edge, another write of the counter, a changing end.
        "(br_if 0 (i32.and (local.get $iterations) (i32.const 1)))",
        "(local.set $c (i32.const 8))",
        "(local.set $end (i32.const 0))",
    ] {
        let module = counting(8, 0, -8, 2, body);
        let terminates = matches!(call(&module, 100_000), Outcome::Results(_) | Outcome::Fuel);
        assert!(terminates, "{body}");
    }
    // Endless, although its end looks like that of a counted loop.
    let module = counting(16, 0, -8, 0, "(local.set $c (i32.const 16))");
    assert_eq!(call(&module, 100_000), Outcome::Fuel);
}
