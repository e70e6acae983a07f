//! Time per unit of fuel of guests that make a unit as expensive as they can.
//!
//! Measured: CPU time of a call, compiled with the engine's settings; for guests that touch
//! memory of a fresh instance, also instantiation and drop, because pages are unmapped
//! there. Not measured: compiling. Names read `unit_cost/<guest>`.
//!
//! The fuel is what the call burnt, and that of a fresh instance and the pages of its
//! initial memory, as the engine charges them. Each line is the median; the last
//! one the most expensive guest.

#[path = "unit_cost/guests.rs"]
mod guests;

use std::sync::OnceLock;
use std::time::Instant;

use fusebox_instrument::weights::{FUEL_PER_INSTANCE, FUEL_PER_PAGE};
use fusebox_instrument::{EXPORT_CALL_BEGIN, EXPORT_FUEL, EXPORT_START, Options, instrument};
use fusebox_paired::{Filter, Record, median};
use wasmtime::{Config, Engine, Instance, Module, Store, TypedFunc};

use guests::{Guest, guests};

/// Fuel of a call: more than any guest burns.
const GRANT: i64 = 1 << 50;

/// Time per unit of fuel that no guest may exceed, in nanoseconds, as the documentation of
/// the grants states it.
const NS_PER_UNIT_MAX: f64 = 40.0;

/// Samples of each guest.
const SAMPLES: usize = 7;

/// Minimum duration of a sample in nanoseconds: the system updates CPU times seldom.
const SAMPLE_NS_MIN: u128 = 30_000_000;

struct Called {
    ns: f64,
    fuel: u64,
}

/// Returns the CPU time of this thread in nanoseconds, or the time since the first call
/// where the system does not tell it.
fn now_ns() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    let cpu = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let cpu = cpu.and_then(|text| text.split(' ').next()?.parse().ok());
    cpu.unwrap_or_else(|| start.elapsed().as_nanos() as f64)
}

fn engine() -> Engine {
    let mut config = Config::new();
    config
        .compiler_inlining(wasmtime::Inlining::Yes)
        .wasm_relaxed_simd(false)
        .wasm_wide_arithmetic(true);
    Engine::new(&config).expect("the settings are supported")
}

struct Loaded {
    store: Store<()>,
    instance: Instance,
    run: TypedFunc<(), i64>,
}

impl Loaded {
    fn new(module: &Module) -> Self {
        let mut store = Store::new(module.engine(), ());
        let instance = Instance::new(&mut store, module, &[]).expect("nothing is imported");
        let run = instance.get_typed_func(&mut store, "run");
        let run = run.expect("the guest exports it");
        let mut loaded = Self {
            store,
            instance,
            run,
        };
        if let Some(start) = instance.get_func(&mut loaded.store, EXPORT_START) {
            loaded.begin();
            let started = start.call(&mut loaded.store, &[], &mut []);
            started.expect("the start does not trap");
        }
        loaded
    }

    /// Calls the guest; returns the fuel that it burnt.
    fn call(&mut self) -> u64 {
        self.begin();
        let ended = self.run.call(&mut self.store, ());
        std::hint::black_box(ended.expect("the guest does not trap"));
        let left = self.instance.get_global(&mut self.store, EXPORT_FUEL);
        let left = left.expect("the pass exports it").get(&mut self.store);
        (GRANT - left.unwrap_i64()) as u64
    }

    /// Sets the counters for a call.
    fn begin(&mut self) {
        let begin: TypedFunc<(i64, i64, i64, i32, i32), ()> = self
            .instance
            .get_typed_func(&mut self.store, EXPORT_CALL_BEGIN)
            .expect("the pass exports it");
        begin
            .call(&mut self.store, (GRANT, 1 << 18, 0, 0, 0))
            .expect("it only sets globals");
    }
}

fn measure(engine: &Engine, guest: &Guest) -> Called {
    let bytes = wat::parse_str(&guest.text).expect("the guest is valid text");
    let instrumented = instrument(&bytes, Options::default()).expect("the guest is accepted");
    let module = Module::new(engine, &instrumented.module).expect("the guest compiles");
    let creation_fuel = match guest.is_fresh {
        true => FUEL_PER_INSTANCE + guest.initial_pages * FUEL_PER_PAGE,
        false => 0,
    };
    let mut kept = Loaded::new(&module);
    let mut call = || match guest.is_fresh {
        true => Loaded::new(&module).call(),
        false => kept.call(),
    };
    // A cold call, for the number of calls in a sample.
    call();
    let since = Instant::now();
    let fuel = call();
    let calls = SAMPLE_NS_MIN / since.elapsed().as_nanos().max(1) + 1;
    let mut times = Vec::new();
    for _ in 0..SAMPLES {
        let since = now_ns();
        for _ in 0..calls {
            call();
        }
        times.push((now_ns() - since) / calls as f64);
    }
    Called {
        ns: median(&times),
        fuel: fuel + creation_fuel,
    }
}

fn main() {
    let filter = Filter::from_arguments();
    let engine = engine();
    let mut worst: Option<(f64, &str)> = None;
    let guests = guests();
    for guest in &guests {
        if !filter.matches(&format!("unit_cost/{}", guest.name)) {
            continue;
        }
        let called = measure(&engine, guest);
        let per_unit = called.ns / called.fuel as f64;
        println!(
            "{:<24}{:>12} units{:>12.3} ms{:>9.2} ns/unit",
            guest.name,
            called.fuel,
            called.ns / 1e6,
            per_unit
        );
        Record {
            ns: Some(called.ns),
            ..Record::new("unit_cost", guest.name)
        }
        .append();
        if worst.is_none_or(|(worst, _)| per_unit > worst) {
            worst = Some((per_unit, guest.name));
        }
    }
    if let Some((per_unit, name)) = worst {
        let verdict = match per_unit <= NS_PER_UNIT_MAX {
            true => "at most",
            false => "MORE THAN",
        };
        println!("most expensive: {per_unit:.2} ns/unit ({name}), {verdict} {NS_PER_UNIT_MAX}");
    }
}
