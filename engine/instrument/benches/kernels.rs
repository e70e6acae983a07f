//! Kernels: bundled functions with batches of arguments, for benches and tests.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use fusebox_abi::{ALIGNMENT, ArrowArray, EXPORT_ALLOC, EXPORT_FUNCTION_PREFIX, EXPORT_MEMORY};
use fusebox_instrument::{EXPORT_CALL_BEGIN, Options, RowFuel, instrument};
use wasmtime::{Engine, Instance, Store, TypedFunc};

/// A function, its module, and a batch of arguments.
pub(crate) struct Kernel {
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
    pub(crate) rows: usize,
    pub(crate) columns: Vec<Column>,
    /// The number of bytes of the result's second buffer to compare.
    pub(crate) result_bytes: usize,
}

impl Kernel {
    /// A constructor of kernels with this number of rows, from module, name, columns
    /// and the number of result bytes to compare.
    pub(crate) fn of(
        rows: usize,
    ) -> impl Fn(&'static str, &'static str, Vec<Column>, usize) -> Self {
        move |module, name, columns, result_bytes| Self {
            module,
            name,
            rows,
            columns,
            result_bytes,
        }
    }
}

/// An argument column without nulls.
pub(crate) enum Column {
    Fixed(Vec<u8>),
    Bytes(Vec<Vec<u8>>),
}

impl Column {
    pub(crate) fn longs(rows: &Range<usize>, value: impl Fn(usize) -> i64) -> Self {
        Self::Fixed(
            rows.clone()
                .flat_map(|row| value(row).to_le_bytes())
                .collect(),
        )
    }

    /// Values spread evenly over `least..least + range`.
    pub(crate) fn doubles(rows: &Range<usize>, seed: f64, least: f64, range: f64) -> Self {
        let part = |row: usize| (seed + row as f64 * 0.618_033_988_749_895).fract();
        let value = |row| least + part(row) * range;
        Self::Fixed(
            rows.clone()
                .flat_map(|row| value(row).to_le_bytes())
                .collect(),
        )
    }

    pub(crate) fn texts(rows: &Range<usize>, value: impl Fn(usize) -> String) -> Self {
        Self::Bytes(rows.clone().map(|row| value(row).into_bytes()).collect())
    }

