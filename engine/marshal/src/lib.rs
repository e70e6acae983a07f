//! Lowers Arrow columns into guest memory and lifts them out of it.
//!
//! Raw guest addresses are read and written only in this crate. The rustdoc of
//! `fusebox-abi` specifies the bytes. Guest memory is a byte slice here: the
//! crate depends neither on a Wasm runtime nor on a query engine.
//!
//! Data is copied once in each direction. A [`Lowering`](lower::Lowering) writes
//! the selected rows from Arrow's buffers to their place in guest memory;
//! [`lift`](lift::lift) copies each buffer of a result once and validates the
//! copy, which the guest cannot change.
//!
//! # Files
//!
//! A file may import only files below it in this list.
#![forbid(unsafe_code)]
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

// Guest memory into columns.
pub mod lift;

// Columns into guest memory.
pub mod lower;

// Layouts of columns in guest memory, by type.
mod layout;

// Byte budget of one lowering or lifting.
mod budget;

// Accounting of the host memory of results.
mod result_memory;

// Addresses in guest memory.
mod address;

// ABI rules that a guest can violate.
mod abi_violation;

// Digits of decimals.
mod decimals;

pub use abi_violation::AbiViolation;
pub use address::GuestAddr;
pub use decimals::row_beyond_precision;
pub use layout::{Layout, same_values};
pub use result_memory::{MemoryReservation, ResultMemory, ResultRefused};

#[cfg(not(target_endian = "little"))]
compile_error!("guest memory is little endian, and its bytes are copied unchanged");
