//! Runs every fuzz target over its corpus, and over inputs mutated from it that are the
//! same in every run.
//!
//! `FUSEBOX_FUZZ_SECONDS` sets the time for each target, `FUSEBOX_FUZZ_SEED` other inputs;
//! an input that fails is written to cargo's temporary folder.

mod cost;

use std::env;
use std::path::Path;
use std::time::{Duration, Instant};

use fusebox_fuzz_targets::{Bomb, Inputs, Outcome, SHAPES, TARGETS, corpus, measure, replay};

/// Time for the mutated inputs of one target, unless the environment has another.
const TIME: Duration = Duration::from_secs(5);

/// Numbers of inputs of each outcome.
#[derive(Debug, Default)]
struct Outcomes {
    accepted: usize,
    refused: usize,
    incomplete: usize,
}

impl Outcomes {
    fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Accepted => self.accepted += 1,
            Outcome::Refused => self.refused += 1,
            Outcome::Incomplete => self.incomplete += 1,
        }
    }

    fn count(&self) -> usize {
        self.accepted + self.refused + self.incomplete
    }
}

/// Returns a number of the environment.
fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text}")))
}

/// Runs a target over its corpus, and over at most `count` mutated inputs.
fn run(name: &str, count: usize) -> Outcomes {
    let target = TARGETS.iter().find(|target| target.name == name);
    let target = target.expect("a target of this name");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut outcomes = Outcomes::default();
    let files = corpus(name);
    assert!(!files.is_empty(), "{name} has no corpus");
    for input in &files {
        outcomes.add(replay(target, input, folder));
    }
    let seconds = number("FUSEBOX_FUZZ_SECONDS");
    let time = seconds.map_or(TIME, Duration::from_secs);
    // More time means more inputs.
    let count = seconds.map_or(count, |_| usize::MAX);
    let begin = Instant::now();
    let seed = number("FUSEBOX_FUZZ_SEED").unwrap_or(1);
    let inputs = Inputs::new(name, seed).take(count);
    for input in inputs.take_while(|_| begin.elapsed() < time) {
        outcomes.add(replay(target, &input, folder));
    }
    let elapsed = begin.elapsed();
    println!(
        "{name}: {outcomes:?}, {} in all, in {elapsed:?}",
        outcomes.count()
    );
    outcomes
}

/// Checks that inputs of both outcomes ran: otherwise a target would prove nothing.
fn check(name: &str, count: usize) {
    let outcomes = run(name, count);
    assert!(outcomes.accepted >= 10, "{name}: {outcomes:?}");
    assert!(outcomes.refused >= 10, "{name}: {outcomes:?}");
}

#[test]
fn results_are_lifted_as_valid_columns_or_refused() {
    check("lift", 20_000);
}

#[test]
fn instrumented_modules_behave_like_the_original() {
    check("instrument", 1_000);
}

#[test]
fn modules_and_components_are_refused_or_linked_to_valid_modules() {
    check("link", 5_000);
}

#[test]
fn declarations_are_refused_or_printed_as_what_they_declare() {
    check("declarations", 20_000);
}

#[test]
fn statements_are_refused_or_printed_as_what_they_state() {
    check("statements", 20_000);
}

#[test]
fn small_modules_of_every_shape_are_accepted() {
    for shape in SHAPES {
        for (count, width, copies) in [(1, 1, 1), (3, 2, 2), (20, 7, 1)] {
            let bomb = Bomb {
                shape,
                count,
                width,
                copies,
            };
            let cost = measure(&bomb.module());
            assert_eq!(cost.refused, None, "{bomb:?}");
        }
    }
}
