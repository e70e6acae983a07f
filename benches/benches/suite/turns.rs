//! What takes turns, and what is made of the times.

pub(crate) use fusebox_turns::{Asked, Pair, Record, Turns, geometric_mean};
