//! The result of a row: a core value, a return area, or an error.

use super::lift::{is_scalar, mark_valid};
use super::lower::load_of;
use super::node::{Kind, Node};
use super::writer::{NONE, Writer};
use crate::component::{FLAT_RESULTS_MAX, Layout, WitType};
use crate::driver::{ADDRESS, FIRST, TEXT};

impl Writer<'_> {
    /// Returns true if the result is one core value, and not in memory.
    pub(super) fn is_result_flat(&self) -> bool {
        self.result_type().flat(FLAT_RESULTS_MAX).is_some()
    }

    /// Writes the function that lifts the result of a row: a core value or an address.
    pub(super) fn lift_result(&mut self, wasm: &str) {
        let result = self.current.result;
        let body = match (self.result_type().clone(), self.is_result_flat()) {
            // Without values, the number of the case is all.
            (WitType::Result { .. }, true) => {
                let error = self.fail(EMPTY_ERROR, [NONE, NONE]);
                self.cases_of_result("(local.get $value)", &error, result, "")
            }
            (_, true) => append_flat(result),
            (ty, false) => {
                let area = self.area(ty.layout());
                let lifted = match &ty {
                    WitType::Result { ok, error } => {
                        let at = format!(
                            "(i32.add (local.get $value) (i32.const {}))",
                            ty.value_offset()
                        );
                        let error = self.error(error.as_deref(), &at);
                        let lifted = match ok {
                            Some(_) => format!("(call $lift{} {at})\n", result.id),
                            None => String::new(),
                        };
                        let case = "(i32.load8_u (local.get $value))";
                        self.cases_of_result(case, &error, result, &lifted)
                    }
                    _ => format!("(call $lift{} (local.get $value))\n", result.id),
                };
                format!("{area}{lifted}")
            }
        };
        let number = self.current.number;
        self.line(format!(
            "(func $lift_result{number} (param $value {wasm})\n\
             (local $case i32) (local $at i32) (local $bytes i32) (local $to i32)\n{body})"
        ));
    }

    fn result_type(&self) -> &WitType {
        // A function without a result is refused before.
        self.current
            .function
            .result
            .as_ref()
            .unwrap_or(&WitType::Bool)
    }

    /// Checks the address of the return area.
    fn area(&mut self, Layout { size, alignment }: Layout) -> String {
        let value = "(local.get $value)";
        let mut checks = String::new();
        for (condition, message) in [
            (
                format!("(i32.and {value} (i32.const {}))", alignment - 1),
                format!("expected the return area at a multiple of {alignment}, found {ADDRESS}"),
            ),
            (
                format!("(i32.eqz (call $is_inside {value} (i32.const {size})))"),
                format!(
                    "expected the {size} bytes of the return area in the memory, found the \
                     address {ADDRESS}"
                ),
            ),
        ] {
            let fail = self.fail(message, [value, NONE]);
            checks += &format!("(if {condition} (then {fail}(return)))\n");
        }
        checks
    }

    /// Lifts a success or fails with an error. A success without a value is true.
    fn cases_of_result(&mut self, case: &str, error: &str, result: &Node, lifted: &str) -> String {
        let message = format!("expected 0 or 1 as the case of the result, found {FIRST}");
        let fail = self.fail(message, ["(local.get $case)", NONE]);
        let lifted = match lifted {
            "" => format!(
                "{}(call $append{} (i32.const 1))\n",
                mark_valid(result),
                result.id
            ),
            lifted => lifted.to_owned(),
        };
        format!(
            "(local.set $case {case})\n\
             (if (i32.gt_u (local.get $case) (i32.const 1)) (then {fail}(return)))\n\
             (if (local.get $case) (then {error}(return)))\n{lifted}"
        )
    }

    /// Fails the row with the error at an address.
    fn error(&mut self, ty: Option<&WitType>, at: &str) -> String {
        let Some(ty) = ty else {
            return self.fail(EMPTY_ERROR, [NONE, NONE]);
        };
        match ty {
            WitType::String => {
                let empty = self.fail(EMPTY_ERROR, [NONE, NONE]);
                let text = self.error_text(at, &TEXT.to_string());
                format!("(if (i32.eqz (i32.load offset=4 {at})) (then {empty}(return)))\n{text}")
            }
            WitType::Enum(names) => self.error_name(names, at),
            WitType::Variant(cases) => {
                let names: Vec<_> = cases.iter().map(|(name, _)| name.clone()).collect();
                let load = load_of(&WitType::Enum(names.clone()));
                let value = format!("(i32.add {at} (i32.const {}))", ty.value_offset());
                let mut text = String::new();
                for (number, (name, ty)) in cases.iter().enumerate() {
                    if ty.as_ref() == Some(&WitType::String) {
                        let error = self.error_text(&value, &format!("{name}: {TEXT}"));
                        text += &format!(
                            "(if (i32.eq ({load} {at}) (i32.const {number})) (then\n\
                             {error}(return)))\n"
                        );
                    }
                }
                text + &self.error_name(&names, at)
            }
            WitType::U8 | WitType::U16 | WitType::U32 => {
                let value = format!("({} {at})", load_of(ty));
                self.fail(
                    format!("the function returned the error {FIRST}"),
                    [&value, NONE],
                )
            }
            _ => self.fail(
                "the function returned an error that is no text; return result<_, string> for a \
                 message",
                [NONE, NONE],
            ),
        }
    }

    /// Fails the row with the name of a case.
    fn error_name(&mut self, names: &[String], at: &str) -> String {
        let table = self.case_table(names);
        // The number of a case is the same in an enum and in a variant.
        let load = load_of(&WitType::Enum(names.to_vec()));
        let wrong = format!(
            "expected a case from 0 to {} of the error, found {FIRST}",
            names.len().saturating_sub(1)
        );
        let wrong = self.fail(wrong, ["(local.get $case)", NONE]);
        let fail = self.fail(
            format!("the function returned the error `{TEXT}`"),
            [NONE, NONE],
        );
        format!(
            "(local.set $case ({load} {at}))\n\
             (if (i32.ge_u (local.get $case) (i32.const {})) (then {wrong}(return)))\n\
             (local.set $at (i32.add (i32.add (global.get $cases) (i32.const {table}))\n\
             (i32.shl (local.get $case) (i32.const 3))))\n\
             (global.set $found_bytes (i32.load offset=4 (local.get $at)))\n\
             (global.set $found\n\
             (i32.add (global.get $cases) (i32.load (local.get $at))))\n{fail}",
            names.len()
        )
    }

    /// Fails the row with a text, which is part of a message.
    fn error_text(&mut self, at: &str, message: &str) -> String {
        let part = "the error";
        let offset = self.messages.offset(part);
        let length = part.len();
        let fail = self.fail(message, [NONE, NONE]);
        format!(
            "(global.set $part (i32.const {offset})) (global.set $part_bytes (i32.const {length}))\n\
             (local.set $bytes (i32.load offset=4 {at}))\n\
             (local.set $at (i32.load {at}))\n\
             (call $check_text (local.get $at) (local.get $bytes))\n\
             (if (global.get $failed) (then (return)))\n\
             (call $row_pause (i32.const 0))\n\
             (local.set $to (call $take\n\
             (i32.wrap_i64 (call $text_bytes_max (local.get $bytes)))))\n\
             (call $row_resume)\n\
             (global.set $found_bytes (call $text_bytes (local.get $at) (local.get $bytes)))\n\
             (if (global.get $failed) (then (return)))\n\
             (call $write_text (local.get $at) (local.get $bytes) (local.get $to))\n\
             (global.set $found (local.get $to))\n{fail}"
        )
    }
}

/// Message of an error without a value.
const EMPTY_ERROR: &str = "the function returned an error without a message";

/// Appends the core value of a result, which may be the only field of a record.
fn append_flat(node: &Node) -> String {
    let valid = mark_valid(node);
    match &node.kind {
        Kind::Struct(fields) => {
            let fields = fields.iter().map(|(_, field)| append_flat(field));
            valid + &fields.collect::<String>()
        }
        _ if is_scalar(node) => {
            format!("{valid}(call $append{} (local.get $value))\n", node.id)
        }
        _ => valid,
    }
}
