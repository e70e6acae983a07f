//! Measurement: sizes, samples, phases.

use std::time::{Duration, Instant};

use arrow::array::ArrayRef;
use datafusion::common::DataFusionError;
use fusebox::{Definition, FunctionMetrics, Session, with_scope};

use super::cost_model::{self, CostModel};
use super::target::{RunArguments, Target};

/// Cost of a function.
#[derive(Clone, Debug)]
pub(super) struct Cost {
    /// Rows of a run.
    pub(super) rows: usize,
    /// Time of a run, in nanoseconds.
    pub(super) run_nanos: f64,
    /// Time of a run in which equal rows are asked once, in nanoseconds, if it was measured.
    pub(super) reused_nanos: Option<f64>,
    /// Fixed cost of a run and cost of a row.
    pub(super) model: Option<CostModel>,
    pub(super) phases: PhaseMetrics,
}

/// Metrics of runs in the session with metrics.
#[derive(Clone, Debug, Default)]
pub(super) struct PhaseMetrics {
    /// Time of a run, in nanoseconds.
    pub(super) run_nanos: f64,
    /// Time of the phases of a run, in nanoseconds: lower, guest, lift, reset.
    pub(super) phase_nanos: [f64; 4],
    /// Rows of all runs. The counters below are sums over all runs too.
    pub(super) rows: usize,
    pub(super) calls: u64,
    pub(super) called_rows: u64,
    pub(super) lowered_bytes: u64,
    pub(super) lifted_bytes: u64,
    pub(super) fuel: u64,
    /// Largest linear memory of an instance.
    pub(super) memory_bytes_max: u64,
}

/// Reason why a function could not be measured.
#[derive(Debug)]
pub(super) enum BenchError {
    /// A call failed.
    Failed(DataFusionError),
    /// Arguments cannot be generated.
    Arguments(String),
    /// The table function returned no rows.
    NoRows,
}

impl From<DataFusionError> for BenchError {
    fn from(error: DataFusionError) -> Self {
        Self::Failed(error)
    }
}

/// Growth factor of the sizes of runs, which begin at one row.
const GROWTH: usize = 8;

/// Number of runs to estimate the time of a run.
const TRIES: usize = 2;

/// Reciprocal of the share of the total time that a run may take.
const RUN_SHARE: u32 = 8;

/// Shares of the total time: runs of the largest size, runs of all other sizes, and
/// runs in the session with metrics.
const LARGEST_SHARE: f64 = 0.4;
const OTHERS_SHARE: f64 = 0.35;
const PHASES_SHARE: f64 = 0.25;

/// Minimum length of a sample, so that reading the clock takes a negligible part.
const SAMPLE_TIME: Duration = Duration::from_micros(20);

/// Measures a function for about `time`, with up to `rows` rows of `columns`.
///
/// `plain` is the function in the session without metrics. The tuple is the same
/// function in the session with metrics, that session, and its definition there.
pub(super) fn measure(
    plain: &Target,
    with_metrics: (&Target, &Session, &Definition),
    columns: &[ArrayRef],
    rows: usize,
    time: Duration,
) -> Result<Cost, BenchError> {
    let mut sizes = sizes(plain, columns, rows, time)?;
    let (rows, largest) = sizes.pop().ok_or(BenchError::NoRows)?;
    let others = time.mul_f64(OTHERS_SHARE / sizes.len().max(1) as f64);
    let mut points = Vec::new();
    for (rows, arguments) in &sizes {
        let nanos = run_time(|arguments| plain.run(arguments), arguments, others)?;
        points.push((*rows, nanos));
    }
    let share = time.mul_f64(LARGEST_SHARE);
    let run_nanos = run_time(|arguments| plain.run(arguments), &largest, share)?;
    points.push((rows, run_nanos));
    Ok(Cost {
        rows,
        run_nanos,
        reused_nanos: None,
        model: cost_model::fit(&points),
        phases: phases(with_metrics, &largest, time.mul_f64(PHASES_SHARE))?,
    })
}

