//! Native stacks of guests.
//!
//! A guest has the same stack on every thread: one of its own, large enough that the count
//! of the instrumentation ends a recursion before the stack does. A thread keeps it for its
//! next call. A stack that is mapped for each call costs as much as a call of 8,192 rows.

use std::cell::Cell;

use corosensei::stack::DefaultStack;
use fusebox_definition::Limits;
use fusebox_instrument::{NATIVE_BYTES_PER_STACK_BYTE, UNCHECKED_BYTES_MAX};

use super::call_error::CallError;

/// Maximum stack of an acyclic chain of calls in bytes, as counted by the instrumentation.
pub(crate) const CHAIN_BYTES_MAX: u64 = 256 << 10;

/// Native stack of a guest in bytes. Pages that are not touched take no memory.
pub(super) const GUEST_BYTES: usize = (NATIVE_BYTES_PER_STACK_BYTE
    * (Limits::MAX.stack_bytes_max + UNCHECKED_BYTES_MAX + CHAIN_BYTES_MAX))
    as usize;

/// Stack in bytes of the host's code around a guest, and of that which a guest calls.
const HOST_BYTES: usize = 2 << 20;

thread_local! {
    /// The stack of the thread's guests, while none runs.
    static IDLE: Cell<Option<DefaultStack>> = const { Cell::new(None) };
}

/// Runs `call` on the stack of the thread's guests.
///
/// # Errors
///
/// [`CallError::AddressSpace`] if a stack cannot be mapped, and the errors of `call`.
pub(super) fn on_guest_stack<T>(
    call: impl FnOnce() -> Result<T, CallError>,
) -> Result<T, CallError> {
    // A thread that ends has none.
    let idle = IDLE.try_with(Cell::take).ok().flatten();
    let mut stack = match idle {
        Some(stack) => stack,
        None => DefaultStack::new(HOST_BYTES + GUEST_BYTES)
            .map_err(|error| CallError::AddressSpace(error.to_string()))?,
    };
    let result = corosensei::on_stack(&mut stack, call);
    // Its pages are given back after a deep recursion.
    if !matches!(result, Err(CallError::Stack { .. })) {
        let _ = IDLE.try_with(|idle| idle.set(Some(stack)));
    }
    result
}
