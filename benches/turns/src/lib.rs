//! What every bench shares: what it is asked for, how things take turns, and the
//! records of what was measured.
//!
//! Machines are noisy, so nothing is measured by itself: what is compared takes
//! turns in one process, and what is reported is the median of the ratios of
//! turns side by side, with an interval.
#![forbid(unsafe_code)]

// What the command line and the environment ask for.
mod asked;

// What takes turns, and what is made of the times.
mod turns;

// A line for each thing measured, in a file.
mod record;

pub use asked::{Asked, is_quick};
pub use record::Record;
pub use turns::{Pair, Side, Turns, geometric_mean, interval, median, turn};
