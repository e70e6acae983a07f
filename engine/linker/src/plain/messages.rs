//! Messages of rows that fail.

use std::fmt::Write as _;

/// Messages of a driver, which it copies from a segment of its module.
#[derive(Default)]
pub(super) struct Messages {
    bytes: Vec<u8>,
}

/// First number of a message.
pub(super) const FIRST: char = '\u{1}';

/// Second number of a message.
pub(super) const SECOND: char = '\u{2}';

/// First number of a message, as an address.
pub(super) const ADDRESS: char = '\u{3}';

impl Messages {
    /// Returns from the driver with a failure of the row if `condition` holds. The numbers of the
    /// message are `a` and `b`.
    pub(super) fn fail_if(&mut self, condition: &str, message: &str, [a, b]: [&str; 2]) -> String {
        let (offset, length) = (self.bytes.len(), message.len());
        self.bytes.extend(message.bytes());
        format!(
            "(if {condition} (then (return (call $fail (local.get $result) (local.get $row)\n\
             (i32.const {offset}) (i32.const {length}) {a} {b}))))\n"
        )
    }

    /// Returns the segment, and the functions that use it.
    pub(super) fn items(&self) -> String {
        let mut text = include_str!("failures.wat").to_owned();
        text += "(data $messages \"";
        for byte in &self.bytes {
            let _ = write!(text, "\\{byte:02x}");
        }
        text += "\")\n";
        text
    }
}
