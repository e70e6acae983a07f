//! A line for each value, and a blank line between rows.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use unicode_width::UnicodeWidthStr;

use crate::cells::Cells;
use crate::text::escape_control;

/// Printer of lines `name = value`.
pub(crate) struct LinePrinter<W> {
    /// Names of the columns, with blanks before them up to one width.
    names: Vec<String>,
    /// Blanks before the second line of a value.
    indentation: String,
    null: String,
    has_printed: bool,
    pub(super) out: W,
}

impl<W: Write> LinePrinter<W> {
    pub(super) fn new(schema: &SchemaRef, null: &str, out: W) -> Self {
        let fields = schema.fields().iter();
        let names = fields.map(|field| escape_control(field.name()).replace('\n', "\\n"));
        let names: Vec<String> = names.collect();
        let width = names.iter().map(|name| name.width()).max().unwrap_or(0);
        let aligned = |name: &String| " ".repeat(width - name.width()) + name;
        Self {
            names: names.iter().map(aligned).collect(),
            indentation: format!("\n{}", " ".repeat(width + 3)),
            null: null.to_owned(),
            has_printed: false,
            out,
        }
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let mut cells = Cells::of(batch)?;
        for row in 0..cells.rows() {
            if self.has_printed {
                writeln!(self.out)?;
            }
            self.has_printed = true;
            for (name, cell) in self.names.iter().zip(cells.row(row)?) {
                let text = cell.as_deref().unwrap_or(&self.null);
                let text = escape_control(text).replace('\n', &self.indentation);
                writeln!(self.out, "{name} = {text}")?;
            }
        }
        Ok(())
    }
}
