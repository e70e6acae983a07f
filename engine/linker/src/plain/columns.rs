//! Columns of arguments and results.

use std::fmt::Write as _;

use super::PlainFunction;
use super::plain_type::PlainType;
use super::text::BITMAP_BYTES;

impl PlainFunction<'_> {
    /// Reads the columns and takes memory for the results.
    pub(super) fn prepare(&self, text: &mut String) {
        // The bytes of a result would not be representable.
        *text += "(if (i32.gt_u (local.get $rows) (i32.const 0x10000000)) (then (unreachable)))\n";
        for (k, ty) in self.arguments.iter().enumerate() {
            let at = k * 64;
            let size = 1 << ty.size_log2();
            let _ = writeln!(
                text,
                "(local.set $at (i32.load offset={} (local.get $args)))\n\
                 (local.set $n{k} (i32.load (local.get $at)))\n\
                 (local.set $v{k} (i32.load offset=4 (local.get $at)))\n\
                 (local.set $m{k} (select (i32.const 0) (i32.const -1)\n\
                   (i64.eq (i64.load offset={at} (local.get $args)) (i64.const 1))))\n\
                 (local.set $d{k} (i32.and (local.get $m{k}) (i32.const {size})))\n\
                 (local.set $nulls (i32.or (local.get $nulls) (local.get $n{k})))",
                at + 40,
            );
            if ty.is_text() {
                let _ = writeln!(
                    text,
                    "(local.set $b{k} (i32.load offset=8 (local.get $at)))"
                );
            }
        }
        for (k, ty) in self.returns.iter().enumerate() {
            let bytes = match ty {
                PlainType::Boolean => BITMAP_BYTES.to_owned(),
                // One more offset than rows.
                ty if ty.is_text() => {
                    "(i32.shl (i32.add (local.get $rows) (i32.const 1)) (i32.const 2))".to_owned()
                }
                ty => format!("(i32.shl (local.get $rows) (i32.const {}))", ty.size_log2()),
            };
            let _ = writeln!(
                text,
                "(local.set $o{k} (call $take {bytes})) (local.set $p{k} (local.get $o{k}))"
            );
            if ty.is_text() {
                let _ = writeln!(text, "(i32.store (local.get $o{k}) (i32.const 0))");
            }
            if *ty == PlainType::Boolean {
                let _ = writeln!(
                    text,
                    "(memory.fill (local.get $o{k}) (i32.const 0) {BITMAP_BYTES})"
                );
            }
        }
        let _ = writeln!(
            text,
            "(if (local.get $nulls) (then\n  (local.set $bits (call $take {BITMAP_BYTES}))\n  \
             (memory.fill (local.get $bits) (i32.const 0) {BITMAP_BYTES})))"
        );
        if self.returns.iter().any(|ty| ty.is_text()) {
            *text += "(call $begin_results)\n";
        }
    }

    /// Writes the result column: one of values, or a struct of several.
    pub(super) fn finish(&self, text: &mut String) {
        let column = |text: &mut String, column: &str, k: usize| {
            let buffers = if self.returns[k].is_text() { 3 } else { 2 };
            let _ = writeln!(
                text,
                "(i64.store {column} (i64.extend_i32_u (local.get $rows)))\n\
                 (i64.store offset=24 {column} (i64.const {buffers}))\n\
                 (local.set $at (call $take (i32.const 12)))\n\
                 (i32.store offset=40 {column} (local.get $at))\n\
                 (i32.store (local.get $at) (local.get $bits))\n\
                 (i32.store offset=4 (local.get $at) (local.get $o{k}))"
            );
            if buffers == 3 {
                *text += "(i32.store offset=8 (local.get $at) (global.get $out))\n";
            }
        };
        if self.returns.len() == 1 {
            column(text, "(local.get $result)", 0);
            *text += "(i32.const 0)\n";
            return;
        }
        // The address of the struct's bits, the children, and their addresses.
        let children = self.returns.len();
        let addresses = 64 + 64 * children;
        let bytes = addresses + 4 * children;
        let _ = writeln!(
            text,
            "(i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))\n\
             (i64.store offset=24 (local.get $result) (i64.const 1))\n\
             (i64.store offset=32 (local.get $result) (i64.const {children}))\n\
             (local.set $left (call $take (i32.const {bytes})))\n\
             (memory.fill (local.get $left) (i32.const 0) (i32.const {bytes}))\n\
             (i32.store (local.get $left) (local.get $bits))\n\
             (i32.store offset=40 (local.get $result) (local.get $left))\n\
             (i32.store offset=44 (local.get $result)\n\
               (i32.add (local.get $left) (i32.const {addresses})))"
        );
        for k in 0..children {
            let child = format!("(i32.add (local.get $left) (i32.const {}))", 64 + 64 * k);
            column(text, &child, k);
            let offset = addresses + 4 * k;
            let _ = writeln!(
                text,
                "(i32.store offset={offset} (local.get $left) {child})"
            );
        }
        *text += "(i32.const 0)\n";
    }
}
