//! Lowering of arguments: core values, or values in memory.

use wasmparser::ValType;

use super::arguments::is_valid;
use super::node::{Kind, Node};
use super::writer::{NONE, Writer, listed};
use crate::component::{FLAT_PARAMETERS_MAX, Layout, WitType, case_size};
use crate::driver::{FIRST, TEXT};

impl Writer<'_> {
    /// Writes the functions that lower arguments of the function.
    pub(super) fn lowering(&mut self) {
        for argument in self.current.arguments {
            match self.are_parameters_flat() {
                true => self.lower(argument),
                false => self.store(argument),
            }
        }
    }

    /// Writes `$lower` of a column: returns the core values of a row.
    fn lower(&mut self, node: &Node) {
        if let Kind::Struct(fields) = &node.kind {
            for (_, field) in fields {
                self.lower(field);
            }
        }
        let flat = flat_of(&node.ty);
        let value = match &node.kind {
            Kind::Text | Kind::Bytes | Kind::List(_) => {
                self.pair(node);
                format!("(call $pair{} (local.get $row))\n", node.id)
            }
            Kind::Struct(fields) => {
                let fields = fields
                    .iter()
                    .map(|(_, field)| format!("(call $lower{} (local.get $row))\n", field.id));
                fields.collect()
            }
            _ => self.scalar(node),
        };
        let null = self.null_check(node);
        let types: String = flat.iter().map(|ty| format!(" {ty}")).collect();
        let body = match node.is_option {
            true => {
                let zeros: String = flat.iter().map(|ty| format!("({ty}.const 0)")).collect();
                format!(
                    "(if (result i32{types}) {} (then (i32.const 1) {value})\n\
                     (else (i32.const 0) {zeros}))",
                    is_valid(node, "(local.get $row)")
                )
            }
            false => value,
        };
        let number = if node.is_option { " i32" } else { "" };
        self.line(format!(
            "(func $lower{} (param $row i32) (result{number}{types})\n{null}{body})",
            node.id
        ));
    }

    /// Writes `$store` of a column: stores the value of a row at an address.
    fn store(&mut self, node: &Node) {
        if let Kind::Struct(fields) = &node.kind {
            for (_, field) in fields {
                self.store(field);
            }
        }
        let offset = node.value_offset;
        let value = match &node.kind {
            Kind::Text | Kind::Bytes | Kind::List(_) => {
                self.pair(node);
                format!(
                    "(call $pair{} (local.get $row))\n\
                     (local.set $length) (local.set $at)\n\
                     (i32.store offset={offset} (local.get $to) (local.get $at))\n\
                     (i32.store offset={} (local.get $to) (local.get $length))\n",
                    node.id,
                    offset + 4
                )
            }
            Kind::Struct(fields) => {
                let fields = fields.iter().map(|(at, field)| {
                    format!(
                        "(call $store{} (local.get $row)\n\
                         (i32.add (local.get $to) (i32.const {})))\n",
                        field.id,
                        offset + at
                    )
                });
                fields.collect()
            }
            _ => {
                let value = self.scalar(node);
                let store = store_of(&node.ty);
                format!("({store} offset={offset} (local.get $to) {value})\n")
            }
        };
        let null = self.null_check(node);
        let body = match node.is_option {
            true => format!(
                "(if {} (then (i32.store8 (local.get $to) (i32.const 1))\n{value})\n\
                 (else (i32.store8 (local.get $to) (i32.const 0))))",
                is_valid(node, "(local.get $row)")
            ),
            false => value,
        };
        self.line(format!(
            "(func $store{} (param $row i32) (param $to i32)\n\
             (local $at i32) (local $length i32)\n{null}{body})",
            node.id
        ));
    }

    /// Fails a row with a null in a part that is no option. Those of whole arguments are not
    /// called with a null.
    fn null_check(&mut self, node: &Node) -> String {
        if node.is_option || node.depth == 0 {
            return String::new();
        }
        let is_null = format!("(i32.eqz {})", is_valid(node, "(local.get $row)"));
        self.fail_if(is_null, null_message(node), [NONE, NONE])
    }

    /// Pushes a number, a bool, a character or the number of a case.
    fn scalar(&mut self, node: &Node) -> String {
        let id = node.id;
        match &node.kind {
            Kind::Bool => format!("(call $bit (global.get $v{id}) (local.get $row))"),
            Kind::Char => {
                let message = format!(
                    "expected one character in {}, found {FIRST} bytes of text; pass a text of \
                     one character",
                    node.place
                );
                self.convert_text(node, "(call $only_character", &message)
            }
            Kind::Enum(names) => {
                let table = self.case_table(names);
                let message = format!(
                    "expected a case of {} in {}, found `{TEXT}`; pass one of these",
                    listed(names),
                    node.place
                );
                let find = format!(
                    "(call $find_case (i32.const {table}) (i32.const {})",
                    names.len()
                );
                self.convert_text(node, &find, &message)
            }
            _ => {
                let load = load_of(&node.ty);
                let size = node.number_size();
                format!(
                    "({load} (i32.add (global.get $v{id}) \
                     (i32.mul (local.get $row) (i32.const {size}))))"
                )
            }
        }
    }

    /// Writes a function that converts the text of a row, or fails, and pushes the result of its
    /// call.
    fn convert_text(&mut self, node: &Node, convert: &str, message: &str) -> String {
        let fail = self.fail(message, ["(local.get $bytes)", NONE]);
        self.line(format!(
            "(func $scalar{id} (param $row i32) (result i32)\n\
             (local $at i32) (local $bytes i32) (local $value i32)\n\
             {}(local.set $value {convert} (local.get $at) (local.get $bytes)))\n\
             (if (i32.eq (local.get $value) (i32.const -1)) (then\n\
             (if (i32.eqz (global.get $failed)) (then\n\
             (global.set $found (local.get $at)) (global.set $found_bytes (local.get $bytes))))\n\
             {fail}(return (i32.const 0))))\n\
             (local.get $value))",
            text_of_row(node),
            id = node.id
        ));
        format!("(call $scalar{} (local.get $row))", node.id)
    }

    /// Writes `$pair` of a column: allocates the text or the list of a row, and returns its address
    /// and its length.
    fn pair(&mut self, node: &Node) {
        let part = self.set_part(node);
        let id = node.id;
        let header = format!("(func $pair{id} (param $row i32) (result i32 i32)");
        let element = match &node.kind {
            Kind::List(element) => element,
            kind => {
                let lower = match kind {
                    Kind::Text => "$lower_text",
                    _ => "$lower_bytes",
                };
                self.line(format!(
                    "{header} (local $at i32) (local $bytes i32)\n{}{part}\
                     (call {lower} (local.get $at) (local.get $bytes)))",
                    text_of_row(node)
                ));
                return;
            }
        };
        let Layout { size, alignment } = element.layout;
        let copy = match is_copied(element) {
            true => format!(
                "(memory.copy (local.get $to)\n\
                 (i32.add (global.get $v{}) (i32.mul (local.get $at) (i32.const {size})))\n\
                 (i32.mul (local.get $length) (i32.const {size})))\n",
                element.id
            ),
            false => {
                self.store(element);
                format!(
                    "(local.set $left (local.get $length))\n\
                     (local.set $next (local.get $to))\n\
                     (block $done (loop $more\n\
                     (br_if $done (i32.or (i32.eqz (local.get $left)) (global.get $failed)))\n\
                     (call $store{} (local.get $at) (local.get $next))\n\
                     (local.set $at (i32.add (local.get $at) (i32.const 1)))\n\
                     (local.set $next (i32.add (local.get $next) (i32.const {size})))\n\
                     (local.set $left (i32.sub (local.get $left) (i32.const 1)))\n\
                     (br $more)))\n",
                    element.id
                )
            }
        };
        let nulls = match is_copied(element) {
            true => self.no_nulls(element),
            false => String::new(),
        };
        self.line(format!(
            "{header} (local $at i32) (local $length i32) (local $to i32) (local $next i32)\n\
             (local $left i32)\n{}{part}\
             (local.set $to (call $allocate\n\
             (i64.mul (i64.extend_i32_u (local.get $length)) (i64.const {size}))\n\
             (i32.const {alignment})))\n\
             (if (global.get $failed) (then (return (i32.const 0) (i32.const 0))))\n\
             {nulls}{copy}(local.get $to) (local.get $length))",
            offsets_of_row(node, "$length")
        ));
    }

    /// Fails a row with a null among elements that are copied as they are. The search is not part
    /// of the row: there are bits if any row of the batch has a null.
    fn no_nulls(&mut self, element: &Node) -> String {
        let fail = self.fail(null_message(element), [NONE, NONE]);
        format!(
            "(call $row_pause (i32.add (i32.const {SEARCH_PRICE})\n\
             (i32.shr_u (local.get $length) (i32.const 2))))\n\
             (local.set $left (call $are_valid (global.get $n{}) (local.get $at) \
             (local.get $length)))\n\
             (call $row_resume)\n(if (i32.eqz (local.get $left)) (then {fail}))\n",
            element.id
        )
    }
}

