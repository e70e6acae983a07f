//! What takes turns, and what is made of the times.

use std::time::{Duration, Instant};

use crate::asked::is_quick;

/// What a native function takes, and ours, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// The median of the native function's turns.
    pub native: f64,
    /// The median of ours.
    pub fusebox: f64,
    /// Ours to the native one's: the median of the ratios of turns side by side.
    pub ratio: f64,
    /// The lower end of an interval that holds that median with 95 %.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Pair {
    /// What is made of turns side by side.
    ///
    /// # Panics
    ///
    /// If there was no turn.
    pub fn of(native: &[f64], fusebox: &[f64]) -> Self {
        let ratios: Vec<f64> = fusebox.iter().zip(native).map(|(f, n)| f / n).collect();
        let (low, high) = interval(&ratios);
        Self {
            native: median(native),
            fusebox: median(fusebox),
            ratio: median(&ratios),
            low,
            high,
        }
    }

    /// Half of the interval, as a part of the ratio.
    pub fn spread(&self) -> f64 {
        (self.high - self.low) / 2.0 / self.ratio
    }
}

/// How often two take turns, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Turns {
    /// How many turns there are at least.
    pub least: usize,
    /// How many turns there are at most.
    pub most: usize,
    /// No more turns than the least after that.
    pub all: Duration,
    /// How long a turn is, of as many calls as that takes; zero: of one call,
    /// with none before it.
    pub one: Duration,
}

impl Turns {
    /// Measures the two in turns.
    pub fn compare(&self, native: &mut dyn FnMut(), fusebox: &mut dyn FnMut()) -> Pair {
        let times = self.rounds(&mut [native, fusebox]);
        Pair::of(&times[0], &times[1])
    }

    /// Measures several in turns: nanoseconds of a call, for each in each round.
    pub fn rounds(&self, calls: &mut [&mut dyn FnMut()]) -> Vec<Vec<f64>> {
        let sides = calls.iter_mut();
        let mut sides: Vec<_> = sides.map(|call| |one| turn(one, &mut **call)).collect();
        let mut sides: Vec<Side<'_>> = sides.iter_mut().map(|side| side as Side<'_>).collect();
        self.rounds_of(&mut sides)
    }

    /// The same of sides that measure themselves.
    pub fn rounds_of(&self, sides: &mut [Side<'_>]) -> Vec<Vec<f64>> {
        let turns = if is_quick() { self.fewer() } else { *self };
        let mut times = vec![Vec::new(); sides.len()];
        let start = Instant::now();
        let mut rounds = 0;
        while rounds < turns.least || (rounds < turns.most && start.elapsed() < turns.all) {
            for (times, side) in times.iter_mut().zip(&mut *sides) {
                times.push(side(turns.one));
            }
            rounds += 1;
        }
        times
    }

    fn fewer(&self) -> Self {
        Self {
            least: self.least.min(5),
            all: self.all / 2,
            ..*self
        }
    }
}

/// Takes a turn of so long, and says how many nanoseconds a call took.
pub type Side<'a> = &'a mut dyn FnMut(Duration) -> f64;

/// Takes a turn: nanoseconds of a call, of those that it takes. One call goes
/// before them, unless there is to be but one.
pub fn turn(one: Duration, call: &mut dyn FnMut()) -> f64 {
    if !one.is_zero() {
        call();
    }
    let start = Instant::now();
    let (mut calls, mut more) = (0_u32, 1);
    loop {
        for _ in 0..more {
            call();
        }
        calls += more;
        let elapsed = start.elapsed();
        if elapsed >= one {
            return elapsed.as_nanos() as f64 / f64::from(calls);
        }
        // The clock takes as long as a small call.
        if elapsed < one / 16 {
            more *= 2;
        }
    }
}

/// The one in the middle.
///
/// # Panics
///
/// If there is none.
pub fn median(drawn: &[f64]) -> f64 {
    let drawn = sorted(drawn);
    drawn[drawn.len() / 2]
}

/// The geometric mean, of something.
pub fn geometric_mean(ratios: impl Iterator<Item = f64>) -> Option<f64> {
    let logarithms: Vec<f64> = ratios.map(f64::ln).collect();
    let sum: f64 = logarithms.iter().sum();
    (!logarithms.is_empty()).then(|| (sum / logarithms.len() as f64).exp())
}

/// An interval that holds the median of what was drawn with 95 %, or all that
/// was drawn where that is too little to say so.
///
/// # Panics
///
/// If nothing was drawn.
pub fn interval(drawn: &[f64]) -> (f64, f64) {
    let drawn = sorted(drawn);
    let (middle, last) = (drawn.len() / 2, drawn.len() - 1);
    // Ranks of a median are spread like a binomial distribution.
    let ranks = (0.98 * (drawn.len() as f64).sqrt()).ceil() as usize;
    let (low, high) = (middle.saturating_sub(ranks), (middle + ranks).min(last));
    (drawn[low], drawn[high])
}

fn sorted(drawn: &[f64]) -> Vec<f64> {
    let mut drawn = drawn.to_vec();
    drawn.sort_by(f64::total_cmp);
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_of_turns_side_by_side() {
        // The machine is busy with something else in the middle.
        let pair = Pair::of(&[1.0, 1.0, 10.0, 1.0, 1.0], &[2.0, 2.0, 20.0, 2.0, 2.2]);
        assert_eq!((pair.native, pair.fusebox, pair.ratio), (1.0, 2.0, 2.0));
        assert_eq!((pair.low, pair.high), (2.0, 2.2));
    }

    #[test]
    fn an_interval_of_many_is_narrower_than_all() {
        let drawn: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(interval(&drawn), (40.0, 60.0));
    }

    #[test]
    fn a_geometric_mean_of_nothing_is_none() {
        assert_eq!(geometric_mean([].into_iter()), None);
        let mean = geometric_mean([1.0, 4.0].into_iter()).unwrap();
        assert!((mean - 2.0).abs() < 1e-12);
    }

    #[test]
    fn everything_has_as_many_turns() {
        let mut calls = [0, 0];
        let [first, second] = &mut calls;
        let turns = Turns {
            least: 3,
            most: 3,
            all: Duration::ZERO,
            one: Duration::ZERO,
        };
        let times = turns.rounds(&mut [&mut || *first += 1, &mut || *second += 1]);
        assert_eq!(calls, [3, 3]);
        assert!(times.iter().all(|times| times.len() == 3));
    }
}
