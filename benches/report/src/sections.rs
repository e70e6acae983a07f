//! Sections of the page, by kind of measurement.

// Calls: ratios, nulls, sizes, phases.
mod calls;

// Queries, on one thread and on two.
mod queries;

// Overhead of each protection of the sandbox.
mod overheads;

// Peers, aggregates, cold starts, memory, lowering and lifting.
mod others;

use fusebox_paired::Record;

use crate::plot::{Bar, PlotError};
use crate::records::Records;
use crate::table::Table;

/// A section of the page: title, description, plots and their figures.
pub(crate) struct Section {
    /// Anchor of links.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// Description of the measurement. Text between backticks is code.
    pub(crate) about: String,
    /// SVG.
    pub(crate) plots: Vec<String>,
    pub(crate) table: Table,
}

/// A section, or `None` if there are no records for it.
type SectionResult = Result<Option<Section>, PlotError>;

/// Creates the sections that have records.
///
/// # Errors
///
/// If a plot cannot be drawn.
pub(crate) fn sections(records: &Records) -> Result<Vec<Section>, PlotError> {
    let all: [fn(&Records) -> SectionResult; 16] = [
        calls::ratios,
        calls::nulls,
        calls::sizes,
        calls::phases,
        overheads::protections,
        queries::flights,
        queries::lineitem,
        queries::threads,
        others::peers,
        others::plain,
        others::kinds,
        others::starts,
        others::memory,
        overheads::metering,
        overheads::canonical,
        others::border,
    ];
    let sections = all.iter().map(|section| section(records));
    sections.filter_map(Result::transpose).collect()
}

/// Returns the ratio of a record as a bar, with its interval.
fn bar(record: &Record) -> Option<Bar> {
    let value = record.ratio?;
    Some(Bar {
        value,
        low: record.low.unwrap_or(value),
        high: record.high.unwrap_or(value),
    })
}

/// Formats a ratio.
fn ratio(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.2}"),
        _ => format!("{value:.1}"),
    }
}

/// Formats the confidence interval of a record.
fn interval(record: &Record) -> String {
    match (record.low, record.high) {
        (Some(low), Some(high)) => format!("{low:.2} – {high:.2}"),
        _ => String::new(),
    }
}

/// Formats a value; returns an empty cell if there is none.
fn cell(value: Option<f64>, format: fn(f64) -> String) -> String {
    value.map_or(String::new(), format)
}
