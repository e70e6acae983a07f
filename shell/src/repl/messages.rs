//! Messages beside the results.

use std::io::{self, Write};

use crate::runner::Summary;

/// Message about programs that a confined shell does not run.
pub(super) const CONFINED: &str = "other programs and files are refused with --root\n";

/// Prints the number of rows, and the time.
pub(super) fn print_summary(summary: &Summary, has_timing: bool) {
    let time = match has_timing {
        true => format!(" in {:.3} s", summary.time.as_secs_f64()),
        false => String::new(),
    };
    let shown = match summary.shown {
        Some(shown) => format!(", {shown} shown"),
        None => String::new(),
    };
    print_message(&match summary.rows {
        None => format!("done{time}\n"),
        Some(1) => format!("1 row{shown}{time}\n"),
        Some(rows) => format!("{rows} rows{shown}{time}\n"),
    });
}

/// Prints a message on standard error, apart from results.
pub(super) fn print_message(text: &str) {
    // An error of writing to standard error cannot be reported.
    let _ = io::stderr().write_all(text.as_bytes());
}
