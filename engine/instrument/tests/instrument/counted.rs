//! Loops that count are charged as a whole, and for what they do.

use crate::call;
use crate::oracle::Outcome;

/// A function with a loop that counts `$c` from `start` to `end` in steps, and
/// does `body` in each turn; it returns the turns.
fn counting(start: u32, end: u32, step: i32, shape: usize, body: &str) -> String {
    let next = format!("local.get $c i32.const {step} i32.add local.tee $c");
    let (start, around) = match shape {
        0 => (start.wrapping_sub(end), format!("{next} br_if 0")),
        1 => (start, format!("{next} local.get $end i32.ne br_if 0")),
        _ => (start, format!("local.get $end {next} i32.ne br_if 0")),
    };
    format!(
        r#"(module (memory 1) (func (export "f") (result i32)
            (local $c i32) (local $end i32) (local $turns i32)
            (local.set $c (i32.const {start})) (local.set $end (i32.const {end}))
            loop
              (local.set $turns (i32.add (local.get $turns) (i32.const 1)))
              {body}
              {around}
            end
            local.get $turns))"#,
        start = start as i32,
        end = end as i32,
    )
}

/// The least fuel with which a function ends, and its result.
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
    (low, result(low).expect("it ends with so much"))
}

#[test]
fn loop_that_counts_is_charged_for_its_turns() {
    for shape in 0..3 {
        for (start, end, step, turns) in [
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
            let (fuel, result) = need(&counting(start, end, step, shape, ""));
            assert_eq!(result, turns, "{name}");
            // The same loop, in a shape that nobody counts.
            let other = counting(start, end, step, shape, "(br_if 1 (i32.const 0))");
            let other = other
                .replace("loop", "block loop")
                .replace("end\n", "end end\n");
            let (each, result) = need(&other);
            assert_eq!(result, turns, "{name}");
            // Without the branch and its constant.
            let expected = each - 2 * turns as i64;
            assert!(
                (expected - 2..=expected + 2).contains(&fuel),
                "{name}: {fuel} for {expected}"
            );
        }
    }
}

#[test]
fn loop_that_steps_over_its_end_is_stopped() {
    for shape in 0..3 {
        for (start, end, step) in [(97, 0, -8), (7, 108, 10), (0, 1, 2), (3, 0, 2)] {
            let outcome = call(&counting(start, end, step, shape, ""), 1 << 50);
            assert_eq!(outcome, Outcome::Fuel, "{start} to {end} by {step}");
        }
    }
}

#[test]
fn loop_that_goes_all_the_way_around_is_paid_in_full() {
    let module = counting(0, 0, -1, 0, "");
    assert_eq!(call(&module, 1 << 34), Outcome::Fuel);
    assert_eq!(
        call(&counting(0, 0, 1 << 30, 1, ""), 1_000),
        Outcome::Results(vec![crate::oracle::Bits(4)])
    );
}

#[test]
fn loop_that_does_more_than_count_is_charged_by_the_turn() {
    for body in [
        // Another way around, another way to count, a moving end.
        "(br_if 0 (i32.and (local.get $turns) (i32.const 1)))",
        "(local.set $c (i32.const 8))",
        "(local.set $end (i32.const 0))",
    ] {
        let module = counting(8, 0, -8, 2, body);
        let ends = matches!(call(&module, 100_000), Outcome::Results(_) | Outcome::Fuel);
        assert!(ends, "{body}");
    }
    // It never comes to its end, whatever it looks like.
    let module = counting(16, 0, -8, 0, "(local.set $c (i32.const 16))");
    assert_eq!(call(&module, 100_000), Outcome::Fuel);
}
