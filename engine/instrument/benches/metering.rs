//! What metering costs: each kernel as it is, with our counters, and with
//! Wasmtime's fuel.
//!
//! Measured: a call of a function for a batch of 8,192 rows that lie in the
//! guest's memory already, compiled with the settings of the engine. Not
//! measured: lowering, lifting, compiling. Names read
//! `metering/<kernel>/<variant>`. Behind them, the variants of a kernel are
//! called in turn, so that what else the machine does falls on all of them, and
//! the last lines are ratios of the medians of these calls.
//!
//! `unmetered` is the same module on the same way through it, where nothing is
//! counted and announcing a row does nothing. The SDK takes that way since rows
//! have to be told apart; `together` is the other one, which it takes where they
//! have not, so that the last column holds all that fuel for each row costs.

mod kernels;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use criterion::Criterion;
use fusebox_instrument::{EXPORT_FUEL, Options};
use wasmtime::Engine;

use kernels::{Grant, Guest, Kernel, Loaded, kernels};

const ROWS: usize = 8_192;

/// How a module is metered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Variant {
    Together,
    Unmetered,
    Fusebox,
    Wasmtime,
}

impl Variant {
    const ALL: [Self; 4] = [
        Self::Together,
        Self::Unmetered,
        Self::Fusebox,
        Self::Wasmtime,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Together => "together",
            Self::Unmetered => "unmetered",
            Self::Fusebox => "fusebox",
            Self::Wasmtime => "wasmtime",
        }
    }

    fn load(self, kernel: &Kernel) -> Loaded {
        let mut config = wasmtime::Config::new();
        config
            .compiler_inlining(wasmtime::Inlining::Yes)
            .consume_fuel(self == Self::Wasmtime);
        let engine = Engine::new(&config).expect("the settings are supported");
        let options = Options {
            metered: self == Self::Fusebox,
            ..Options::default()
        };
        let guest = Guest::new(&engine, kernel.module, options);
        let mut loaded = Loaded::new(&guest, kernel);
        loaded.is_bounded |= self == Self::Together;
        loaded
    }
}

/// Calls the kernel once more, with all the fuel it needs.
fn call(loaded: &mut Loaded) {
    let status = loaded.call(Grant::PLENTY);
    assert_eq!(status.expect("no kernel traps"), 0);
}

/// Nanoseconds for each row, by kernel and variant.
type Samples = BTreeMap<(usize, Variant), Vec<f64>>;

fn measure(criterion: &mut Criterion, number: usize, kernel: &Kernel, samples: &mut Samples) {
    let mut group = criterion.benchmark_group(format!("metering/{}", kernel.name));
    let mut answers = Vec::new();
    let mut is_measured = false;
    let mut variants = Variant::ALL.map(|variant| {
        let mut loaded = variant.load(kernel);
        call(&mut loaded);
        answers.push(loaded.answer(kernel.result_bytes).to_vec());
        assert!(loaded.counter(EXPORT_FUEL) > 0);
        group.bench_function(variant.name(), |bencher| {
            is_measured = true;
            bencher.iter(|| call(&mut loaded));
        });
        (variant, loaded)
    });
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{}",
        kernel.name
    );
    if is_measured {
        compare(number, &mut variants, samples);
    }
}

/// How often the variants of a kernel take turns, and how long a turn is.
const TURNS: usize = 60;
const TURN: Duration = Duration::from_millis(10);

fn compare(number: usize, variants: &mut [(Variant, Loaded)], samples: &mut Samples) {
    for _ in 0..TURNS {
        for (variant, loaded) in &mut *variants {
            let start = Instant::now();
            let mut calls = 0;
            while start.elapsed() < TURN {
                call(loaded);
                calls += 1;
            }
            let nanoseconds = start.elapsed().as_nanos() as f64;
            let samples = samples.entry((number, *variant)).or_default();
            samples.push(nanoseconds / f64::from(calls) / ROWS as f64);
        }
    }
}

fn median(samples: &[f64]) -> f64 {
    let mut samples = samples.to_vec();
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
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

/// What a kernel takes with metering, as ratios.
struct Ratios {
    name: &'static str,
    ours: f64,
    theirs: f64,
    /// Ours to the loop that does not tell rows apart.
    in_all: f64,
}

fn report(kernels: &[Kernel], samples: &Samples) {
    println!(
        "\n{:<16}{:>14}{:>10}{:>10}{:>10}",
        "kernel", "unmetered", "fusebox", "wasmtime", "in all"
    );
    let mut all = Vec::new();
    for (number, kernel) in kernels.iter().enumerate() {
        let times = Variant::ALL.map(|variant| samples.get(&(number, variant)));
        let [Some(together), Some(unmetered), Some(ours), Some(theirs)] = times else {
            continue;
        };
        let [together, unmetered, ours, theirs] =
            [together, unmetered, ours, theirs].map(|samples| median(samples));
        let ratios = Ratios {
            name: kernel.name,
            ours: ours / unmetered,
            theirs: theirs / unmetered,
            in_all: ours / together,
        };
        println!(
            "{:<16}{unmetered:>8.2} ns/row{:>9.3}{:>10.3}{:>10.3}",
            ratios.name, ratios.ours, ratios.theirs, ratios.in_all
        );
        all.push(ratios);
    }
    let Some(worst) = all.iter().max_by(|a, b| a.ours.total_cmp(&b.ours)) else {
        return;
    };
    let mean = |ratio: fn(&Ratios) -> f64| {
        let logarithms: f64 = all.iter().map(|ratios| ratio(ratios).ln()).sum();
        (logarithms / all.len() as f64).exp()
    };
    println!("in all geometric mean: {:.3}", mean(|ratios| ratios.in_all));
    println!(
        "Wasmtime's fuel geometric mean: {:.3}",
        mean(|ratios| ratios.theirs)
    );
    println!(
        "metering geometric mean: {:.3}, worst: {:.3} ({})",
        mean(|ratios| ratios.ours),
        worst.ours,
        worst.name
    );
}