    /// The buffers after the validity bitmap.
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

/// Pseudorandom numbers, the same in every run.
pub(crate) fn random(row: usize, salt: u64) -> u64 {
    let mixed = (row as u64 ^ salt << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 8
}

/// A text of 16 pseudorandom words.
fn words(row: usize) -> String {
    let words = [
        "Crème", "brûlée", "at", "the", "Gare", "du", "Nord", "since",
    ];
    let words = (0..16).map(|n| words[random(row, n) as usize % words.len()]);
    words.collect::<Vec<_>>().join(" ")
}

/// The measured kernels, for a range of rows.
pub(crate) fn kernels(range: Range<usize>) -> Vec<Kernel> {
    let rows = range.len();
    let longs = |value: fn(usize) -> i64| Column::longs(&range, value);
    let small = |salt| Column::longs(&range, |row| (random(row, salt) % 1_000_000) as i64);
    let doubles = |seed, least, spread| Column::doubles(&range, seed, least, spread);
    let vector = |row: usize| {
        let lanes = (0..128).map(|lane| random(row, lane) as f32 / 1e16);
        lanes.flat_map(f32::to_le_bytes).collect()
    };
    let kernel = Kernel::of(rows);
    let of = |name, columns| kernel("kernels", name, columns, rows * 8);
    vec![
        of("add", vec![small(1), small(2)]),
        of("gcd", vec![small(3), small(4)]),
        kernel(
            "math",
            "collatz_steps",
            vec![longs(|row| row as i64 + 1)],
            rows * 8,
        ),
        kernel(
            "math",
            "mod_pow",
            vec![small(5), small(6), longs(|row| random(row, 7) as i64 | 1)],
            rows * 8,
        ),
        of("polynomial", vec![doubles(0.3, -2.0, 4.0)]),
        kernel(
            "geo",
            "haversine_km",
            vec![
                doubles(0.1, -90.0, 180.0),
                doubles(0.2, -180.0, 360.0),
                doubles(0.4, -90.0, 180.0),
                doubles(0.7, -180.0, 360.0),
            ],
            rows * 8,
        ),
        of(
            "vector_sum",
            vec![Column::Bytes(range.clone().map(vector).collect())],
        ),
        of("fnv1a", vec![Column::texts(&range, words)]),
        kernel(
            "kernels",
            "upper",
            vec![Column::texts(&range, words)],
            rows * 4,
        ),
        kernel("text", "slug", vec![Column::texts(&range, words)], rows * 4),
        kernel(
            "text",
            "jaro_winkler",
            vec![
                Column::texts(&range, words),
                Column::texts(&range, |row| words(row + 1)),
            ],
            rows * 8,
        ),
        of("fibonacci", vec![longs(|row| (row % 16) as i64)]),
        of("dispatch", vec![longs(|row| random(row, 8) as i64)]),
    ]
    .into_iter()
    .chain(branchy(&range))
    .collect()
}

/// Kernels with many branches, for a range of rows.
fn branchy(range: &Range<usize>) -> [Kernel; 4] {
    let rows = range.len();
    let card = |row: usize| {
        let four = |n| format!("{:04}", random(row, n) % 10_000);
        [four(9), four(10), four(11), four(12)].join(" ")
    };
    let tail = |row: usize| {
        let letters = ["", "A", "QX", "UA", "JB"];
        let letters = letters[random(row, 13) as usize % letters.len()];
        format!("N{}{letters}", random(row, 14) % 1_000)
    };
    let object = |row: usize| {
        let (id, price) = (random(row, 15) % 1_000_000, random(row, 16) % 10_000);
        format!(
            r#"{{"id": {id}, "tags": ["a", "b"], "name": "{}", "price": {price}.5, "at": null}}"#,
            tail(row)
        )
    };
    let key = |row: usize| ["name", "price", "tags", "none"][row % 4].to_owned();
    let kernel = Kernel::of(rows);
    let texts = |value: &dyn Fn(usize) -> String| Column::texts(range, value);
    [
        kernel("text", "luhn_ok", vec![texts(&card)], rows / 8),
        kernel(
            "kernels",
            "is_us_registration",
            vec![texts(&tail)],
            rows / 8,
        ),
        kernel(
            "kernels",
            "json_get",
            vec![texts(&object), texts(&key)],
            rows * 4,
        ),
        kernel("kernels", "sha256_hex", vec![texts(&object)], rows * 4),
    ]
}

/// A bundled module, instrumented and compiled.
pub(crate) struct Guest {
    engine: Engine,
    module: wasmtime::Module,
    /// The metering of the rows of its exports.
    pub(crate) row_fuel: HashMap<String, RowFuel>,
}

impl Guest {
    pub(crate) fn new(engine: &Engine, name: &str, options: Options) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests");
        let module = std::fs::read(root.join(format!("{name}.wasm")))
            .expect("build the guests first: cargo xtask guests");
        let instrumented = instrument(&module, options).expect("the guest is valid");
        let module =
            wasmtime::Module::new(engine, &instrumented.module).expect("the module compiles");
        Self {
            engine: engine.clone(),
            module,
            row_fuel: instrumented.row_fuel,
        }
    }
}

/// Fuel of a call, in our counters, and in Wasmtime's if the engine has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant {
    pub(crate) fuel: i64,
    pub(crate) fuel_per_row: i64,
}

impl Grant {
    /// More than any kernel burns.
    pub(crate) const PLENTY: Self = Self {
        fuel: 1 << 60,
        fuel_per_row: 1 << 50,
    };
}

/// An instance of a kernel's module that holds its arguments.
pub(crate) struct Loaded {
    pub(crate) store: Store<()>,
    /// True if the engine counts fuel.
    counts_fuel: bool,
    pub(crate) memory: wasmtime::Memory,
    instance: Instance,
    call_begin: TypedFunc<(i64, i64, i64, i32, i32), ()>,
    function: TypedFunc<(u32, u32, u32), u32>,
    pub(crate) is_bounded: bool,
    rows: usize,
    /// The address range of the arguments.
    pub(crate) arena: Range<usize>,
    args: u32,
    result: u32,
}

impl Loaded {
    pub(crate) fn new(guest: &Guest, kernel: &Kernel) -> Self {
        let mut loaded = Self::without_arguments(guest, kernel);
        loaded.write_arguments(kernel);
        loaded
    }

