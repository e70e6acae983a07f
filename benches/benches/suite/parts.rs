//! What a call is made of, and what parts of the sandbox cost.
//!
//! The engine itself writes down how long each step of a call takes; what is
//! left of the call's time is around it: DataFusion's description of the
//! arguments, the choice of the function, looking for nulls. A price is what the
//! whole engine takes beside one that leaves that part out, in turns.

use std::time::{Duration, Instant};

use datafusion::logical_expr::ScalarUDF;
use fusebox::{Measured, Parts, Session};
use fusebox_benches::{builder, call_of, function};
use fusebox_turns::is_quick;

use crate::calls::{ROWS, invoke};
use crate::kernels::{KERNELS, Kernel, session, session_of};
use crate::turns::{Asked, Pair, Record, Turns, geometric_mean};

/// What a call is made of, in order.
const STEPS: [&str; 5] = ["lower", "guest", "lift", "reset", "around"];

/// Rows of the calls that are split.
const CASES: [usize; 2] = [ROWS, 1];

/// How long the calls that are split take together.
const SPLIT: Duration = Duration::from_millis(200);

const TURNS: Turns = Turns {
    least: 9,
    most: 41,
    all: Duration::from_millis(240),
    one: Duration::from_millis(1),
};

/// What can be left out, and what it is called.
const PRICES: [(&str, Parts); 4] = [
    ("fuel", leave_out(true, false, false)),
    ("canonical NaNs", leave_out(false, true, false)),
    ("reset", leave_out(false, false, true)),
    ("all three", leave_out(true, true, true)),
];

const fn leave_out(fuel: bool, canonical_nans: bool, reset: bool) -> Parts {
    Parts {
        fuel,
        canonical_nans,
        reset,
    }
}

/// What was found out about the parts of calls.
#[derive(Default)]
pub(crate) struct Splits {
    /// Nanoseconds of a call's steps, by kernel and case.
    lines: Vec<(&'static str, [Option<[f64; 5]>; CASES.len()])>,
}

/// What was found out about prices.
#[derive(Default)]
pub(crate) struct Prices {
    lines: Vec<(&'static str, Vec<Pair>)>,
}

/// Splits the calls that the command line asks for.
pub(crate) fn split(asked: &Asked) -> Splits {
    let session = session_of(builder(1).measure(true));
    let mut splits = Splits::default();
    for kernel in &KERNELS {
        let function = function(&session, kernel.name);
        let steps = CASES.map(|rows| {
            let name = format!("split/{}/{rows}", kernel.name);
            asked.has(&name).then(|| {
                eprintln!("{name}");
                let steps = steps(&session, kernel, &function, rows);
                for (part, nanos) in STEPS.into_iter().zip(steps) {
                    Record {
                        part: part.to_owned(),
                        rows: rows as u64,
                        ns: Some(nanos),
                        ..Record::new("split", kernel.name)
                    }
                    .append();
                }
                steps
            })
        });
        if steps.iter().any(Option::is_some) {
            splits.lines.push((kernel.name, steps));
        }
    }
    splits
}

/// Nanoseconds of each step of a call.
fn steps(session: &Session, kernel: &Kernel, function: &ScalarUDF, rows: usize) -> [f64; 5] {
    let call = call_of(function, rows, kernel.arguments(rows, 0));
    invoke(function, &call);
    invoke(function, &call);
    session.take_measured();
    let limit = if is_quick() { SPLIT / 4 } else { SPLIT };
    let start = Instant::now();
    let mut calls = 0;
    while calls < 3 || start.elapsed() < limit {
        invoke(function, &call);
        calls += 1;
    }
    let all = start.elapsed();
    let measured = session.take_measured();
    let is_ours = |measured: &&Measured| measured.calls > 0;
    let measured = measured.iter().find(is_ours).expect("it was called");
    let named = [
        measured.lower,
        measured.guest,
        measured.lift,
        measured.reset,
    ];
    let around = all.saturating_sub(named.iter().sum());
    let [lower, guest, lift, reset] = named;
    [lower, guest, lift, reset, around].map(|time| time.as_nanos() as f64 / f64::from(calls))
}

/// Measures the prices that the command line asks for.
pub(crate) fn price(asked: &Asked) -> Prices {
    let whole = session(1);
    let sessions = PRICES.map(|(_, parts)| session_of(builder(1).leave_out(parts)));
    let mut prices = Prices::default();
    for kernel in &KERNELS {
        let name = format!("price/{}", kernel.name);
        if !asked.has(&name) {
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
        let times = TURNS.rounds(&mut calls);
        let pairs: Vec<Pair> = times[1..]
            .iter()
            .map(|without| Pair::of(without, &times[0]))
            .collect();
        for ((part, _), pair) in PRICES.iter().zip(&pairs) {
            let record = Record {
                part: (*part).to_owned(),
                rows: ROWS as u64,
                ..Record::new("price", kernel.name)
            };
            record.with(pair).append();
        }
        prices.lines.push((kernel.name, pairs));
    }
    prices
}

impl Splits {
    /// Nanoseconds of one of the [`STEPS`] of a call of a batch, if that was
    /// measured.
    pub(crate) fn nanos(&self, kernel: &str, step: &str) -> Option<f64> {
        let (_, cases) = self.lines.iter().find(|(name, _)| *name == kernel)?;
        let place = STEPS.iter().position(|name| *name == step);
        cases[0].map(|steps| steps[place.expect("it is one of the steps")])
    }

    /// Prints a line for each kernel.
    pub(crate) fn print(&self) {
        for (case, rows) in CASES.iter().enumerate() {
            let lines = self.lines.iter();
            let lines = lines.filter_map(|(name, cases)| Some((*name, cases[case]?)));
            let lines: Vec<(&str, [f64; 5])> = lines.collect();
            if lines.is_empty() {
                continue;
            }
            let heads: String = STEPS.iter().map(|step| format!("{step:>12}")).collect();
            println!("\n{:<19}{heads}", format!("a call of {rows}"));
            for (name, steps) in lines {
                let micros = steps.map(|nanos| format!("{:>9.2} µs", nanos / 1e3));
                println!("{name:<19}{}", micros.concat());
            }
        }
    }
}

impl Prices {
    /// What a call takes with one of the [`PRICES`], to what it takes without, if
    /// that was measured.
    pub(crate) fn ratio(&self, kernel: &str, part: &str) -> Option<f64> {
        let (_, pairs) = self.lines.iter().find(|(name, _)| *name == kernel)?;
        let place = PRICES.iter().position(|(name, _)| *name == part);
        Some(pairs[place.expect("it is one of the prices")].ratio)
    }

    /// Prints a line for each kernel, and the geometric means.
    pub(crate) fn print(&self) {
        if self.lines.is_empty() {
            return;
        }
        let heads = PRICES.iter().map(|(part, _)| format!("{part:>16}"));
        println!("\n{:<19}{}", "with, to without", heads.collect::<String>());
        for (name, pairs) in &self.lines {
            let ratios = pairs.iter().map(|pair| format!("{:>16.3}", pair.ratio));
            println!("{name:<19}{}", ratios.collect::<String>());
        }
        let means = (0..PRICES.len()).map(|part| {
            let ratios = self.lines.iter().map(|(_, pairs)| pairs[part].ratio);
            geometric_mean(ratios).map_or(String::new(), |mean| format!("{mean:>16.3}"))
        });
        println!("{:<19}{}", "geometric mean", means.collect::<String>());
    }
}
