//! Alternating measurements and their report.

use std::time::Duration;

use fusebox_paired::{Filter, PairedSampling, PairedTimes, Record};

const SAMPLING: PairedSampling = PairedSampling {
    rounds_min: 300,
    rounds_max: 300,
    time_budget: Duration::from_millis(100),
    sample_time: Duration::from_micros(400),
};

/// Goals of the report's last lines: at most this ratio in this direction.
const GOALS: [(&str, f64); 3] = [("lower", 1.5), ("lower", 1.2), ("lift", 1.3)];

/// Implementations that are measured in alternation.
pub(crate) struct Case<'a> {
    pub(crate) name: String,
    /// Maximum ratio to the least work, if there is a goal.
    pub(crate) goal: Option<f64>,
    pub(crate) fusebox: &'a mut dyn FnMut(),
    pub(crate) least: &'a mut dyn FnMut(),
    pub(crate) arrow: Option<&'a mut dyn FnMut()>,
}

/// The cases measured so far.
pub(crate) struct Comparison {
    filter: Filter,
    measured: Vec<PairedColumns>,
}

struct PairedColumns {
    name: String,
    goal: Option<f64>,
    /// Fusebox to the least work.
    to_least: PairedTimes,
    /// Fusebox to Arrow's own constructors.
    to_arrow: Option<PairedTimes>,
}

impl Comparison {
    /// No cases yet; the words of the command line filter them by name.
    pub(crate) fn from_arguments() -> Self {
        Self {
            filter: Filter::from_arguments(),
            measured: Vec::new(),
        }
    }

    /// Measures a case, unless the command line excludes it.
    pub(crate) fn measure(&mut self, case: Case<'_>) {
        if !self.filter.matches(&format!("border/{}", case.name)) {
            return;
        }
        let mut calls = vec![case.fusebox, case.least];
        calls.extend(case.arrow);
        let times = SAMPLING.sample_calls(&mut calls);
        let to_least = PairedTimes::of(&times[1], &times[0]);
        Record::new("border", &case.name).with(&to_least).append();
        self.measured.push(PairedColumns {
            name: case.name,
            goal: case.goal,
            to_least,
            to_arrow: times.get(2).map(|arrow| PairedTimes::of(arrow, &times[0])),
        });
    }

    /// Prints a line for each case, and the worst ratio for each goal.
    pub(crate) fn report(&self) {
        println!(
            "\n{:<44}{:>12}{:>12}{:>8}{:>7}{:>10}",
            "column", "fusebox", "at least", "ratio", "goal", "to Arrow"
        );
        let ratio =
            |ratio: Option<f64>| ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
        for case in &self.measured {
            println!(
                "{:<44}{:>9.2} µs{:>9.2} µs{:>8.2}{:>7}{:>10}",
                case.name,
                case.to_least.ns / 1e3,
                case.to_least.base_ns / 1e3,
                case.to_least.ratio,
                ratio(case.goal),
                ratio(case.to_arrow.map(|pair| pair.ratio)),
            );
        }
        for (direction, goal) in GOALS {
            let cases = self.measured.iter();
            let cases =
                cases.filter(|case| case.name.starts_with(direction) && case.goal == Some(goal));
            let worst = cases.max_by(|a, b| a.to_least.ratio.total_cmp(&b.to_least.ratio));
            if let Some(case) = worst {
                let (ratio, name) = (case.to_least.ratio, &case.name);
                println!("border {direction} worst: {ratio:.2} of {goal:.2} ({name})");
            }
        }
        let pairs = self.measured.iter().filter_map(|case| case.to_arrow);
        if let Some(ratio) = pairs.map(|pair| pair.ratio).max_by(f64::total_cmp) {
            println!("border lift worst, to Arrow's constructors: {ratio:.2}");
        }
    }
}
