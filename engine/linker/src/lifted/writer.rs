//! Text of a driver, as it is written.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::LiftedDriver;
use super::node::Node;
use crate::component::{LiftedFunction, StringEncoding};
use crate::driver::Messages;

/// Writes the text of a driver.
pub(super) struct Writer<'a> {
    /// Name of the allocator of the guest.
    pub(super) realloc: Option<&'a str>,
    pub(super) encoding: StringEncoding,
    /// The function that is written.
    pub(super) current: Current<'a>,
    pub(super) text: String,
    pub(super) messages: Messages,
    cases: Vec<u8>,
    tables: HashMap<Vec<String>, usize>,
}

/// One of the functions of a driver.
#[derive(Clone, Copy)]
pub(super) struct Current<'a> {
    /// Number of the function: part of the names of its own functions.
    pub(super) number: usize,
    pub(super) function: &'a LiftedFunction,
    pub(super) arguments: &'a [Node],
    pub(super) result: &'a Node,
    /// Number of groups of the result.
    pub(super) groups: usize,
    /// True if each call has one row.
    pub(super) has_single_rows: bool,
}

impl<'a> Current<'a> {
    pub(super) fn new(number: usize, driver: &'a LiftedDriver) -> Self {
        Self {
            number,
            function: &driver.function,
            arguments: &driver.arguments,
            result: &driver.result,
            groups: driver.groups,
            has_single_rows: driver.has_single_rows,
        }
    }
}

/// No number of a message.
pub(super) const NONE: &str = "(i32.const 0)";

/// Ends a function early: its row has failed.
pub(super) const RETURN_IF_FAILED: &str = "(if (global.get $failed) (then (return)))\n";

impl<'a> Writer<'a> {
    /// Begins with a driver whose functions share an allocator and an encoding of text.
    pub(super) fn new(first: &'a LiftedDriver, realloc: Option<&'a str>) -> Self {
        Self {
            realloc,
            encoding: first.function.encoding,
            current: Current::new(0, first),
            text: String::new(),
            messages: Messages::default(),
            cases: Vec::new(),
            tables: HashMap::new(),
        }
    }

    /// Appends a line.
    pub(super) fn line(&mut self, line: impl AsRef<str>) {
        self.text += line.as_ref();
        self.text.push('\n');
    }

    /// Fails the row, with a message that has up to two numbers.
    pub(super) fn fail(&mut self, message: impl AsRef<str>, [first, second]: [&str; 2]) -> String {
        let message = message.as_ref();
        let offset = self.messages.offset(message);
        let length = message.len();
        format!("(call $fail_row (i32.const {offset}) (i32.const {length}) {first} {second})\n")
    }

    /// Fails the row if `condition` holds.
    pub(super) fn fail_if(
        &mut self,
        condition: impl AsRef<str>,
        message: impl AsRef<str>,
        numbers: [&str; 2],
    ) -> String {
        let fail = self.fail(message, numbers);
        format!("(if {} (then {fail}))\n", condition.as_ref())
    }

    /// Sets the part that shared functions name in messages.
    pub(super) fn set_part(&mut self, node: &Node) -> String {
        let offset = self.messages.offset(&node.place);
        let length = node.place.len();
        format!(
            "(global.set $part (i32.const {offset})) (global.set $part_bytes (i32.const {length}))\n"
        )
    }

    /// Returns the offset of the table of the names of cases.
    pub(super) fn case_table(&mut self, names: &[String]) -> usize {
        if let Some(offset) = self.tables.get(names) {
            return *offset;
        }
        let offset = self.cases.len();
        let mut at = offset + 8 * names.len();
        for name in names {
            self.cases.extend((at as u32).to_le_bytes());
            self.cases.extend((name.len() as u32).to_le_bytes());
            at += name.len();
        }
        for name in names {
            self.cases.extend(name.bytes());
        }
        // Entries are read as words.
        self.cases.resize(self.cases.len().next_multiple_of(8), 0);
        self.tables.insert(names.to_vec(), offset);
        offset
    }

    /// Writes the names of cases, and the function that copies them to the memory.
    pub(super) fn cases(&mut self) {
        let bytes = self.cases.len();
        self.line("(global $cases (mut i32) (i32.const 0))");
        let mut segment = String::from("(data $case_names \"");
        for byte in &self.cases {
            let _ = write!(segment, "\\{byte:02x}");
        }
        segment += "\")";
        self.line(segment);
        let copy = match bytes {
            0 => String::new(),
            bytes => format!(
                "(global.set $cases (call $take (i32.const {bytes})))\n\
                 (memory.init $case_names (global.get $cases) (i32.const 0) (i32.const {bytes}))"
            ),
        };
        self.line(format!("(func $begin_cases {copy})"));
    }
}

/// Names of cases in a message, of which there may be many.
pub(super) fn listed(names: &[String]) -> String {
    const LISTED_MAX: usize = 20;
    let listed = names.iter().take(LISTED_MAX);
    let listed: Vec<_> = listed.map(|name| format!("`{name}`")).collect();
    let mut text = listed.join(", ");
    if names.len() > LISTED_MAX {
        let _ = write!(text, " and {} others", names.len() - LISTED_MAX);
    }
    text
}
