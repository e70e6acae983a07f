//! Result columns: buffers that grow by doubling, rows without a value, and arrays.
//!
//! Columns whose rows are appended together are a group, with one number of rows and one capacity:
//! the result with the fields of its structs, and the elements of each list.

use super::node::{Kind, Node};
use super::writer::Writer;

/// Rows that a column has at most.
pub(super) const ROWS_MAX: u32 = 0x0fff_ffc0;

/// Bytes that a column of text or bytes has at most.
pub(super) const DATA_MAX: u32 = 0x7ffe_0000;

impl Writer<'_> {
    /// Writes the buffers of result columns, and the functions that grow them.
    pub(super) fn builders(&mut self) {
        let nodes = self.current.result.all();
        let mut begin = String::new();
        let first_group = self.current.result.group;
        for group in first_group..first_group + self.current.groups {
            self.line(format!(
                "(global $rows{group} (mut i32) (i32.const 0)) \
                 (global $rows_max{group} (mut i32) (i32.const 0))"
            ));
            begin += &format!(
                "(global.set $rows{group} (i32.const 0)) \
                 (global.set $rows_max{group} (i32.const 0))\n"
            );
            let of_group: Vec<_> = nodes.iter().filter(|node| node.group == group).collect();
            self.reserve(group, &of_group);
        }
        for node in &nodes {
            let id = node.id;
            // Addresses of validity bits, of values or offsets, and of bytes, with their capacity
            // and number.
            for name in ["n", "v", "d", "d_max", "d_end"] {
                self.line(format!("(global ${name}{id} (mut i32) (i32.const 0))"));
                begin += &format!("(global.set ${name}{id} (i32.const 0))\n");
            }
            if node.has_data() {
                self.reserve_data(node);
            }
            self.append_null(node);
        }
        let number = self.current.number;
        self.line(format!(
            "(func $begin_results{number} (param $rows i32)\n\
             {begin}(call $reserve{first_group} (local.get $rows)))"
        ));
    }

    /// Writes `$reserve` of a group: makes room for more rows.
    fn reserve(&mut self, group: usize, nodes: &[&&Node]) {
        let mut body = format!(
            "(local.set $need (i32.add (global.get $rows{group}) (local.get $rows)))\n\
             (if (i32.le_u (local.get $need) (global.get $rows_max{group})) (then (return)))\n\
             (local.set $max (call $grown (global.get $rows_max{group}) (local.get $need)))\n"
        );
        for node in nodes {
            let id = node.id;
            let bits = |name: &str| {
                format!(
                    "(global.set ${name}{id} (call $move_bits (global.get ${name}{id})\n\
                     (global.get $rows_max{group}) (local.get $max)))\n"
                )
            };
            if has_bits(node) {
                body += &bits("n");
            }
            body += &match &node.kind {
                Kind::Struct(_) => String::new(),
                Kind::Bool => bits("v"),
                Kind::Number => format!(
                    "(global.set $v{id} (call $move (global.get $v{id})\n\
                     (i32.mul (global.get $rows{group}) (i32.const {size}))\n\
                     (i32.mul (local.get $max) (i32.const {size}))))\n",
                    size = node.number_size()
                ),
                // One more offset than rows.
                _ => format!(
                    "(global.set $v{id} (call $move_offsets (global.get $v{id})\n\
                     (global.get $rows{group}) (local.get $max)))\n"
                ),
            };
        }
        self.line(format!(
            "(func $reserve{group} (param $rows i32) (local $need i32) (local $max i32)\n\
             {body}(global.set $rows_max{group} (local.get $max)))"
        ));
    }

    /// Writes `$reserve_data` of a column: makes room for so many bytes.
    fn reserve_data(&mut self, node: &Node) {
        self.line(format!(
            "(func $reserve_data{id} (param $bytes i64) (local $max i32)\n\
             (if (i64.le_u (local.get $bytes)\n\
             (i64.extend_i32_u (i32.sub (global.get $d_max{id}) (global.get $d_end{id}))))\n\
             (then (return)))\n\
             (local.set $max (call $grown_data (global.get $d_max{id})\n\
             (i64.add (i64.extend_i32_u (global.get $d_end{id})) (local.get $bytes))))\n\
             (global.set $d{id}\n\
             (call $move (global.get $d{id}) (global.get $d_end{id}) (local.get $max)))\n\
             (global.set $d_max{id} (local.get $max)))",
            id = node.id
        ));
    }

    /// Writes `$append_null` of a column: appends a row that is null, or any value in a struct that
    /// is null.
    fn append_null(&mut self, node: &Node) {
        let (id, group) = (node.id, node.group);
        let body = match &node.kind {
            // Bits are zero before they are set.
            Kind::Bool => String::new(),
            Kind::Number => {
                let size = node.number_size();
                format!(
                    "(memory.fill\n\
                     (i32.add (global.get $v{id}) (i32.mul (global.get $rows{group}) \
                     (i32.const {size})))\n\
                     (i32.const 0) (i32.const {size}))"
                )
            }
            Kind::Struct(fields) => fields
                .iter()
                .map(|(_, field)| format!("(call $append_null{})\n", field.id))
                .collect(),
            Kind::List(element) => {
                set_offset(node, &format!("(global.get $rows{})", element.group))
            }
            _ => set_offset(node, &format!("(global.get $d_end{id})")),
        };
        self.line(format!("(func $append_null{id} {body})"));
    }

    /// Writes the function that stores the arrays of the result: that of the column itself at
    /// `$result`.
    pub(super) fn finish(&mut self) {
        let nodes = self.current.result.all();
        let first = self.current.result.id;
        // Arrays, three addresses of buffers each, and addresses of children.
        let buffers = 64 * nodes.len();
        let children = buffers + 12 * nodes.len();
        let bytes = children + 4 * nodes.len();
        let mut body = format!(
            "(local.set $block (call $take (i32.const {bytes})))\n\
             (memory.fill (local.get $block) (i32.const 0) (i32.const {bytes}))\n"
        );
        let mut next_child = children;
        for node in &nodes {
            let position = node.id - first;
            let (array, offset) = match position {
                0 => ("(local.get $result)", 0),
                _ => ("(local.get $block)", 64 * position),
            };
            let buffer = buffers + 12 * position;
            let count = match node.kind {
                Kind::Struct(_) => 1,
                _ if node.has_data() => 3,
                _ => 2,
            };
            body += &format!(
                "(i64.store offset={offset} {array} (i64.extend_i32_u (global.get $rows{})))\n\
                 (i64.store offset={} {array} (i64.const {count}))\n\
                 (i32.store offset={} {array} (i32.add (local.get $block) (i32.const {buffer})))\n",
                node.group,
                offset + 24,
                offset + 40,
            );
            for (n, name) in ["n", "v", "d"].iter().take(count).enumerate() {
                body += &format!(
                    "(i32.store offset={} (local.get $block) (global.get ${name}{}))\n",
                    buffer + 4 * n,
                    node.id
                );
            }
            let of_node = node.children();
            if of_node.is_empty() {
                continue;
            }
            body += &format!(
                "(i64.store offset={} {array} (i64.const {}))\n\
                 (i32.store offset={} {array} (i32.add (local.get $block) (i32.const \
                 {next_child})))\n",
                offset + 32,
                of_node.len(),
                offset + 44,
            );
            for child in of_node {
                body += &format!(
                    "(i32.store offset={next_child} (local.get $block)\n\
                     (i32.add (local.get $block) (i32.const {})))\n",
                    64 * (child.id - first)
                );
                next_child += 4;
            }
        }
        let number = self.current.number;
        self.line(format!(
            "(func $finish{number} (param $result i32) (local $block i32)\n{body})"
        ));
    }
}

/// Returns true if a column may have nulls: an option, and the result, which is null for a null
/// argument.
pub(super) fn has_bits(node: &Node) -> bool {
    node.is_option || node.depth == 0
}

/// Sets the offset behind the row that is appended.
pub(super) fn set_offset(node: &Node, offset: &str) -> String {
    format!(
        "(i32.store offset=4\n\
         (i32.add (global.get $v{}) (i32.shl (global.get $rows{}) (i32.const 2))) {offset})\n",
        node.id, node.group
    )
}