    /// An instance without arguments and without an arena.
    pub(crate) fn without_arguments(guest: &Guest, kernel: &Kernel) -> Self {
        let mut store = Store::new(&guest.engine, ());
        // Queried once, because a negative answer is an error, which is slow.
        let counts_fuel = store.get_fuel().is_ok();
        refuel(&mut store, Grant::PLENTY, counts_fuel);
        let instance = Instance::new(&mut store, &guest.module, &[]).expect("nothing is imported");
        let export = format!("{EXPORT_FUNCTION_PREFIX}{}", kernel.name);
        Self {
            call_begin: instance
                .get_typed_func(&mut store, EXPORT_CALL_BEGIN)
                .expect("the pass exports it"),
            function: instance
                .get_typed_func(&mut store, &export)
                .expect("the guest exports the function"),
            memory: instance
                .get_memory(&mut store, EXPORT_MEMORY)
                .expect("the guest exports its memory"),
            store,
            counts_fuel,
            instance,
            is_bounded: matches!(guest.row_fuel[&export], RowFuel::Bounded { .. }),
            rows: 0,
            arena: 0..0,
            args: 0,
            result: 0,
        }
    }

    /// Allocates an arena in the guest, in place of the previous one.
    pub(crate) fn allocate(&mut self, bytes: usize) -> u32 {
        self.begin(Grant::PLENTY);
        let alloc: TypedFunc<u32, u32> = self
            .instance
            .get_typed_func(&mut self.store, EXPORT_ALLOC)
            .expect("the guest exports an allocator");
        let arena = alloc.call(&mut self.store, bytes as u32);
        arena.expect("the allocation succeeds")
    }

    /// Writes the argument columns into an arena.
    pub(crate) fn write_arguments(&mut self, kernel: &Kernel) {
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
        self.rows = kernel.rows;
        let arena = self.allocate(image.len());
        self.arena = arena as usize..arena as usize + image.len();
        for (n, (addresses, offsets)) in headers.into_iter().enumerate() {
            for (slot, offset) in offsets.iter().enumerate() {
                let at = addresses + 4 * (slot + 1);
                image[at..at + 4].copy_from_slice(&(arena + offset).to_le_bytes());
            }
            let header = ArrowArray {
                length: kernel.rows as i64,
                n_buffers: offsets.len() as i64 + 1,
                buffers: arena + addresses as u32,
                ..ArrowArray::default()
            };
            let at = n * ArrowArray::SIZE;
            image[at..at + ArrowArray::SIZE].copy_from_slice(&header.to_bytes());
        }
        self.memory
            .write(&mut self.store, arena as usize, &image)
            .expect("the arena is in bounds");
        self.args = arena;
        self.result = arena + (kernel.columns.len() * ArrowArray::SIZE) as u32;
    }

    /// Sets the counters for a call.
    fn begin(&mut self, grant: Grant) {
        refuel(&mut self.store, Grant::PLENTY, self.counts_fuel);
        let Grant { fuel, fuel_per_row } = grant;
        let rows = self.rows as i32;
        let parameters = (fuel, 1 << 18, fuel_per_row, rows, self.is_bounded.into());
        self.call_begin
            .call(&mut self.store, parameters)
            .expect("it only sets globals");
        refuel(&mut self.store, grant, self.counts_fuel);
    }

    /// Calls the function with the batch. Returns its status, unless it traps.
    pub(crate) fn call(&mut self, grant: Grant) -> wasmtime::Result<u32> {
        self.begin(grant);
        let arguments = (self.args, self.rows as u32, self.result);
        self.function.call(&mut self.store, arguments)
    }

    /// The first bytes of the result's second buffer: values, or offsets.
    pub(crate) fn result(&self, bytes: usize) -> &[u8] {
        let memory = self.memory.data(&self.store);
        let header = memory[self.result as usize..][..ArrowArray::SIZE].try_into();
        let header = ArrowArray::from_bytes(header.expect("a header has 64 bytes"));
        let address = memory[header.buffers as usize + 4..][..4].try_into();
        let address = u32::from_le_bytes(address.expect("an address has 4 bytes"));
        &memory[address as usize..][..bytes]
    }

    /// The value of an exported counter.
    pub(crate) fn counter(&mut self, name: &str) -> i64 {
        let global = self.instance.get_global(&mut self.store, name);
        let value = global.expect("the pass exports it").get(&mut self.store);
        value.unwrap_i64()
    }
}

/// Sets Wasmtime's fuel, if the engine counts it. Wasmtime traps at 0, instrumented code
/// below.
fn refuel(store: &mut Store<()>, grant: Grant, counts_fuel: bool) {
    if counts_fuel {
        store.set_fuel(grant.fuel as u64 + 1).expect("fuel is on");
    }
}
