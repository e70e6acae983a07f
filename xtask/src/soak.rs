//! The chore `soak`: the test of many sessions, for longer.

use std::num::NonZeroU64;

use crate::failure::Failure;
use crate::guests;
use crate::workspace::{Workspace, run};

/// Test that the chore runs; cargo selects the features of the whole workspace.
const TEST: &str = "test --workspace --test sql -- --exact --nocapture \
                    sessions_that_create_call_and_cancel_at_random_leave_memory_flat";

/// Minutes, unless the command line has others.
const MINUTES: u64 = 10;

/// Runs the soak. `words` may set its minutes and its seed.
///
/// # Errors
///
/// [`Failure::Usage`] for an unknown word, and the failure of the test.
pub(crate) fn soak(workspace: &Workspace, words: &[String]) -> Result<(), Failure> {
    let options = Options::parse(words)?;
    guests::build(workspace)?;
    let mut command = workspace.cargo();
    command.args(TEST.split_whitespace());
    let seconds = options.minutes.saturating_mul(60);
    command.env("FUSEBOX_SOAK_SECONDS", seconds.to_string());
    command.env("FUSEBOX_SOAK_SEED", options.seed.to_string());
    run("soak", &mut command)
}

/// Options of a soak.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    minutes: u64,
    seed: u64,
}

impl Options {
    fn parse(words: &[String]) -> Result<Self, Failure> {
        let mut options = Self {
            minutes: MINUTES,
            seed: 1,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let value = words.next().and_then(|value| value.parse().ok());
            let value = value.map(NonZeroU64::get);
            match (word.as_str(), value) {
                ("--minutes", Some(minutes)) => options.minutes = minutes,
                ("--seed", Some(seed)) => options.seed = seed,
                _ => return Err(Failure::Usage(word.clone())),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn parse(text: &str) -> Option<Options> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words).ok()
    }

    #[test]
    fn minutes_and_seed_are_positive_numbers() {
        let options = |minutes, seed| Some(Options { minutes, seed });
        assert_eq!(parse(""), options(10, 1));
        assert_eq!(parse("--minutes 2"), options(2, 1));
        assert_eq!(parse("--seed 7 --minutes 3"), options(3, 7));
        for wrong in ["--minutes", "--minutes 0", "--minutes x", "2", "--hours 1"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn chore_names_a_test_that_exists() {
        // A filter that matches no test would pass without running one.
        let source = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../sql-tests/tests/sql/soak.rs"
        );
        let name = TEST.split_whitespace().last().unwrap();
        assert!(fs::read_to_string(source).unwrap().contains(name));
    }
}
