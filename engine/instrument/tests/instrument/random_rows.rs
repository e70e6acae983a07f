//! Random code with calls of all imports.

use fusebox_instrument::NEXT_ROW_INVALID;

use crate::oracle::ONE_IN;
use crate::rows::{Grant, call, module};

/// Generator of random code.
struct Code(u64);

impl Code {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1);
        (self.0 >> 33) % below
    }

    /// Some instructions, inside of `depth` blocks.
    fn body(&mut self, depth: u64) -> String {
        (0..self.below(5))
            .map(|_| self.instruction(depth))
            .collect()
    }

    fn instruction(&mut self, depth: u64) -> String {
        let number = self.below(7);
        let nested = if depth < 5 { 24 } else { 19 };
        match self.below(nested) {
            0..3 => format!("(call $row_begin (i32.const {number}))"),
            3 => "(call $row_begin (local.get 0))".to_owned(),
            4..6 => "(call $row_end (i32.const 0))".to_owned(),
            6 => "(call $row_end (local.get 0))".to_owned(),
            7 => format!("(call $row_pause (i32.const {}))", number * 20),
            8..10 => "(call $row_resume)".to_owned(),
            10 => match self.below(2) {
                0 => "(local.set 0 (call $metering_mode))".to_owned(),
                _ => "(local.set 0 (call $has_fuel))".to_owned(),
            },
            11..14 => "(local.set 0 (i32.add (local.get 0) (i32.const 1)))".to_owned(),
            14 => format!("(br_if {} (local.get 0))", self.below(depth)),
            15 => "(call $g (local.get 0))".to_owned(),
            16 => "(call_indirect (type $t) (local.get 0) (i32.const 0))".to_owned(),
            17 => format!("(drop (i32.div_u (i32.const 9) (i32.const {number})))"),
            18 => match self.below(4) {
                0 => "(return)".to_owned(),
                1 => "(unreachable)".to_owned(),
                2 => format!("(br {})", self.below(depth)),
                _ => "(memory.fill (i32.const 0) (i32.const 0) (local.get 0))".to_owned(),
            },
            19 => format!("(block {})", self.body(depth + 1)),
            20 => {
                let (then, other) = (self.body(depth + 1), self.body(depth + 1));
                format!("(if (local.get 0) (then {then}) (else {other}))")
            }
            _ => format!(
                "(loop {} (br_if 0 (i32.lt_u (local.get 0) (i32.const {number}))))",
                self.body(depth + 1)
            ),
        }
    }

    fn module(&mut self) -> Vec<u8> {
        let (f, g) = (self.body(1), self.body(1));
        module(&format!(
            r#"(table funcref (elem $row_begin $row_end $g)) (type $t (func (param i32)))
               (func $g (param i32) {g}) (func (export "f") (param i32) {f})"#
        ))
    }
}

#[test]
fn random_code_burns_at_most_the_fuel_of_the_call() {
    let (mut begun, mut returned, mut out_of_fuel) = (0, 0, 0);
    let mut code = Code(1);
    for _ in 0..2_000 / ONE_IN {
        let grant = Grant {
            fuel: 2_000,
            row: 300,
            count: 5,
        };
        let end = call(&code.module(), grant);
        // After a trap, the global may hold an outdated counter.
        assert!(
            !end.returned || end.fuel + end.call_fuel <= grant.fuel,
            "{end:?}"
        );
        let next = if end.row < 0 {
            -1 - end.row
        } else {
            end.row + 1
        };
        assert!(
            end.row == NEXT_ROW_INVALID || (0..=5).contains(&next),
            "{end:?}"
        );
        begun += usize::from(end.row != -1);
        returned += usize::from(end.returned);
        out_of_fuel += usize::from(end.fuel < 0 || end.call_fuel < 0);
    }
    println!("{begun} begun, {returned} returned, {out_of_fuel} ran out of fuel");
    assert!(begun > 300 / ONE_IN, "{begun}");
    assert!(returned > 300 / ONE_IN, "{returned}");
    assert!(out_of_fuel > 100 / ONE_IN, "{out_of_fuel}");
}
