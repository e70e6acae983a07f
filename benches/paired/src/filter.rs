//! Selection of measurements by the command line and the environment.

use std::env;

use regex_lite::Regex;

/// Environment variable that, if not empty, requests fewer samples of less data.
const QUICK: &str = "FUSEBOX_BENCH_QUICK";

/// Returns true if a quick run with imprecise figures is requested.
pub fn is_quick() -> bool {
    env::var_os(QUICK).is_some_and(|value| !value.is_empty())
}

/// Selects measurements by name.
pub struct Filter {
    /// A name matches if any expression does. Empty: every name matches.
    expressions: Vec<Regex>,
}

impl Filter {
    /// Reads the command line of this process: every word is a regular expression
    /// that matches anywhere in a name. Words that begin with `-` are skipped,
    /// since cargo adds options of its own.
    ///
    /// # Panics
    ///
    /// If a word is not a regular expression.
    pub fn from_arguments() -> Self {
        Self::from(env::args().skip(1))
    }

    fn from(words: impl Iterator<Item = String>) -> Self {
        let expressions = words.filter(|word| !word.starts_with('-'));
        let expressions =
            expressions.map(|word| Regex::new(&word).expect("expected a regular expression"));
        Self {
            expressions: expressions.collect(),
        }
    }

    /// Returns true if the measurement of this name is selected.
    pub fn matches(&self, name: &str) -> bool {
        let mut expressions = self.expressions.iter();
        self.expressions.is_empty() || expressions.any(|expression| expression.is_match(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(words: &str) -> Filter {
        Filter::from(words.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn no_word_selects_every_name() {
        assert!(filter("--bench --test").matches("call/add/1/0"));
    }

    #[test]
    fn a_name_is_selected_by_any_word() {
        let filter = filter("--bench call/.*/8192 query");
        assert!(filter.matches("call/add/8192/0"));
        assert!(filter.matches("query/add/1"));
        assert!(!filter.matches("call/add/64/0"));
    }
}
