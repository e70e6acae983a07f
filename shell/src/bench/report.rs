//! Results as tables for reading and as columns for programs.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use arrow::error::ArrowError;
use fusebox::{Definition, Kind};

use super::measure::Cost;
use super::profile::HotFunction;
use crate::format::{Format, NULL, Printer, Style, TextTable};

/// Result of one function.
pub(super) struct FunctionReport {
    pub(super) definition: Definition,
    /// Name, with argument types if the function is overloaded.
    pub(super) name: String,
    pub(super) cost: Option<Cost>,
    /// Remark on the cost, or the reason why there is none.
    pub(super) note: Option<String>,
}

/// Maximum width of a line of a note, in characters.
const NOTE_WIDTH: usize = 36;

/// Prints the functions.
pub(super) fn print(
    reports: &[FunctionReport],
    format: Format,
    out: &mut impl Write,
) -> Result<(), ArrowError> {
    match format {
        Format::Table | Format::Markdown => {
            function_table(reports, format == Format::Markdown).print(out)
        }
        _ => write(batch(reports)?, format, out),
    }
}

/// Prints the hottest guest functions.
pub(super) fn print_hottest(
    functions: &[HotFunction],
    format: Format,
    out: &mut impl Write,
) -> Result<(), ArrowError> {
    match format {
        Format::Table | Format::Markdown => {
            // A blank line separates the two tables in Markdown.
            writeln!(out)?;
            hottest_table(functions, format == Format::Markdown).print(out)
        }
        _ => write(hottest_batch(functions)?, format, out),
    }
}

fn write(batch: RecordBatch, format: Format, out: &mut impl Write) -> Result<(), ArrowError> {
    let style = Style {
        null: NULL,
        has_header: true,
    };
    let mut printer = Printer::new(format, style, &batch.schema(), out)?;
    printer.write(&batch)?;
    printer.finish()
}

fn function_table(reports: &[FunctionReport], markdown: bool) -> TextTable {
    let mut columns = vec![("function", false)];
    let numbers = [
        "rows/s",
        "ns/row",
        "fixed\ncost",
        "bytes\nin/row",
        "bytes\nout/row",
        "fuel\n/row",
        "memory",
        "lower",
        "guest",
        "lift",
        "reset",
    ];
    columns.extend(numbers.map(|name| (name, true)));
    let reused = |report: &FunctionReport| report.cost.as_ref()?.reused_nanos_per_row();
    let has_reused = reports.iter().any(|report| reused(report).is_some());
    columns.extend(has_reused.then_some(("reused\nns/row", true)));
    let has_notes = reports.iter().any(|report| report.note.is_some());
    columns.extend(has_notes.then_some(("note", false)));
    let mut table = TextTable::new(&columns, markdown);
    for report in reports {
        let mut cells = vec![match report.definition.kind {
            Kind::Scalar => report.name.clone(),
            kind => format!("{} ({})", report.name, kind.to_string().to_lowercase()),
        }];
        match &report.cost {
            Some(cost) => cells.extend(cost.cells()),
            None => cells.extend(numbers.map(|_| "-".to_owned())),
        }
        if has_reused {
            cells.push(reused(report).map_or("-".to_owned(), digits));
        }
        if has_notes {
            cells.push(wrap(report.note.as_deref().unwrap_or_default()));
        }
        table.row(cells.iter().map(String::as_str));
    }
    table
}

impl Cost {
    pub(super) fn nanos_per_row(&self) -> f64 {
        self.run_nanos / self.rows as f64
    }

    fn reused_nanos_per_row(&self) -> Option<f64> {
        Some(self.reused_nanos? / self.rows as f64)
    }

    fn rows_per_second(&self) -> f64 {
        1e9 / self.nanos_per_row()
    }

    /// Divides a counter by the number of its rows.
    fn per_row(&self, counter: u64) -> f64 {
        counter as f64 / self.phases.rows as f64
    }

    /// Returns the cells in the order of the columns.
    fn cells(&self) -> Vec<String> {
        let phases = &self.phases;
        let mut cells = vec![
            scaled(self.rows_per_second()),
            digits(self.nanos_per_row()),
            self.model
                .map_or("-".to_owned(), |model| time(model.fixed_ns)),
            digits(self.per_row(phases.lowered_bytes)),
            digits(self.per_row(phases.lifted_bytes)),
            digits(self.per_row(phases.fuel)),
            size(phases.memory_bytes_max),
        ];
        let shares = phases.phase_nanos.map(|nanos| nanos / phases.run_nanos);
        cells.extend(shares.map(percent));
        cells
    }
}

