//! Messages of rows that fail.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Messages of a driver, which it copies from a segment of its module.
#[derive(Default)]
pub(crate) struct Messages {
    bytes: Vec<u8>,
    offsets: BTreeMap<String, usize>,
}

/// First number of a message.
pub(crate) const FIRST: char = '\u{1}';

/// Second number of a message.
pub(crate) const SECOND: char = '\u{2}';

/// First number of a message, as an address.
pub(crate) const ADDRESS: char = '\u{3}';

/// The place of a failure in a message: bytes of the segment.
pub(crate) const PLACE: char = '\u{4}';

/// Text of a message: bytes in the memory.
pub(crate) const TEXT: char = '\u{5}';

impl Messages {
    /// Returns from the driver with a failure of the row if `condition` holds. The numbers of the
    /// message are `a` and `b`.
    pub(crate) fn fail_if(&mut self, condition: &str, message: &str, [a, b]: [&str; 2]) -> String {
        let (offset, length) = (self.offset(message), message.len());
        format!(
            "(if {condition} (then (return (call $fail (local.get $result) (local.get $row)\n\
             (i32.const {offset}) (i32.const {length}) {a} {b}))))\n"
        )
    }

    /// Returns the offset of a text in the segment.
    pub(crate) fn offset(&mut self, text: &str) -> usize {
        if let Some(offset) = self.offsets.get(text) {
            return *offset;
        }
        let offset = self.bytes.len();
        self.bytes.extend(text.bytes());
        self.offsets.insert(text.to_owned(), offset);
        offset
    }

    /// Returns the segment, and the functions that use it.
    pub(crate) fn items(&self) -> String {
        let mut text = include_str!("failures.wat").to_owned();
        text += "(data $messages \"";
        for byte in &self.bytes {
            let _ = write!(text, "\\{byte:02x}");
        }
        text += "\")\n";
        text
    }
}
