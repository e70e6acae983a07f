//! Messages and failed rows of functions, which statements leave behind.

use std::io::{self, Write};

use fusebox::Session;

use crate::text::message;

/// Reports messages of functions, and rows that failed and are null.
pub(crate) fn print_notices(session: &Session) {
    let logged = session.take_messages();
    for notice in &logged.messages {
        let _ = writeln!(io::stderr(), "notice: {}", message(&notice.to_string()));
    }
    if logged.dropped > 0 {
        let dropped = logged.dropped;
        let _ = writeln!(io::stderr(), "notice: {dropped} more messages were dropped");
    }
    for (function, rows) in session.take_failed_rows() {
        let failed = match rows.total() {
            1 => "1 row, which is NULL".to_owned(),
            total => format!("{total} rows, which are NULL"),
        };
        let warning = format!("function `{function}` failed for {failed}: {rows}");
        let _ = writeln!(io::stderr(), "warning: {}", message(&warning));
    }
}
