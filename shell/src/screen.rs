//! Results fitted to a terminal: a table of its width, or one line for each value.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::sample::{Column, SampledRows};
use crate::text::{ELLIPSIS, cut};

/// Minimum width to which a column is shrunk.
const WIDTH_MIN: usize = 8;

/// Prints rows as a table that fits into `width` columns of the terminal: long cells are cut,
/// and columns in the middle are left out where that is not enough. Returns the number of columns
/// that are shown.
pub(crate) fn print_table(
    rows: &SampledRows,
    width: usize,
    has_header: bool,
    out: &mut impl Write,
) -> io::Result<usize> {
    let shown = fitted(rows, width);
    let rule = |out: &mut dyn Write| {
        let dashes = shown.iter().map(|column| "-".repeat(column.width + 2));
        writeln!(out, "+{}+", dashes.collect::<Vec<_>>().join("+"))
    };
    let line = |out: &mut dyn Write, cell: &dyn Fn(&Shown<'_>) -> String| {
        let cells = shown.iter().map(|column| {
            let whole = cell(column);
            let text = cut(&whole, column.width);
            let blanks = " ".repeat(column.width - text.width());
            match column.is_right {
                true => format!(" {blanks}{text} "),
                false => format!(" {text}{blanks} "),
            }
        });
        writeln!(out, "|{}|", cells.collect::<Vec<_>>().join("|"))
    };
    rule(out)?;
    if has_header {
        line(out, &|column| column.name.to_owned())?;
        rule(out)?;
    }
    for row in &rows.head {
        line(out, &|column| column.cell(row))?;
    }
    if rows.omitted() > 0 {
        line(out, &|_| ELLIPSIS.to_owned())?;
    }
    for row in &rows.tail {
        line(out, &|column| column.cell(row))?;
    }
    rule(out)?;
    let columns = shown.iter().filter(|column| column.index.is_some());
    Ok(columns.count())
}

/// Prints a record for each row: a line with name and value for each column.
pub(crate) fn print_expanded(
    rows: &SampledRows,
    width: usize,
    out: &mut impl Write,
) -> io::Result<()> {
    let names = rows.columns.iter().map(|column| column.name.width());
    let names_width = names.max().unwrap_or_default().min(width / 2).max(1);
    let values_width = width.saturating_sub(names_width + 3).max(WIDTH_MIN);
    let tail_start = rows.rows - rows.tail.len();
    let head = (0..).zip(&rows.head);
    let tail = (tail_start..).zip(&rows.tail);
    let mut next = 0;
    for (number, row) in head.chain(tail) {
        if number > next {
            writeln!(out, "{ELLIPSIS} {} rows", number - next)?;
        }
        next = number + 1;
        let title = format!("-[ row {next} ]");
        writeln!(
            out,
            "{title}{}",
            "-".repeat(width.min(40).saturating_sub(title.len()))
        )?;
        for (column, value) in rows.columns.iter().zip(row) {
            let name = cut(&column.name, names_width);
            let blanks = " ".repeat(names_width - name.width());
            writeln!(out, "{name}{blanks} | {}", cut(value, values_width))?;
        }
    }
    Ok(())
}

/// Returns true if a table of the rows is wider than the terminal.
pub(crate) fn is_wider(rows: &SampledRows, width: usize) -> bool {
    table_width(&widths(rows)) > width
}

/// Column of a table, or the mark of those that are left out.
struct Shown<'a> {
    name: &'a str,
    width: usize,
    is_right: bool,
    /// Index of the column; `None` for the mark.
    index: Option<usize>,
}

impl Shown<'_> {
    fn cell(&self, row: &[String]) -> String {
        self.index.map_or(ELLIPSIS, |index| &row[index]).to_owned()
    }
}

/// Returns the widths of the columns.
fn widths(rows: &SampledRows) -> Vec<usize> {
    let width = |(index, column): (usize, &Column)| {
        let cells = rows.head.iter().chain(&rows.tail);
        let cells = cells.map(|row| row[index].width());
        cells.chain([column.name.width(), 1]).max().unwrap_or(1)
    };
    rows.columns.iter().enumerate().map(width).collect()
}

/// Returns the width of a table, with its borders and blanks.
fn table_width(widths: &[usize]) -> usize {
    widths.iter().map(|width| width + 3).sum::<usize>() + 1
}

