//! Text of results, in the encoding of the function.

use super::writer::{NONE, Writer};
use crate::component::StringEncoding;
use crate::driver::{ADDRESS, FIRST, PLACE, SECOND};

/// Highest bit of a length: the text is UTF-16, not Latin-1.
const TAG: &str = "(i32.const 0x80000000)";

impl Writer<'_> {
    /// Writes the functions that check and convert a text with an address and a length:
    /// `$check_text`, which fails the row unless it lies in the memory; `$text_bytes_max` and
    /// `$text_bytes`, which return the size in UTF-8; and `$write_text`.
    pub(super) fn lift_text(&mut self) {
        let (check, max, bytes, write) = match self.encoding {
            StringEncoding::Utf8 => self.utf8(),
            StringEncoding::Utf16 => self.utf16(),
            StringEncoding::Latin1OrUtf16 => self.latin1_or_utf16(),
        };
        let parameters = "(param $from i32) (param $length i32)";
        self.line(format!("(func $check_text {parameters}\n{check})"));
        self.line(format!(
            "(func $text_bytes_max (param $length i32) (result i64)\n{max})"
        ));
        self.line(format!(
            "(func $text_bytes {parameters} (result i32) (local $at i32) (local $sum i64)\n{bytes})"
        ));
        self.line(format!(
            "(func $write_text {parameters} (param $to i32)\n{write})"
        ));
    }

    fn utf8(&mut self) -> (String, String, String, String) {
        let error = self.fail(
            format!("expected UTF-8 in {PLACE}, found another byte at position {FIRST}"),
            ["(local.get $at)", NONE],
        );
        (
            self.outside("(i64.extend_i32_u (local.get $length))", "bytes"),
            "(i64.extend_i32_u (local.get $length))".to_owned(),
            format!(
                "(local.set $at (call $utf8_error (local.get $from) (local.get $length)))\n\
                 (if (i32.ne (local.get $at) (i32.const -1)) (then {error}))\n\
                 (local.get $length)"
            ),
            "(memory.copy (local.get $to) (local.get $from) (local.get $length))".to_owned(),
        )
    }

    fn utf16(&mut self) -> (String, String, String, String) {
        let misaligned = self.misaligned();
        let outside = self.outside(
            "(i64.shl (i64.extend_i32_u (local.get $length)) (i64.const 1))",
            "code units",
        );
        (
            format!("{misaligned}{outside}"),
            "(i64.mul (i64.extend_i32_u (local.get $length)) (i64.const 3))".to_owned(),
            self.utf16_bytes(),
            "(drop (call $from_utf16 (local.get $from)\n\
             (i32.shl (local.get $length) (i32.const 1)) (local.get $to)))"
                .to_owned(),
        )
    }

    fn latin1_or_utf16(&mut self) -> (String, String, String, String) {
        let is_utf16 = format!("(i32.and (local.get $length) {TAG})");
        let without_tag = format!("(local.set $length (i32.xor (local.get $length) {TAG}))\n");
        let misaligned = self.misaligned();
        let latin1 = self.outside("(i64.extend_i32_u (local.get $length))", "bytes");
        let (_, utf16_max, utf16_bytes, utf16_write) = self.utf16();
        let utf16 = self.outside(
            "(i64.shl (i64.extend_i32_u (local.get $length)) (i64.const 1))",
            "code units",
        );
        (
            format!("{misaligned}(if {is_utf16} (then {without_tag}{utf16})\n(else {latin1}))"),
            format!(
                "(if {is_utf16} (then {without_tag}(return {utf16_max})))\n\
                 (i64.shl (i64.extend_i32_u (local.get $length)) (i64.const 1))"
            ),
            format!(
                "(if {is_utf16} (then {without_tag}(return {utf16_bytes})))\n\
                 (call $latin1_bytes (local.get $from) (local.get $length))"
            ),
            format!(
                "(if {is_utf16} (then {without_tag}{utf16_write}\n(return)))\n\
                 (drop (call $from_latin1 (local.get $from) (local.get $length) (local.get $to)))"
            ),
        )
    }

    fn utf16_bytes(&mut self) -> String {
        let error = self.fail(
            format!("expected UTF-16 in {PLACE}, found an unpaired surrogate at position {FIRST}"),
            [
                "(i32.wrap_i64 (i64.sub (i64.const -1) (local.get $sum)))",
                NONE,
            ],
        );
        format!(
            "(local.set $sum (call $utf8_bytes (local.get $from)\n\
             (i32.shl (local.get $length) (i32.const 1))))\n\
             (if (i64.lt_s (local.get $sum) (i64.const 0)) (then {error}))\n\
             (i32.wrap_i64 (local.get $sum))"
        )
    }

    fn misaligned(&mut self) -> String {
        let message = format!("expected {PLACE} at a multiple of 2, found {ADDRESS}");
        self.fail_if(
            "(i32.and (local.get $from) (i32.const 1))",
            message,
            ["(local.get $from)", NONE],
        )
    }

    fn outside(&mut self, bytes: &str, units: &str) -> String {
        let message =
            format!("expected {PLACE} in the memory, found {SECOND} {units} at {ADDRESS}");
        self.fail_if(
            format!("(i32.eqz (call $is_within (local.get $from) {bytes}))"),
            message,
            ["(local.get $from)", "(local.get $length)"],
        )
    }
}
