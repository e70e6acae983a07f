//! Argument columns: addresses of their buffers, and tests for nulls.

use super::node::{Kind, Node};
use super::writer::Writer;

impl Writer<'_> {
    /// Writes the addresses of argument columns, and the function that reads them from the arrays
    /// at `$args`.
    pub(super) fn read_arguments(&mut self) {
        let arguments = self.current.arguments;
        let mut body = String::new();
        let mut depth_max = 0;
        for (position, argument) in arguments.iter().enumerate() {
            let at = 64 * position;
            body += &format!(
                "(local.set $array0 (i32.add (local.get $args) (i32.const {at})))\n\
                 (global.set $m{} (select (i32.const 0) (i32.const -1)\n\
                 (i64.eq (i64.load (local.get $array0)) (i64.const 1))))\n",
                argument.id
            );
            self.line(format!(
                "(global $m{} (mut i32) (i32.const 0))",
                argument.id
            ));
            depth_max = depth_max.max(self.read_argument(argument, &mut body));
        }
        let number = self.current.number;
        self.line(format!(
            "(func $read{number} (param $args i32) (local $buffers i32)"
        ));
        for depth in 0..=depth_max {
            self.line(format!("(local $array{depth} i32)"));
        }
        self.line(body + ")");
    }

    /// Reads the array of a column, whose address is in the local of its depth, and returns the
    /// largest depth.
    fn read_argument(&mut self, node: &Node, body: &mut String) -> usize {
        let (id, depth) = (node.id, node.depth);
        // Addresses of validity bits, of values or offsets, and of bytes.
        self.line(format!(
            "(global $n{id} (mut i32) (i32.const 0)) (global $v{id} (mut i32) (i32.const 0)) \
             (global $d{id} (mut i32) (i32.const 0))"
        ));
        *body += &format!(
            "(local.set $buffers (i32.load offset=40 (local.get $array{depth})))\n\
             (global.set $n{id} (i32.load (local.get $buffers)))\n"
        );
        if !matches!(node.kind, Kind::Struct(_)) {
            *body += &format!("(global.set $v{id} (i32.load offset=4 (local.get $buffers)))\n");
        }
        if node.has_data() {
            *body += &format!("(global.set $d{id} (i32.load offset=8 (local.get $buffers)))\n");
        }
        let mut depth_max = depth;
        for (position, child) in node.children().into_iter().enumerate() {
            *body += &format!(
                "(local.set $array{} (i32.load offset={}\n\
                 (i32.load offset=44 (local.get $array{depth}))))\n",
                depth + 1,
                4 * position
            );
            depth_max = depth_max.max(self.read_argument(child, body));
        }
        depth_max
    }

    /// Returns the condition that no argument of the row is null that may not be.
    pub(super) fn is_row_valid(&self) -> String {
        let required = self.current.arguments.iter().filter(|node| !node.is_option);
        let mut condition = "(i32.const 1)".to_owned();
        for node in required {
            condition = format!("(i32.and {condition} {})", is_valid(node, &row(node)));
        }
        condition
    }
}

/// Number of the row of an argument, which is 0 for a constant.
pub(super) fn row(argument: &Node) -> String {
    format!("(i32.and (local.get $row) (global.get $m{}))", argument.id)
}

/// Condition that a row of a column is not null.
pub(super) fn is_valid(node: &Node, row: &str) -> String {
    format!("(call $is_valid (global.get $n{}) {row})", node.id)
}
