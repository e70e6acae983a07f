//! Plain functions: exports over numbers, to which the host adds the loop over rows.
//!
//! A plain function is sampled in turns with its native twin, with the same source and the SDK,
//! and with a Wasmtime call for each row, in [another process](crate::sandboxes): without metering,
//! and with Wasmtime's own, where each row gets fuel. Fusebox is metered and limited. The module
//! is that of the calls for each row.

use std::cell::RefCell;
use std::time::Duration;

use fusebox::Session;
use fusebox_benches::starts::{execute, runtime};
use fusebox_benches::{call_of, function};
use fusebox_paired::{Sampler, time_calls};

use crate::calls::{ROWS, invoke};
use crate::kernels::{KERNELS, session};
use crate::paired::{Filter, PairedSampling, PairedTimes, Record};
use crate::sandboxes::{Sandboxes, checksum, pin_to_core};

/// Kernels with their arguments and results.
const PLAIN: [(&str, &str); 3] = [
    ("add", "(BIGINT, BIGINT) RETURNS BIGINT"),
    ("gcd", "(BIGINT, BIGINT) RETURNS BIGINT"),
    ("collatz_steps", "(BIGINT) RETURNS BIGINT"),
];

/// Subjects beside a plain function: other functions of the session, then sandboxes.
const SUBJECTS: [&str; 4] = ["native", "sdk", "rows", "rows-metered"];

/// The first of [`SUBJECTS`] that is a sandbox.
const FIRST_SANDBOX: usize = 2;

/// Goal: a Wasmtime call for each row of `add` takes at least this times the plain function.
const ROW_CALL_RATIO_MIN: f64 = 8.0;

/// Goal: no plain function takes longer than this times that of the SDK.
const SDK_RATIO_MAX: f64 = 1.1;

const SAMPLING: PairedSampling = PairedSampling {
    rounds_min: 21,
    rounds_max: 101,
    time_budget: Duration::from_millis(1_000),
    sample_time: Duration::from_millis(1),
};

/// Times of calls of plain functions.
#[derive(Default)]
pub(crate) struct PlainCalls {
    calls: Vec<Call>,
}

struct Call {
    kernel: &'static str,
    /// For each of [`SUBJECTS`], with the plain function as the baseline.
    times: [PairedTimes; SUBJECTS.len()],
}

/// Measures the selected calls, named `plain/<kernel>/8192`.
pub(crate) fn measure(filter: &Filter) -> PlainCalls {
    let mut plain = PlainCalls::default();
    let selected = PLAIN.iter();
    let selected = selected.filter(|(name, _)| filter.matches(&format!("plain/{name}/{ROWS}")));
    let selected: Vec<_> = selected.collect();
    if selected.is_empty() {
        return plain;
    }
    pin_to_core();
    let Some(mut sandboxes) = Sandboxes::start() else {
        println!("plain functions are skipped: not built; run cargo xtask bench");
        return plain;
    };
    let (runtime, session) = (runtime(), session(1));
    for (kernel, signature) in selected {
        let define = format!(
            "CREATE FUNCTION plain_{kernel}{signature} LANGUAGE WASM
             AS 'target/peers/rows.wasm' EXPORT '{kernel}'"
        );
        execute(&runtime, &session, &define);
        plain.calls.push(compare(&session, kernel, &mut sandboxes));
    }
    plain
}

fn compare(session: &Session, name: &'static str, sandboxes: &mut Sandboxes) -> Call {
    eprintln!("plain/{name}/{ROWS}");
    let kernel = KERNELS.iter().find(|kernel| kernel.name == name);
    let arguments = kernel.expect("it is a kernel").arguments(ROWS, 0);
    let call = |prefix: &str| {
        let function = function(session, &format!("{prefix}{name}"));
        let call = call_of(&function, ROWS, arguments.clone());
        move || invoke(&function, &call)
    };
    let (plain, native, sdk) = (call("plain_"), call("native_"), call(""));
    let expected = checksum(native());
    assert_eq!(checksum(sdk()), expected, "{name}");
    assert_eq!(checksum(plain()), expected, "plain {name}");
    for sandbox in &SUBJECTS[FIRST_SANDBOX..] {
        let found = sandboxes.prepare(sandbox, name, ROWS);
        assert_eq!(
            found,
            Some(expected),
            "{name}: {sandbox} returns another result"
        );
    }

    let sandboxes = RefCell::new(sandboxes);
    let sandboxes = &sandboxes;
    let mut theirs: Vec<_> = SUBJECTS[FIRST_SANDBOX..]
        .iter()
        .map(|sandbox| move |time| sandboxes.borrow_mut().time_calls(sandbox, time))
        .collect();
    let mut plain = |time| time_calls(time, &mut || drop(plain()));
    let mut native = |time| time_calls(time, &mut || drop(native()));
    let mut sdk = |time| time_calls(time, &mut || drop(sdk()));
    let mut samplers: Vec<Sampler<'_>> = vec![&mut plain, &mut native, &mut sdk];
    samplers.extend(theirs.iter_mut().map(|sampler| sampler as Sampler<'_>));
    let samples = SAMPLING.sample(&mut samplers);
    let call = Call {
        kernel: name,
        times: std::array::from_fn(|n| PairedTimes::of(&samples[0], &samples[n + 1])),
    };
    call.record();
    call
}

impl Call {
    fn record(&self) {
        for (subject, times) in SUBJECTS.iter().zip(&self.times) {
            let record = Record {
                rows: ROWS as u64,
                engine: (*subject).to_owned(),
                ..Record::new("plain", self.kernel)
            };
            record.with(times).append();
        }
    }
}

impl PlainCalls {
    /// Prints a line for each kernel: the time of a row, and the ratio of each subject to the plain
    /// function.
    pub(crate) fn print(&self) {
        if self.calls.is_empty() {
            return;
        }
        print!("\n{:<24}{:>8}", "8,192 rows: ns/row", "plain");
        for subject in SUBJECTS {
            print!("{subject:>14}{:>8}{:>8}", "ratio", "±");
        }
        println!();
        for Call { kernel, times } in &self.calls {
            let per_row = |nanoseconds: f64| nanoseconds / ROWS as f64;
            print!("{kernel:<24}{:>8.2}", per_row(times[0].base_ns));
            for times in times {
                let spread = format!("{:.1} %", times.spread() * 100.0);
                print!("{:>14.2}{:>8.2}{spread:>8}", per_row(times.ns), times.ratio);
            }
            println!();
        }
        self.print_goals();
    }

    fn print_goals(&self) {
        for Call { kernel, times } in &self.calls {
            let [_, sdk, rows, metered_rows] = times;
            if *kernel == "add" {
                let (ratio, metered) = (rows.ratio, metered_rows.ratio);
                println!(
                    "plain add: {ratio:.2} times as fast as a call per row, {metered:.2} with \
                     Wasmtime's fuel (goal: {ROW_CALL_RATIO_MIN:.0})"
                );
            }
            println!(
                "plain {kernel} to the SDK: {:.2} (goal: {SDK_RATIO_MAX})",
                1.0 / sdk.ratio
            );
        }
    }
}
