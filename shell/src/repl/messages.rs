//! Messages beside the results.

use std::io::{self, Write};

use crate::result::Rows;
use crate::runner::Summary;

/// Message about programs that a confined shell does not run.
pub(super) const CONFINED: &str = "other programs and files are refused with --root\n";

/// Prints the number of rows, that of columns if some were left out, and the time.
pub(super) fn print_summary(summary: &Summary, has_timing: bool) {
    let time = match has_timing {
        true => format!(" in {:.3} s", summary.time.as_secs_f64()),
        false => String::new(),
    };
    let Rows {
        all,
        shown,
        columns,
        ..
    } = &summary.rows;
    let mut parts = String::new();
    if let Some(shown) = shown {
        parts += &format!(", {shown} shown");
    }
    if let Some((columns, shown)) = columns {
        parts += &format!(", {columns} columns, {shown} shown");
    }
    print_message(&match all {
        None => format!("done{time}\n"),
        Some(1) => format!("1 row{parts}{time}\n"),
        Some(rows) => format!("{rows} rows{parts}{time}\n"),
    });
}

/// Prints a message on standard error, apart from results.
pub(super) fn print_message(text: &str) {
    // An error of writing to standard error cannot be reported.
    let _ = io::stderr().write_all(text.as_bytes());
}
