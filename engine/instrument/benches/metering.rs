//! Cost of metering: each kernel unmetered, with our counters, with our counters and
//! polling for cancellation, and with Wasmtime's fuel.
//!
//! Measured: a call with a batch of 8,192 rows in guest memory, compiled with the
//! engine's settings. Not measured: lowering, lifting, compiling. Names read
//! `metering/<kernel>/<variant>`. Afterwards, the variants of a kernel are called in
//! rotation, so that disturbances affect all of them; the last lines are ratios of
//! the medians of these calls.
//!
//! `unmetered` runs the same code path with `row_begin` as a no-op. `bounded` is
//! unmetered too, in the metering mode in which the SDK does not begin rows; the last
//! column compares metering with it, and thus includes the cost of separate rows.

mod kernels;

use std::collections::BTreeMap;
use std::time::Duration;

use criterion::Criterion;
use fusebox_instrument::{EXPORT_FUEL, Options};
use fusebox_paired::{PairedSampling, PairedTimes, Record, geometric_mean};
use wasmtime::Engine;

use kernels::{Grant, Guest, Kernel, Loaded, kernels};

const ROWS: usize = 8_192;

/// Metering of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Variant {
    Bounded,
    Unmetered,
    Fusebox,
    Polled,
    Wasmtime,
}

impl Variant {
    const ALL: [Self; 5] = [
        Self::Bounded,
        Self::Unmetered,
        Self::Fusebox,
        Self::Polled,
        Self::Wasmtime,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Bounded => "bounded",
            Self::Unmetered => "unmetered",
            Self::Fusebox => "fusebox",
            Self::Polled => "polled",
            Self::Wasmtime => "wasmtime",
        }
    }

    fn load(self, kernel: &Kernel) -> Loaded {
        let mut config = wasmtime::Config::new();
        config
            .compiler_inlining(wasmtime::Inlining::Yes)
            .wasm_wide_arithmetic(true)
            .wasm_multi_memory(true)
            .wasm_threads(true)
            .shared_memory(true)
            .consume_fuel(self == Self::Wasmtime);
        let engine = Engine::new(&config).expect("the settings are supported");
        let options = Options {
            metered: matches!(self, Self::Fusebox | Self::Polled),
            polled: self == Self::Polled,
            ..Options::default()
        };
        let guest = Guest::new(&engine, kernel.module, options);
        let mut loaded = Loaded::new(&guest, kernel);
        loaded.is_bounded |= self == Self::Bounded;
        loaded
    }
}

/// Calls the kernel with plenty of fuel.
fn call(loaded: &mut Loaded) {
    let status = loaded.call(Grant::PLENTY);
    assert_eq!(status.expect("no kernel traps"), 0);
}

/// Durations of calls in nanoseconds, by kernel and variant.
type Samples = BTreeMap<(usize, Variant), Vec<f64>>;

fn measure(criterion: &mut Criterion, number: usize, kernel: &Kernel, samples: &mut Samples) {
    let mut group = criterion.benchmark_group(format!("metering/{}", kernel.name));
    let mut results = Vec::new();
    let mut is_measured = false;
    let mut variants = Variant::ALL.map(|variant| {
        let mut loaded = variant.load(kernel);
        call(&mut loaded);
        results.push(loaded.result(kernel.result_bytes).to_vec());
        assert!(loaded.counter(EXPORT_FUEL) > 0);
        group.bench_function(variant.name(), |bencher| {
            is_measured = true;
            bencher.iter(|| call(&mut loaded));
        });
        (variant, loaded)
    });
    assert!(
        results.iter().all(|result| *result == results[0]),
        "{}",
        kernel.name
    );
    if is_measured {
        compare(number, &mut variants, samples);
    }
}

const TURNS: PairedSampling = PairedSampling {
    rounds_min: 60,
    rounds_max: 60,
    time_budget: Duration::from_millis(2_400),
    sample_time: Duration::from_millis(10),
};

