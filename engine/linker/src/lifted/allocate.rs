//! Blocks of the guest for arguments: text, bytes and lists.

use super::writer::{NONE, RETURN_IF_FAILED, Writer};
use crate::component::StringEncoding;
use crate::driver::{ADDRESS, PLACE, SECOND};

/// Bytes for which a block is charged: twice the work of its checks outside of the row.
const BLOCK_PRICE: u32 = 256;

impl Writer<'_> {
    /// Writes `$allocate`: returns a block of the guest, which is checked, or fails the row and
    /// returns 0.
    pub(super) fn allocate(&mut self) {
        let (at, bytes) = ("(local.get $at)", "(local.get $bytes)");
        let block = format!("expected a block of {SECOND} bytes from realloc for {PLACE}, found");
        let fail = |writer: &mut Self, condition: &str, message: &str, second: &str| {
            let fail = writer.fail(message, [at, second]);
            format!("(if {condition} (then {fail}(return (i32.const 0))))\n")
        };
        let mut checks = fail(
            self,
            &format!("(i32.and {at} (i32.sub (local.get $alignment) (i32.const 1)))"),
            &format!(
                "expected a block at a multiple of {SECOND} from realloc for {PLACE}, \
                 found {ADDRESS}"
            ),
            "(local.get $alignment)",
        );
        checks += &fail(
            self,
            &format!("(i32.and (i32.eqz {at}) (i32.ne {bytes} (i32.const 0)))"),
            &format!("{block} the address 0: it has no memory left"),
            bytes,
        );
        checks += &fail(
            self,
            &format!("(i32.eqz (call $is_inside {at} {bytes}))"),
            &format!("{block} {ADDRESS}, which is not in the memory"),
            bytes,
        );
        let overlap = format!("{block} {ADDRESS}, which overlaps a block in use");
        let own = fail(self, "(local.get $is_own)", &overlap, bytes);
        let large = self.fail(
            format!("expected at most 2147483647 bytes in memory for {PLACE}, found more"),
            [NONE, NONE],
        );
        self.line(format!(
            "(func $allocate (param $size i64) (param $alignment i32) (result i32)\n\
             (local $at i32) (local $bytes i32) (local $is_own i32)\n\
             (if (global.get $failed) (then (return (i32.const 0))))\n\
             (if (i64.gt_u (local.get $size) (i64.const 0x7fffffff)) (then\n\
             {large}(return (i32.const 0))))\n\
             (local.set $bytes (i32.wrap_i64 (local.get $size)))\n\
             (local.set $at (call $realloc (i32.const 0) (i32.const 0) (local.get $alignment) \
             {bytes}))\n{checks}\
             (if (i32.eqz {bytes}) (then (return {at})))\n\
             (call $row_pause (i32.const {BLOCK_PRICE}))\n\
             (local.set $is_own (call $is_own {at} {bytes}))\n\
             (call $reserve_block)\n(call $row_resume)\n\
             {own}(call $add_block {at} {bytes})\n{at})"
        ));
        let fail = self.fail(
            format!(
                "expected blocks from realloc that do not overlap, found one in another at \
                 {ADDRESS}"
            ),
            ["(local.get $at)", NONE],
        );
        self.line(format!(
            "(func $check_blocks (local $at i32)\n{RETURN_IF_FAILED}\
             (local.set $at (call $overlapping_block))\n\
             (if (i32.ne {at} (i32.const -1)) (then {fail})))"
        ));
    }

    /// Writes the functions that allocate a text or bytes, and return address and length.
    pub(super) fn lower_text(&mut self) {
        let stop = "(if (global.get $failed) (then (return (i32.const 0) (i32.const 0))))\n";
        let copy = |name: &str| {
            format!(
                "(func {name} (param $from i32) (param $bytes i32) (result i32 i32)\n\
                 (local $at i32)\n\
                 (local.set $at (call $allocate (i64.extend_i32_u (local.get $bytes)) \
                 (i32.const 1)))\n\
                 {stop}(memory.copy (local.get $at) (local.get $from) (local.get $bytes))\n\
                 (local.get $at) (local.get $bytes))"
            )
        };
        self.line(copy("$lower_bytes"));
        let utf16 = |length: &str| {
            format!(
                "(local.set $units (call $utf16_units (local.get $from) (local.get $bytes)))\n\
                 (local.set $at (call $allocate\n\
                 (i64.shl (i64.extend_i32_u (local.get $units)) (i64.const 1)) (i32.const 2)))\n\
                 {stop}(call $to_utf16 (local.get $from) (local.get $bytes) (local.get $at))\n\
                 (local.get $at) {length})"
            )
        };
        let header = "(func $lower_text (param $from i32) (param $bytes i32) (result i32 i32)\n\
                      (local $at i32) (local $units i32)\n";
        let text = match self.encoding {
            StringEncoding::Utf8 => copy("$lower_text"),
            StringEncoding::Utf16 => format!("{header}{}", utf16("(local.get $units)")),
            StringEncoding::Latin1OrUtf16 => {
                let latin1 = format!(
                    "(if (call $is_latin1 (local.get $from) (local.get $bytes)) (then\n\
                     (local.set $units (call $utf16_units (local.get $from) (local.get $bytes)))\n\
                     (local.set $at (call $allocate (i64.extend_i32_u (local.get $units)) \
                     (i32.const 2)))\n\
                     {stop}(call $to_latin1 (local.get $from) (local.get $bytes) (local.get $at))\n\
                     (return (local.get $at) (local.get $units))))\n"
                );
                let tagged = "(i32.or (local.get $units) (i32.const 0x80000000))";
                format!("{header}{latin1}{}", utf16(tagged))
            }
        };
        self.line(text);
    }
}
