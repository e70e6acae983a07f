//! Random modules, and what calls of their exports do.

use arbitrary::Unstructured;
use wasm_encoder::AbstractHeapType;
use wasm_encoder::reencode::{Error, Reencode};
use wasm_smith::Config;
use wasmtime::{Engine, Instance, Module, Store, StoreLimits, StoreLimitsBuilder, Trap, Val};

/// Fuel of a start function, and of each call.
const FUEL: u64 = 10_000;

/// Pseudorandom numbers, the same in each run: xorshift.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 16
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// Random valid modules without imports that use permitted features only.
pub(crate) fn modules(count: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let config = || Config {
        export_everything: true,
        max_imports: 0,
        min_types: 4,
        min_funcs: 8,
        min_globals: 2,
        min_tables: 1,
        min_memories: 1,
        max_memories: 1,
        max_tables: 2,
        max_memory32_bytes: 4 << 20,
        max_table_elements: 1_000,
        max_instructions: 200,
        bulk_memory_enabled: true,
        reference_types_enabled: true,
        multi_value_enabled: true,
        simd_enabled: true,
        tail_call_enabled: true,
        relaxed_simd_enabled: false,
        threads_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        extended_const_enabled: true,
        wide_arithmetic_enabled: true,
        custom_page_sizes_enabled: false,
        shared_everything_threads_enabled: false,
        ..Config::default()
    };
    (0..count).filter_map(move |_| {
        let bytes: Vec<u8> = (0..16_384).map(|_| random.next() as u8).collect();
        let module = wasm_smith::Module::new(config(), &mut Unstructured::new(&bytes));
        let module = without_external_references(&module.ok()?.to_bytes());
        let features = fusebox_instrument::FEATURES;
        let mut validator = wasmparser::Validator::new_with_features(features);
        validator.validate_all(&module).ok().map(|_| module)
    })
}

/// Replaces the type of external references, which is not permitted, by that of functions.
struct Functions;

impl Reencode for Functions {
    type Error = std::convert::Infallible;

    fn abstract_heap_type(
        &mut self,
        ty: wasmparser::AbstractHeapType,
    ) -> Result<AbstractHeapType, Error> {
        Ok(match ty {
            wasmparser::AbstractHeapType::Extern => AbstractHeapType::Func,
            other => other.into(),
        })
    }
}

fn without_external_references(module: &[u8]) -> Vec<u8> {
    let mut output = wasm_encoder::Module::new();
    let parser = wasmparser::Parser::new(0);
    Functions
        .parse_core_module(&mut output, parser, module)
        .unwrap();
    output.finish()
}

/// Outcome of a call.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Results(Vec<u128>),
    Trap(Trap),
}

impl Run {
    /// The number of calls before one has no fuel left.
    pub(crate) fn calls_with_fuel(&self) -> usize {
        let out_of_fuel = Outcome::Trap(Trap::OutOfFuel);
        let outcomes = self.outcomes.iter();
        outcomes
            .take_while(|outcome| **outcome != out_of_fuel)
            .count()
    }
}

/// All that calls of the exports of a module do.
#[derive(Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) outcomes: Vec<Outcome>,
    memory: Vec<u8>,
    globals: Vec<u128>,
    table_sizes: Vec<u64>,
}

pub(crate) fn engine() -> Engine {
    let mut config = wasmtime::Config::new();
    config
        .wasm_wide_arithmetic(true)
        .consume_fuel(true)
        .cranelift_opt_level(wasmtime::OptLevel::None)
        .cranelift_nan_canonicalization(true);
    Engine::new(&config).unwrap()
}

fn bits(value: &Val) -> u128 {
    match value {
        Val::I32(value) => *value as u128,
        Val::I64(value) => *value as u128,
        Val::F32(bits) => u128::from(*bits),
        Val::F64(bits) => u128::from(*bits),
        Val::V128(value) => value.as_u128(),
        Val::FuncRef(function) => u128::from(function.is_some()),
        other => panic!("{other:?} is not expected"),
    }
}

/// Calls the exported functions with zeros, in the order of `names`, and reads all other exports
/// among them. `None` if the module cannot be instantiated.
pub(crate) fn run(engine: &Engine, module: &[u8], names: &[String]) -> Option<Run> {
    let module = Module::new(engine, module).unwrap_or_else(|error| panic!("{error:?}"));
    let limits: StoreLimits = StoreLimitsBuilder::new()
        .memory_size(4 << 20)
        .table_elements(10_000)
        .build();
    let mut store = Store::new(engine, limits);
    store.limiter(|limits| limits);
    store.set_fuel(FUEL).unwrap();
    let instance = Instance::new(&mut store, &module, &[]).ok()?;
    let mut run = Run {
        outcomes: Vec::new(),
        memory: Vec::new(),
        globals: Vec::new(),
        table_sizes: Vec::new(),
    };
    for name in names {
        let Some(function) = instance.get_func(&mut store, name) else {
            continue;
        };
        let ty = function.ty(&store);
        let arguments = ty.params().map(|ty| ty.default_value().unwrap());
        let arguments: Vec<_> = arguments.collect();
        let mut results = vec![Val::I32(0); ty.results().len()];
        store.set_fuel(FUEL).unwrap();
        let ended = function.call(&mut store, &arguments, &mut results);
        run.outcomes.push(match ended {
            Ok(()) => Outcome::Results(results.iter().map(bits).collect()),
            Err(error) => Outcome::Trap(*error.downcast_ref().expect("a trap")),
        });
    }
    for name in names {
        if let Some(memory) = instance.get_memory(&mut store, name) {
            run.memory.extend_from_slice(memory.data(&store));
        }
        if let Some(global) = instance.get_global(&mut store, name) {
            let value = global.get(&mut store);
            run.globals.push(bits(&value));
        }
        if let Some(table) = instance.get_table(&mut store, name) {
            run.table_sizes.push(table.size(&store));
        }
    }
    Some(run)
}
