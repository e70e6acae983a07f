//! The same functions in other sandboxes, in the same run.
//!
//! The sandboxes run in a process of their own, since they link other versions of
//! Arrow and Wasmtime; `benches/peers` documents the use of each. FunctionMetrics are the
//! kernels whose source needs no SDK; their results are compared bit by bit.
//! Fusebox is metered and limited, the others are not. Both processes are pinned to
//! one core: on a virtual machine with shared cores, one core can be half as fast
//! as another for seconds.

use std::cell::RefCell;
use std::time::Duration;

use fusebox::Session;
use fusebox_benches::{call_of, function};
use fusebox_paired::{Sampler, time_calls};

use crate::calls::invoke;
use crate::kernels::{KERNELS, Kernel, session};
use crate::paired::{Filter, PairedSampling, PairedTimes, Record, geometric_mean};
use crate::sandboxes::{Sandboxes, checksum, pin_to_core};

const SANDBOXES: [&str; 4] = ["arrow-udf", "rows", "ipc-module", "ipc-component"];

const ROWS: [usize; 2] = [1_024, 8_192];

const SAMPLING: PairedSampling = PairedSampling {
    rounds_min: 11,
    rounds_max: 41,
    time_budget: Duration::from_millis(500),
    sample_time: Duration::from_millis(1),
};

/// Times of calls in other sandboxes.
#[derive(Default)]
pub(crate) struct Peers {
    calls: Vec<Call>,
}

/// Times of a kernel in a sandbox.
struct Call {
    sandbox: &'static str,
    kernel: &'static str,
    rows: usize,
    /// Nanoseconds of a native call.
    native: f64,
    /// The sandbox, with Fusebox as the baseline.
    times: PairedTimes,
}

/// Measures the selected calls, named `peers/<sandbox>/<kernel>/<rows>`.
pub(crate) fn measure(filter: &Filter) -> Peers {
    let mut selected = Vec::new();
    for kernel in &KERNELS {
        for rows in ROWS {
            let is_selected =
                |sandbox: &&str| filter.matches(&format!("peers/{sandbox}/{}/{rows}", kernel.name));
            let sandboxes: Vec<_> = SANDBOXES.into_iter().filter(is_selected).collect();
            if !sandboxes.is_empty() {
                selected.push((kernel, rows, sandboxes));
            }
        }
    }
    let mut peers = Peers::default();
    if selected.is_empty() {
        return peers;
    }
    pin_to_core();
    let Some(mut sandboxes) = Sandboxes::start() else {
        println!("other sandboxes are skipped: not built; run cargo xtask bench");
        return peers;
    };
    let session = session(1);
    for (kernel, rows, names) in selected {
        let calls = compare(&session, kernel, rows, &mut sandboxes, &names);
        peers.calls.extend(calls);
    }
    peers
}

