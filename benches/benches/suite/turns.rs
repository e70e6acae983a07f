//! What takes turns, and what is made of the times.

use std::time::{Duration, Instant};

/// What a native function takes, and ours, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) native: f64,
    pub(crate) fusebox: f64,
    /// Half of an interval that holds the ratio with 95 %, as a part of it.
    pub(crate) spread: f64,
}

impl Pair {
    pub(crate) fn ratio(self) -> f64 {
        self.fusebox / self.native
    }
}

/// How often two take turns, and for how long.
pub(crate) struct Turns {
    pub(crate) least: usize,
    pub(crate) most: usize,
    /// No more turns than the least after that.
    pub(crate) all: Duration,
    pub(crate) one: Duration,
}

impl Turns {
    /// Measures the two in turns.
    pub(crate) fn compare(&self, native: &mut dyn FnMut(), fusebox: &mut dyn FnMut()) -> Pair {
        let mut times = [const { Vec::new() }; 2];
        let start = Instant::now();
        while times[0].len() < self.least
            || (times[0].len() < self.most && start.elapsed() < self.all)
        {
            times[0].push(self.turn(native));
            times[1].push(self.turn(fusebox));
        }
        let mut ratios: Vec<f64> = times[1].iter().zip(&times[0]).map(|(f, n)| f / n).collect();
        let spread = spread(&mut ratios);
        let [native, fusebox] = times.map(median);
        Pair {
            native,
            fusebox,
            spread,
        }
    }

    /// Nanoseconds of a call, of those of one turn.
    fn turn(&self, call: &mut dyn FnMut()) -> f64 {
        if !self.one.is_zero() {
            call();
        }
        let start = Instant::now();
        let mut calls = 0;
        while calls == 0 || start.elapsed() < self.one {
            call();
            calls += 1;
        }
        start.elapsed().as_nanos() as f64 / f64::from(calls)
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Half of the interval that holds the median of what was drawn with 95 %, as a
/// part of the median.
fn spread(drawn: &mut [f64]) -> f64 {
    drawn.sort_by(f64::total_cmp);
    let (middle, last) = (drawn.len() / 2, drawn.len() - 1);
    // Ranks of a median are spread like a binomial distribution.
    let ranks = (0.98 * (drawn.len() as f64).sqrt()).ceil() as usize;
    let (low, high) = (middle.saturating_sub(ranks), (middle + ranks).min(last));
    (drawn[high] - drawn[low]) / 2.0 / drawn[middle]
}

/// The geometric mean, of something.
pub(crate) fn geometric_mean(ratios: impl Iterator<Item = f64>) -> Option<f64> {
    let logarithms: Vec<f64> = ratios.map(f64::ln).collect();
    let sum: f64 = logarithms.iter().sum();
    (!logarithms.is_empty()).then(|| (sum / logarithms.len() as f64).exp())
}

/// The same in every run, and evenly spread.
pub(crate) fn random(row: usize, salt: u64) -> u64 {
    let mixed = (row as u64 ^ salt << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 8
}
