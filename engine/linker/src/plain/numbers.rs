//! The loops over rows of a function over numbers.

use std::fmt::Write as _;

use super::PlainFunction;
use super::plain_type::PlainType;
use super::text::{bit, failure, load, range_check, set_bit, store};

impl PlainFunction<'_> {
    /// The loop where rows are not begun and no argument is null.
    pub(super) fn fast_loop(&self, text: &mut String) {
        *text += "(block $done\n(if (i32.and (i32.ne (local.get $mode) (i32.const 0)) (i32.eqz (local.get $nulls))) (then\n\
                  (local.set $left (local.get $rows))\n(loop $next\n";
        self.call(text);
        self.store(text);
        self.advance(text);
        // Counts down, so that the loop is charged as a whole.
        *text +=
            "local.get $left i32.const -1 i32.add local.tee $left br_if $next)\n(br $done)))\n";
    }

    /// The loop in which a row is begun unless the mode says otherwise, and rows with a null are
    /// left out.
    pub(super) fn general_loop(&self, text: &mut String) {
        *text += "(loop $next\n(local.set $valid (i32.const 1))\n";
        for k in 0..self.arguments.len() {
            let bit = bit(&format!("(local.get $n{k})"), k);
            let _ = writeln!(
                text,
                "(if (local.get $n{k}) (then (local.set $valid (i32.and (local.get $valid) {bit}))))"
            );
        }
        *text += "(if (local.get $valid) (then\n\
                  (if (i32.eqz (local.get $mode)) (then (call $row_begin (local.get $row))))\n";
        self.call(text);
        self.store(text);
        *text += "(call $row_end (i32.const 0))\n\
                  (if (local.get $nulls) (then\n";
        *text += &set_bit("$bits");
        *text += "))))\n";
        self.advance(text);
        *text += "(br_if $next (i32.lt_u (local.get $row) (local.get $rows))))\n)\n";
    }

    /// Loads the arguments of a row and calls the function.
    fn call(&self, text: &mut String) {
        if self.has_row {
            *text += "(call $begin_inputs)\n";
        }
        for (k, (ty, wasm)) in self.arguments.iter().zip(self.parameters).enumerate() {
            *text += &load(*ty, *wasm, k);
        }
        *text += "(call $plain)\n";
        for k in (0..self.results.len()).rev() {
            let _ = writeln!(text, "(local.set $r{k})");
        }
    }

    /// Checks the results of a row and stores them.
    pub(super) fn store(&self, text: &mut String) {
        for (k, (ty, wasm)) in self.returns.iter().zip(self.results).enumerate() {
            if let Some(check) = range_check(*ty, *wasm, k) {
                let message = format!("the result is not in the range of {}", self.return_names[k]);
                let _ = writeln!(text, "(if {check} (then {}))", failure(&message));
            }
            let stored = match ty {
                PlainType::Boolean => {
                    let is_true = format!("({wasm}.ne (local.get $r{k}) ({wasm}.const 0))");
                    let set = set_bit(&format!("$o{k}"));
                    format!("(if {is_true} (then {set}))\n")
                }
                ty => store(*ty, *wasm, k),
            };
            *text += &stored;
        }
    }

    /// Moves to the next row.
    pub(super) fn advance(&self, text: &mut String) {
        for (k, ty) in self.arguments.iter().enumerate() {
            if *ty != PlainType::Boolean {
                let _ = writeln!(
                    text,
                    "(local.set $v{k} (i32.add (local.get $v{k}) (local.get $d{k})))"
                );
            }
        }
        for (k, ty) in self.returns.iter().enumerate() {
            if *ty != PlainType::Boolean {
                let size = 1 << ty.size_log2();
                let _ = writeln!(
                    text,
                    "(local.set $p{k} (i32.add (local.get $p{k}) (i32.const {size})))"
                );
            }
        }
        *text += "(local.set $row (i32.add (local.get $row) (i32.const 1)))\n";
    }
}
