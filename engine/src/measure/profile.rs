//! What guests were doing, as data.

use std::time::Duration;

/// What the guests of a session were doing when they were looked at.
///
/// A thread ticks, and a guest that notices a tick writes down who has called
/// whom. It looks where functions begin and end, before they call others, and
/// where loops turn, so that the time of each function is its own. One that the
/// guest's compiler has put into its caller counts for the caller; Wasmtime puts
/// none into another while it looks. Time outside of guests is not looked at.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// The guests' functions that were seen, by their names, or by their numbers
    /// where a module has no names.
    pub functions: Vec<String>,
    /// What was seen, in order: the first million since the profile was last
    /// taken.
    pub samples: Vec<Sample>,
}

/// What a guest was doing at one time.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When that was, since the session was built.
    pub at: Duration,
    /// Who had called whom, the outermost first, by their places in
    /// [`Profile::functions`]. Of calls in calls, the innermost 64.
    pub stack: Vec<usize>,
}

/// How often a function was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hot {
    /// The function's place in [`Profile::functions`].
    pub function: usize,
    /// In how many samples it was running itself.
    pub own: usize,
    /// In how many samples it was running or waiting for what it had called.
    pub total: usize,
}

/// The most samples that are kept.
pub(crate) const SAMPLES_MAX: usize = 1_000_000;

impl Profile {
    /// How often each function was seen, the one with the most samples of its
    /// own first.
    pub fn hottest(&self) -> Vec<Hot> {
        let mut hot: Vec<Hot> = (0..self.functions.len())
            .map(|function| Hot {
                function,
                own: 0,
                total: 0,
            })
            .collect();
        for sample in &self.samples {
            if let Some(innermost) = sample.stack.last() {
                hot[*innermost].own += 1;
            }
            // A recursion counts once.
            let mut seen = sample.stack.clone();
            seen.sort_unstable();
            seen.dedup();
            seen.into_iter()
                .for_each(|function| hot[function].total += 1);
        }
        hot.retain(|hot| hot.total > 0);
        hot.sort_by_key(|hot| (usize::MAX - hot.own, usize::MAX - hot.total, hot.function));
        hot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recursion_counts_once_and_the_innermost_counts_for_itself() {
        let sample = |stack: &[usize]| Sample {
            at: Duration::ZERO,
            stack: stack.to_vec(),
        };
        let profile = Profile {
            functions: ["outer", "again", "leaf", "never"]
                .map(str::to_owned)
                .to_vec(),
            samples: vec![sample(&[0]), sample(&[0, 1, 1, 2]), sample(&[0, 2])],
        };
        let hot = |function, own, total| Hot {
            function,
            own,
            total,
        };
        assert_eq!(
            profile.hottest(),
            [hot(2, 2, 2), hot(0, 1, 3), hot(1, 0, 1)]
        );
    }
}
