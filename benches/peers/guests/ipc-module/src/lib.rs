//! The functions over Arrow IPC, as a core module.
//!
//! The host asks for a buffer, writes a stream and the function's name into it,
//! and calls; the answer stays where it is until the next call.

use std::cell::RefCell;

thread_local! {
    static ARGUMENTS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static ANSWER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The address of a buffer of so many bytes.
#[unsafe(no_mangle)]
pub extern "C" fn buffer(bytes: usize) -> *mut u8 {
    ARGUMENTS.with_borrow_mut(|arguments| {
        arguments.resize(bytes, 0);
        arguments.as_mut_ptr()
    })
}

/// Calls the function whose name stands behind the stream in the buffer. Returns
/// the address of the answer, a stream, and in the lower half its length; both
/// negated, those of a message.
#[unsafe(no_mangle)]
pub extern "C" fn call(stream_bytes: usize) -> i64 {
    ANSWER.with_borrow_mut(|answer| {
        let done = ARGUMENTS.with_borrow(|arguments| {
            let (stream, name) = arguments.split_at(stream_bytes);
            let name = String::from_utf8_lossy(name);
            let batch = peers_ipc::decode(stream)?;
            let column = peers_ipc::answer(&name, batch.columns())?;
            peers_ipc::encode(&peers_ipc::batch_of(column)?, answer)
        });
        if let Err(error) = &done {
            *answer = error.to_string().into_bytes();
        }
        let place = (answer.as_ptr() as i64) << 32 | answer.len() as i64;
        if done.is_ok() { place } else { -place }
    })
}
