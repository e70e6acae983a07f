//! Two ways to do the same, which take turns.

use std::time::Duration;

use criterion::Criterion;
use fusebox_turns::{Pair, Record, Turns as Rounds};

const ROUNDS: Rounds = Rounds {
    least: 300,
    most: 300,
    all: Duration::from_millis(100),
    one: Duration::from_micros(400),
};

/// What was compared so far.
#[derive(Default)]
pub(crate) struct Turns {
    lines: Vec<Line>,
}

struct Line {
    name: String,
    /// Ours beside what nobody can do without.
    to_least: Pair,
    /// Ours beside Arrow's own constructors.
    to_arrow: Option<Pair>,
    /// What the ratio to the least should be at most, if anything.
    goal: Option<f64>,
}

impl Line {
    fn ratio(&self) -> f64 {
        self.to_least.ratio
    }

    fn to_arrow(&self) -> Option<f64> {
        self.to_arrow.map(|pair| pair.ratio)
    }
}

impl Turns {
    /// Measures `ours` beside `least`, unless the command line asks for others.
    pub(crate) fn compare(
        &mut self,
        criterion: &mut Criterion,
        name: &str,
        goal: Option<f64>,
        ours: &mut dyn FnMut(),
        least: &mut dyn FnMut(),
        mut arrow: Option<Box<dyn FnMut() + '_>>,
    ) {
        let mut is_measured = false;
        let mut group = criterion.benchmark_group(format!("border/{name}"));
        group.bench_function("fusebox", |bencher| {
            is_measured = true;
            bencher.iter(&mut *ours);
        });
        group.bench_function("least", |bencher| bencher.iter(&mut *least));
        group.finish();
        if !is_measured {
            return;
        }
        let mut calls: Vec<&mut dyn FnMut()> = vec![ours, least];
        if let Some(arrow) = &mut arrow {
            calls.push(arrow);
        }
        let times = ROUNDS.rounds(&mut calls);
        let to_least = Pair::of(&times[1], &times[0]);
        Record::new("border", name).with(&to_least).append();
        self.lines.push(Line {
            name: name.to_owned(),
            to_least,
            to_arrow: times.get(2).map(|arrow| Pair::of(arrow, &times[0])),
            goal,
        });
    }

    /// Prints a line for each, and the worst of each way that has a goal.
    pub(crate) fn report(&self) {
        println!(
            "\n{:<44}{:>12}{:>12}{:>8}{:>7}{:>10}",
            "column", "fusebox", "at least", "ratio", "goal", "to Arrow"
        );
        for line in &self.lines {
            let goal = line
                .goal
                .map_or("-".to_owned(), |goal| format!("{goal:.2}"));
            let to_arrow = line.to_arrow();
            let to_arrow = to_arrow.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
            println!(
                "{:<44}{:>9.2} µs{:>9.2} µs{:>8.2}{goal:>7}{to_arrow:>10}",
                line.name,
                line.to_least.fusebox / 1e3,
                line.to_least.native / 1e3,
                line.ratio()
            );
        }
        let ways = [("lower", 1.5), ("lower", 1.2), ("lift", 1.3)];
        for (way, goal) in ways {
            let lines = self.lines.iter();
            let lines = lines.filter(|line| line.name.starts_with(way) && line.goal == Some(goal));
            let worst = lines.max_by(|a, b| a.ratio().total_cmp(&b.ratio()));
            if let Some(line) = worst {
                let (ratio, name) = (line.ratio(), &line.name);
                println!("border {way} worst: {ratio:.2} of {goal:.2} ({name})");
            }
        }
        let ratios = self.lines.iter().filter_map(Line::to_arrow);
        if let Some(ratio) = ratios.max_by(f64::total_cmp) {
            println!("border lift worst, to Arrow's constructors: {ratio:.2}");
        }
    }
}
