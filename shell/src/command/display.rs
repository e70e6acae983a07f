//! Commands that change the display of results.

use clap::ValueEnum;

use super::paths::unquoted;
use super::{Command, Switch};
use crate::format::Format;

/// Maximum rows of a result that a terminal shows, which are in memory.
const ROWS_MAX: usize = 100_000;

impl Command {
    /// Parses a command about the display of results; `None` if there is none of this name.
    pub(super) fn of_display(word: &str, rest: &str) -> Option<Self> {
        Some(match word {
            "\\timing" | ".timer" => Self::switch(word, rest, Self::Timing),
            "\\x" => Self::switch(word, rest, Self::Expanded),
            "\\t" => Self::switch(word, rest, |switch| Self::Header(switch.inverse())),
            ".headers" | ".header" => Self::switch(word, rest, Self::Header),
            "\\pset" => Self::setting(rest),
            ".show" => Self::Settings,
            ".maxrows" => Self::rows(rest),
            ".nullvalue" => Self::Null(unquoted(rest).to_owned()),
            ".mode" => Self::format(rest),
            _ => return None,
        })
    }

    /// Parses the arguments of `\pset`.
    fn setting(text: &str) -> Self {
        let (name, value) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let value = value.trim();
        match name {
            "" => Self::Settings,
            "format" => Self::format(value),
            "null" => Self::Null(unquoted(value).to_owned()),
            "expanded" | "x" => Self::switch("expanded", value, Self::Expanded),
            "pager" => Self::switch("pager", value, Self::Pager),
            "header" => Self::switch("header", value, Self::Header),
            "tuples_only" | "t" => {
                Self::switch(name, value, |switch| Self::Header(switch.inverse()))
            }
            "rows" => Self::rows(value),
            "border" | "linestyle" | "unicode_border_linestyle" => Self::Instead(
                "expected a setting of the display, found one of the lines of tables, which are \
                 fixed: type \\pset format markdown, line or csv"
                    .to_owned(),
            ),
            _ => Self::Instead(
                "type \\pset format csv, \\pset null '', \\pset header off, \\pset rows 100, \
                 \\pset expanded on, or \\pset pager on"
                    .to_owned(),
            ),
        }
    }

    fn switch(word: &str, text: &str, command: fn(Switch) -> Self) -> Self {
        match text.to_lowercase().as_str() {
            "" => command(Switch::Toggle),
            "on" | "true" | "1" => command(Switch::On),
            "off" | "false" | "0" => command(Switch::Off),
            "auto" => command(Switch::Auto),
            _ => Self::Instead(format!("expected on, off or auto after {word}")),
        }
    }

    fn format(text: &str) -> Self {
        match Format::from_str(text, true) {
            _ if text.is_empty() => Self::Format(None),
            Ok(format) => Self::Format(Some(format)),
            Err(_) => Self::Instead(format!("expected a format: {}", formats())),
        }
    }

    fn rows(text: &str) -> Self {
        match text.parse() {
            Ok(rows) if (1..=ROWS_MAX).contains(&rows) => Self::Rows(rows),
            _ => Self::Instead(format!(
                "expected a number of rows from 1 to {ROWS_MAX}; \\pset pager on shows all"
            )),
        }
    }
}

/// Returns the names of the output formats.
pub(crate) fn formats() -> String {
    let formats = Format::value_variants().iter();
    let names =
        formats.filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()));
    names.collect::<Vec<_>>().join(", ")
}
