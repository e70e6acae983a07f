//! Functions over Arrow IPC, as a core module.
//!
//! The host requests a buffer, writes a stream and the name of the function to it, and
//! calls. The result is valid until the next call.

use std::cell::RefCell;

thread_local! {
    static ARGUMENTS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static RESULT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Returns the address of a buffer of `bytes` bytes.
#[unsafe(no_mangle)]
pub extern "C" fn buffer(bytes: usize) -> *mut u8 {
    ARGUMENTS.with_borrow_mut(|arguments| {
        arguments.resize(bytes, 0);
        arguments.as_mut_ptr()
    })
}

/// Calls the function whose name follows the stream in the buffer.
///
/// Returns the address of the result, a stream, in the upper half and its length in
/// the lower half. If the call fails, the result is a message, and the value is
/// negated.
#[unsafe(no_mangle)]
pub extern "C" fn call(stream_bytes: usize) -> i64 {
    RESULT.with_borrow_mut(|result| {
        let done = ARGUMENTS.with_borrow(|arguments| {
            let (stream, name) = arguments.split_at(stream_bytes);
            let name = String::from_utf8_lossy(name);
            let batch = peers_ipc::decode(stream)?;
            let column = peers_ipc::call(&name, batch.columns())?;
            peers_ipc::encode(&peers_ipc::batch_of(column)?, result)
        });
        if let Err(error) = &done {
            *result = error.to_string().into_bytes();
        }
        let address = (result.as_ptr() as i64) << 32 | result.len() as i64;
        if done.is_ok() { address } else { -address }
    })
}
