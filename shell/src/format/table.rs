//! Tables with borders, and of Markdown.
//!
//! A table is drawn row by row, so that a long one can be interrupted.

use std::io::Write;

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use crate::text::{columns, escape_control};

/// Widest cell to which the rows after it are padded, once rows were printed. A row with a longer
/// one is wider than others: one long text does not fill a pager with blanks.
const PADDED_MAX: usize = 100;

/// A table of collected rows.
pub(crate) struct TextTable {
    header: Vec<String>,
    /// True for columns that are aligned to the right.
    is_right: Vec<bool>,
    widths: Vec<usize>,
    rows: Vec<Vec<String>>,
    /// Markdown: cells are escaped and stay on one line.
    is_markdown: bool,
    has_header: bool,
    /// Rows were printed, with the widths that they needed.
    is_begun: bool,
}

impl TextTable {
    pub(super) fn of(schema: &SchemaRef, is_markdown: bool, has_header: bool) -> Self {
        // A table of Markdown is none without a header.
        let has_header = has_header || is_markdown;
        let columns = schema.fields().iter().map(|field| {
            let name = if has_header {
                field.name().as_str()
            } else {
                ""
            };
            (name, field.data_type().is_numeric())
        });
        Self {
            has_header,
            ..Self::new(&columns.collect::<Vec<_>>(), is_markdown)
        }
    }

    /// Creates a table of named columns; `true` aligns a column to the right.
    pub(crate) fn new(columns: &[(&str, bool)], is_markdown: bool) -> Self {
        let names = columns.iter().map(|(name, _)| escaped(name, is_markdown));
        let header: Vec<String> = names.collect();
        Self {
            widths: header.iter().map(|name| width(name)).collect(),
            header,
            is_right: columns.iter().map(|(_, is_right)| *is_right).collect(),
            rows: Vec::new(),
            is_markdown,
            has_header: true,
            is_begun: false,
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, values: impl IntoIterator<Item: AsRef<str>>) {
        let values = values.into_iter();
        let cells = values.map(|value| escaped(value.as_ref(), self.is_markdown));
        let cells: Vec<String> = cells.collect();
        for (widest, cell) in self.widths.iter_mut().zip(&cells) {
            let width = width(cell);
            if !self.is_begun || width <= PADDED_MAX {
                *widest = width.max(*widest);
            }
        }
        self.rows.push(cells);
    }

    /// Prints the rows that were not printed yet, and the header before the first.
    pub(super) fn print_rows(&mut self, out: &mut impl Write) -> Result<(), ArrowError> {
        if !std::mem::replace(&mut self.is_begun, true) {
            if !self.is_markdown {
                self.rule('+', out)?;
            }
            if self.has_header {
                self.print_row(&self.header, out)?;
                self.rule(if self.is_markdown { '|' } else { '+' }, out)?;
            }
        }
        for row in std::mem::take(&mut self.rows) {
            self.print_row(&row, out)?;
        }
        Ok(out.flush()?)
    }

    /// Prints what is left of the table.
    pub(crate) fn print(mut self, out: &mut impl Write) -> Result<(), ArrowError> {
        self.print_rows(out)?;
        if !self.is_markdown {
            self.rule('+', out)?;
        }
        Ok(out.flush()?)
    }

    fn rule(&self, corner: char, out: &mut impl Write) -> Result<(), ArrowError> {
        let mut line = String::from(corner);
        for width in &self.widths {
            line.extend(std::iter::repeat_n('-', width + 2));
            line.push(corner);
        }
        Ok(writeln!(out, "{line}")?)
    }

    /// Prints as many lines as the longest cell has.
    fn print_row(&self, cells: &[String], out: &mut impl Write) -> Result<(), ArrowError> {
        let lines: Vec<Vec<&str>> = cells
            .iter()
            .map(|cell| cell.split('\n').collect())
            .collect();
        let height = lines.iter().map(Vec::len).max().unwrap_or(1);
        for number in 0..height {
            let mut line = String::from("|");
            for (index, cell) in lines.iter().enumerate() {
                let text = cell.get(number).copied().unwrap_or_default();
                let blanks = " ".repeat(self.widths[index].saturating_sub(columns(text)));
                line += &match self.is_right[index] {
                    true => format!(" {blanks}{text} |"),
                    false => format!(" {text}{blanks} |"),
                };
            }
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

/// Returns the width of the widest line.
fn width(cell: &str) -> usize {
    cell.split('\n').map(columns).max().unwrap_or(0)
}

fn escaped(value: &str, is_markdown: bool) -> String {
    let value = escape_control(value);
    match is_markdown {
        // Backslashes come first, so that those added below are not doubled. `<` is
        // escaped, so that a value is not read as HTML.
        true => value
            .replace('\\', r"\\")
            .replace('|', r"\|")
            .replace('<', r"\<")
            .replace('\n', "<br>"),
        false => value.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(is_markdown: bool) -> String {
        let mut table = TextTable::new(&[("n", true), ("text", false)], is_markdown);
        let mut out = Vec::new();
        table.row(["1", "short"]);
        table.print_rows(&mut out).unwrap();
        table.row(["22", "a longer text"]);
        table.print_rows(&mut out).unwrap();
        table.row(["3", "two\nlines of it"]);
        table.print(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn longer_cells_widen_the_columns_of_later_rows() {
        assert_eq!(
            printed(false),
            "+---+-------+\n\
             | n | text  |\n\
             +---+-------+\n\
             | 1 | short |\n\
             | 22 | a longer text |\n\
             |  3 | two           |\n\
             |    | lines of it   |\n\
             +----+---------------+\n"
        );
    }

    #[test]
    fn very_long_cells_widen_their_row_alone() {
        let long = "x".repeat(PADDED_MAX + 1);
        let mut table = TextTable::new(&[("text", false), ("n", true)], false);
        let mut out = Vec::new();
        table.row(["short", "1"]);
        table.print_rows(&mut out).unwrap();
        table.row([long.as_str(), "2"]);
        table.row(["short", "3"]);
        table.print(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let rows = format!("| short | 1 |\n| {long} | 2 |\n| short | 3 |\n+-------+---+\n");
        assert!(text.ends_with(&rows), "{text}");
    }

    #[test]
    fn cells_of_markdown_are_not_cut() {
        assert_eq!(
            printed(true),
            "| n | text  |\n\
             |---|-------|\n\
             | 1 | short |\n\
             | 22 | a longer text |\n\
             |  3 | two<br>lines of it |\n"
        );
    }
}
