//! Arguments of a row.

use std::fmt::Write as _;

use super::super::blocks::{ARRAY_BUFFER, STRING};
use super::super::companions::Companion;
use super::super::convention::TextConvention;
use super::super::plain_type::PlainType;
use super::{NONE, TextRows, misplaced};
use crate::driver::{ADDRESS, FIRST, SECOND};

impl TextRows<'_> {
    /// Puts the arguments of a row where the function reads them.
    pub(super) fn arguments(&mut self, text: &mut String) {
        let texts: Vec<_> = self.texts().collect();
        let mut sum = format!("(i64.const {})", 16 + 64 * texts.len());
        for k in &texts {
            let _ = writeln!(
                text,
                "(local.set $f{k} (i32.add (local.get $b{k}) (i32.load (local.get $v{k}))))\n\
                 (local.set $l{k} (i32.sub (i32.load offset=4 (local.get $v{k}))\n\
                   (i32.load (local.get $v{k}))))"
            );
            sum = format!("(i64.add {sum} (i64.extend_i32_u (local.get $l{k})))");
        }
        if self.convention.borrows_arguments() {
            let _ = writeln!(text, "(call $open {sum})");
        }
        for (position, k) in texts.iter().enumerate() {
            match self.convention {
                TextConvention::PtrLen => *text += &pass(*k, 0),
                TextConvention::CString => {
                    let _ = writeln!(
                        text,
                        "(local.set $at (call $find_zero (local.get $f{k})\n\
                         (i64.add (i64.extend_i32_u (local.get $f{k}))\n\
                           (i64.extend_i32_u (local.get $l{k})))))"
                    );
                    let message = format!(
                        "expected no NUL byte in argument {} of abi 'c_string', found one at \
                         position {FIRST}; take it by 'ptr_len'",
                        k + 1
                    );
                    let found = "(i32.ne (local.get $at) (i32.const -1))";
                    self.check(text, found, message, ["(local.get $at)", NONE]);
                    *text += &pass(*k, 0);
                }
                TextConvention::LengthPrefixed => {
                    *text += &pass(*k, 4);
                    let _ = writeln!(text, "(i32.store (local.get $a{k}) (local.get $l{k}))");
                }
                TextConvention::AssemblyScript | TextConvention::Canonical => {
                    self.allocate(text, *k, &texts[..position]);
                }
            }
        }
    }

    /// Copies an argument to a block of the guest's allocator; `others` have theirs.
    fn allocate(&mut self, text: &mut String, k: usize, others: &[usize]) {
        // It was found, or the function would not fit.
        let Some(allocator) = self.companions.allocator.clone() else {
            return;
        };
        let is_object = self.convention == TextConvention::AssemblyScript;
        let is_utf16 = is_object && self.function.arguments[k] == PlainType::Text;
        let class = if is_utf16 { STRING } else { ARRAY_BUFFER };
        let size = format!("(local.get $s{k})");
        let bytes = match is_utf16 {
            true => format!(
                "(i32.shl (call $utf16_units (local.get $f{k}) (local.get $l{k})) (i32.const 1))"
            ),
            false => format!("(local.get $l{k})"),
        };
        let _ = writeln!(
            text,
            "(local.set $s{k} {bytes})\n(local.set $a{k} {})",
            allocator.allocate(&size, class)
        );
        self.check_block(text, &allocator, k, others);
        *text += &match is_utf16 {
            true => {
                format!("(call $to_utf16 (local.get $f{k}) (local.get $l{k}) (local.get $a{k}))\n")
            }
            false => format!("(memory.copy (local.get $a{k}) (local.get $f{k}) {size})\n"),
        };
        if self.companions.pin.is_some() {
            let _ = writeln!(text, "(local.set $a{k} (call $pin (local.get $a{k})))");
        }
    }

    /// Checks a block that an allocator has returned.
    fn check_block(
        &mut self,
        text: &mut String,
        allocator: &Companion,
        k: usize,
        others: &[usize],
    ) {
        let (at, size) = (format!("(local.get $a{k})"), format!("(local.get $s{k})"));
        let is_object = self.convention == TextConvention::AssemblyScript;
        let block = format!(
            "expected a block of {SECOND} bytes from `{}` for argument {}",
            allocator.name,
            k + 1
        );
        let zero = match is_object {
            true => format!("(i32.eqz {at})"),
            false => format!("(i32.and (i32.eqz {at}) (i32.ne {size} (i32.const 0)))"),
        };
        let numbers = [at.as_str(), size.as_str()];
        let mut check = |condition: &str, found: &str| {
            *text += &self
                .messages
                .fail_if(condition, &format!("{block}, found {found}"), numbers);
        };
        check(&zero, "the address 0: it has no memory left");
        check(
            &format!("(i32.eqz (call $is_inside {at} {size}))"),
            &format!("{ADDRESS}, which is not in the memory"),
        );
        if is_object {
            check(
                &misplaced(&at),
                &format!("{ADDRESS}, which is not a multiple of 16 behind a header"),
            );
        }
        let mut overlap = format!("(call $is_own {at} {size})");
        for other in others {
            overlap = format!(
                "(i32.or {overlap} (call $overlaps {at} {size} (local.get $a{other}) \
                 (local.get $s{other})))"
            );
        }
        check(
            &overlap,
            &format!("{ADDRESS}, which overlaps a block in use"),
        );
    }
}

/// Copies an argument behind so many bytes of the block of the row.
fn pass(k: usize, prefix: u32) -> String {
    format!(
        "(local.set $a{k} (call $pass (local.get $f{k}) (local.get $l{k}) (i32.const {prefix})))\n"
    )
}
