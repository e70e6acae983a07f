//! Formats of results.
//!
//! Tables and Markdown are for reading: rows are collected, since the widest value determines
//! the width (for a pager, that of the rows so far), and control characters are escaped. CSV and
//! JSON are for programs: they are written batch by batch, with values unchanged. In each format a
//! null is told apart from the empty string, within lists, structs and maps too.

// Parquet and Arrow files.
pub(crate) mod columnar;

// CSV and TSV.
mod delimited;

// Tables of HTML.
mod html;

// A line for each value.
mod line;

// Tables with borders, and of Markdown.
mod table;

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::json::Writer;
use arrow::json::writer::{JsonArray, LineDelimited};

use crate::cells::Cells;
use crate::json::writer_options;
use delimited::DelimitedPrinter;
use html::HtmlPrinter;
use line::LinePrinter;
pub(crate) use table::TextTable;

/// Output format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Table with borders.
    #[default]
    #[value(aliases = ["box", "duckbox", "column", "columns", "aligned"])]
    Table,
    /// One line for each value.
    Line,
    /// Comma-separated values under a header; a null is empty, the empty string is "".
    Csv,
    /// The same with tabs.
    #[value(alias = "tabs")]
    Tsv,
    /// One array of objects per result.
    Json,
    /// One object per row, each on its own line.
    #[value(aliases = ["jsonl", "jsonlines"])]
    Ndjson,
    /// Markdown table.
    Markdown,
    /// HTML table.
    Html,
    /// Parquet file; needs a file to write to.
    Parquet,
    /// Arrow IPC file; needs a file to write to.
    Arrow,
}

impl Format {
    /// Returns true if the format is that of a file, which has one result.
    pub(crate) fn needs_file(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow)
    }

    /// Returns the format of a result in a file: that of its ending if the file would not be one
    /// with text in it, or if no format was chosen; else this one.
    pub(crate) fn of_file(self, path: &Path) -> Self {
        let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        match (ending.to_ascii_lowercase().as_str(), self) {
            ("parquet", _) => Self::Parquet,
            ("arrow", _) => Self::Arrow,
            ("csv", Self::Table) => Self::Csv,
            ("tsv", Self::Table) => Self::Tsv,
            ("json", Self::Table) => Self::Json,
            ("ndjson" | "jsonl", Self::Table) => Self::Ndjson,
            ("md" | "markdown", Self::Table) => Self::Markdown,
            ("html" | "htm", Self::Table) => Self::Html,
            _ => self,
        }
    }
}

/// Text of nulls where a format has no other mark of them, unless another is set.
pub(crate) const NULL: &str = "NULL";

/// Parts of a format that are set apart from it.
#[derive(Clone, Copy)]
pub(crate) struct Style<'a> {
    /// Text of nulls in formats for reading.
    pub(crate) null: &'a str,
    /// True if the names of the columns are printed; Markdown, JSON and lines always have them.
    pub(crate) has_header: bool,
}

/// Writer of one result.
pub(crate) enum Printer<W: Write> {
    /// `Table` and `Markdown`.
    Table {
        table: TextTable,
        null: String,
        out: W,
    },
    /// `Line`.
    Line(LinePrinter<W>),
    /// `Csv` and `Tsv`.
    Delimited(DelimitedPrinter<W>),
    /// `Json`.
    Json(Writer<W, JsonArray>),
    /// `Ndjson`.
    Ndjson(Writer<W, LineDelimited>),
    /// `Html`.
    Html(HtmlPrinter<W>),
}

impl<W: Write> Printer<W> {
    /// Starts a result.
    ///
    /// # Errors
    ///
    /// If the format needs a file, or `out` fails.
    pub(crate) fn new(
        format: Format,
        style: Style<'_>,
        schema: &SchemaRef,
        out: W,
    ) -> Result<Self, ArrowError> {
        let Style { null, has_header } = style;
        Ok(match format {
            Format::Table | Format::Markdown => Self::Table {
                table: TextTable::of(schema, format == Format::Markdown, has_header),
                null: null.to_owned(),
                out,
            },
            Format::Line => Self::Line(LinePrinter::new(schema, null, out)),
            Format::Csv => Self::Delimited(DelimitedPrinter::new(schema, ',', has_header, out)?),
            Format::Tsv => Self::Delimited(DelimitedPrinter::new(schema, '\t', has_header, out)?),
            Format::Json => Self::Json(writer_options().build(out)),
            Format::Ndjson => Self::Ndjson(writer_options().build(out)),
            Format::Html => Self::Html(HtmlPrinter::new(schema, style, out)?),
            Format::Parquet | Format::Arrow => {
                let text = "the format needs a file".to_owned();
                return Err(ArrowError::InvalidArgumentError(text));
            }
        })
    }

    /// Prints the rows of a batch, or collects them until [`finish`](Self::finish).
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        match self {
            Self::Table { table, null, .. } => {
                for row in Cells::of(batch)?.texts(null)? {
                    table.row(row);
                }
                Ok(())
            }
            Self::Line(printer) => printer.write(batch),
            Self::Delimited(printer) => printer.write(batch),
            Self::Json(writer) => writer.write(batch),
            Self::Ndjson(writer) => writer.write(batch),
            Self::Html(printer) => printer.write(batch),
        }
    }

    /// Prints collected rows before the others are known: the columns of a table are as wide as
    /// these need, and become wider with later ones.
    pub(crate) fn print_so_far(&mut self) -> Result<(), ArrowError> {
        match self {
            Self::Table { table, out, .. } => table.print_rows(out),
            Self::Line(printer) => Ok(printer.out.flush()?),
            Self::Delimited(printer) => Ok(printer.out.flush()?),
            Self::Json(_) | Self::Ndjson(_) | Self::Html(_) => Ok(()),
        }
    }

    /// Prints collected rows and the end of the result.
    pub(crate) fn finish(self) -> Result<(), ArrowError> {
        let mut out = match self {
            Self::Table { table, mut out, .. } => {
                table.print(&mut out)?;
                out
            }
            Self::Line(printer) => printer.out,
            Self::Delimited(printer) => printer.out,
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
            Self::Html(printer) => printer.finish()?,
        };
        Ok(out.flush()?)
    }
}

#[cfg(test)]
mod tests;
