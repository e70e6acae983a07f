//! Guest memory as the host sees it: arguments, results, imports and exports.
//!
//! The only folder with unsafe code, apart from the export shim that the macros
//! quote. The contract of a call is specified in [`fusebox_abi`]: the host keeps
//! it, and the unsafe blocks here rely on it. An address is a `u32`, so only a
//! 32-bit target can make a call. The columns that come out are plain slices,
//! which safe code reads on any target.
#![expect(unsafe_code, reason = "addresses from the host become slices here")]

// Constructors that check in tests what the host guarantees in a call.
#[cfg(not(target_arch = "wasm32"))]
mod checked;

// Results, kept until the next call.
mod result;

// Argument columns as arrays of arrow-rs.
#[cfg(feature = "arrow")]
mod borrowed;

// The parameters of one call, and its status.
mod call;

// Lowered argument columns.
mod arguments;

// Byte strings and texts of a column.
mod strings;

// The buffers of a column.
mod buffers;

// Bytes at addresses, and numbers as bytes.
mod memory;

// Appending to memory that was reserved before.
mod reserved;

// The global allocator of a guest.
#[cfg(target_arch = "wasm32")]
mod allocator;

// Blocks of fixed sizes, in pages of their own.
#[cfg(any(target_arch = "wasm32", test))]
mod heap;

// The imports and exports of a guest.
#[cfg(target_arch = "wasm32")]
pub(crate) mod host;

pub use call::Call;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use arguments::NativeColumn;
pub(crate) use arguments::{Arguments, RawArray};
#[cfg(feature = "arrow")]
pub(crate) use borrowed::BorrowedArguments;
pub(crate) use buffers::{BufferLayout, Buffers};
pub(crate) use memory::{Pod, aligned_copy, as_bytes, as_numbers};
pub(crate) use reserved::extend_reserved;
#[cfg(feature = "arrow")]
pub(crate) use result::release_array;
pub(crate) use strings::{ByteSlice, ByteStrings, StringSlice, Strings, TextSlice, TextStrings};
