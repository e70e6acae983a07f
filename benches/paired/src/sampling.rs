//! Alternating samples, medians and confidence intervals.

use std::time::{Duration, Instant};

use crate::filter::is_quick;

/// Times of a subject and of its baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedTimes {
    /// Median time of the baseline, in nanoseconds.
    pub base_ns: f64,
    /// Median time of the subject, in nanoseconds.
    pub ns: f64,
    /// Median of the ratios of subject to baseline within each round.
    pub ratio: f64,
    /// Lower end of the 95 % confidence interval of `ratio`.
    pub low: f64,
    /// Upper end of that interval.
    pub high: f64,
}

impl PairedTimes {
    /// Summarises samples, in nanoseconds, of which those at one index are of one
    /// round.
    ///
    /// # Panics
    ///
    /// If there are no samples.
    pub fn of(base: &[f64], subject: &[f64]) -> Self {
        let ratios: Vec<f64> = subject.iter().zip(base).map(|(s, b)| s / b).collect();
        let (low, high) = interval(&ratios);
        Self {
            base_ns: median(base),
            ns: median(subject),
            ratio: median(&ratios),
            low,
            high,
        }
    }

    /// Returns half the width of the confidence interval, relative to the ratio.
    pub fn spread(&self) -> f64 {
        (self.high - self.low) / 2.0 / self.ratio
    }
}

/// Number and length of the samples of a paired measurement.
#[derive(Clone, Copy, Debug)]
pub struct PairedSampling {
    /// Minimum number of rounds. A round has one sample of every subject.
    pub rounds_min: usize,
    /// Maximum number of rounds.
    pub rounds_max: usize,
    /// Time after which no round beyond `rounds_min` begins.
    pub time_budget: Duration,
    /// Minimum length of a sample, which has as many calls as fit. Zero: a sample
    /// is one call, without a warm-up call.
    pub sample_time: Duration,
}

impl PairedSampling {
    /// Measures a subject and its baseline.
    pub fn compare(&self, base: &mut dyn FnMut(), subject: &mut dyn FnMut()) -> PairedTimes {
        let times = self.sample_calls(&mut [base, subject]);
        PairedTimes::of(&times[0], &times[1])
    }

    /// Measures several calls alternately. Returns, for each of them, the
    /// nanoseconds of a call in each round.
    pub fn sample_calls(&self, calls: &mut [&mut dyn FnMut()]) -> Vec<Vec<f64>> {
        let samplers = calls.iter_mut();
        let mut samplers: Vec<_> = samplers
            .map(|call| |sample_time| time_calls(sample_time, &mut **call))
            .collect();
        let samplers = samplers.iter_mut();
        let mut samplers: Vec<Sampler<'_>> =
            samplers.map(|sampler| sampler as Sampler<'_>).collect();
        self.sample(&mut samplers)
    }

    /// Runs several samplers alternately. Returns, for each of them, its result in
    /// each round.
    pub fn sample(&self, samplers: &mut [Sampler<'_>]) -> Vec<Vec<f64>> {
        let sampling = if is_quick() { self.quick() } else { *self };
        let mut times = vec![Vec::new(); samplers.len()];
        let start = Instant::now();
        let mut rounds = 0;
        while rounds < sampling.rounds_min
            || (rounds < sampling.rounds_max && start.elapsed() < sampling.time_budget)
        {
            for (times, sampler) in times.iter_mut().zip(&mut *samplers) {
                times.push(sampler(sampling.sample_time));
            }
            rounds += 1;
        }
        times
    }

    fn quick(&self) -> Self {
        Self {
            rounds_min: self.rounds_min.min(5),
            time_budget: self.time_budget / 2,
            ..*self
        }
    }
}

/// Takes a sample of at least the given length; returns the nanoseconds of a call.
pub type Sampler<'a> = &'a mut dyn FnMut(Duration) -> f64;

/// Calls for at least `sample_time` and returns the nanoseconds of a call. One
/// warm-up call comes first, unless `sample_time` is zero.
pub fn time_calls(sample_time: Duration, call: &mut dyn FnMut()) -> f64 {
    if !sample_time.is_zero() {
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
        if elapsed >= sample_time {
            return elapsed.as_nanos() as f64 / f64::from(calls);
        }
        // Reading the clock takes as long as a short call: it is read rarely.
        if elapsed < sample_time / 16 {
            more *= 2;
        }
    }
}

/// Returns the median of the samples.
///
/// # Panics
///
/// If there are no samples.
pub fn median(samples: &[f64]) -> f64 {
    let samples = sorted(samples);
    samples[samples.len() / 2]
}

/// Returns the geometric mean of the ratios, or `None` if there are none.
pub fn geometric_mean(ratios: impl Iterator<Item = f64>) -> Option<f64> {
    let logarithms: Vec<f64> = ratios.map(f64::ln).collect();
    let sum: f64 = logarithms.iter().sum();
    (!logarithms.is_empty()).then(|| (sum / logarithms.len() as f64).exp())
}

/// Returns the 95 % confidence interval of the median, or the range of the samples
/// where they are too few for one.
///
/// # Panics
///
/// If there are no samples.
pub fn interval(samples: &[f64]) -> (f64, f64) {
    let samples = sorted(samples);
    let (middle, last) = (samples.len() / 2, samples.len() - 1);
    // The rank of the median has a binomial distribution: 1.96 standard deviations
    // of √n / 2 ranks.
    let ranks = (0.98 * (samples.len() as f64).sqrt()).ceil() as usize;
    let (low, high) = (middle.saturating_sub(ranks), (middle + ranks).min(last));
    (samples[low], samples[high])
}

fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut samples = samples.to_vec();
    samples.sort_by(f64::total_cmp);
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_the_median_of_the_ratios_within_rounds() {
        // Other load slows the third round down.
        let times = PairedTimes::of(&[1.0, 1.0, 10.0, 1.0, 1.0], &[2.0, 2.0, 20.0, 2.0, 2.2]);
        assert_eq!((times.base_ns, times.ns, times.ratio), (1.0, 2.0, 2.0));
        assert_eq!((times.low, times.high), (2.0, 2.2));
    }

    #[test]
    fn the_interval_of_many_samples_is_narrower_than_their_range() {
        let samples: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(interval(&samples), (40.0, 60.0));
    }

    #[test]
    fn the_geometric_mean_of_nothing_is_none() {
        assert_eq!(geometric_mean([].into_iter()), None);
        let mean = geometric_mean([1.0, 4.0].into_iter()).unwrap();
        assert!((mean - 2.0).abs() < 1e-12);
    }

    #[test]
    fn every_call_has_one_sample_a_round() {
        let mut calls = [0, 0];
        let [first, second] = &mut calls;
        let sampling = PairedSampling {
            rounds_min: 3,
            rounds_max: 3,
            time_budget: Duration::ZERO,
            sample_time: Duration::ZERO,
        };
        let times = sampling.sample_calls(&mut [&mut || *first += 1, &mut || *second += 1]);
        assert_eq!(calls, [3, 3]);
        assert!(times.iter().all(|times| times.len() == 3));
    }
}
