//! What a failure or a panic says, as the host reads it.

use std::cell::Cell;
#[cfg(target_arch = "wasm32")]
use std::panic::PanicHookInfo;

use fusebox_abi::Failure;

use crate::arena::address;

/// What a call answers that failed, at a row if one is to blame. The message
/// stays until the next.
pub(crate) fn failure(row: Option<usize>, message: &str) -> Failure {
    thread_local! {
        // The host reads the message after the export has returned.
        static MESSAGE: Cell<String> = const { Cell::new(String::new()) };
    }
    // A copy, since the row's memory is for the next row.
    let message = message.to_owned();
    let failure = Failure {
        row: row.map_or(-1, |row| row as i64),
        message: address(message.as_ptr()),
        message_len: message.len() as u32,
    };
    MESSAGE.set(message);
    failure
}

/// `fusebox_abi::Panic`, word by word: where message and file are, and how long
/// they are in bytes; line and column.
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
