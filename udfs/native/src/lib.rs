//! Native twins of the functions that the benches measure: the same Rust, called
//! by DataFusion without a sandbox in between.
//!
//! They are what the sandboxed functions are measured against, so they are
//! written for speed: states lie side by side, loops go over primitive arrays,
//! results into memory that is reserved, and rows are told apart from nulls 64
//! at a time. They answer to the names of
//! the sandboxed functions with `native_` before, so that one session can have
//! both.
#![forbid(unsafe_code)]

use std::sync::Arc;

use datafusion::catalog::TableFunctionImpl;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use datafusion::prelude::SessionContext;

// The scalar functions.
mod scalars;

// A scalar function, as DataFusion asks for it.
mod scalar;

// What scalar functions answer, as columns.
mod answers;

// An aggregate function, as DataFusion asks for it.
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

// What a Rust struct must say to become an aggregate function.
mod aggregate;

// Window functions.
mod windows;

// Table functions.
mod tables;

// Lists of numbers.
mod lists;

// Arrays as the columns that functions take.
mod columns;

// The rows that are neither null nor filtered out.
mod rows;

/// The scalar functions.
pub fn scalars() -> Vec<ScalarUDF> {
    scalars::twins()
}

/// The aggregate functions.
pub fn aggregates() -> Vec<AggregateUDF> {
    vec![
        udaf::twin::<stats::Geomean>(),
        udaf::twin::<stats::WeightedAvg>(),
        udaf::twin::<stats::ExactSum>(),
        udaf::twin::<stats::ApproxDistinctHll>(),
        udaf::twin::<stats::TopkStr>(),
    ]
}

/// The window functions.
pub fn windows() -> Vec<WindowUDF> {
    vec![
        windows::twin::<stats::Ema>(),
        windows::twin::<stats::Sessionize>(),
    ]
}

/// The table functions, and their names.
pub fn tables() -> Vec<(&'static str, Arc<dyn TableFunctionImpl>)> {
    vec![("native_series", Arc::new(tables::SeriesFunction))]
}

/// Gives a session all of them.
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