fn compare(number: usize, variants: &mut [(Variant, Loaded)], samples: &mut Samples) {
    let names: Vec<Variant> = variants.iter().map(|(variant, _)| *variant).collect();
    let calls = variants.iter_mut();
    let mut calls: Vec<_> = calls.map(|(_, loaded)| move || call(loaded)).collect();
    let calls = calls.iter_mut().map(|call| call as &mut dyn FnMut());
    let times = TURNS.sample_calls(&mut calls.collect::<Vec<_>>());
    for (variant, times) in names.into_iter().zip(times) {
        samples.insert((number, variant), times);
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(600))
        .sample_size(20)
        .without_plots()
        .configure_from_args();
    let kernels = kernels(0..ROWS);
    let mut samples = Samples::default();
    for (number, kernel) in kernels.iter().enumerate() {
        measure(&mut criterion, number, kernel, &mut samples);
    }
    criterion.final_summary();
    report(&kernels, &samples);
}

/// Durations of a metered kernel, relative to the unmetered one.
struct Overhead {
    name: &'static str,
    ours: PairedTimes,
    polled: PairedTimes,
    theirs: PairedTimes,
    /// Ours, relative to the mode in which rows are not begun.
    total: PairedTimes,
}

fn report(kernels: &[Kernel], samples: &Samples) {
    println!(
        "\n{:<16}{:>14}{:>10}{:>10}{:>10}{:>10}",
        "kernel", "unmetered", "fusebox", "polled", "wasmtime", "total"
    );
    let mut all = Vec::new();
    for (number, kernel) in kernels.iter().enumerate() {
        let times = Variant::ALL.map(|variant| samples.get(&(number, variant)));
        let [
            Some(bounded),
            Some(unmetered),
            Some(ours),
            Some(polled),
            Some(theirs),
        ] = times
        else {
            continue;
        };
        let overhead = Overhead {
            name: kernel.name,
            ours: PairedTimes::of(unmetered, ours),
            polled: PairedTimes::of(unmetered, polled),
            theirs: PairedTimes::of(unmetered, theirs),
            total: PairedTimes::of(bounded, ours),
        };
        overhead.record();
        println!(
            "{:<16}{:>8.2} ns/row{:>9.3}{:>10.3}{:>10.3}{:>10.3}",
            overhead.name,
            overhead.ours.base_ns / ROWS as f64,
            overhead.ours.ratio,
            overhead.polled.ratio,
            overhead.theirs.ratio,
            overhead.total.ratio
        );
        all.push(overhead);
    }
    let worst = all
        .iter()
        .max_by(|a, b| a.ours.ratio.total_cmp(&b.ours.ratio));
    let Some(worst) = worst else {
        return;
    };
    let mean = |pair: fn(&Overhead) -> PairedTimes| {
        let ratios = all.iter().map(|overhead| pair(overhead).ratio);
        geometric_mean(ratios).expect("there is at least one kernel")
    };
    println!(
        "total geometric mean: {:.3}",
        mean(|overhead| overhead.total)
    );
    println!(
        "polled geometric mean: {:.3}",
        mean(|overhead| overhead.polled)
    );
    println!(
        "Wasmtime's fuel geometric mean: {:.3}",
        mean(|overhead| overhead.theirs)
    );
    println!(
        "metering geometric mean: {:.3}, worst: {:.3} ({})",
        mean(|overhead| overhead.ours),
        worst.ours.ratio,
        worst.name
    );
}

impl Overhead {
    fn record(&self) {
        for (engine, pair) in [
            ("fusebox", &self.ours),
            ("fusebox, polled", &self.polled),
            ("Wasmtime's fuel", &self.theirs),
        ] {
            let record = Record {
                engine: engine.to_owned(),
                rows: ROWS as u64,
                ..Record::new("metering", self.name)
            };
            record.with(pair).append();
        }
    }
}
