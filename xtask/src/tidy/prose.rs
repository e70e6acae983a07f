//! Prose: how doc summaries begin, and words that are not used.

use std::collections::BTreeMap;

use proc_macro2::TokenTree;

use crate::tidy::finding::{Finding, Rule};
use crate::tidy::rules::SUMMARY_PERCENT_MAX;
use crate::tidy::tokens::identifiers;
use crate::tidy::words::{IDENTIFIERS, PHRASES, SUMMARY_OPENINGS};

/// Counts of doc summaries.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Share {
    pub(crate) summaries: usize,
    pub(crate) offenders: usize,
}

impl Share {
    /// The share of offenders, in percent.
    pub(crate) fn percent(self) -> f64 {
        100.0 * self.offenders as f64 / self.summaries.max(1) as f64
    }
}

/// The doc summaries of all crates.
#[derive(Debug, Default)]
pub(crate) struct Summaries {
    /// By the folder of the crate.
    pub(crate) crates: BTreeMap<String, Share>,
    /// One for each summary that begins with a word of [`SUMMARY_OPENINGS`].
    pub(crate) offenders: Vec<Finding>,
}

impl Summaries {
    /// Adds the summaries of one file of a crate.
    pub(crate) fn add(&mut self, folder: &str, path: &str, text: &str) {
        let share = self.crates.entry(folder.to_owned()).or_default();
        for (line, summary) in summaries(text) {
            share.summaries += 1;
            let word = summary
                .split(|character: char| !character.is_alphanumeric())
                .find(|word| !word.is_empty());
            let word = word.unwrap_or_default().to_lowercase();
            if SUMMARY_OPENINGS.contains(&word.as_str()) {
                share.offenders += 1;
                self.offenders.push(Finding {
                    rule: Rule::Summaries,
                    path: path.to_owned(),
                    line,
                    message: format!("summary begins with `{word}`: {summary}"),
                });
            }
        }
    }

    /// The sum over all crates.
    pub(crate) fn total(&self) -> Share {
        let mut total = Share::default();
        for share in self.crates.values() {
            total.summaries += share.summaries;
            total.offenders += share.offenders;
        }
        total
    }

    /// The offenders, if they are too many.
    pub(crate) fn findings(&self) -> &[Finding] {
        match self.total().percent() > SUMMARY_PERCENT_MAX {
            true => &self.offenders,
            false => &[],
        }
    }
}

/// The first line of each block of `///` or `//!`, with its number.
fn summaries(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut last_kind = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let kind = ["///", "//!"]
            .into_iter()
            .find(|kind| line.starts_with(kind) && !line.starts_with("////"));
        if let Some(kind) = kind
            && last_kind != Some(kind)
        {
            found.push((index + 1, line[kind.len()..].trim()));
        }
        last_kind = kind;
    }
    found
}

/// Checks the identifiers of a Rust file.
pub(crate) fn check_identifiers(path: &str, tokens: &[TokenTree]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for ident in identifiers(tokens) {
        if let Some((name, better)) = IDENTIFIERS.iter().find(|(name, _)| ident == name) {
            findings.push(Finding {
                rule: Rule::Words,
                path: path.to_owned(),
                line: ident.span().start().line,
                message: format!("`{name}` was renamed: {better}"),
            });
        }
    }
    findings
}

/// Checks the words of a file: its comments, texts and names.
pub(crate) fn check_phrases(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.to_lowercase();
        for (phrase, better) in PHRASES {
            if contains_words(&line, phrase) {
                findings.push(Finding {
                    rule: Rule::Words,
                    path: path.to_owned(),
                    line: index + 1,
                    message: format!("`{phrase}`: {better}"),
                });
            }
        }
    }
    findings
}

/// Searches `line` for `phrase` with no letter or digit beside it.
fn contains_words(line: &str, phrase: &str) -> bool {
    line.match_indices(phrase).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + phrase.len()..].chars().next();
        let is_letter = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
        !is_letter(before) && !is_letter(after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tokens::tokens;

    #[test]
    fn a_summary_is_the_first_line_of_a_block() {
        let text =
            "//! Map.\n//!\n//! What follows.\n\n/// `A` function.\n/// How it works.\nfn f() {}\n";
        assert_eq!(summaries(text), [(1, "Map."), (5, "`A` function.")]);
    }

    fn share(good: usize, bad: usize) -> Summaries {
        let mut summaries = Summaries::default();
        let text =
            "/// Lowers.\nfn f() {}\n".repeat(good) + &"/// What is.\nfn g() {}\n".repeat(bad);
        summaries.add("a/", "a/src/lib.rs", &text);
        summaries
    }

    #[test]
    fn a_few_summaries_may_begin_with_any_word() {
        let summaries = share(98, 2);
        assert!(summaries.findings().is_empty());
        assert_eq!(summaries.offenders.len(), 2);
    }

    #[test]
    fn more_summaries_that_begin_so_are_refused() {
        let summaries = share(97, 3);
        let message = "a/src/lib.rs:195: summary begins with `what`: What is.";
        assert_eq!(summaries.findings()[0].to_string(), message);
    }

    #[test]
    fn the_words_of_the_field_are_accepted() {
        let text = "/// Refills the fuel counter of a thankless instance.\nfn refill(violation: AbiViolation) {}";
        assert!(check_phrases("a.rs", text).is_empty());
        assert!(check_identifiers("a.rs", &tokens(text).unwrap()).is_empty());
    }

    #[test]
    fn private_words_are_refused() {
        let text = "/// Refills the Tank.\nfn fill_tank(breach: Breach) {}";
        assert_eq!(check_phrases("a.rs", text).len(), 2);
        let findings = check_identifiers("a.rs", &tokens(text).unwrap());
        assert_eq!(findings.len(), 1);
        assert_eq!(
            findings[0].to_string(),
            "a.rs:2: `Breach` was renamed: AbiViolation"
        );
    }
}