fn compare(
    session: &Session,
    kernel: &'static Kernel,
    rows: usize,
    sandboxes: &mut Sandboxes,
    names: &[&'static str],
) -> Vec<Call> {
    let name = kernel.name;
    let prepared = names.iter().filter_map(|sandbox| {
        let checksum = sandboxes.prepare(sandbox, name, rows)?;
        Some((*sandbox, checksum))
    });
    let prepared: Vec<_> = prepared.collect();
    if prepared.is_empty() {
        return Vec::new();
    }
    eprintln!("peers/*/{name}/{rows}");
    let arguments = kernel.arguments(rows, 0);
    let call = |prefix: &str| {
        let function = function(session, &format!("{prefix}{name}"));
        let call = call_of(&function, rows, arguments.clone());
        move || invoke(&function, &call)
    };
    let (native, fusebox) = (call("native_"), call(""));
    let expected = checksum(native());
    assert_eq!(checksum(fusebox()), expected, "{name}");
    for (sandbox, checksum) in &prepared {
        assert_eq!(
            *checksum, expected,
            "{name}: {sandbox} returns another result"
        );
    }

    let sandboxes = RefCell::new(sandboxes);
    let sandboxes = &sandboxes;
    let mut theirs: Vec<_> = prepared
        .iter()
        .map(|(sandbox, _)| move |time| sandboxes.borrow_mut().time_calls(sandbox, time))
        .collect();
    let mut native = |time| time_calls(time, &mut || drop(native()));
    let mut fusebox = |time| time_calls(time, &mut || drop(fusebox()));
    let mut samplers: Vec<Sampler<'_>> = vec![&mut native, &mut fusebox];
    samplers.extend(theirs.iter_mut().map(|sampler| sampler as Sampler<'_>));
    let samples = SAMPLING.sample(&mut samplers);

    let measured = prepared.iter().map(|(sandbox, _)| *sandbox);
    recorded(name, rows, &samples, measured)
}

/// Records samples: of native calls, of Fusebox's, and of those of `measured`.
fn recorded(
    kernel: &'static str,
    rows: usize,
    samples: &[Vec<f64>],
    measured: impl Iterator<Item = &'static str>,
) -> Vec<Call> {
    let record = |sandbox: &str, times: &PairedTimes| {
        let record = Record {
            engine: sandbox.to_owned(),
            rows: rows as u64,
            ..Record::new("peers", kernel)
        };
        record.with(times).append();
    };
    let to_native = PairedTimes::of(&samples[0], &samples[1]);
    record("fusebox", &to_native);
    let calls = measured.zip(&samples[2..]).map(|(sandbox, theirs)| {
        let times = PairedTimes::of(&samples[1], theirs);
        record(sandbox, &times);
        Call {
            sandbox,
            kernel,
            rows,
            native: to_native.base_ns,
            times,
        }
    });
    calls.collect()
}

impl Peers {
    /// Prints a table for each sandbox, with a line for each kernel.
    pub(crate) fn print(&self) {
        for sandbox in SANDBOXES {
            let calls: Vec<&Call> = self.of(sandbox).collect();
            if calls.is_empty() {
                continue;
            }
            println!(
                "\n{:<19}{:>8}{:>11}{:>11}{:>15}{:>8}{:>8}",
                "ns/row", "rows", "native", "fusebox", sandbox, "ratio", "±"
            );
            for call in calls {
                let per_row = |nanoseconds: f64| nanoseconds / call.rows as f64;
                println!(
                    "{:<19}{:>8}{:>11.2}{:>11.2}{:>15.2}{:>8.2}{:>8}",
                    call.kernel,
                    call.rows,
                    per_row(call.native),
                    per_row(call.times.base_ns),
                    per_row(call.times.ns),
                    call.times.ratio,
                    format!("{:.1} %", call.times.spread() * 100.0),
                );
            }
        }
    }

    /// Prints the ratios of each sandbox to Fusebox: `add`, the geometric mean, and
    /// the smallest.
    pub(crate) fn print_means(&self) {
        for sandbox in SANDBOXES {
            for call in self.of(sandbox).filter(|call| call.kernel == "add") {
                let (rows, ratio) = (call.rows, call.times.ratio);
                println!("add beside {sandbox} at {rows} rows: {ratio:.2}");
            }
            let ratios = self.of(sandbox).map(|call| call.times.ratio);
            if let Some(mean) = geometric_mean(ratios) {
                println!("geometric mean beside {sandbox}: {mean:.2}");
            }
            let calls = self.of(sandbox);
            // The smallest ratio is that of the kernel at which Fusebox is slowest.
            let slowest = calls.min_by(|a, b| a.times.ratio.total_cmp(&b.times.ratio));
            if let Some(call) = slowest {
                let (kernel, ratio) = (call.kernel, call.times.ratio);
                println!("slowest beside {sandbox}: {kernel} {ratio:.2}");
            }
        }
    }

    fn of(&self, sandbox: &'static str) -> impl Iterator<Item = &Call> {
        let calls = self.calls.iter();
        calls.filter(move |call| call.sandbox == sandbox)
    }
}
