//! Paired measurements.

pub(crate) use fusebox_paired::{Filter, PairedSampling, PairedTimes, Record, geometric_mean};
