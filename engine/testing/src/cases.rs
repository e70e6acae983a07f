//! Properties over the same cases in every run.

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

/// Checks a property for `cases` values of a strategy, the same in every run.
///
/// A test that counts outcomes uses this instead of `proptest!`, whose cases
/// differ from run to run.
///
/// # Panics
///
/// If `check` panics for a value; the message has the shrunk value.
pub fn check_cases<S: Strategy>(cases: u32, strategy: &S, check: impl Fn(S::Value)) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let checked = runner.run(strategy, |case| {
        check(case);
        Ok::<(), TestCaseError>(())
    });
    if let Err(error) = checked {
        panic!("{error}");
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use proptest::prelude::any;

    use super::*;

    #[test]
    fn cases_are_the_same_in_every_run() {
        let [first, second] = [(); 2].map(|()| {
            let drawn = RefCell::new(Vec::new());
            check_cases(20, &any::<u64>(), |case| drawn.borrow_mut().push(case));
            drawn.into_inner()
        });
        assert_eq!(first.len(), 20);
        assert_eq!(first, second);
    }

    #[test]
    #[should_panic(expected = "minimal failing input")]
    fn case_that_fails_is_shrunk_and_printed() {
        check_cases(100, &(0..1_000_u32), |number| assert!(number < 10));
    }
}
