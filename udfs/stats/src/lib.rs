//! Bundled functions: statistics over groups, sessions within partitions, and
//! tables.
//!
//! One source, compiled to Wasm and natively. Logarithms and powers are those
//! of `libm` in both, so that both return the same bits.
//!
//! The result of an aggregate does not depend on how rows are divided among
//! states and merged: to the last bit in [`ExactSum`], [`ApproxDistinctHll`]
//! and [`TopkStr`], and up to rounding in [`Geomean`] and [`WeightedAvg`].
#![forbid(unsafe_code)]

// The geometric mean.
mod geomean;

// The weighted arithmetic mean.
mod weighted_avg;

// A sum without rounding errors.
mod exact_sum;

// An approximate count of distinct texts.
mod approx_distinct;

// The most frequent texts.
mod topk;

// The exponential moving average.
mod ema;

// Sessions between breaks.
mod sessionize;

// Numbers as a table.
mod series;

// The lines of a text as a table.
mod split_lines;

// A slow sum to test against.
#[cfg(test)]
mod oracle;

pub use approx_distinct::ApproxDistinctHll;
pub use ema::Ema;
pub use exact_sum::ExactSum;
pub use geomean::Geomean;
pub use series::{SeriesRow, series};
pub use sessionize::Sessionize;
pub use split_lines::{Line, split_lines};
pub use topk::TopkStr;
pub use weighted_avg::WeightedAvg;
