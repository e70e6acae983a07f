//! CSV and TSV, by RFC 4180.
//!
//! A null is an empty field without quotes, and the empty string one with quotes, as in
//! PostgreSQL. The writer of arrow does not tell them apart.

use std::borrow::Cow;
use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use crate::cells::Cells;

/// Printer of rows whose fields are separated by a character.
pub(crate) struct DelimitedPrinter<W> {
    separator: char,
    pub(super) out: W,
}

impl<W: Write> DelimitedPrinter<W> {
    /// Prints the header, if there is one, also of a result without rows.
    pub(super) fn new(
        schema: &SchemaRef,
        separator: char,
        has_header: bool,
        out: W,
    ) -> Result<Self, ArrowError> {
        let mut printer = Self { separator, out };
        if !has_header {
            return Ok(printer);
        }
        let names = schema
            .fields()
            .iter()
            .map(|field| Some(field.name().clone()));
        printer.line(&names.collect::<Vec<_>>())?;
        Ok(printer)
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let mut cells = Cells::of(batch)?;
        for row in 0..cells.rows() {
            self.line(&cells.row(row)?)?;
        }
        Ok(())
    }

    fn line(&mut self, cells: &[Option<String>]) -> Result<(), ArrowError> {
        let separator = self.separator;
        let mut line = String::new();
        for (index, cell) in cells.iter().enumerate() {
            if index > 0 {
                line.push(separator);
            }
            if let Some(text) = cell {
                line += &quoted(text, separator);
            }
        }
        line.push('\n');
        Ok(self.out.write_all(line.as_bytes())?)
    }
}

/// Quotes a text that is empty, or has a character with a meaning.
fn quoted(text: &str, separator: char) -> Cow<'_, str> {
    let has_meaning = |c| c == separator || matches!(c, '"' | '\n' | '\r');
    match text.is_empty() || text.contains(has_meaning) {
        true => Cow::Owned(format!("\"{}\"", text.replace('"', "\"\""))),
        false => Cow::Borrowed(text),
    }
}
