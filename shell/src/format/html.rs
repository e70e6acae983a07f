//! Tables of HTML, to be put into a page.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use super::Style;
use crate::cells::Cells;
use crate::text::escape_control;

/// Printer of one table.
pub(crate) struct HtmlPrinter<W> {
    /// True for columns of numbers, which are aligned to the right.
    is_right: Vec<bool>,
    null: String,
    out: W,
}

impl<W: Write> HtmlPrinter<W> {
    /// Prints the header, if there is one.
    pub(super) fn new(
        schema: &SchemaRef,
        style: Style<'_>,
        mut out: W,
    ) -> Result<Self, ArrowError> {
        let fields = schema.fields();
        writeln!(out, "<table>")?;
        if style.has_header {
            let names = fields
                .iter()
                .map(|field| format!("<th>{}</th>", escaped(field.name())));
            let names: String = names.collect();
            writeln!(out, "<thead>\n<tr>{names}</tr>\n</thead>")?;
        }
        writeln!(out, "<tbody>")?;
        let is_right = fields.iter().map(|field| field.data_type().is_numeric());
        Ok(Self {
            is_right: is_right.collect(),
            null: style.null.to_owned(),
            out,
        })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let mut cells = Cells::of(batch)?;
        for row in 0..cells.rows() {
            let cells = cells.row(row)?.into_iter().zip(&self.is_right);
            let cells = cells.map(|(cell, is_right)| match (cell, is_right) {
                (None, _) => format!("<td class=\"null\">{}</td>", escaped(&self.null)),
                (Some(text), true) => format!("<td align=\"right\">{}</td>", escaped(&text)),
                (Some(text), false) => format!("<td>{}</td>", escaped(&text)),
            });
            let row: String = cells.collect();
            writeln!(self.out, "<tr>{row}</tr>")?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<W, ArrowError> {
        writeln!(self.out, "</tbody>\n</table>")?;
        Ok(self.out)
    }
}

/// Escapes what HTML would interpret, and control characters, which it forbids.
fn escaped(text: &str) -> String {
    escape_control(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\n', "<br>")
}
