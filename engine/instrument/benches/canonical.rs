//! Cost of canonical NaNs: each kernel without, with ours, and with Cranelift's option,
//! which canonicalizes after every instruction.
//!
//! Measured: a metered call with a batch of 8,192 rows in guest memory, compiled with
//! the engine's settings. The kernels are the bundled functions over floats, and the
//! functions of `floats.rs`, which is compiled here.
//!
//! The variants are called in rotation, for some milliseconds each. The result is the
//! median of the ratios within a rotation, which is robust against other load.

mod kernels;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fusebox_instrument::{EXPORT_CALL_BEGIN, EXPORT_FUEL, Options, instrument};
use fusebox_paired::{Filter, PairedSampling, PairedTimes, Record, geometric_mean};
use wasmtime::{Engine, Instance, Store, TypedFunc};

use kernels::{Grant, Guest, Kernel, Loaded, kernels};

const ROWS: usize = 8_192;

const TURNS: PairedSampling = PairedSampling {
    rounds_min: 100,
    rounds_max: 100,
    time_budget: Duration::from_millis(1_200),
    sample_time: Duration::from_millis(4),
};

const BUNDLED: [&str; 3] = ["polynomial", "haversine_km", "vector_sum"];

const FLOATS: [&str; 5] = [
    "black_scholes",
    "mandelbrot",
    "lanes",
    "softmax",
    "matrices",
];

/// Canonicalization of NaNs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    Unchanged,
    Fusebox,
    Cranelift,
}

impl Variant {
    const ALL: [Self; 3] = [Self::Unchanged, Self::Fusebox, Self::Cranelift];

    fn engine(self) -> Engine {
        let mut config = wasmtime::Config::new();
        config
            .compiler_inlining(wasmtime::Inlining::Yes)
            .wasm_wide_arithmetic(true)
            .cranelift_nan_canonicalization(self == Self::Cranelift);
        Engine::new(&config).expect("the settings are supported")
    }

    fn options(self) -> Options {
        Options {
            canonical_nans: self == Self::Fusebox,
            ..Options::default()
        }
    }
}

/// An instance of `floats.rs` with its rows, and one of its functions.
struct Floats {
    store: Store<()>,
    call_begin: TypedFunc<(i64, i64, i64, i32, i32), ()>,
    function: TypedFunc<(), ()>,
    digest: TypedFunc<(), u64>,
}

impl Floats {
    fn new(variant: Variant, module: &[u8], name: &str) -> Self {
        let engine = variant.engine();
        let module = instrument(module, variant.options()).expect("the guest is valid");
        let module = wasmtime::Module::new(&engine, module.module).expect("the module compiles");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("nothing is imported");
        let call_begin = instance
            .get_typed_func(&mut store, EXPORT_CALL_BEGIN)
            .expect("the pass exports it");
        let digest = instance
            .get_typed_func(&mut store, "digest")
            .expect("the guest exports the function");
        let mut function = |name| {
            instance
                .get_typed_func(&mut store, name)
                .expect("the guest exports the function")
        };
        let (fill, function) = (function("fill"), function(name));
        let mut floats = Self {
            store,
            call_begin,
            function: fill,
            digest,
        };
        floats.call();
        Self { function, ..floats }
    }

    fn begin(&mut self) {
        self.call_begin
            .call(&mut self.store, (1 << 60, 1 << 18, 1 << 50, 0, 0))
            .expect("it only sets counters");
    }

    fn call(&mut self) {
        self.begin();
        self.function
            .call(&mut self.store, ())
            .expect("no kernel traps");
    }

    fn digest(&mut self) -> Vec<u8> {
        self.begin();
        let digest = self.digest.call(&mut self.store, ());
        digest.expect("it only reads").to_le_bytes().to_vec()
    }
}

