//! Small loops are unrolled: results and traps stay, and two iterations are charged at once.

use wasmtime::Trap;

use crate::call;
use crate::oracle::{Bits, Outcome};

/// Loops that run until `$i`, the number of iterations, is `$n`, or that leave with a branch.
/// Each adds the numbers of its iterations to `$sum`, with a `step` at its end or before it.
const LOOPS: [(&str, &str); 8] = [
    (
        "at the end",
        "loop $l step (br_if $l (i32.lt_u (local.get $i) (local.get $n))) end",
    ),
    (
        "at the head",
        "block $done loop $l
           (br_if $done (i32.ge_u (local.get $i) (local.get $n))) step br $l
         end end",
    ),
    (
        "two back edges",
        "block $done loop $l
           step (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
           (if (i32.and (local.get $i) (i32.const 1)) (then br $l))
           (local.set $sum (i64.add (local.get $sum) (i64.const 0)))
           br $l
         end end",
    ),
    (
        "table of branches",
        "block $done block $outer loop $l
           step
           block $next
             (br_table $next $done $l $outer
               (i32.add
                 (i32.ge_u (local.get $i) (local.get $n))
                 (i32.and (i32.ge_u (local.get $i) (local.get $n))
                   (i32.shl (i32.and (local.get $i) (i32.const 1)) (i32.const 1)))))
           end
           br $l
         end end end",
    ),
    (
        "with a result",
        "loop $l (result i64)
           step (br_if $l (i32.lt_u (local.get $i) (local.get $n))) (local.get $sum)
         end
         local.set $sum",
    ),
    (
        "return",
        "loop $l step
           (if (i32.ge_u (local.get $i) (local.get $n)) (then (return (local.get $sum))))
           br $l
         end",
    ),
    (
        "nested blocks",
        "block $done loop $l
           block $a block $b
             step (br_if $b (i32.lt_u (local.get $i) (local.get $n))) br $done
           end br $l end
         end end",
    ),
    (
        "loop in a loop",
        "(local $m i32)
         loop $outer
           loop $l
             step (br_if $l (i32.lt_u (local.get $i) (local.get $n)))
           end
           (br_if $outer (i32.lt_u
             (local.tee $m (i32.add (local.get $m) (i32.const 1))) (i32.const 1)))
         end",
    ),
];

/// A function with one of the loops, which executes `extra` in each iteration.
fn function(code: &str, n: u32, extra: &str) -> String {
    let step = format!(
        "(local.set $i (i32.add (local.get $i) (i32.const 1)))
         (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (local.get $i))))
         {extra}"
    );
    let (locals, code) = match code.split_once("(local $m i32)") {
        Some((_, code)) => ("(local $m i32)", code),
        None => ("", code),
    };
    format!(
        r#"(module (memory 1) (func (export "f") (result i64)
            (local $i i32) (local $n i32) (local $sum i64) {locals}
            (local.set $n (i32.const {n}))
            {}
            (local.get $sum)))"#,
        code.replace("step", &step)
    )
}

#[test]
fn unrolled_loop_runs_as_often() {
    for (name, code) in LOOPS {
        for n in 0..10 {
            // The loops that test at their end run once at least.
            let iterations = if name == "at the head" { n } else { n.max(1) };
            let sum = u128::from(iterations * (iterations + 1) / 2);
            let outcome = call(&function(code, n, ""), 1_000_000);
            assert_eq!(outcome, Outcome::Results(vec![Bits(sum)]), "{name}, {n}");
        }
    }
}

#[test]
fn unrolled_loop_traps_in_the_same_iteration() {
    for (name, code) in LOOPS {
        for n in 1..6 {
            // Writes until a page ends: the state of the last iteration is not seen after.
            let extra = "(i32.store (i32.mul (local.get $i) (i32.const 16384)) (local.get $i))";
            let outcome = call(&function(code, n, extra), 1_000_000);
            match outcome {
                Outcome::Results(_) => assert!(n < 4, "{name}, {n}"),
                Outcome::Trap(Trap::MemoryOutOfBounds) => assert!(n >= 4, "{name}, {n}"),
                other => panic!("{name}, {n}: {other:?}"),
            }
        }
    }
}

#[test]
fn unrolled_loop_is_charged_for_two_iterations() {
    let need = |n| {
        let module = function(LOOPS[0].1, n, "");
        let fuel = (0..10_000).find(|fuel| call(&module, *fuel) != Outcome::Fuel);
        fuel.expect("it ends")
    };
    let needs: Vec<i64> = (1..9).map(need).collect();
    for pair in needs.chunks(2) {
        assert_eq!(pair[0], pair[1], "{needs:?}");
    }
    let each = needs[2] - needs[0];
    assert!(each > 0, "{needs:?}");
    assert!(needs.windows(3).all(|three| three[2] - three[0] == each));
}

#[test]
fn endless_small_loops_run_out_of_fuel() {
    for (name, code) in LOOPS {
        let module = function(code, u32::MAX, "");
        assert_eq!(call(&module, 100_000), Outcome::Fuel, "{name}");
    }
}
