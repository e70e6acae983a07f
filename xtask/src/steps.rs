//! Steps of a chore: how many ran, and which were skipped.

use crate::failure::Failure;

/// The end of a step that did not fail.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The step ran.
    Passed,
    /// This machine lacks something that the step needs.
    Skipped {
        /// The missing program, or the error of installing it.
        reason: String,
        /// The commands that install it.
        install: String,
    },
}

/// Counts the steps of one chore.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    count: usize,
    skipped: Vec<&'static str>,
}

impl Steps {
    /// Counts a step that has to run.
    ///
    /// # Errors
    ///
    /// The failure of the step.
    pub(crate) fn require(&mut self, result: Result<(), Failure>) -> Result<(), Failure> {
        self.count += 1;
        result
    }

    /// Counts a step that may be skipped, and prints one line if it was.
    ///
    /// # Errors
    ///
    /// The failure of the step.
    pub(crate) fn attempt(
        &mut self,
        step: &'static str,
        result: Result<Outcome, Failure>,
    ) -> Result<(), Failure> {
        self.count += 1;
        if let Outcome::Skipped { reason, install } = result? {
            eprintln!("{}", skipped_line(step, &reason, &install));
            self.skipped.push(step);
        }
        Ok(())
    }

    /// True if no step was skipped.
    pub(crate) fn is_complete(&self) -> bool {
        self.skipped.is_empty()
    }

    /// One line: the number of steps, and the names of those that were skipped.
    pub(crate) fn summary(&self) -> String {
        let summary = format!("{} steps, {} skipped", self.count, self.skipped.len());
        match self.skipped.is_empty() {
            true => summary,
            false => format!("{summary}: {}", self.skipped.join(", ")),
        }
    }
}

/// One line, whatever the reason was copied from.
fn skipped_line(step: &str, reason: &str, install: &str) -> String {
    let words: Vec<&str> = reason.split_whitespace().collect();
    format!(
        "== {step}: skipped: {}; to install: {install}",
        words.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipped() -> Result<Outcome, Failure> {
        Ok(Outcome::Skipped {
            reason: "no nightly toolchain".to_owned(),
            install: "rustup toolchain install nightly".to_owned(),
        })
    }

    #[test]
    fn the_summary_counts_steps_and_names_those_that_were_skipped() {
        let mut steps = Steps::default();
        steps.require(Ok(())).unwrap();
        steps.attempt("aarch64", Ok(Outcome::Passed)).unwrap();
        assert_eq!(steps.summary(), "2 steps, 0 skipped");
        steps.attempt("sanitize", skipped()).unwrap();
        steps.attempt("miri", skipped()).unwrap();
        assert_eq!(steps.summary(), "4 steps, 2 skipped: sanitize, miri");
    }

    #[test]
    fn a_step_that_fails_ends_the_chore() {
        let failure = || Failure::Untidy { findings: 1 };
        let mut steps = Steps::default();
        assert!(steps.require(Err(failure())).is_err());
        assert!(steps.attempt("miri", Err(failure())).is_err());
    }

    #[test]
    fn a_skipped_step_is_reported_in_one_line() {
        assert_eq!(
            skipped_line("miri", "panicked:\n  at a\n", "rustup component add miri"),
            "== miri: skipped: panicked: at a; to install: rustup component add miri"
        );
    }
}