/// Compiles the guest `floats.rs`.
fn compile_floats() -> Vec<u8> {
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join("floats.wasm");
    let flags = "--edition=2021 --crate-type=cdylib --target=wasm32-unknown-unknown -Copt-level=3 \
                 -Cpanic=abort -Clto=fat -Ccodegen-units=1 -Ctarget-feature=+simd128 -Cstrip=debuginfo";
    let status = Command::new("rustc")
        .args(flags.split_whitespace())
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/floats.rs"))
        .arg("-o")
        .arg(&output)
        .status();
    assert!(
        status.expect("rustc is installed").success(),
        "floats.rs compiles to wasm32-unknown-unknown"
    );
    std::fs::read(output).expect("rustc has written it")
}

/// Durations of a kernel with our NaNs and with Cranelift's option, relative to neither.
struct Times {
    name: &'static str,
    pairs: [PairedTimes; 2],
}

/// Measures `call` of a kernel that `load` creates for each variant, and compares the
/// results.
fn measure<L>(
    name: &'static str,
    load: impl FnMut(Variant) -> L,
    call: fn(&mut L),
    result: impl FnMut(&mut L) -> Vec<u8>,
) -> Times {
    let mut variants = Variant::ALL.map(load);
    variants.iter_mut().for_each(call);
    let [first, ours, theirs] = variants.each_mut().map(result);
    assert!(ours == first && theirs == first, "{name}");
    eprintln!("canonical/{name}");
    let [plain, ours, theirs] = &mut variants;
    let times = TURNS.sample_calls(&mut [&mut || call(plain), &mut || call(ours), &mut || {
        call(theirs)
    }]);
    let pairs = [1, 2].map(|variant| PairedTimes::of(&times[0], &times[variant]));
    for (engine, pair) in ["fusebox", "Cranelift's option"].into_iter().zip(&pairs) {
        let record = Record {
            engine: engine.to_owned(),
            rows: ROWS as u64,
            ..Record::new("canonical", name)
        };
        record.with(pair).append();
    }
    Times { name, pairs }
}

fn main() {
    let filter = Filter::from_arguments();
    let is_asked = |name: &str| filter.matches(&format!("canonical/{name}"));
    let mut all = Vec::new();
    let bundled = kernels(0..ROWS);
    let is_float = |kernel: &&Kernel| BUNDLED.contains(&kernel.name) && is_asked(kernel.name);
    for kernel in bundled.iter().filter(is_float) {
        let load = |variant: Variant| {
            let guest = Guest::new(&variant.engine(), kernel.module, variant.options());
            Loaded::new(&guest, kernel)
        };
        let call = |loaded: &mut Loaded| {
            let status = loaded.call(Grant::PLENTY);
            assert_eq!(status.expect("no kernel traps"), 0);
        };
        let result = |loaded: &mut Loaded| {
            assert!(loaded.counter(EXPORT_FUEL) > 0);
            loaded.result(kernel.result_bytes).to_vec()
        };
        all.push(measure(kernel.name, load, call, result));
    }
    let floats: Vec<_> = FLOATS.into_iter().filter(|name| is_asked(name)).collect();
    let module = if floats.is_empty() {
        Vec::new()
    } else {
        compile_floats()
    };
    for name in floats {
        let load = |variant| Floats::new(variant, &module, name);
        all.push(measure(name, load, Floats::call, Floats::digest));
    }
    report(&all);
}

fn report(all: &[Times]) {
    if all.is_empty() {
        return;
    }
    println!(
        "{:<16}{:>14}{:>10}{:>11}",
        "kernel", "unchanged", "fusebox", "cranelift"
    );
    for Times { name, pairs } in all {
        let [ours, theirs] = pairs.map(|pair| pair.ratio);
        let row = pairs[0].base_ns / ROWS as f64;
        println!("{name:<16}{row:>7.2} ns/row{ours:>10.3}{theirs:>11.3}");
    }
    let mean = |variant: usize| {
        let ratios = all.iter().map(|times| times.pairs[variant].ratio);
        geometric_mean(ratios).expect("there is at least one kernel")
    };
    println!("Cranelift's option geometric mean: {:.3}", mean(1));
    println!("canonical NaN: {:.3}", mean(0));
}
