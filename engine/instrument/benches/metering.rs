//! What metering costs: each kernel as it is, with our counters, and with
//! Wasmtime's fuel.
//!
//! Measured: a call of a function for a batch of 8,192 rows that lie in the
//! guest's memory already, compiled with the settings of the engine. Not
//! measured: lowering, lifting, compiling. Without our counters nothing is
//! announced either: the module's imports do nothing, and rows run in the
//! loops of bounded ones. Names read `metering/<kernel>/<variant>`; the last
//! lines are the ratios of the medians.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::Criterion;
use fusebox_abi::{ALIGNMENT, ArrowArray, EXPORT_ALLOC, EXPORT_FUNCTION_PREFIX, EXPORT_MEMORY};
use fusebox_instrument::{EXPORT_BEGIN, EXPORT_FUEL, Options, Rows, instrument};
use wasmtime::{Engine, Instance, Store, TypedFunc};

const ROWS: usize = 8_192;

/// A function, its module, and what it is called with.
struct Kernel {
    module: &'static str,
    name: &'static str,
    columns: Vec<Column>,
    /// How many bytes of the result's second buffer are compared.
    result_bytes: usize,
}

/// An argument column without nulls.
enum Column {
    Fixed(Vec<u8>),
    Bytes(Vec<Vec<u8>>),
}

impl Column {
    fn longs(value: impl Fn(usize) -> i64) -> Self {
        Self::Fixed((0..ROWS).flat_map(|row| value(row).to_le_bytes()).collect())
    }

    /// Spread evenly from `least` on.
    fn doubles(seed: f64, least: f64, range: f64) -> Self {
        let part = |row: usize| (seed + row as f64 * 0.618_033_988_749_895).fract();
        let value = |row| least + part(row) * range;
        Self::Fixed((0..ROWS).flat_map(|row| value(row).to_le_bytes()).collect())
    }

    fn texts(value: impl Fn(usize) -> String) -> Self {
        Self::Bytes((0..ROWS).map(|row| value(row).into_bytes()).collect())
    }

    /// The buffers behind the validity bitmap.
    fn buffers(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Fixed(values) => vec![values.clone()],
            Self::Bytes(rows) => {
                let mut end = 0_i32;
                let mut offsets = end.to_le_bytes().to_vec();
                for row in rows {
                    end += row.len() as i32;
                    offsets.extend(end.to_le_bytes());
                }
                vec![offsets, rows.concat()]
            }
        }
    }
}

/// Numbers that look random and are the same in every run.
fn random(row: usize, salt: u64) -> u64 {
    let mixed = (row as u64 ^ salt << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 8
}

fn kernels() -> Vec<Kernel> {
    let word = |row: usize| {
        let words = [
            "Crème", "brûlée", "at", "the", "Gare", "du", "Nord", "since",
        ];
        let words = (0..16).map(|n| words[random(row, n) as usize % words.len()]);
        words.collect::<Vec<_>>().join(" ")
    };
    let small = |salt| Column::longs(move |row| (random(row, salt) % 1_000_000) as i64);
    let kernel = |module, name, columns, result_bytes| Kernel {
        module,
        name,
        columns,
        result_bytes,
    };
    let of = |name, columns| kernel("kernels", name, columns, ROWS * 8);
    vec![
        of("add", vec![small(1), small(2)]),
        of("gcd", vec![small(3), small(4)]),
        kernel(
            "math",
            "collatz_steps",
            vec![Column::longs(|row| row as i64 + 1)],
            ROWS * 8,
        ),
        kernel(
            "math",
            "mod_pow",
            vec![
                small(5),
                small(6),
                Column::longs(|row| random(row, 7) as i64 | 1),
            ],
            ROWS * 8,
        ),
        of("polynomial", vec![Column::doubles(0.3, -2.0, 4.0)]),
        kernel(
            "geo",
            "haversine_km",
            vec![
                Column::doubles(0.1, -90.0, 180.0),
                Column::doubles(0.2, -180.0, 360.0),
                Column::doubles(0.4, -90.0, 180.0),
                Column::doubles(0.7, -180.0, 360.0),
            ],
            ROWS * 8,
        ),
        of(
            "vector_sum",
            vec![Column::Bytes(
                (0..ROWS)
                    .map(|row| {
                        (0..128)
                            .flat_map(|lane| (random(row, lane) as f32 / 1e16).to_le_bytes())
                            .collect()
                    })
                    .collect(),
            )],
        ),
        of("fnv1a", vec![Column::texts(word)]),
        kernel("kernels", "upper", vec![Column::texts(word)], ROWS * 4),
        kernel("text", "slug", vec![Column::texts(word)], ROWS * 4),
        kernel(
            "text",
            "jaro_winkler",
            vec![Column::texts(word), Column::texts(move |row| word(row + 1))],
            ROWS * 8,
        ),
        of("fibonacci", vec![Column::longs(|row| (row % 16) as i64)]),
        of("dispatch", vec![Column::longs(|row| random(row, 8) as i64)]),
    ]
}

/// How a module is metered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Variant {
    Unmetered,
    Fusebox,
    Wasmtime,
}

