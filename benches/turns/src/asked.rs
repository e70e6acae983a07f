//! What the command line and the environment ask for.

use std::env;

use regex_lite::Regex;

/// The environment variable that asks for fewer turns, over less data.
const QUICK: &str = "FUSEBOX_BENCH_QUICK";

/// Whether figures are wanted soon, rather than precise.
pub fn is_quick() -> bool {
    env::var_os(QUICK).is_some_and(|value| !value.is_empty())
}

/// Which of a bench's measurements are wanted.
pub struct Asked {
    /// None: all.
    filters: Vec<Regex>,
}

impl Asked {
    /// As the command line of this process has it: each word is a regular
    /// expression that is looked for in names. Options are passed over, since
    /// cargo adds its own.
    ///
    /// # Panics
    ///
    /// If a word is no regular expression.
    pub fn from_arguments() -> Self {
        Self::from(env::args().skip(1))
    }

    fn from(words: impl Iterator<Item = String>) -> Self {
        let filters = words.filter(|word| !word.starts_with('-'));
        let filters = filters.map(|word| Regex::new(&word).expect("it is a regular expression"));
        Self {
            filters: filters.collect(),
        }
    }

    /// Whether the measurement of that name is wanted.
    pub fn has(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| filter.is_match(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: &str) -> Asked {
        Asked::from(words.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn without_words_all_is_wanted() {
        assert!(asked("--bench --test").has("call/add/1/0"));
    }

    #[test]
    fn any_of_the_words_will_do() {
        let asked = asked("--bench call/.*/8192 query");
        assert!(asked.has("call/add/8192/0"));
        assert!(asked.has("query/add/1"));
        assert!(!asked.has("call/add/64/0"));
    }
}
