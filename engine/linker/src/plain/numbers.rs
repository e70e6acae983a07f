//! The loops over rows of a function over numbers.

use std::fmt::Write as _;

use fusebox_abi::METERING_GROUPED;

use super::PlainFunction;
use super::plain_type::PlainType;
use super::text::{bit, failure, load_after, range_check, set_bit, store};

/// Number of rows in a row group, as in the SDK: the rows of a group share the fuel of a part of
/// one row, and the host repeats a call in which they burn more, with each row metered.
const GROUP_ROWS: u32 = 16;

impl PlainFunction<'_> {
    /// Returns the locals of the loops.
    pub(super) fn loop_locals(&self) -> String {
        "(local $grouped i32)\n".to_owned() + &self.unrolled_locals()
    }

    /// The loops over rows: the first for calls whose rows are not begun one by one, if no argument
    /// is null, the second for all others.
    ///
    /// The host analyses the code from the first `row_begin` to the last `row_end`, which is
    /// therefore that of a row in the second loop: groups begin before it, and the last one
    /// ends in a function.
    pub(super) fn loops(&self, is_short: bool, text: &mut String) {
        let _ = writeln!(
            text,
            "(local.set $grouped (i32.eq (local.get $mode) (i32.const {METERING_GROUPED})))\n\
             (block $done"
        );
        self.dense_loop(is_short, text);
        self.general_loop(text);
        *text += ")\n(call $end_group)\n";
    }

    /// Returns the function that ends the last row group.
    pub(super) fn end_group() -> &'static str {
        "(func $end_group (call $row_end (i32.const 0)))\n"
    }

    /// The loop over groups, or over all rows at once where their fuel is bounded.
    fn dense_loop(&self, is_short: bool, text: &mut String) {
        let _ = writeln!(
            text,
            "(if (i32.and (i32.ne (local.get $mode) (i32.const 0)) (i32.eqz (local.get $nulls))) (then\n\
             (loop $next_group\n\
             (local.set $left (i32.sub (local.get $rows) (local.get $row)))\n\
             (if (local.get $grouped) (then\n\
             (if (i32.gt_u (local.get $left) (i32.const {GROUP_ROWS}))\n\
             (then (local.set $left (i32.const {GROUP_ROWS}))))\n\
             (call $row_group_begin (local.get $row))))"
        );
        let is_unrolled = is_short && self.is_unrollable();
        if is_unrolled {
            self.unrolled_loop(text);
            *text += "(if (local.get $left) (then\n";
        }
        *text += "(loop $next\n";
        self.call(0, text);
        self.store(text);
        self.advance(text);
        // Counts down, so that the loop is charged as a whole.
        *text += "local.get $left i32.const -1 i32.add local.tee $left br_if $next)\n";
        if is_unrolled {
            *text += "))\n";
        }
        *text += "(br_if $next_group (i32.lt_u (local.get $row) (local.get $rows))))\n\
                  (br $done)))\n";
    }

    /// The loop in which a row or a group is begun unless the mode says otherwise, and rows with a
    /// null are left out. Such a row ends its group, so that it burns none of its fuel.
    fn general_loop(&self, text: &mut String) {
        *text += "(loop $next\n(local.set $valid (i32.const 1))\n";
        for k in 0..self.arguments.len() {
            let bit = bit(&format!("(local.get $n{k})"), k);
            let _ = writeln!(
                text,
                "(if (local.get $n{k}) (then (local.set $valid (i32.and (local.get $valid) {bit}))))"
            );
        }
        let _ = writeln!(
            text,
            "(if (local.get $valid) (then\n\
             (if (local.get $nulls) (then\n{}))\n\
             (if (local.get $grouped) (then\n\
             (if (i32.eqz (local.get $left)) (then\n\
             (call $row_group_begin (local.get $row))\n\
             (local.set $left (i32.const {GROUP_ROWS}))))\n\
             (local.set $left (i32.sub (local.get $left) (i32.const 1)))))\n\
             (if (i32.eqz (local.get $mode)) (then (call $row_begin (local.get $row))))",
            set_bit("$bits")
        );
        self.call(0, text);
        self.store(text);
        *text += "(block $not_begun\n(br_if $not_begun (local.get $mode))\n\
                  (call $row_end (i32.const 0)))\n\
                  ) (else (if (local.get $grouped) (then\n\
                  (call $end_group)\n(local.set $left (i32.const 0))))))\n";
        self.advance(text);
        *text += "(br_if $next (i32.lt_u (local.get $row) (local.get $rows))))\n";
    }

    /// Loads the arguments of a row and calls the function: of the row that is `rows` rows after
    /// the current one.
    pub(super) fn call(&self, rows: u32, text: &mut String) {
        if self.has_row {
            *text += "(call $begin_inputs)\n";
        }
        for (k, (ty, wasm)) in self.arguments.iter().zip(self.parameters).enumerate() {
            *text += &load_after(*ty, *wasm, k, rows);
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
