//! Native twins of the functions that the benches measure: the same Rust,
//! called by DataFusion without a sandbox.
//!
//! The sandboxed functions are measured against them, so they are optimised for
//! speed: states are contiguous, loops run over primitive arrays, results are
//! written to reserved memory, and validity is tested 64 rows at a time. Their
//! names are those of the sandboxed functions with the prefix `native_`, so
//! that one session can have both.
#![forbid(unsafe_code)]

use std::sync::Arc;

use datafusion::catalog::TableFunctionImpl;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use datafusion::prelude::SessionContext;

// The scalar functions.
mod scalars;

// A scalar function for DataFusion.
mod scalar;

// The results of scalar functions, as columns.
mod answers;

// An aggregate function for DataFusion.
mod udaf;

// The states of many groups.
mod groups;

// The state of one group.
mod single;

// The means.
mod means;

// The exact sum.
mod exact_sum;

// The aggregates of texts.
mod texts;

// The trait of Rust structs that are aggregate functions.
mod aggregate;

// Window functions.
mod windows;

// Table functions.
mod tables;

// Lists of numbers.
mod lists;

// Arrays as the columns of functions.
mod columns;

// The rows that are neither null nor filtered out.
mod rows;

/// Returns the scalar functions.
pub fn scalars() -> Vec<ScalarUDF> {
    scalars::twins()
}

/// Returns the aggregate functions.
pub fn aggregates() -> Vec<AggregateUDF> {
    vec![
        udaf::twin::<stats::Geomean>(),
        udaf::twin::<stats::WeightedAvg>(),
        udaf::twin::<stats::ExactSum>(),
        udaf::twin::<stats::ApproxDistinctHll>(),
        udaf::twin::<stats::TopkStr>(),
    ]
}

/// Returns the window functions.
pub fn windows() -> Vec<WindowUDF> {
    vec![
        windows::twin::<stats::Ema>(),
        windows::twin::<stats::Sessionize>(),
    ]
}

/// Returns the table functions, with their names.
pub fn tables() -> Vec<(&'static str, Arc<dyn TableFunctionImpl>)> {
    vec![("native_series", Arc::new(tables::SeriesFunction))]
}

/// Registers all functions in a session.
pub fn register(context: &SessionContext) {
    scalars()
        .into_iter()
        .for_each(|function| context.register_udf(function));
    aggregates()
        .into_iter()
        .for_each(|function| context.register_udaf(function));
    windows()
        .into_iter()
        .for_each(|function| context.register_udwf(function));
    tables()
        .into_iter()
        .for_each(|(name, function)| context.register_udtf(name, function));
}