/// Measures the time of a run of `rows` rows in which equal rows are asked once, for about
/// `time`. Each run is an execution of its own, which has no answers of others; the setting of
/// the session says that answers are used again.
pub(super) fn reused_time(
    target: &Target,
    session: &Session,
    columns: &[ArrayRef],
    rows: usize,
    time: Duration,
) -> Result<f64, BenchError> {
    let run = |arguments: &RunArguments| {
        let scope = session.execution_scope();
        with_scope(&scope, || target.run(arguments))
    };
    let arguments = target.arguments(columns, rows)?;
    run_time(run, &arguments, time.mul_f64(LARGEST_SHARE))
}

type Size = (usize, Vec<RunArguments>);

/// Returns the sizes of runs with their arguments, from one row to `rows`, or to the
/// largest size that the time allows and that a table function returns.
fn sizes(
    target: &Target,
    columns: &[ArrayRef],
    rows: usize,
    time: Duration,
) -> Result<Vec<Size>, BenchError> {
    let mut sizes: Vec<Size> = Vec::new();
    let mut next = 1;
    loop {
        let size = next.min(rows);
        let arguments = target.arguments(columns, size)?;
        if let Some(first) = arguments.first() {
            // The first run creates instances. Of the others, the fastest is used, since
            // other load delays some.
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
            // The next size can take longer by the growth factor.
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

/// Measures the time of a run, in nanoseconds, for about `time`.
fn run_time(
    run: impl Fn(&RunArguments) -> Result<usize, DataFusionError>,
    arguments: &[RunArguments],
    time: Duration,
) -> Result<f64, BenchError> {
    let start = Instant::now();
    let mut next = arguments.iter().cycle();
    let mut samples = Vec::new();
    while samples.is_empty() || start.elapsed() < time {
        let sample = Instant::now();
        let mut runs = 0;
        let elapsed = loop {
            for arguments in next.by_ref().take(1 + runs / 2) {
                run(arguments)?;
                runs += 1;
            }
            let elapsed = sample.elapsed();
            if elapsed >= SAMPLE_TIME {
                break elapsed;
            }
        };
        samples.push(elapsed.as_nanos() as f64 / runs as f64);
    }
    Ok(low_percentile(samples))
}

/// Runs the function for about `time`; returns the metrics of the session.
fn phases(
    (target, session, definition): (&Target, &Session, &Definition),
    arguments: &[RunArguments],
    time: Duration,
) -> Result<PhaseMetrics, BenchError> {
    for arguments in arguments {
        target.run(arguments)?;
    }
    session.engine().take_metrics();
    let start = Instant::now();
    let mut times = [const { Vec::new() }; 5];
    let mut sums = PhaseMetrics::default();
    for arguments in arguments.iter().cycle() {
        let run_start = Instant::now();
        let rows = target.run(arguments)?;
        let nanos = run_start.elapsed().as_nanos() as f64;
        let mut measured = session.engine().take_metrics().into_iter();
        let ours = measured.find(|measured| measured.definition == *definition);
        let measured = ours.ok_or(BenchError::NoRows)?;
        let [run, phases @ ..] = &mut times;
        run.push(nanos);
        for (times, phase) in phases.iter_mut().zip(phase_times(&measured)) {
            times.push(phase.as_nanos() as f64);
        }
        sums.add(rows, &measured);
        if start.elapsed() >= time {
            break;
        }
    }
    let [run_nanos, phase_nanos @ ..] = times.map(low_percentile);
    Ok(PhaseMetrics {
        run_nanos,
        phase_nanos,
        ..sums
    })
}

fn phase_times(measured: &FunctionMetrics) -> [Duration; 4] {
    [
        measured.lower,
        measured.guest,
        measured.lift,
        measured.reset,
    ]
}

impl PhaseMetrics {
    /// Adds the counters of a run.
    fn add(&mut self, rows: usize, measured: &FunctionMetrics) {
        self.rows += rows;
        self.calls += measured.calls;
        self.called_rows += measured.rows;
        self.lowered_bytes += measured.lowered_bytes;
        self.lifted_bytes += measured.lifted_bytes;
        self.fuel += measured.fuel;
        self.memory_bytes_max = self.memory_bytes_max.max(measured.memory_bytes_max);
    }
}

/// Returns the 5th percentile of the times: other load makes most samples longer, and
/// none shorter.
fn low_percentile(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() / 20).copied().unwrap_or_default()
}