impl Variant {
    const ALL: [Self; 3] = [Self::Unmetered, Self::Fusebox, Self::Wasmtime];

    fn name(self) -> &'static str {
        match self {
            Self::Unmetered => "unmetered",
            Self::Fusebox => "fusebox",
            Self::Wasmtime => "wasmtime",
        }
    }
}

/// A kernel in an instance, its arguments in place.
struct Loaded {
    store: Store<()>,
    variant: Variant,
    begin: TypedFunc<(i64, i64, i64, i32, i32), ()>,
    bounded: i32,
    function: TypedFunc<(u32, u32, u32), u32>,
    memory: wasmtime::Memory,
    instance: Instance,
    args: u32,
    result: u32,
}

/// More than any kernel burns.
const PLENTY: i64 = 1 << 60;

impl Loaded {
    fn new(kernel: &Kernel, variant: Variant) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests");
        let module = std::fs::read(root.join(format!("{}.wasm", kernel.module)))
            .expect("build the guests first: cargo xtask guests");
        let options = Options {
            metered: variant == Variant::Fusebox,
            ..Options::default()
        };
        let metered = instrument(&module, options).expect("the guest is valid");
        let mut config = wasmtime::Config::new();
        config
            .compiler_inlining(wasmtime::Inlining::Yes)
            .consume_fuel(variant == Variant::Wasmtime);
        let engine = Engine::new(&config).expect("the settings are supported");
        let module = wasmtime::Module::new(&engine, &metered.module).expect("the module compiles");
        let mut store = Store::new(&engine, ());
        if variant == Variant::Wasmtime {
            store.set_fuel(PLENTY as u64).expect("fuel is on");
        }
        let instance = Instance::new(&mut store, &module, &[]).expect("nothing is imported");
        let export = format!("{EXPORT_FUNCTION_PREFIX}{}", kernel.name);
        let bounded = matches!(metered.rows[&export], Rows::Bounded(_));
        let mut loaded = Self {
            begin: instance
                .get_typed_func(&mut store, EXPORT_BEGIN)
                .expect("it is added"),
            function: instance
                .get_typed_func(&mut store, &export)
                .expect("it is a function"),
            memory: instance
                .get_memory(&mut store, EXPORT_MEMORY)
                .expect("it has a memory"),
            store,
            variant,
            bounded: bounded.into(),
            instance,
            args: 0,
            result: 0,
        };
        loaded.place(kernel);
        loaded
    }

    /// Writes the argument columns into the guest's arena.
    fn place(&mut self, kernel: &Kernel) {
        let mut image = vec![0_u8; (kernel.columns.len() + 1) * ArrowArray::SIZE];
        let mut headers = Vec::new();
        for column in &kernel.columns {
            let addresses = image.len();
            image.resize(addresses + ALIGNMENT, 0);
            let mut offsets = Vec::new();
            for buffer in column.buffers() {
                offsets.push(image.len() as u32);
                image.extend(&buffer);
                image.resize(image.len().next_multiple_of(ALIGNMENT), 0);
            }
            headers.push((addresses, offsets));
        }
        self.begin();
        let alloc: TypedFunc<u32, u32> = self
            .instance
            .get_typed_func(&mut self.store, EXPORT_ALLOC)
            .expect("it has an allocator");
        let arena = alloc
            .call(&mut self.store, image.len() as u32)
            .expect("there is room");
        for (n, (addresses, offsets)) in headers.into_iter().enumerate() {
            for (slot, offset) in offsets.iter().enumerate() {
                let at = addresses + 4 * (slot + 1);
                image[at..at + 4].copy_from_slice(&(arena + offset).to_le_bytes());
            }
            let header = ArrowArray {
                length: ROWS as i64,
                n_buffers: offsets.len() as i64 + 1,
                buffers: arena + addresses as u32,
                ..ArrowArray::default()
            };
            let at = n * ArrowArray::SIZE;
            image[at..at + ArrowArray::SIZE].copy_from_slice(&header.to_bytes());
        }
        self.memory
            .write(&mut self.store, arena as usize, &image)
            .expect("it was lent");
        self.args = arena;
        self.result = arena + (kernel.columns.len() * ArrowArray::SIZE) as u32;
    }

    fn begin(&mut self) {
        if self.variant == Variant::Wasmtime {
            self.store.set_fuel(PLENTY as u64).expect("fuel is on");
        }
        let parameters = (PLENTY, 1 << 18, PLENTY >> 10, ROWS as i32, self.bounded);
        self.begin
            .call(&mut self.store, parameters)
            .expect("it only sets globals");
    }

    fn call(&mut self) {
        self.begin();
        let arguments = (self.args, ROWS as u32, self.result);
        let status = self.function.call(&mut self.store, arguments);
        assert_eq!(status.expect("no kernel traps"), 0);
    }

    /// The bytes of the result's second buffer: values, or offsets.
    fn answer(&mut self, bytes: usize) -> Vec<u8> {
        let memory = self.memory.data(&self.store);
        let header = memory[self.result as usize..][..ArrowArray::SIZE].try_into();
        let header = ArrowArray::from_bytes(header.expect("a header has 64 bytes"));
        let address = memory[header.buffers as usize + 4..][..4].try_into();
        let address = u32::from_le_bytes(address.expect("an address has 4 bytes"));
        memory[address as usize..][..bytes].to_vec()
    }

    /// The fuel that the call has left.
    fn fuel_left(&mut self) -> i64 {
        let fuel = self.instance.get_global(&mut self.store, EXPORT_FUEL);
        fuel.expect("it is added").get(&mut self.store).unwrap_i64()
    }
}

