//! Phases of a call, and overhead of each protection.
//!
//! Phases come from the engine's metrics. The remainder of a call's time is
//! `other`: DataFusion's description of the arguments, the choice of the overload,
//! the search for nulls. An overhead is the ratio of the whole engine to an engine
//! with that protection disabled.

use std::time::{Duration, Instant};

use datafusion::logical_expr::ScalarUDF;
use fusebox::{DisabledProtections, FunctionMetrics, Session};
use fusebox_benches::{builder, call_of, function};
use fusebox_paired::is_quick;

use crate::calls::{ROWS, invoke};
use crate::kernels::{KERNELS, Kernel, kernel_session, session};
use crate::paired::{Filter, PairedSampling, PairedTimes, Record, geometric_mean};

/// Phases of a call, in order.
const PHASES: [&str; 5] = ["lower", "guest", "lift", "reset", "other"];

/// Rows of the calls whose phases are measured.
const CASES: [usize; 2] = [ROWS, 1];

/// Total time of the calls of one case.
const PHASES_TIME: Duration = Duration::from_millis(200);

const SAMPLING: PairedSampling = PairedSampling {
    rounds_min: 9,
    rounds_max: 41,
    time_budget: Duration::from_millis(240),
    sample_time: Duration::from_millis(1),
};

/// Protections that can be disabled, and their names.
const OVERHEADS: [(&str, DisabledProtections); 4] = [
    ("fuel", disabled(true, false, false)),
    ("canonical NaNs", disabled(false, true, false)),
    ("reset", disabled(false, false, true)),
    ("all three", disabled(true, true, true)),
];

const fn disabled(fuel: bool, canonical_nans: bool, reset: bool) -> DisabledProtections {
    DisabledProtections {
        fuel,
        canonical_nans,
        reset,
    }
}

/// Nanoseconds of the phases of calls.
#[derive(Default)]
pub(crate) struct Phases {
    /// Kernels, and for each case the phases of a call.
    lines: Vec<(&'static str, [Option<[f64; 5]>; CASES.len()])>,
}

/// Ratios of the whole engine to one with a protection disabled.
#[derive(Default)]
pub(crate) struct Overheads {
    lines: Vec<(&'static str, Vec<PairedTimes>)>,
}

/// Measures the phases of the selected calls.
pub(crate) fn measure_phases(filter: &Filter) -> Phases {
    let session = kernel_session(builder().metrics(true), 1);
    let mut phases = Phases::default();
    for kernel in &KERNELS {
        let function = function(&session, kernel.name);
        let cases = CASES.map(|rows| {
            let name = format!("phases/{}/{rows}", kernel.name);
            filter.matches(&name).then(|| {
                eprintln!("{name}");
                let nanos = phases_of(&session, kernel, &function, rows);
                for (part, nanos) in PHASES.into_iter().zip(nanos) {
                    Record {
                        part: part.to_owned(),
                        rows: rows as u64,
                        ns: Some(nanos),
                        ..Record::new("phases", kernel.name)
                    }
                    .append();
                }
                nanos
            })
        });
        if cases.iter().any(Option::is_some) {
            phases.lines.push((kernel.name, cases));
        }
    }
    phases
}

/// Returns the nanoseconds of each phase of a call.
fn phases_of(session: &Session, kernel: &Kernel, function: &ScalarUDF, rows: usize) -> [f64; 5] {
    let call = call_of(function, rows, kernel.arguments(rows, 0));
    invoke(function, &call);
    invoke(function, &call);
    session.engine().take_metrics();
    let limit = if is_quick() {
        PHASES_TIME / 4
    } else {
        PHASES_TIME
    };
    let start = Instant::now();
    let mut calls = 0;
    while calls < 3 || start.elapsed() < limit {
        invoke(function, &call);
        calls += 1;
    }
    let total = start.elapsed();
    let measured = session.engine().take_metrics();
    let was_called = |measured: &&FunctionMetrics| measured.calls > 0;
    let measured = measured
        .iter()
        .find(was_called)
        .expect("the function was called");
    let named = [
        measured.lower,
        measured.guest,
        measured.lift,
        measured.reset,
    ];
    let other = total.saturating_sub(named.iter().sum());
    let [lower, guest, lift, reset] = named;
    [lower, guest, lift, reset, other].map(|time| time.as_nanos() as f64 / f64::from(calls))
}

/// Measures the selected overheads.
pub(crate) fn measure_overheads(filter: &Filter) -> Overheads {
    let whole = session(1);
    let sessions = OVERHEADS.map(|(_, disabled)| {
        let engine = builder().disable_protections(disabled);
        kernel_session(engine, 1)
    });
    let mut overheads = Overheads::default();
    for kernel in &KERNELS {
        let name = format!("overhead/{}", kernel.name);
        if !filter.matches(&name) {
            continue;
        }
        eprintln!("{name}");
        let functions: Vec<_> = [&whole]
            .into_iter()
            .chain(&sessions)
            .map(|session| function(session, kernel.name))
            .collect();
        let arguments = kernel.arguments(ROWS, 0);
        let call = call_of(&functions[0], ROWS, arguments);
        let mut calls: Vec<_> = functions
            .iter()
            .map(|function| || drop(invoke(function, &call)))
            .collect();
        let mut calls: Vec<_> = calls
            .iter_mut()
            .map(|call| call as &mut dyn FnMut())
            .collect();
        let samples = SAMPLING.sample_calls(&mut calls);
        let ratios: Vec<PairedTimes> = samples[1..]
            .iter()
            .map(|without| PairedTimes::of(without, &samples[0]))
            .collect();
        for ((part, _), times) in OVERHEADS.iter().zip(&ratios) {
            let record = Record {
                part: (*part).to_owned(),
                rows: ROWS as u64,
                ..Record::new("overhead", kernel.name)
            };
            record.with(times).append();
        }
        overheads.lines.push((kernel.name, ratios));
    }
    overheads
}

impl Phases {
    /// Returns the nanoseconds of one of the [`PHASES`] of a call of 8,192 rows, if
    /// measured.
    pub(crate) fn nanos(&self, kernel: &str, phase: &str) -> Option<f64> {
        let (_, cases) = self.lines.iter().find(|(name, _)| *name == kernel)?;
        let index = PHASES.iter().position(|name| *name == phase);
        cases[0].map(|phases| phases[index.expect("the name is one of PHASES")])
    }

