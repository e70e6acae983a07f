//! Paired measurements, shared by all benches of the workspace.
//!
//! A time on a noisy machine depends on the moment it was taken. Everything that
//! is compared is therefore sampled alternately in one process, a round after the
//! other, and the result is the median of the ratios within each round, with a
//! confidence interval.
#![forbid(unsafe_code)]

// Results as lines of JSON.
mod record;

// Alternating samples, medians and confidence intervals.
mod sampling;

// Selection of measurements by the command line and the environment.
mod filter;

pub use filter::{Filter, is_quick};
pub use record::Record;
pub use sampling::{
    PairedSampling, PairedTimes, Sampler, geometric_mean, interval, median, time_calls,
};
