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
use std::time::Duration;

use criterion::Criterion;
use fusebox_instrument::{EXPORT_FUEL, Options};
use fusebox_turns::{Pair, Record, Turns, geometric_mean};
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
            .wasm_wide_arithmetic(true)
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

/// Nanoseconds of calls, by kernel and variant.
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

const TURNS: Turns = Turns {
    least: 60,
    most: 60,
    all: Duration::from_millis(2_400),
    one: Duration::from_millis(10),
};

fn compare(number: usize, variants: &mut [(Variant, Loaded)], samples: &mut Samples) {
    let names: Vec<Variant> = variants.iter().map(|(variant, _)| *variant).collect();
    let calls = variants.iter_mut();
    let mut calls: Vec<_> = calls.map(|(_, loaded)| move || call(loaded)).collect();
    let calls = calls.iter_mut().map(|call| call as &mut dyn FnMut());
    let times = TURNS.rounds(&mut calls.collect::<Vec<_>>());
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

/// What a kernel takes with metering, beside the kernel without.
struct Metered {
    name: &'static str,
    ours: Pair,
    theirs: Pair,
    /// Ours beside the loop that does not tell rows apart.
    in_all: Pair,
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
        let metered = Metered {
            name: kernel.name,
            ours: Pair::of(unmetered, ours),
            theirs: Pair::of(unmetered, theirs),
            in_all: Pair::of(together, ours),
        };
        metered.record();
        println!(
            "{:<16}{:>8.2} ns/row{:>9.3}{:>10.3}{:>10.3}",
            metered.name,
            metered.ours.native / ROWS as f64,
            metered.ours.ratio,
            metered.theirs.ratio,
            metered.in_all.ratio
        );
        all.push(metered);
    }
    let worst = all
        .iter()
        .max_by(|a, b| a.ours.ratio.total_cmp(&b.ours.ratio));
    let Some(worst) = worst else {
        return;
    };
    let mean = |pair: fn(&Metered) -> Pair| {
        let ratios = all.iter().map(|metered| pair(metered).ratio);
        geometric_mean(ratios).expect("there is one")
    };
    println!(
        "in all geometric mean: {:.3}",
        mean(|metered| metered.in_all)
    );
    println!(
        "Wasmtime's fuel geometric mean: {:.3}",
        mean(|metered| metered.theirs)
    );
    println!(
        "metering geometric mean: {:.3}, worst: {:.3} ({})",
        mean(|metered| metered.ours),
        worst.ours.ratio,
        worst.name
    );
}

impl Metered {
    fn record(&self) {
        for (engine, pair) in [("fusebox", &self.ours), ("Wasmtime's fuel", &self.theirs)] {
            let record = Record {
                engine: engine.to_owned(),
                rows: ROWS as u64,
                ..Record::new("metering", self.name)
            };
            record.with(pair).append();
        }
    }
}
