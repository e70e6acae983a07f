//! Profiles of guests, as data.

use std::time::Duration;

/// Samples of guest backtraces.
///
/// A thread ticks, and a guest that notices a tick records its backtrace. It checks at
/// function entries, before calls, and at loop back edges, so a sample counts for the
/// function that was running. Inlined functions count for their callers; Wasmtime inlines
/// nothing while it samples. Time outside of guests is not sampled.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Demangled names of the sampled functions, or their indices in modules without
    /// names.
    pub functions: Vec<String>,
    /// Samples in order of time: the first million since the profile was last taken.
    pub samples: Vec<Sample>,
}

/// One sample of a guest's backtrace.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Time since the runtime was built.
    pub at: Duration,
    /// Call stack, the outermost function first, as indices into
    /// [`Profile::functions`]. The innermost 64 frames of deeper stacks.
    pub stack: Vec<usize>,
}

/// Number of samples of one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hot {
    /// Index of the function in [`Profile::functions`].
    pub function: usize,
    /// Samples in which it was running itself.
    pub own: usize,
    /// Samples in which it was on the stack.
    pub total: usize,
}

/// Maximum number of samples that are kept.
pub(crate) const SAMPLES_MAX: usize = 1_000_000;

impl Profile {
    /// Counts the samples of each function, sorted by samples of its own, descending.
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
            // A recursive function counts once.
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
    fn recursive_function_counts_once_per_sample() {
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
