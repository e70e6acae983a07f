//! Commands that set variables.

use super::Command;
use super::paths::unquoted;
use crate::text::is_variable;

impl Command {
    /// Parses the arguments of `\set` and `\unset`.
    pub(super) fn variable(word: &str, text: &str) -> Self {
        let (name, value) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        if !is_variable(name) {
            return Self::Instead(format!(
                "expected a name of letters and digits after {word}; settings are SET name = value;"
            ));
        }
        Self::Variable {
            name: name.to_owned(),
            value: (word == "\\set").then(|| unquoted(value.trim()).to_owned()),
        }
    }
}
