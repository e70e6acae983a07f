//! What takes turns, and what arguments are made of.

pub(crate) use fusebox_turns::{Asked, Pair, Record, Turns, geometric_mean};

/// The same in every run, and evenly spread.
pub(crate) fn random(row: usize, salt: u64) -> u64 {
    let mixed = (row as u64 ^ salt << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 8
}
