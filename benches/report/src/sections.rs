//! What is told of each kind of measurement.

// Calls: their ratios, their sizes, their parts.
mod calls;

// Queries, on one thread and on two.
mod queries;

// What the sandbox costs, part by part.
mod prices;

// The rest: what has one table, and perhaps bars.
mod others;

use fusebox_turns::Record;

use crate::plot::{Bar, Undrawn};
use crate::records::Records;
use crate::table::Table;

/// A part of the page: a question, plots that answer it, and their figures.
pub(crate) struct Section {
    /// Where a link leads.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// What was measured, in a few sentences.
    pub(crate) about: String,
    /// SVG.
    pub(crate) plots: Vec<String>,
    pub(crate) table: Table,
}

/// A section, if there is something to tell.
type Told = Result<Option<Section>, Undrawn>;

/// The sections of what was measured.
///
/// # Errors
///
/// If a plot could not be drawn.
pub(crate) fn sections(records: &Records) -> Result<Vec<Section>, Undrawn> {
    let all: [fn(&Records) -> Told; 15] = [
        calls::ratios,
        calls::nulls,
        calls::sizes,
        calls::split,
        prices::prices,
        queries::flights,
        queries::lineitem,
        queries::threads,
        others::peers,
        others::kinds,
        others::starts,
        others::memory,
        prices::metering,
        prices::canonical,
        others::border,
    ];
    let told = all.iter().map(|tell| tell(records));
    told.filter_map(Result::transpose).collect()
}

/// The ratio of a record, with its interval.
fn bar(record: &Record) -> Option<Bar> {
    let value = record.ratio?;
    Some(Bar {
        value,
        low: record.low.unwrap_or(value),
        high: record.high.unwrap_or(value),
    })
}

/// A ratio as it is shown.
fn ratio(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.2}"),
        _ => format!("{value:.1}"),
    }
}

/// The interval of a record's ratio.
fn interval(record: &Record) -> String {
    match (record.low, record.high) {
        (Some(low), Some(high)) => format!("{low:.2} – {high:.2}"),
        _ => String::new(),
    }
}

/// What is there, or nothing.
fn cell(value: Option<f64>, shown: fn(f64) -> String) -> String {
    value.map_or(String::new(), shown)
}
