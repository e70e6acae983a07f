//! Bundled functions, and instances of them whose arguments are in place: what
//! the bench of metering measures, and what tests compare.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use fusebox_abi::{ALIGNMENT, ArrowArray, EXPORT_ALLOC, EXPORT_FUNCTION_PREFIX, EXPORT_MEMORY};
use fusebox_instrument::{EXPORT_BEGIN, Options, Rows, instrument};
use wasmtime::{Engine, Instance, Store, TypedFunc};

/// A function, its module, and a batch that it is called with.
pub(crate) struct Kernel {
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
    pub(crate) rows: usize,
    pub(crate) columns: Vec<Column>,
    /// How many bytes of the result's second buffer are compared.
    pub(crate) result_bytes: usize,
}

impl Kernel {
    /// What makes kernels of so many rows, of a module, a name, columns, and the
    /// bytes of the result that are compared.
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

    /// Spread evenly from `least` on.
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
pub(crate) fn random(row: usize, salt: u64) -> u64 {
    let mixed = (row as u64 ^ salt << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 8
}

/// The functions that are measured, on those rows of their columns.
pub(crate) fn kernels(range: Range<usize>) -> Vec<Kernel> {
    let rows = range.len();
    let word = |row: usize| {
        let words = [
            "Crème", "brûlée", "at", "the", "Gare", "du", "Nord", "since",
        ];
        let words = (0..16).map(|n| words[random(row, n) as usize % words.len()]);
        words.collect::<Vec<_>>().join(" ")
    };
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
        of("fnv1a", vec![Column::texts(&range, word)]),
        kernel(
            "kernels",
            "upper",
            vec![Column::texts(&range, word)],
            rows * 4,
        ),
        kernel("text", "slug", vec![Column::texts(&range, word)], rows * 4),
        kernel(
            "text",
            "jaro_winkler",
            vec![
                Column::texts(&range, word),
                Column::texts(&range, |row| word(row + 1)),
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

/// Functions of which most is branches, on those rows of their columns.
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

/// A bundled module, rewritten and compiled.
pub(crate) struct Guest {
    engine: Engine,
    module: wasmtime::Module,
    /// How the fuel of its exports' rows is granted.
    pub(crate) rows: HashMap<String, Rows>,
}

impl Guest {
    pub(crate) fn new(engine: &Engine, name: &str, options: Options) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests");
        let module = std::fs::read(root.join(format!("{name}.wasm")))
            .expect("build the guests first: cargo xtask guests");
        let metered = instrument(&module, options).expect("the guest is valid");
        let module = wasmtime::Module::new(engine, &metered.module).expect("the module compiles");
        Self {
            engine: engine.clone(),
            module,
            rows: metered.rows,
        }
    }
}

/// What a call may burn: by our counters, and the same by Wasmtime's, where the
/// engine has them.
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

/// A kernel in an instance, its arguments in place.
pub(crate) struct Loaded {
    pub(crate) store: Store<()>,
    /// Whether Wasmtime counts fuel too.
    has_fuel: bool,
    pub(crate) memory: wasmtime::Memory,
    instance: Instance,
    begin: TypedFunc<(i64, i64, i64, i32, i32), ()>,
    function: TypedFunc<(u32, u32, u32), u32>,
    pub(crate) is_bounded: bool,
    rows: usize,
    /// Where the arguments are.
    pub(crate) arena: Range<usize>,
    args: u32,
    result: u32,
}

impl Loaded {
    pub(crate) fn new(guest: &Guest, kernel: &Kernel) -> Self {
        let mut loaded = Self::bare(guest, kernel);
        loaded.place(kernel);
        loaded
    }

    /// Without arguments, and without an arena.
    pub(crate) fn bare(guest: &Guest, kernel: &Kernel) -> Self {
        let mut store = Store::new(&guest.engine, ());
        // Asked once: the answer no is an error, which takes its time.
        let has_fuel = store.get_fuel().is_ok();
        refuel(&mut store, Grant::PLENTY, has_fuel);
        let instance = Instance::new(&mut store, &guest.module, &[]).expect("nothing is imported");
        let export = format!("{EXPORT_FUNCTION_PREFIX}{}", kernel.name);
        Self {
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
            has_fuel,
            instance,
            is_bounded: matches!(guest.rows[&export], Rows::Bounded { .. }),
            rows: 0,
            arena: 0..0,
            args: 0,
            result: 0,
        }
    }

    /// Has the guest lend an arena, in the place of the one before.
    pub(crate) fn lend(&mut self, bytes: usize) -> u32 {
        self.begin(Grant::PLENTY);
        let alloc: TypedFunc<u32, u32> = self
            .instance
            .get_typed_func(&mut self.store, EXPORT_ALLOC)
            .expect("it has an allocator");
        let arena = alloc.call(&mut self.store, bytes as u32);
        arena.expect("there is room")
    }

    /// Writes the argument columns into an arena of the guest's.
    pub(crate) fn place(&mut self, kernel: &Kernel) {
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
        let arena = self.lend(image.len());
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
            .expect("it was lent");
        self.args = arena;
        self.result = arena + (kernel.columns.len() * ArrowArray::SIZE) as u32;
    }

    fn begin(&mut self, grant: Grant) {
        refuel(&mut self.store, Grant::PLENTY, self.has_fuel);
        let Grant { fuel, fuel_per_row } = grant;
        let rows = self.rows as i32;
        let parameters = (fuel, 1 << 18, fuel_per_row, rows, self.is_bounded.into());
        self.begin
            .call(&mut self.store, parameters)
            .expect("it only sets globals");
        refuel(&mut self.store, grant, self.has_fuel);
    }

    /// Calls the function for the batch. Returns its status, unless it traps.
    pub(crate) fn call(&mut self, grant: Grant) -> wasmtime::Result<u32> {
        self.begin(grant);
        let arguments = (self.args, self.rows as u32, self.result);
        self.function.call(&mut self.store, arguments)
    }

    /// The bytes of the result's second buffer: values, or offsets.
    pub(crate) fn answer(&self, bytes: usize) -> &[u8] {
        let memory = self.memory.data(&self.store);
        let header = memory[self.result as usize..][..ArrowArray::SIZE].try_into();
        let header = ArrowArray::from_bytes(header.expect("a header has 64 bytes"));
        let address = memory[header.buffers as usize + 4..][..4].try_into();
        let address = u32::from_le_bytes(address.expect("an address has 4 bytes"));
        &memory[address as usize..][..bytes]
    }

    /// What a counter that the pass has added stands at.
    pub(crate) fn counter(&mut self, name: &str) -> i64 {
        let global = self.instance.get_global(&mut self.store, name);
        let value = global.expect("it is added").get(&mut self.store);
        value.unwrap_i64()
    }
}

/// Fills Wasmtime's tank, if the engine has one. Wasmtime stops when nothing is
/// left, and ours when less is.
fn refuel(store: &mut Store<()>, grant: Grant, has_fuel: bool) {
    if has_fuel {
        store.set_fuel(grant.fuel as u64 + 1).expect("fuel is on");
    }
}
