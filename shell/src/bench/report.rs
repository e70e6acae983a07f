//! What was measured, as tables for people and as columns for programs.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use arrow::error::ArrowError;
use fusebox::{Definition, Kind};

use super::measure::Cost;
use super::profile::Row;
use crate::format::{Drawing, Format, Printer};

/// What is said of one function.
pub(super) struct Line {
    pub(super) definition: Definition,
    /// Its name, with its arguments where others have the name too.
    pub(super) name: String,
    pub(super) cost: Option<Cost>,
    /// What else there is to say, as why there is no cost.
    pub(super) note: Option<String>,
}

/// How wide a note is, in characters.
const NOTE_WIDTH: usize = 36;

/// Prints the functions.
pub(super) fn print(
    lines: &[Line],
    format: Format,
    out: &mut impl Write,
) -> Result<(), ArrowError> {
    match format {
        Format::Table | Format::Markdown => draw(lines, format == Format::Markdown).print(out),
        _ => write(batch(lines)?, format, out),
    }
}

/// Prints the hottest functions of guests.
pub(super) fn print_hottest(
    rows: &[Row],
    format: Format,
    out: &mut impl Write,
) -> Result<(), ArrowError> {
    match format {
        Format::Table | Format::Markdown => {
            // A line of its own, or Markdown would take the two for one table.
            writeln!(out)?;
            draw_hottest(rows, format == Format::Markdown).print(out)
        }
        _ => write(hottest_batch(rows)?, format, out),
    }
}

fn write(batch: RecordBatch, format: Format, out: &mut impl Write) -> Result<(), ArrowError> {
    let mut printer = Printer::new(format, &batch.schema(), out)?;
    printer.write(&batch)?;
    printer.finish()
}

fn draw(lines: &[Line], markdown: bool) -> Drawing {
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
    let are_noted = lines.iter().any(|line| line.note.is_some());
    columns.extend(are_noted.then_some(("note", false)));
    let mut drawing = Drawing::new(&columns, markdown);
    for line in lines {
        let mut cells = vec![match line.definition.kind {
            Kind::Scalar => line.name.clone(),
            kind => format!("{} ({})", line.name, kind.to_string().to_lowercase()),
        }];
        match &line.cost {
            Some(cost) => cells.extend(cost.cells()),
            None => cells.extend(numbers.map(|_| "-".to_owned())),
        }
        if are_noted {
            cells.push(wrap(line.note.as_deref().unwrap_or_default()));
        }
        drawing.row(cells.iter().map(String::as_str));
    }
    drawing
}

impl Cost {
    pub(super) fn nanos_per_row(&self) -> f64 {
        self.run_nanos / self.rows as f64
    }

    fn rows_per_second(&self) -> f64 {
        1e9 / self.nanos_per_row()
    }

    /// So much of all rows that were looked at more closely, for each of them.
    fn per_row(&self, all: u64) -> f64 {
        all as f64 / self.steps.rows as f64
    }

    /// In the order of the table.
    fn cells(&self) -> Vec<String> {
        let steps = &self.steps;
        let mut cells = vec![
            scaled(self.rows_per_second()),
            digits(self.nanos_per_row()),
            self.line.map_or("-".to_owned(), |line| time(line.fixed)),
            digits(self.per_row(steps.lowered_bytes)),
            digits(self.per_row(steps.lifted_bytes)),
            digits(self.per_row(steps.fuel)),
            size(steps.memory_bytes_max),
        ];
        let parts = steps.step_nanos.map(|step| step / steps.run_nanos);
        cells.extend(parts.map(percent));
        cells
    }
}

