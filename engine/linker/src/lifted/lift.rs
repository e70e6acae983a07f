//! Lifting of results: core values and values in memory, which are checked and appended.

use super::builders::{DATA_MAX, ROWS_MAX, has_bits, set_offset};
use super::lower::{is_copied, load_of, store_of};
use super::node::{Kind, Node};
use super::writer::{NONE, RETURN_IF_FAILED, Writer};
use crate::component::Layout;
use crate::driver::{ADDRESS, FIRST, PLACE, SECOND};

impl Writer<'_> {
    /// Writes the functions that lift the parts of the result.
    pub(super) fn lifting(&mut self) {
        for node in self.current.result.all() {
            if is_scalar(node) {
                self.append(node);
            }
            self.lift(node);
        }
    }

    /// Writes `$append` of a column: checks a core value, and appends it.
    fn append(&mut self, node: &Node) {
        let (id, group) = (node.id, node.group);
        let row = format!("(global.get $rows{group})");
        let value = "(local.get $value)";
        let wasm = node.ty.flat(1).and_then(|flat| flat.first().copied());
        let wasm = wasm.unwrap_or(wasmparser::ValType::I32);
        let body = match &node.kind {
            Kind::Bool => {
                format!("(if {value} (then (call $set_bit (global.get $v{id}) {row})))")
            }
            Kind::Char => self.append_character(node),
            Kind::Enum(names) => {
                let table = self.case_table(names);
                let count = names.len();
                let message = format!(
                    "expected a case from 0 to {} in {}, found {FIRST}",
                    count.saturating_sub(1),
                    node.place
                );
                let fail = self.fail(message, [value, NONE]);
                let append = self.append_data(
                    node,
                    "(i64.extend_i32_u (local.get $bytes))",
                    "(memory.copy (local.get $to) (local.get $at) (local.get $bytes))\n",
                );
                format!(
                    "(if (i32.ge_u {value} (i32.const {count})) (then {fail}(return)))\n\
                     (local.set $at (i32.add (i32.add (global.get $cases) (i32.const {table}))\n\
                     (i32.shl {value} (i32.const 3))))\n\
                     (local.set $bytes (i32.load offset=4 (local.get $at)))\n\
                     (local.set $at (i32.add (global.get $cases) (i32.load (local.get $at))))\n\
                     {append}"
                )
            }
            _ => format!(
                "({} (i32.add (global.get $v{id}) (i32.mul {row} (i32.const {}))) {value})",
                store_of(&node.ty),
                node.number_size()
            ),
        };
        self.line(format!(
            "(func $append{id} (param $value {wasm})\n\
             (local $at i32) (local $bytes i32) (local $to i32)\n{body})"
        ));
    }

    /// Appends a character in UTF-8.
    fn append_character(&mut self, node: &Node) -> String {
        let value = "(local.get $value)";
        let message = format!(
            "expected a Unicode scalar value in {}, found {ADDRESS}",
            node.place
        );
        let is_wrong = format!(
            "(i32.or (i32.gt_u {value} (i32.const 0x10ffff))\n\
             (i32.eq (i32.and {value} (i32.const -2048)) (i32.const 0xd800)))"
        );
        let fail = self.fail(message, [value, NONE]);
        let append = self.append_data(
            node,
            "(i64.const 4)",
            &format!("(local.set $bytes (call $write_character (local.get $to) {value}))\n"),
        );
        format!("(if {is_wrong} (then {fail}(return)))\n{append}")
    }

    /// Makes room for so many bytes at most, outside of the row, and runs `write`, which writes
    /// `$bytes` bytes to `$to`.
    fn append_data(&mut self, node: &Node, bytes_max: &str, write: &str) -> String {
        let id = node.id;
        let part = self.set_part(node);
        let message = format!(
            "expected at most {DATA_MAX} bytes in {PLACE} for a batch, found more; return less"
        );
        let fail = self.fail(message, [NONE, NONE]);
        format!(
            "(if (i64.gt_u (i64.add (i64.extend_i32_u (global.get $d_end{id})) {bytes_max})\n\
             (i64.const {DATA_MAX})) (then {part}{fail}(return)))\n\
             (call $row_pause (i32.add (i32.const {GROWTH_PRICE}) (i32.wrap_i64 {bytes_max})))\n\
             (call $reserve_data{id} {bytes_max})\n(call $row_resume)\n\
             (local.set $to (i32.add (global.get $d{id}) (global.get $d_end{id})))\n\
             {write}\
             (global.set $d_end{id} (i32.add (global.get $d_end{id}) (local.get $bytes)))\n\
             {}",
            set_offset(node, &format!("(global.get $d_end{id})"))
        )
    }

    /// Writes `$lift` of a column: reads a value from an address in the memory, and appends it.
    fn lift(&mut self, node: &Node) {
        let id = node.id;
        let offset = node.value_offset;
        let value = match &node.kind {
            Kind::Struct(fields) => {
                let fields = fields.iter().map(|(at, field)| {
                    let at = offset + at;
                    format!(
                        "(call $lift{} (i32.add (local.get $at) (i32.const {at})))\n",
                        field.id
                    )
                });
                fields.collect()
            }
            Kind::List(element) => pair(offset) + &self.list(node, element),
            Kind::Text => pair(offset) + &self.text(node),
            Kind::Bytes => pair(offset) + &self.bytes(node),
            _ => format!(
                "(call $append{id} ({} offset={offset} (local.get $at)))\n",
                load_of(&node.ty)
            ),
        };
        let valid = mark_valid(node);
        let body = match node.is_option {
            false => format!("{valid}{value}"),
            true => {
                let message = format!(
                    "expected 0 or 1 as the case of the option in {}, found {FIRST}",
                    node.place
                );
                let case = "(local.get $case)";
                let fail = self.fail(message, [case, NONE]);
                format!(
                    "(local.set $case (i32.load8_u (local.get $at)))\n\
                     (if (i32.eqz {case}) (then (call $append_null{id}) (return)))\n\
                     (if (i32.ne {case} (i32.const 1)) (then {fail}(return)))\n{valid}{value}"
                )
            }
        };
        self.line(format!(
            "(func $lift{id} (param $at i32)\n\
             (local $from i32) (local $length i32) (local $bytes i32) (local $to i32)\n\
             (local $case i32)\n{RETURN_IF_FAILED}{body})"
        ));
    }

    /// Appends `$length` elements at `$from`.
    fn list(&mut self, node: &Node, element: &Node) -> String {
        let Layout { size, alignment } = element.layout;
        let group = element.group;
        let checks = self.range(node, size, alignment);
        let message = format!(
            "expected at most {ROWS_MAX} elements in {} for a batch, found more; return less",
            node.place
        );
        let too_many = self.fail_if(
            format!(
                "(i64.gt_u (i64.add (i64.extend_i32_u (local.get $length))\n\
                 (i64.extend_i32_u (global.get $rows{group}))) (i64.const {ROWS_MAX}))"
            ),
            message,
            [NONE, NONE],
        );
        let price = element_price(element);
        let values = match is_copied(element) {
            true => format!(
                "(memory.copy\n\
                 (i32.add (global.get $v{}) (i32.mul (global.get $rows{group}) \
                 (i32.const {size})))\n\
                 (local.get $from) (i32.mul (local.get $length) (i32.const {size})))\n\
                 (global.set $rows{group} (i32.add (global.get $rows{group}) \
                 (local.get $length)))\n",
                element.id
            ),
            false => format!(
                "(block $done (loop $more\n\
                 (br_if $done (i32.or (i32.eqz (local.get $length)) (global.get $failed)))\n\
                 (call $lift{} (local.get $from))\n\
                 (global.set $rows{group} (i32.add (global.get $rows{group}) (i32.const 1)))\n\
                 (local.set $from (i32.add (local.get $from) (i32.const {size})))\n\
                 (local.set $length (i32.sub (local.get $length) (i32.const 1)))\n\
                 (br $more)))\n",
                element.id
            ),
        };
        let offset = set_offset(node, &format!("(global.get $rows{group})"));
        format!(
            "{checks}{too_many}{RETURN_IF_FAILED}\
             (call $row_pause (i32.add (i32.const {GROWTH_PRICE})\n\
             (i32.mul (local.get $length) (i32.const {price}))))\n\
             (call $reserve{group} (local.get $length))\n(call $row_resume)\n{values}{offset}"
        )
    }

    /// Fails unless `$length` elements of a size lie at `$from`.
    fn range(&mut self, node: &Node, size: u32, alignment: u32) -> String {
        let from = "(local.get $from)";
        let mut checks = String::new();
        if alignment > 1 {
            let message = format!(
                "expected {} at a multiple of {alignment}, found {ADDRESS}",
                node.place
            );
            let is_wrong = format!("(i32.and {from} (i32.const {}))", alignment - 1);
            checks += &self.fail_if(is_wrong, message, [from, NONE]);
        }
        let message = format!(
            "expected {} in the memory, found {SECOND} elements at {ADDRESS}",
            node.place
        );
        let is_outside = format!(
            "(i32.eqz (call $is_within {from}\n\
             (i64.mul (i64.extend_i32_u (local.get $length)) (i64.const {size}))))"
        );
        checks + &self.fail_if(is_outside, message, [from, "(local.get $length)"])
    }

    /// Appends `$length` bytes at `$from`.
    fn bytes(&mut self, node: &Node) -> String {
        let checks = self.range(node, 1, 1);
        let append = self.append_data(
            node,
            "(i64.extend_i32_u (local.get $length))",
            "(memory.copy (local.get $to) (local.get $from) (local.get $length))\n\
             (local.set $bytes (local.get $length))\n",
        );
        format!("{checks}{RETURN_IF_FAILED}{append}")
    }

    /// Appends the text of length `$length` at `$from`. Its room is made before it is checked:
    /// the guest may change it while it allocates.
    fn text(&mut self, node: &Node) -> String {
        let part = self.set_part(node);
        let append = self.append_data(
            node,
            "(call $text_bytes_max (local.get $length))",
            "(local.set $bytes (call $text_bytes (local.get $from) (local.get $length)))\n\
             (if (global.get $failed) (then (return)))\n\
             (call $write_text (local.get $from) (local.get $length) (local.get $to))\n",
        );
        format!(
            "{part}(call $check_text (local.get $from) (local.get $length))\n\
             {RETURN_IF_FAILED}{append}"
        )
    }
}

