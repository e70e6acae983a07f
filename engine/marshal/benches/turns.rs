//! Two ways to do the same, which take turns.

use std::time::{Duration, Instant};

use criterion::Criterion;

/// How often the two take turns, and how long a turn is.
const TURNS: usize = 300;
const TURN: Duration = Duration::from_micros(400);

/// What was compared so far.
#[derive(Default)]
pub(crate) struct Turns {
    lines: Vec<Line>,
}

struct Line {
    name: String,
    /// In nanoseconds.
    ours: f64,
    /// In nanoseconds.
    least: f64,
    /// What Arrow's own constructors take, in nanoseconds.
    arrow: Option<f64>,
    /// What the ratio to the least should be at most, if anything.
    goal: Option<f64>,
}

impl Line {
    fn ratio(&self) -> f64 {
        self.ours / self.least
    }

    fn to_arrow(&self) -> Option<f64> {
        self.arrow.map(|arrow| self.ours / arrow)
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
        let mut samples = [const { Vec::new() }; 3];
        for _ in 0..TURNS {
            samples[0].push(turn(ours));
            samples[1].push(turn(least));
            if let Some(arrow) = &mut arrow {
                samples[2].push(turn(arrow));
            }
        }
        let [ours, least, by_arrow] = samples.map(median);
        self.lines.push(Line {
            name: name.to_owned(),
            ours: ours.expect("there was a turn"),
            least: least.expect("there was a turn"),
            arrow: by_arrow,
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
                line.ours / 1e3,
                line.least / 1e3,
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

/// Nanoseconds that a call takes, of those of one turn.
fn turn(call: &mut dyn FnMut()) -> f64 {
    call();
    let start = Instant::now();
    let mut calls = 0;
    while start.elapsed() < TURN {
        // The clock takes as long as a small copy.
        for _ in 0..8 {
            call();
        }
        calls += 8;
    }
    start.elapsed().as_nanos() as f64 / f64::from(calls)
}

fn median(mut samples: Vec<f64>) -> Option<f64> {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied()
}