fn batch(lines: &[Line]) -> Result<RecordBatch, ArrowError> {
    let text = |cell: &dyn Fn(&Line) -> Option<String>| -> ArrayRef {
        Arc::new(lines.iter().map(cell).collect::<StringArray>())
    };
    let count = |cell: &dyn Fn(&Cost) -> u64| -> ArrayRef {
        let cells = lines.iter().map(|line| line.cost.as_ref().map(cell));
        Arc::new(cells.collect::<UInt64Array>())
    };
    let number = |cell: &dyn Fn(&Cost) -> Option<f64>| -> ArrayRef {
        let cells = lines.iter().map(|line| line.cost.as_ref().and_then(cell));
        Arc::new(cells.collect::<Float64Array>())
    };
    let step = |index: usize| number(&|cost| Some(cost.steps.step_nanos[index] / cost.rows as f64));
    let columns = [
        ("function", text(&|line| Some(line.definition.name.clone()))),
        (
            "arguments",
            text(&|line| Some(line.definition.signature.argument_types())),
        ),
        ("kind", text(&|line| Some(line.definition.kind.to_string()))),
        ("rows", count(&|cost| cost.rows as u64)),
        (
            "rows_per_second",
            number(&|cost| Some(cost.rows_per_second())),
        ),
        ("ns_per_row", number(&|cost| Some(cost.nanos_per_row()))),
        ("fixed_ns", number(&|cost| cost.line.map(|line| line.fixed))),
        (
            "further_ns_per_row",
            number(&|cost| cost.line.map(|line| line.per_row)),
        ),
        (
            "bytes_in_per_row",
            number(&|cost| Some(cost.per_row(cost.steps.lowered_bytes))),
        ),
        (
            "bytes_out_per_row",
            number(&|cost| Some(cost.per_row(cost.steps.lifted_bytes))),
        ),
        (
            "fuel_per_row",
            number(&|cost| Some(cost.per_row(cost.steps.fuel))),
        ),
        ("memory_bytes", count(&|cost| cost.steps.memory_bytes_max)),
        ("lower_ns_per_row", step(0)),
        ("guest_ns_per_row", step(1)),
        ("lift_ns_per_row", step(2)),
        ("reset_ns_per_row", step(3)),
        ("note", text(&|line| line.note.clone())),
    ];
    let columns = columns.map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns)
}

fn draw_hottest(rows: &[Row], markdown: bool) -> Drawing {
    let columns = [
        ("function", false),
        ("samples", true),
        ("own", true),
        ("with calls", true),
        ("guest's function", false),
    ];
    let mut drawing = Drawing::new(&columns, markdown);
    for row in rows {
        drawing.row([
            row.function.as_str(),
            &row.samples.to_string(),
            &percent(row.own),
            &percent(row.total),
            &row.guest_function,
        ]);
    }
    drawing
}

fn hottest_batch(rows: &[Row]) -> Result<RecordBatch, ArrowError> {
    let text = |cell: &dyn Fn(&Row) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(cell)))
    };
    let number = |cell: &dyn Fn(&Row) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(rows.iter().map(cell)))
    };
    let samples = rows.iter().map(|row| row.samples as u64);
    RecordBatch::try_from_iter([
        ("function", text(&|row| row.function.clone())),
        (
            "samples",
            Arc::new(UInt64Array::from_iter_values(samples)) as ArrayRef,
        ),
        ("own_percent", number(&|row| row.own * 100.0)),
        ("total_percent", number(&|row| row.total * 100.0)),
        ("guest_function", text(&|row| row.guest_function.clone())),
    ])
}

/// Three digits that say something, or all before the point.
fn digits(number: f64) -> String {
    // As printed: 9.996 has as many digits as 10.0.
    match number {
        ..0.005 => "0".to_owned(),
        ..9.995 => format!("{number:.2}"),
        ..99.95 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// The same with a letter for what there are thousands of.
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

/// A text in lines of no more than [`NOTE_WIDTH`], as far as its words allow.
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
    fn notes_break_between_words_only() {
        assert_eq!(wrap("failed at row 3"), "failed at row 3");
        let long = "x".repeat(60);
        assert_eq!(wrap(&format!("a {long} b c")), format!("a\n{long}\nb c"));
    }
}