/// Bytes for which a row is charged for a search for nulls.
const SEARCH_PRICE: u32 = 64;

/// Message of a null in a part that is no option.
fn null_message(node: &Node) -> String {
    format!(
        "expected no null in {}, found one; pass a value, or declare an option",
        node.place
    )
}

/// Core types of a value without an option. Longer ones are in memory.
fn flat_of(ty: &WitType) -> Vec<ValType> {
    ty.flat(FLAT_PARAMETERS_MAX).unwrap_or_default()
}

/// Returns true if a column of elements has the bytes of a list of them.
pub(super) fn is_copied(element: &Node) -> bool {
    matches!(element.kind, Kind::Number) && !element.is_option
}

/// Sets `$at` and a length to those of a row in a column with offsets.
fn offsets_of_row(node: &Node, length: &str) -> String {
    let id = node.id;
    format!(
        "(local.set $at (i32.add (global.get $v{id}) (i32.shl (local.get $row) (i32.const 2))))\n\
         (local.set {length} (i32.load offset=4 (local.get $at)))\n\
         (local.set $at (i32.load (local.get $at)))\n\
         (local.set {length} (i32.sub (local.get {length}) (local.get $at)))\n"
    )
}

/// Sets `$at` and `$bytes` to the text of a row.
fn text_of_row(node: &Node) -> String {
    format!(
        "{}(local.set $at (i32.add (global.get $d{}) (local.get $at)))\n",
        offsets_of_row(node, "$bytes"),
        node.id
    )
}

/// Instruction that loads a core value from memory or from a column.
pub(super) fn load_of(ty: &WitType) -> &'static str {
    match ty {
        WitType::Bool | WitType::U8 => "i32.load8_u",
        WitType::S8 => "i32.load8_s",
        WitType::S16 => "i32.load16_s",
        WitType::U16 => "i32.load16_u",
        WitType::S64 | WitType::U64 => "i64.load",
        WitType::F32 => "f32.load",
        WitType::F64 => "f64.load",
        WitType::Enum(names) => match case_size(names.len()) {
            1 => "i32.load8_u",
            2 => "i32.load16_u",
            _ => "i32.load",
        },
        _ => "i32.load",
    }
}

/// Instruction that stores a core value.
pub(super) fn store_of(ty: &WitType) -> &'static str {
    match load_of(ty) {
        "i32.load8_u" | "i32.load8_s" => "i32.store8",
        "i32.load16_u" | "i32.load16_s" => "i32.store16",
        "i64.load" => "i64.store",
        "f32.load" => "f32.store",
        "f64.load" => "f64.store",
        _ => "i32.store",
    }
}
