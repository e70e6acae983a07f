//! The result of a row.

use super::super::blocks::{ARRAY_BUFFER, STRING};
use super::super::convention::{ResultShape, TextConvention};
use super::super::plain_type::PlainType;
use super::{NONE, TextRows, misplaced};
use crate::driver::{ADDRESS, FIRST, SECOND};

impl TextRows<'_> {
    /// Checks the result of a row and stores it.
    pub(super) fn result(&mut self, text: &mut String) {
        match self.shape {
            ResultShape::Numbers => return self.function.store(text),
            ResultShape::Packed => {
                *text += "(local.set $p (i32.wrap_i64 (i64.shr_u (local.get $r0) (i64.const 32))))\n\
                          (local.set $len (i32.wrap_i64 (local.get $r0)))\n";
            }
            ResultShape::Pair => {
                *text += "(local.set $p (local.get $r0))\n(local.set $len (local.get $r1))\n";
            }
            ResultShape::Area => {
                *text += "(local.set $p (i32.load (global.get $base)))\n\
                          (local.set $len (i32.load offset=4 (global.get $base)))\n";
            }
            ResultShape::Pointer => return self.pointer(text),
        }
        self.append(text);
    }

    /// Checks a result that is an address. Address 0 is a null, except in a component.
    fn pointer(&mut self, text: &mut String) {
        if !self.returns_null() {
            self.follow(text);
            return self.append(text);
        }
        *text += "(if (local.get $r0) (then\n(local.set $p (local.get $r0))\n";
        self.follow(text);
        self.append(text);
        *text += ") (else (local.set $some (i32.const 0))))\n";
    }

    /// Reads address and length of the result from where `$r0` points to.
    fn follow(&mut self, text: &mut String) {
        let at = ["(local.get $r0)", NONE];
        let outside =
            |bytes: u32| format!("(i32.eqz (call $is_inside (local.get $r0) (i32.const {bytes})))");
        let header = |bytes: u32, what: &str| {
            format!(
                "expected the {bytes} bytes of {what} in the memory, found the address {ADDRESS}"
            )
        };
        match self.convention {
            TextConvention::CString => {
                let length = "(i32.eq (i32.const -1)\n\
                              (local.tee $len (call $string_length (local.get $r0))))";
                let message = format!(
                    "expected a NUL byte at the end of the result, found none behind {ADDRESS}"
                );
                self.check(text, length, &message, at);
            }
            TextConvention::LengthPrefixed => {
                self.check(text, &outside(4), header(4, "the result's length"), at);
                *text += "(local.set $len (i32.load (local.get $r0)))\n\
                          (local.set $p (i32.add (local.get $r0) (i32.const 4)))\n";
            }
            TextConvention::Canonical => {
                let misaligned = "(i32.and (local.get $r0) (i32.const 3))";
                let message =
                    format!("expected the return area at a multiple of 4, found {ADDRESS}");
                self.check(text, misaligned, &message, at);
                self.check(text, &outside(8), header(8, "the return area"), at);
                *text += "(local.set $p (i32.load (local.get $r0)))\n\
                          (local.set $len (i32.load offset=4 (local.get $r0)))\n";
            }
            TextConvention::AssemblyScript | TextConvention::PtrLen => self.object(text),
        }
    }

    /// Reads the header of an object of AssemblyScript.
    fn object(&mut self, text: &mut String) {
        let (class, name) = match self.function.returns {
            [PlainType::Text] => (STRING, "String"),
            _ => (ARRAY_BUFFER, "ArrayBuffer"),
        };
        let at = ["(local.get $r0)", NONE];
        let misplaced = format!(
            "(i32.or (i32.eqz (call $is_inside (local.get $r0) (i32.const 0))) {})",
            misplaced("(local.get $r0)")
        );
        let message = format!(
            "expected the result to be an object in the memory at a multiple of 16, found {ADDRESS}"
        );
        self.check(text, &misplaced, message, at);
        let found = "(i32.load (i32.sub (local.get $r0) (i32.const 8)))";
        self.check(
            text,
            &format!("(i32.ne {found} (i32.const {class}))"),
            format!(
                "expected the result to be of class {name} ({class}), found one of class {FIRST}"
            ),
            [found, NONE],
        );
        *text += "(local.set $len (i32.load (i32.sub (local.get $r0) (i32.const 4))))\n";
        if class == STRING {
            self.check(
                text,
                "(i32.and (local.get $len) (i32.const 1))",
                format!("expected a String of an even number of bytes, found {FIRST}"),
                ["(local.get $len)", NONE],
            );
        }
    }

    /// Checks the bytes of a result, and appends them to those of the batch.
    fn append(&mut self, text: &mut String) {
        let is_text = self.function.returns == [PlainType::Text];
        let is_utf16 = is_text && self.convention == TextConvention::AssemblyScript;
        let (p, len) = ("(local.get $p)", "(local.get $len)");
        self.check(
            text,
            &format!("(i32.eqz (call $is_inside {p} {len}))"),
            format!("expected the result in the memory, found {SECOND} bytes at {ADDRESS}"),
            [p, len],
        );
        if is_utf16 {
            *text += "(local.set $units (local.get $len))\n\
                      (local.set $sum (call $utf8_bytes (local.get $p) (local.get $len)))\n";
            self.check(
                text,
                "(i64.lt_s (local.get $sum) (i64.const 0))",
                format!(
                    "expected a result in UTF-16, found an unpaired surrogate at position {FIRST}"
                ),
                [
                    "(i32.wrap_i64 (i64.sub (i64.const -1) (local.get $sum)))",
                    NONE,
                ],
            );
        } else {
            *text += "(local.set $sum (i64.extend_i32_u (local.get $len)))\n";
        }
        self.check(
            text,
            "(call $is_too_much (local.get $sum))",
            "expected results of at most 2147352576 bytes in a batch, found more; return less",
            [NONE, NONE],
        );
        if is_text && !is_utf16 {
            self.check(
                text,
                &format!("(i32.ne (i32.const -1) (local.tee $at (call $utf8_error {p} {len})))"),
                format!(
                    "expected a result in UTF-8, found another byte at position {FIRST}; \
                     return BYTEA for bytes"
                ),
                ["(local.get $at)", NONE],
            );
        }
        *text += "(local.set $len (i32.wrap_i64 (local.get $sum)))\n\
                  (call $row_pause (local.get $len))\n(call $reserve (local.get $len))\n";
        *text += match is_utf16 {
            true => {
                "(call $row_resume)\n\
                 (global.set $out_at\n\
                   (call $from_utf16 (local.get $p) (local.get $units) (global.get $out_at)))\n"
            }
            false => "(call $append (local.get $p) (local.get $len))\n(call $row_resume)\n",
        };
    }
}