    /// Prints a table for each case, with a line for each kernel.
    pub(crate) fn print(&self) {
        for (case, rows) in CASES.iter().enumerate() {
            let lines = self.lines.iter();
            let lines = lines.filter_map(|(name, cases)| Some((*name, cases[case]?)));
            let lines: Vec<(&str, [f64; 5])> = lines.collect();
            if lines.is_empty() {
                continue;
            }
            let heads: String = PHASES.iter().map(|phase| format!("{phase:>12}")).collect();
            println!("\n{:<19}{heads}", format!("a call of {rows}"));
            for (name, phases) in lines {
                let micros = phases.map(|nanos| format!("{:>9.2} µs", nanos / 1e3));
                println!("{name:<19}{}", micros.concat());
            }
        }
    }
}

impl Overheads {
    /// Returns the ratio of a call with one of the [`OVERHEADS`] to a call without
    /// it, if measured.
    pub(crate) fn ratio(&self, kernel: &str, part: &str) -> Option<f64> {
        let (_, ratios) = self.lines.iter().find(|(name, _)| *name == kernel)?;
        let index = OVERHEADS.iter().position(|(name, _)| *name == part);
        Some(ratios[index.expect("the name is one of OVERHEADS")].ratio)
    }

    /// Prints a line for each kernel, and the geometric means.
    pub(crate) fn print(&self) {
        if self.lines.is_empty() {
            return;
        }
        let heads = OVERHEADS.iter().map(|(part, _)| format!("{part:>16}"));
        println!("\n{:<19}{}", "with / without", heads.collect::<String>());
        for (name, ratios) in &self.lines {
            let ratios = ratios.iter().map(|times| format!("{:>16.3}", times.ratio));
            println!("{name:<19}{}", ratios.collect::<String>());
        }
        let means = (0..OVERHEADS.len()).map(|part| {
            let ratios = self.lines.iter().map(|(_, ratios)| ratios[part].ratio);
            geometric_mean(ratios).map_or(String::new(), |mean| format!("{mean:>16.3}"))
        });
        println!("{:<19}{}", "geometric mean", means.collect::<String>());
    }
}