/// Bytes for which a row is charged when a buffer may grow: twice the work of the check.
const GROWTH_PRICE: u32 = 64;

/// Bytes for which a row is charged for an element of a list, as for the growth of all columns of
/// its group.
fn element_price(element: &Node) -> u32 {
    let fields = match &element.kind {
        Kind::Struct(fields) => fields.iter().map(|(_, field)| element_price(field)).sum(),
        Kind::Number => element.number_size(),
        Kind::Bool => 1,
        _ => 4,
    };
    fields + u32::from(element.is_option)
}

/// Returns true if a value is a core value.
pub(super) fn is_scalar(node: &Node) -> bool {
    matches!(
        node.kind,
        Kind::Bool | Kind::Number | Kind::Char | Kind::Enum(_)
    )
}

/// Sets the validity bit of the row that is appended, if there is one.
pub(super) fn mark_valid(node: &Node) -> String {
    match has_bits(node) {
        true => format!(
            "(call $set_bit (global.get $n{}) (global.get $rows{}))\n",
            node.id, node.group
        ),
        false => String::new(),
    }
}

/// Reads address and length of a text or a list.
fn pair(offset: u32) -> String {
    format!(
        "(local.set $from (i32.load offset={offset} (local.get $at)))\n\
         (local.set $length (i32.load offset={} (local.get $at)))\n",
        offset + 4
    )
}
