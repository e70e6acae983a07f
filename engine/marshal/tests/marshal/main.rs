//! Lowering and lifting, with a byte vector as guest memory.

// Columns of any type, lowered and lifted again.
mod round_trip;

// Bytes in guest memory after lowering.
mod lowering;

// Results that are lifted or rejected.
mod lifting;

// Byte limits of arguments and results.
mod limits;

// Random and damaged results.
mod hostile;

// Guest memory with lowered columns.
mod memory;

// Columns and fields that several tests use.
mod samples;
