//! Failures and panics as the host reads them.

use std::cell::Cell;
#[cfg(target_arch = "wasm32")]
use std::panic::PanicHookInfo;

use fusebox_abi::Failure;

use crate::arena::address;

/// Returns the failure of a call, of a particular row if there is one. The
/// message stays in memory until the next failure.
pub(crate) fn failure(row: Option<usize>, message: &str) -> Failure {
    thread_local! {
        // The host reads the message after the export has returned.
        static MESSAGE: Cell<String> = const { Cell::new(String::new()) };
    }
    // A copy, since the memory of the row is reused.
    let message = message.to_owned();
    let failure = Failure {
        row: row.map_or(-1, |row| row as i64),
        message: address(message.as_ptr()),
        message_len: message.len() as u32,
    };
    MESSAGE.set(message);
    failure
}

/// Returns the words of a `fusebox_abi::Panic`: address and length of the
/// message and of the file name, line and column.
#[cfg(target_arch = "wasm32")]
pub(crate) fn words(info: &PanicHookInfo<'_>) -> [u32; 6] {
    let message = info.payload_as_str().unwrap_or_default();
    let (file, line, column) = info.location().map_or(("", 0, 0), |place| {
        (place.file(), place.line(), place.column())
    });
    [
        address(message.as_ptr()),
        message.len() as u32,
        address(file.as_ptr()),
        file.len() as u32,
        line,
        column,
    ]
}
