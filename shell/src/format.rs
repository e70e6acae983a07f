//! Record batches as text, in five formats.
//!
//! Tables and Markdown are for reading: rows are collected, since the widest value
//! determines the width, and control characters are escaped. CSV and JSON are for
//! programs: they are written batch by batch, with values unchanged.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::csv;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::json::writer::{JsonArray, LineDelimited};
use arrow::json::{Writer, WriterBuilder};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use comfy_table::{Cell, CellAlignment, Table};

use crate::text::escape_control;

/// Output format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Table with borders.
    #[default]
    Table,
    /// Comma-separated values under a header.
    Csv,
    /// One array of objects per result.
    Json,
    /// One object per row, each on its own line.
    Ndjson,
    /// Markdown table.
    Markdown,
}

/// Writer of one result.
pub(crate) enum Printer<W: Write> {
    /// `Table` and `Markdown`.
    Table { table: TextTable, out: W },
    /// `Csv`.
    Csv(Box<csv::Writer<W>>),
    /// `Json`.
    Json(Writer<W, JsonArray>),
    /// `Ndjson`.
    Ndjson(Writer<W, LineDelimited>),
}

impl<W: Write> Printer<W> {
    /// Starts a result.
    pub(crate) fn new(format: Format, schema: &SchemaRef, out: W) -> Result<Self, ArrowError> {
        // Objects have a key for every column, nulls included.
        let json = WriterBuilder::new().with_explicit_nulls(true);
        Ok(match format {
            Format::Table | Format::Markdown => Self::Table {
                table: TextTable::of(schema, format == Format::Markdown),
                out,
            },
            Format::Csv => {
                let mut writer = csv::Writer::new(out);
                // The header is printed even if there are no rows.
                writer.write(&RecordBatch::new_empty(schema.clone()))?;
                Self::Csv(Box::new(writer))
            }
            Format::Json => Self::Json(json.build(out)),
            Format::Ndjson => Self::Ndjson(json.build(out)),
        })
    }

    /// Prints the rows of a batch, or collects them until [`finish`](Self::finish).
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        match self {
            Self::Table { table, .. } => table.add(batch),
            Self::Csv(writer) => writer.write(batch),
            Self::Json(writer) => writer.write(batch),
            Self::Ndjson(writer) => writer.write(batch),
        }
    }

    /// Prints collected rows and the end of the result.
    pub(crate) fn finish(self) -> Result<(), ArrowError> {
        let mut out = match self {
            Self::Table { table, mut out } => {
                writeln!(out, "{}", table.table)?;
                out
            }
            Self::Csv(writer) => writer.into_inner(),
            Self::Json(mut writer) => {
                writer.finish()?;
                let mut out = writer.into_inner();
                writeln!(out)?;
                out
            }
            Self::Ndjson(mut writer) => {
                writer.finish()?;
                writer.into_inner()
            }
        };
        Ok(out.flush()?)
    }
}

/// Formats the cells of each row of a batch.
pub(crate) fn texts(batch: &RecordBatch) -> Result<Vec<Vec<String>>, ArrowError> {
    let options = FormatOptions::default().with_null("NULL");
    let columns = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options))
        .collect::<Result<Vec<_>, _>>()?;
    let row = |row| {
        columns
            .iter()
            .map(|column| column.value(row).to_string())
            .collect()
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

/// A table of collected rows.
pub(crate) struct TextTable {
    table: Table,
    /// Markdown: cells are escaped and stay on one line.
    markdown: bool,
}

impl TextTable {
    fn of(schema: &SchemaRef, markdown: bool) -> Self {
        let columns = schema.fields().iter();
        let columns = columns.map(|field| (field.name().as_str(), field.data_type().is_numeric()));
        Self::new(&columns.collect::<Vec<_>>(), markdown)
    }

    /// Creates a table of named columns; `true` aligns a column to the right.
    pub(crate) fn new(columns: &[(&str, bool)], markdown: bool) -> Self {
        let mut text_table = Self {
            table: Table::new(),
            markdown,
        };
        text_table.table.load_preset(match markdown {
            true => comfy_table::presets::ASCII_MARKDOWN,
            // The style of arrow: a line under the header, none between rows.
            false => "||--+-++|    ++++++",
        });
        let names = columns.iter().map(|(name, _)| name);
        let header: Vec<Cell> = names.map(|name| text_table.cell(name)).collect();
        text_table.table.set_header(header);
        for (column, (_, is_right)) in text_table.table.column_iter_mut().zip(columns) {
            if *is_right {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        text_table
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        for row in texts(batch)? {
            self.row(row.iter().map(String::as_str));
        }
        Ok(())
    }

    /// Adds a row.
    pub(crate) fn row<'a>(&mut self, values: impl IntoIterator<Item = &'a str>) {
        let values = values.into_iter();
        let cells: Vec<Cell> = values.map(|value| self.cell(value)).collect();
        self.table.add_row(cells);
    }

    /// Prints the table.
    pub(crate) fn print(&self, out: &mut impl Write) -> Result<(), ArrowError> {
        writeln!(out, "{}", self.table)?;
        Ok(out.flush()?)
    }

    fn cell(&self, value: &str) -> Cell {
        let value = escape_control(value);
        if self.markdown {
            // Backslashes come first, so that those added below are not doubled. `<` is
            // escaped, so that a value is not read as HTML.
            let escaped = value
                .replace('\\', r"\\")
                .replace('|', r"\|")
                .replace('<', r"\<")
                .replace('\n', "<br>");
            return Cell::new(escaped);
        }
        Cell::new(value)
    }
}
