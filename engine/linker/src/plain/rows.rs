//! The loop over rows of a function over text and bytes.
//!
//! Code of the guest runs within rows, so that its fuel is that of the row; what depends on
//! other rows, the growth of buffers, does not.

// Arguments of a row.
mod arguments;

// The result of a row.
mod result;

use std::fmt::Write as _;

use super::PlainFunction;
use super::companions::Companions;
use super::convention::{ResultShape, TextConvention};
use super::text::{bit, load, set_bit};
use crate::driver::Messages;

/// Loop over the rows of a function that takes or returns text or bytes.
pub(super) struct TextRows<'a> {
    pub(super) function: &'a PlainFunction<'a>,
    pub(super) convention: TextConvention,
    pub(super) shape: ResultShape,
    pub(super) companions: &'a Companions,
    pub(super) messages: Messages,
}

/// No number of a message.
const NONE: &str = "(i32.const 0)";

impl TextRows<'_> {
    /// Returns true if the function may return a null: an address 0.
    pub(super) fn returns_null(&self) -> bool {
        self.shape == ResultShape::Pointer && self.convention != TextConvention::Canonical
    }

    /// Returns the locals of the loop.
    pub(super) fn locals(&self) -> String {
        let mut text = "(local $some i32) (local $p i32) (local $len i32) (local $units i32)\n\
             (local $sum i64)\n"
            .to_owned();
        for k in self.texts() {
            // Address of the data, and of the bytes of the row; their number; address that is
            // passed, and its size.
            let _ = writeln!(
                text,
                "(local $b{k} i32) (local $f{k} i32) (local $l{k} i32) (local $a{k} i32) \
                 (local $s{k} i32)"
            );
        }
        text
    }

    /// Returns the loop.
    pub(super) fn body(&mut self) -> String {
        let mut text = "(loop $next\n(local.set $valid (i32.const 1))\n".to_owned();
        for k in 0..self.function.arguments.len() {
            let bit = bit(&format!("(local.get $n{k})"), k);
            let _ = writeln!(
                text,
                "(if (local.get $n{k}) (then (local.set $valid (i32.and (local.get $valid) {bit}))))"
            );
        }
        text += "(if (local.get $valid) (then\n(call $row_begin (local.get $row))\n";
        if self.function.has_row {
            text += "(call $begin_inputs)\n";
        }
        text += "(local.set $some (i32.const 1))\n";
        self.arguments(&mut text);
        self.call(&mut text);
        self.result(&mut text);
        self.release(&mut text);
        text += "(call $row_end (i32.const 0))\n";
        if self.convention.borrows_arguments() {
            text += "(call $close)\n";
        }
        let set = set_bit("$bits");
        let _ = writeln!(
            text,
            "(if (i32.and (i32.ne (local.get $nulls) (i32.const 0)) (local.get $some)) (then {set}))\n))"
        );
        if self.shape != ResultShape::Numbers {
            text += "(i32.store offset=4 (local.get $p0)\n\
                     (i32.sub (global.get $out_at) (global.get $out)))\n";
        }
        self.function.advance(&mut text);
        text += "(br_if $next (i32.lt_u (local.get $row) (local.get $rows))))\n";
        text
    }

    /// Fails the row if `condition` holds.
    fn check(
        &mut self,
        text: &mut String,
        condition: &str,
        message: impl AsRef<str>,
        numbers: [&str; 2],
    ) {
        *text += &self.messages.fail_if(condition, message.as_ref(), numbers);
    }

    /// Returns the positions of text and bytes among the arguments.
    fn texts(&self) -> impl Iterator<Item = usize> {
        let types = self.function.arguments.iter().enumerate();
        types.filter(|(_, ty)| ty.is_text()).map(|(k, _)| k)
    }

    /// Calls the function.
    fn call(&self, text: &mut String) {
        if self.companions.set_arguments.is_some() {
            let count = self.function.arguments.len();
            let _ = writeln!(text, "(call $set_arguments (i32.const {count}))");
        }
        if self.shape == ResultShape::Area {
            *text += "(global.get $base)\n";
        }
        let types = self.function.parameter_types(self.shape);
        for (k, (ty, wasm)) in self.function.arguments.iter().zip(types).enumerate() {
            *text += &match (ty.is_text(), self.convention.parameters()) {
                (false, _) => load(*ty, wasm, k),
                (true, 1) => format!("(local.get $a{k})\n"),
                (true, _) => format!("(local.get $a{k}) (local.get $l{k})\n"),
            };
        }
        *text += "(call $plain)\n";
        for k in (0..self.function.results.len()).rev() {
            let _ = writeln!(text, "(local.set $r{k})");
        }
    }

    /// Returns the memory of a row to the guest, as its convention has it.
    fn release(&self, text: &mut String) {
        if self.companions.unpin.is_some() {
            for k in self
                .texts()
                .filter(|_| !self.convention.borrows_arguments())
            {
                let _ = writeln!(text, "(call $unpin (local.get $a{k}))");
            }
        }
        if self.shape == ResultShape::Numbers {
            return;
        }
        if self.companions.post.is_some() {
            *text += "(call $post (local.get $r0))\n";
        }
        let Some(release) = &self.companions.release else {
            return;
        };
        let (at, bytes) = match self.convention {
            TextConvention::CString => (
                "(local.get $r0)",
                "(i32.add (local.get $len) (i32.const 1))",
            ),
            TextConvention::LengthPrefixed => (
                "(local.get $r0)",
                "(i32.add (local.get $len) (i32.const 4))",
            ),
            _ => ("(local.get $p)", "(local.get $len)"),
        };
        // A sized block of no bytes was not allocated.
        let is_block = match release.parameters {
            1 => at,
            _ => bytes,
        };
        // A result may be an argument, or a part of one.
        let _ = writeln!(
            text,
            "(if (i32.and (i32.ne {is_block} (i32.const 0))\n\
             (i32.eqz (call $is_own {at} (i32.const 1)))) (then {}))",
            release.free(at, bytes)
        );
    }
}

/// Condition that an address is not that of an object of AssemblyScript.
fn misplaced(at: &str) -> String {
    format!("(i32.or (i32.and {at} (i32.const 15)) (i32.lt_u {at} (i32.const 20)))")
}