/// Chooses the columns that are shown, and their widths.
fn fitted(rows: &SampledRows, width: usize) -> Vec<Shown<'_>> {
    let mut widths = widths(rows);
    // The widest are shrunk first, all to one width.
    let narrow =
        |cap: usize, widths: &[usize]| widths.iter().map(|w| *w.min(&cap)).collect::<Vec<_>>();
    if table_width(&widths) > width {
        let longest = widths.iter().copied().max().unwrap_or_default();
        let mut caps = (WIDTH_MIN..longest).rev();
        let fits = caps.find(|cap| table_width(&narrow(*cap, &widths)) <= width);
        widths = narrow(fits.unwrap_or(WIDTH_MIN), &widths);
    }
    let mut shown: Vec<Shown<'_>> = rows
        .columns
        .iter()
        .zip(&widths)
        .enumerate()
        .map(|(index, (column, width))| Shown {
            name: &column.name,
            width: *width,
            is_right: column.is_right,
            index: Some(index),
        })
        .collect();
    let total = |shown: &[Shown<'_>]| {
        let widths: Vec<_> = shown.iter().map(|column| column.width).collect();
        table_width(&widths)
    };
    if total(&shown) <= width {
        return shown;
    }
    // Those in the middle are left out; the first and the last are seldom enough alone.
    let middle = shown.len() / 2;
    shown.insert(
        middle,
        Shown {
            name: ELLIPSIS,
            width: 1,
            is_right: false,
            index: None,
        },
    );
    while total(&shown) > width && shown.len() > 2 {
        let mark = shown.iter().position(|column| column.index.is_none());
        let mark = mark.unwrap_or_default();
        let after = shown.len() - mark - 1;
        shown.remove(if after >= mark { mark + 1 } else { mark - 1 });
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(columns: &[&str], head: &[&[&str]], rows: usize) -> SampledRows {
        let text = |row: &&[&str]| row.iter().map(|cell| (*cell).to_owned()).collect();
        SampledRows {
            columns: columns
                .iter()
                .map(|name| Column {
                    name: (*name).to_owned(),
                    is_right: false,
                })
                .collect(),
            head: head.iter().map(text).collect(),
            tail: Vec::new(),
            rows,
        }
    }

    fn table(rows: &SampledRows, width: usize) -> String {
        let mut out = Vec::new();
        print_table(rows, width, true, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().all(|line| line.width() <= width), "{text}");
        text
    }

    #[test]
    fn long_cells_are_cut_and_wide_characters_take_two_columns() {
        let rows = rows(
            &["a", "b"],
            &[&["東京東京東京東京東京", "1"], &["", "x"]],
            2,
        );
        assert_eq!(
            table(&rows, 18),
            "+------------+---+\n\
             | a          | b |\n\
             +------------+---+\n\
             | 東京東京…  | 1 |\n\
             |            | x |\n\
             +------------+---+\n"
        );
    }

    #[test]
    fn columns_in_the_middle_are_left_out() {
        let names = ["first", "second", "third", "fourth", "last"];
        let rows = rows(&names, &[&["1", "2", "3", "4", "5"]], 1);
        let text = table(&rows, 24);
        assert!(
            text.contains("first") && text.contains("last") && text.contains('…'),
            "{text}"
        );
        assert!(!text.contains("third"), "{text}");
        // No terminal is too narrow to print something.
        for width in 8..60 {
            let mut out = Vec::new();
            let shown = print_table(&rows, width, true, &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            let header = text.lines().nth(1).unwrap();
            let mark = usize::from(header.contains(" … "));
            assert_eq!(header.matches('|').count(), shown + mark + 1, "{text}");
        }
    }

    #[test]
    fn rows_that_are_left_out_are_marked() {
        let mut rows = rows(&["n"], &[&["1"]], 10);
        rows.tail = vec![vec!["10".to_owned()]];
        assert!(table(&rows, 80).contains("| 1  |\n| …  |\n| 10 |\n"));
        let mut out = Vec::new();
        print_expanded(&rows, 80, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains("-[ row 1 ]") && text.contains("… 8 rows\n-[ row 10 ]"),
            "{text}"
        );
    }
}