/// Nanoseconds for each row, by kernel and variant.
type Samples = RefCell<BTreeMap<(usize, Variant), Vec<f64>>>;

fn measure(criterion: &mut Criterion, number: usize, kernel: &Kernel, samples: &Samples) {
    let mut group = criterion.benchmark_group(format!("metering/{}", kernel.name));
    let mut answers = Vec::new();
    for variant in Variant::ALL {
        let mut loaded = Loaded::new(kernel, variant);
        loaded.call();
        answers.push(loaded.answer(kernel.result_bytes));
        assert!(loaded.fuel_left() > 0);
        group.bench_function(variant.name(), |bencher| {
            bencher.iter_custom(|calls| {
                let start = Instant::now();
                for _ in 0..calls {
                    loaded.call();
                }
                let time = start.elapsed();
                let nanoseconds = time.as_nanos() as f64 / (calls as f64 * ROWS as f64);
                let mut samples = samples.borrow_mut();
                samples
                    .entry((number, variant))
                    .or_default()
                    .push(nanoseconds);
                time
            });
        });
    }
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{}",
        kernel.name
    );
}

fn median(samples: &[f64]) -> f64 {
    let mut samples = samples.to_vec();
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_500))
        .sample_size(40)
        .without_plots()
        .configure_from_args();
    let kernels = kernels();
    let samples = Samples::default();
    for (number, kernel) in kernels.iter().enumerate() {
        measure(&mut criterion, number, kernel, &samples);
    }
    criterion.final_summary();
    report(&kernels, &samples.into_inner());
}

fn report(kernels: &[Kernel], samples: &BTreeMap<(usize, Variant), Vec<f64>>) {
    println!(
        "\n{:<16}{:>14}{:>10}{:>10}",
        "kernel", "unmetered", "fusebox", "wasmtime"
    );
    let mut ratios = Vec::new();
    for (number, kernel) in kernels.iter().enumerate() {
        let times = Variant::ALL.map(|variant| samples.get(&(number, variant)));
        let [Some(unmetered), Some(ours), Some(theirs)] = times else {
            continue;
        };
        let [unmetered, ours, theirs] = [unmetered, ours, theirs].map(|samples| median(samples));
        let (ours, theirs) = (ours / unmetered, theirs / unmetered);
        println!(
            "{:<16}{unmetered:>8.2} ns/row{ours:>9.3}{theirs:>10.3}",
            kernel.name
        );
        ratios.push((ours, theirs, kernel.name));
    }
    let worst = ratios.iter().max_by(|a, b| a.0.total_cmp(&b.0));
    let Some((worst, _, name)) = worst else {
        return;
    };
    let mean = |ratio: fn(&(f64, f64, &str)) -> f64| {
        let logarithms: f64 = ratios.iter().map(|ratios| ratio(ratios).ln()).sum();
        (logarithms / ratios.len() as f64).exp()
    };
    println!(
        "Wasmtime's fuel geometric mean: {:.3}",
        mean(|ratios| ratios.1)
    );
    println!(
        "metering geometric mean: {:.3}, worst: {worst:.3} ({name})",
        mean(|ratios| ratios.0)
    );
}