fn batch(reports: &[FunctionReport]) -> Result<RecordBatch, ArrowError> {
    let text = |cell: &dyn Fn(&FunctionReport) -> Option<String>| -> ArrayRef {
        Arc::new(reports.iter().map(cell).collect::<StringArray>())
    };
    let count = |cell: &dyn Fn(&Cost) -> u64| -> ArrayRef {
        let cells = reports.iter().map(|report| report.cost.as_ref().map(cell));
        Arc::new(cells.collect::<UInt64Array>())
    };
    let number = |cell: &dyn Fn(&Cost) -> Option<f64>| -> ArrayRef {
        let cells = reports
            .iter()
            .map(|report| report.cost.as_ref().and_then(cell));
        Arc::new(cells.collect::<Float64Array>())
    };
    let phase =
        |index: usize| number(&|cost| Some(cost.phases.phase_nanos[index] / cost.rows as f64));
    let columns = [
        (
            "function",
            text(&|report| Some(report.definition.name.clone())),
        ),
        (
            "arguments",
            text(&|report| Some(report.definition.signature.argument_types())),
        ),
        (
            "kind",
            text(&|report| Some(report.definition.kind.to_string())),
        ),
        ("rows", count(&|cost| cost.rows as u64)),
        (
            "rows_per_second",
            number(&|cost| Some(cost.rows_per_second())),
        ),
        ("ns_per_row", number(&|cost| Some(cost.nanos_per_row()))),
        (
            "fixed_ns",
            number(&|cost| cost.model.map(|model| model.fixed_ns)),
        ),
        (
            "further_ns_per_row",
            number(&|cost| cost.model.map(|model| model.row_ns)),
        ),
        (
            "bytes_in_per_row",
            number(&|cost| Some(cost.per_row(cost.phases.lowered_bytes))),
        ),
        (
            "bytes_out_per_row",
            number(&|cost| Some(cost.per_row(cost.phases.lifted_bytes))),
        ),
        (
            "fuel_per_row",
            number(&|cost| Some(cost.per_row(cost.phases.fuel))),
        ),
        ("memory_bytes", count(&|cost| cost.phases.memory_bytes_max)),
        ("lower_ns_per_row", phase(0)),
        ("guest_ns_per_row", phase(1)),
        ("lift_ns_per_row", phase(2)),
        ("reset_ns_per_row", phase(3)),
        ("reused_ns_per_row", number(&Cost::reused_nanos_per_row)),
        ("note", text(&|report| report.note.clone())),
    ];
    let columns = columns.map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns)
}

fn hottest_table(functions: &[HotFunction], markdown: bool) -> TextTable {
    let columns = [
        ("function", false),
        ("samples", true),
        ("own", true),
        ("with calls", true),
        ("guest's function", false),
    ];
    let mut table = TextTable::new(&columns, markdown);
    for hot in functions {
        table.row([
            hot.function.as_str(),
            &hot.samples.to_string(),
            &percent(hot.own),
            &percent(hot.total),
            &hot.guest_function,
        ]);
    }
    table
}

fn hottest_batch(functions: &[HotFunction]) -> Result<RecordBatch, ArrowError> {
    let text = |cell: &dyn Fn(&HotFunction) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(functions.iter().map(cell)))
    };
    let number = |cell: &dyn Fn(&HotFunction) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(functions.iter().map(cell)))
    };
    let samples = functions.iter().map(|function| function.samples as u64);
    RecordBatch::try_from_iter([
        ("function", text(&|hot| hot.function.clone())),
        (
            "samples",
            Arc::new(UInt64Array::from_iter_values(samples)) as ArrayRef,
        ),
        ("own_percent", number(&|hot| hot.own * 100.0)),
        ("total_percent", number(&|hot| hot.total * 100.0)),
        ("guest_function", text(&|hot| hot.guest_function.clone())),
    ])
}

/// Formats a number with three significant digits, or as a whole number from 100 on.
fn digits(number: f64) -> String {
    // The bounds take rounding into account: 9.996 is printed as 10.0.
    match number {
        ..0.005 => "0".to_owned(),
        ..9.995 => format!("{number:.2}"),
        ..99.95 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// Formats a number with three significant digits and the prefix k, M or G.
fn scaled(number: f64) -> String {
    match number {
        ..999.5 => digits(number),
        ..999_500.0 => format!("{} k", digits(number / 1e3)),
        ..999_500_000.0 => format!("{} M", digits(number / 1e6)),
        _ => format!("{} G", digits(number / 1e9)),
    }
}

fn time(nanos: f64) -> String {
    match nanos {
        ..999.5 => format!("{nanos:.0} ns"),
        ..999_500.0 => format!("{} µs", digits(nanos / 1e3)),
        ..999_500_000.0 => format!("{} ms", digits(nanos / 1e6)),
        _ => format!("{} s", digits(nanos / 1e9)),
    }
}

fn size(bytes: u64) -> String {
    let kib = bytes as f64 / 1024.0;
    match kib {
        ..1023.5 => format!("{kib:.0} KiB"),
        _ => format!("{} MiB", digits(kib / 1024.0)),
    }
}

fn percent(part: f64) -> String {
    format!("{:.0} %", part * 100.0)
}

/// Breaks a text into lines of at most [`NOTE_WIDTH`] characters, except for longer
/// words.
fn wrap(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= NOTE_WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_unit() {
        let shown = [0.0, 0.0049, 0.5, 9.994, 9.996, 99.96, 123_456.0].map(digits);
        assert_eq!(shown, ["0", "0", "0.50", "9.99", "10.0", "100", "123456"]);
        let shown = [999.4, 999.6, 12_340_000.0, 2e9].map(scaled);
        assert_eq!(shown, ["999", "1.00 k", "12.3 M", "2.00 G"]);
        let shown = [70.4, 1_900.0, 25_000_000.0, 2e9].map(time);
        assert_eq!(shown, ["70 ns", "1.90 µs", "25.0 ms", "2.00 s"]);
        assert_eq!([65_536, 1 << 20].map(size), ["64 KiB", "1.00 MiB"]);
        assert_eq!(percent(0.126), "13 %");
    }

    #[test]
    fn notes_are_broken_between_words_only() {
        assert_eq!(wrap("failed at row 3"), "failed at row 3");
        let long = "x".repeat(60);
        assert_eq!(wrap(&format!("a {long} b c")), format!("a\n{long}\nb c"));
    }
}
