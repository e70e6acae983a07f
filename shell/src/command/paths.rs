//! Paths in arguments of commands.

use std::path::PathBuf;

/// Returns an argument without its quotes.
pub(super) fn unquoted(text: &str) -> &str {
    let quoted = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    quoted('\'').or_else(|| quoted('"')).unwrap_or(text)
}

/// Returns the file that an argument names.
pub(super) fn file(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| path(text))
}

/// Returns a path, in which `~/` is the home of the user, as in psql and duckdb.
pub(super) fn path(text: &str) -> PathBuf {
    let text = unquoted(text);
    let rest = if text == "~" {
        Some("")
    } else {
        text.strip_prefix("~/")
    };
    let in_home = rest.and_then(|rest| Some(std::env::home_dir()?.join(rest)));
    in_home.unwrap_or_else(|| PathBuf::from(text))
}
