//! Names and bytes as strings of the text format.

use std::fmt::Write as _;

/// Quotes a name in the text format, whatever is in it.
pub(crate) fn quoted(name: &str) -> String {
    quoted_bytes(name.as_bytes())
}

/// Writes bytes as a string of the text format.
pub(crate) fn quoted_bytes(bytes: &[u8]) -> String {
    let mut quoted = String::with_capacity(bytes.len() + 2);
    quoted.push('"');
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b' '..=b'~' => quoted.push(char::from(byte)),
            _ => {
                let _ = write!(quoted, "\\{byte:02x}");
            }
        }
    }
    quoted.push('"');
    quoted
}
