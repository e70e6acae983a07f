//! The measuring: how long, how often, and in which order.

use std::time::{Duration, Instant};

use arrow::array::ArrayRef;
use datafusion::common::DataFusionError;
use fusebox::{Definition, Measured, Session};

use super::fit::{self, Line};
use super::target::{Arguments, Target};

/// What a function costs.
#[derive(Clone, Debug)]
pub(super) struct Cost {
    /// The rows of a run.
    pub(super) rows: usize,
    /// How long a run takes, in nanoseconds.
    pub(super) run_nanos: f64,
    /// What of that is for the run and what for each row.
    pub(super) line: Option<Line>,
    pub(super) steps: Steps,
}

/// What runs did that were looked at more closely.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps {
    /// How long one took, and how long each step of its calls: to
    /// lower, in the guest, to lift, to reset. In nanoseconds.
    pub(super) run_nanos: f64,
    pub(super) step_nanos: [f64; 4],
    /// Of all runs together.
    pub(super) rows: usize,
    pub(super) calls: u64,
    pub(super) called_rows: u64,
    pub(super) lowered_bytes: u64,
    pub(super) lifted_bytes: u64,
    pub(super) fuel: u64,
    /// The largest memory of an instance.
    pub(super) memory_bytes_max: u64,
}

/// Why there is no cost.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The function fails with its arguments.
    Failed(DataFusionError),
    /// There are no arguments for it.
    Arguments(String),
    /// No rows come of that.
    NoRows,
}

impl From<DataFusionError> for Stopped {
    fn from(error: DataFusionError) -> Self {
        Self::Failed(error)
    }
}

/// By how much runs grow, from one row on.
const GROWTH: usize = 8;

/// How often a run is tried to see how long it takes.
const TRIES: usize = 2;

/// What part of the time a run may take for there to be larger ones.
const RUN_SHARE: u32 = 8;

/// What part of the time runs of most rows have, all other runs together, and
/// runs that are looked at more closely.
const MOST_SHARE: f64 = 0.4;
const OTHERS_SHARE: f64 = 0.35;
const STEPS_SHARE: f64 = 0.25;

/// How long a clock should run at least, so that reading it does not count.
const LAP: Duration = Duration::from_micros(20);

/// Measures for about so long with up to so many rows of `columns`. `watched` is
/// the same function as `plain`, in the session that looks more closely, where
/// it is that of the definition.
pub(super) fn measure(
    plain: &Target,
    (watched, session, definition): (&Target, &Session, &Definition),
    columns: &[ArrayRef],
    rows: usize,
    time: Duration,
) -> Result<Cost, Stopped> {
    let mut sizes = ramp(plain, columns, rows, time)?;
    let (rows, most) = sizes.pop().ok_or(Stopped::NoRows)?;
    let others = time.mul_f64(OTHERS_SHARE / sizes.len().max(1) as f64);
    let mut points = Vec::new();
    for (rows, arguments) in &sizes {
        points.push((*rows, run_time(plain, arguments, others)?));
    }
    let run_nanos = run_time(plain, &most, time.mul_f64(MOST_SHARE))?;
    points.push((rows, run_nanos));
    Ok(Cost {
        rows,
        run_nanos,
        line: fit::line(&points),
        steps: steps(
            (watched, session, definition),
            &most,
            time.mul_f64(STEPS_SHARE),
        )?,
    })
}

type Size = (usize, Vec<Arguments>);

/// How many rows runs have, with their arguments: from one up to `rows`, or as
/// many as the time allows and the function yields.
fn ramp(
    target: &Target,
    columns: &[ArrayRef],
    rows: usize,
    time: Duration,
) -> Result<Vec<Size>, Stopped> {
    let mut sizes: Vec<Size> = Vec::new();
    let mut next = 1;
    loop {
        let size = next.min(rows);
        let arguments = target.arguments(columns, size)?;
        if let Some(first) = arguments.first() {
            // The first run finds nothing ready, and any may be held up.
            let mut found = target.run(first)?;
            let mut took = Duration::MAX;
            for _ in 0..TRIES {
                let start = Instant::now();
                found = target.run(first)?;
                took = took.min(start.elapsed());
            }
            if sizes.last().is_none_or(|(last, _)| *last < found) {
                sizes.push((found, arguments));
            }
            // One with as many rows more may take as much longer.
            if found < size || took.saturating_mul(GROWTH as u32) > time / RUN_SHARE {
                return Ok(sizes);
            }
        }
        if size == rows {
            return Ok(sizes);
        }
        next *= GROWTH;
    }
}

/// How long a run takes, in nanoseconds, as seen in about so much time.
fn run_time(target: &Target, arguments: &[Arguments], time: Duration) -> Result<f64, Stopped> {
    let start = Instant::now();
    let mut turn = arguments.iter().cycle();
    let mut laps = Vec::new();
    while laps.is_empty() || start.elapsed() < time {
        let lap = Instant::now();
        let mut runs = 0;
        let elapsed = loop {
            for arguments in turn.by_ref().take(1 + runs / 2) {
                target.run(arguments)?;
                runs += 1;
            }
            let elapsed = lap.elapsed();
            if elapsed >= LAP {
                break elapsed;
            }
        };
        laps.push(elapsed.as_nanos() as f64 / runs as f64);
    }
    Ok(undisturbed(laps))
}

/// Runs for about so long, and returns what the session has written down.
fn steps(
    (target, session, definition): (&Target, &Session, &Definition),
    arguments: &[Arguments],
    time: Duration,
) -> Result<Steps, Stopped> {
    for arguments in arguments {
        target.run(arguments)?;
    }
    session.take_measured();
    let start = Instant::now();
    let mut times = [const { Vec::new() }; 5];
    let mut sums = Steps::default();
    for arguments in arguments.iter().cycle() {
        let lap = Instant::now();
        let rows = target.run(arguments)?;
        let nanos = lap.elapsed().as_nanos() as f64;
        let mut measured = session.take_measured().into_iter();
        let ours = measured.find(|measured| measured.definition == *definition);
        let measured = ours.ok_or(Stopped::NoRows)?;
        let [run, steps @ ..] = &mut times;
        run.push(nanos);
        for (times, step) in steps.iter_mut().zip(step_times(&measured)) {
            times.push(step.as_nanos() as f64);
        }
        sums.add(rows, &measured);
        if start.elapsed() >= time {
            break;
        }
    }
    let [run_nanos, step_nanos @ ..] = times.map(undisturbed);
    Ok(Steps {
        run_nanos,
        step_nanos,
        ..sums
    })
}

fn step_times(measured: &Measured) -> [Duration; 4] {
    [
        measured.lower,
        measured.guest,
        measured.lift,
        measured.reset,
    ]
}

impl Steps {
    /// Adds what a run did of so many rows.
    fn add(&mut self, rows: usize, measured: &Measured) {
        self.rows += rows;
        self.calls += measured.calls;
        self.called_rows += measured.rows;
        self.lowered_bytes += measured.lowered_bytes;
        self.lifted_bytes += measured.lifted_bytes;
        self.fuel += measured.fuel;
        self.memory_bytes_max = self.memory_bytes_max.max(measured.memory_bytes_max);
    }
}

/// The time that a twentieth of the runs need at most: what else the machine does
/// makes most of them longer, and none shorter.
fn undisturbed(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() / 20).copied().unwrap_or_default()
}
