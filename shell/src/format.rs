//! Record batches as text, in five formats.
//!
//! Tables and Markdown are for people: they are collected, since the widest
//! value sets the width, and show nothing that a terminal would obey. CSV and
//! JSON are for programs: they are written batch by batch, value for value.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::csv;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::json::writer::{JsonArray, LineDelimited};
use arrow::json::{Writer, WriterBuilder};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use comfy_table::{Cell, CellAlignment, Table};

use crate::text::harmless;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A table with borders.
    #[default]
    Table,
    /// Comma-separated values under a header.
    Csv,
    /// One array of objects for each result.
    Json,
    /// One object for each row, each on its own line.
    Ndjson,
    /// A table in Markdown.
    Markdown,
}

/// One result on its way out.
pub(crate) enum Printer<W: Write> {
    /// `Table` and `Markdown`.
    Drawn { table: Drawing, out: W },
    /// `Csv`.
    Csv(Box<csv::Writer<W>>),
    /// `Json`.
    Json(Writer<W, JsonArray>),
    /// `Ndjson`.
    Ndjson(Writer<W, LineDelimited>),
}

impl<W: Write> Printer<W> {
    /// Begins a result, which may turn out to have no rows.
    pub(crate) fn new(format: Format, schema: &SchemaRef, out: W) -> Result<Self, ArrowError> {
        // Every object has every key.
        let json = WriterBuilder::new().with_explicit_nulls(true);
        Ok(match format {
            Format::Table | Format::Markdown => Self::Drawn {
                table: Drawing::of(schema, format == Format::Markdown),
                out,
            },
            Format::Csv => {
                let mut writer = csv::Writer::new(out);
                // The header is due even if no row follows.
                writer.write(&RecordBatch::new_empty(schema.clone()))?;
                Self::Csv(Box::new(writer))
            }
            Format::Json => Self::Json(json.build(out)),
            Format::Ndjson => Self::Ndjson(json.build(out)),
        })
    }

    /// Prints some rows, or keeps them until [`finish`](Self::finish).
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        match self {
            Self::Drawn { table, .. } => table.add(batch),
            Self::Csv(writer) => writer.write(batch),
            Self::Json(writer) => writer.write(batch),
            Self::Ndjson(writer) => writer.write(batch),
        }
    }

    /// Prints what is left.
    pub(crate) fn finish(self) -> Result<(), ArrowError> {
        let mut out = match self {
            Self::Drawn { table, mut out } => {
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

/// A table that grows until it is printed.
pub(crate) struct Drawing {
    table: Table,
    /// Whether a cell must stay on one line, without a bare `|`.
    markdown: bool,
}

impl Drawing {
    fn of(schema: &SchemaRef, markdown: bool) -> Self {
        let columns = schema.fields().iter();
        let columns = columns.map(|field| (field.name().as_str(), field.data_type().is_numeric()));
        Self::new(&columns.collect::<Vec<_>>(), markdown)
    }

    /// A table of these columns, some of which have their values at the right.
    pub(crate) fn new(columns: &[(&str, bool)], markdown: bool) -> Self {
        let mut drawing = Self {
            table: Table::new(),
            markdown,
        };
        drawing.table.load_preset(match markdown {
            true => comfy_table::presets::ASCII_MARKDOWN,
            // As arrow draws them: one line under the header, none between rows.
            false => "||--+-++|    ++++++",
        });
        let names = columns.iter().map(|(name, _)| name);
        let header: Vec<Cell> = names.map(|name| drawing.cell(name)).collect();
        drawing.table.set_header(header);
        for (column, (_, is_right)) in drawing.table.column_iter_mut().zip(columns) {
            if *is_right {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        drawing
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let options = FormatOptions::default().with_null("NULL");
        let columns = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options))
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let cells = columns.iter().map(|column| column.value(row).to_string());
            self.row(cells.collect::<Vec<_>>().iter().map(String::as_str));
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
        let value = harmless(value);
        if self.markdown {
            // Backslashes first, or those we add would be doubled; `<`, or a
            // value could pass for markup.
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
