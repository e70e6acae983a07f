//! Canonical NaNs, compared with Cranelift's option, which canonicalizes after every
//! instruction.

use fusebox_instrument::{EXPORT_FUEL, EXPORT_PREFIX, EXPORT_STACK, Options, instrument};
use wasm_smith::{InstructionKind, InstructionKinds};
use wasmtime::{Engine, Instance, Store, Val};

use crate::oracle::{Bits, ONE_IN, Outcome, Run};
use crate::programs::{BYTES, Random, program};

/// Results, globals and memory after a call.
#[derive(Debug, PartialEq)]
struct Trace {
    results: Vec<Bits>,
    globals: Vec<Bits>,
    memory: Vec<u8>,
}

/// Engines without the option at two optimization levels, and one with it.
pub(crate) struct Engines {
    plain: [Engine; 2],
    oracle: Engine,
}

impl Engines {
    pub(crate) fn new() -> Self {
        let engine = |level, canonical| {
            let mut config = crate::oracle::config();
            config
                .cranelift_opt_level(level)
                .cranelift_nan_canonicalization(canonical);
            Engine::new(&config).unwrap()
        };
        let [none, speed] = [wasmtime::OptLevel::None, wasmtime::OptLevel::Speed];
        Self {
            plain: [engine(none, false), engine(speed, false)],
            oracle: engine(none, true),
        }
    }
}

/// Calls each function, in a new instance whose memory is filled with `inputs`.
fn traces(engine: &Engine, module: &[u8], inputs: &[u8]) -> Vec<Trace> {
    let module = wasmtime::Module::new(engine, module).unwrap();
    let exports = module.exports();
    let names = exports.filter_map(|export| {
        let is_original = export.ty().func().is_some() && !export.name().starts_with(EXPORT_PREFIX);
        is_original.then(|| export.name())
    });
    names
        .map(|name| trace(engine, &module, name, inputs))
        .collect()
}

fn trace(engine: &Engine, module: &wasmtime::Module, name: &str, inputs: &[u8]) -> Trace {
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, module, &[]).unwrap();
    for counter in [EXPORT_FUEL, EXPORT_STACK] {
        if let Some(counter) = instance.get_global(&mut store, counter) {
            counter.set(&mut store, Val::I64(1 << 40)).unwrap();
        }
    }
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    memory.write(&mut store, 0, inputs).unwrap();
    let function = instance.get_func(&mut store, name).unwrap();
    let mut results = vec![Val::I32(0); function.ty(&store).results().len()];
    function.call(&mut store, &[], &mut results).unwrap();
    let globals: Vec<_> = instance
        .exports(&mut store)
        .filter(|export| !export.name().starts_with(EXPORT_PREFIX))
        .filter_map(|export| export.into_global())
        .collect();
    let globals = globals.iter().map(|global| global.get(&mut store));
    Trace {
        results: results.iter().map(Bits::of).collect(),
        globals: globals.map(|value| Bits::of(&value)).collect(),
        memory: memory.data(&store)[..BYTES].to_vec(),
    }
}

/// Floats of both widths, including NaNs of all kinds.
fn inputs(seed: u64) -> Vec<u8> {
    let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1);
    let mut lane = |width: usize| {
        let payload = random.next();
        let wide = [
            0xfff0_0000_0000_0001_u64 | payload >> 13,
            0x7ff0_0000_0000_0001 | payload >> 13,
            0x7ff0_0000_0000_0000,
            0xfff0_0000_0000_0000,
            0x7ff8_0000_0000_0000,
            1.5_f64.to_bits(),
            (-0.0_f64).to_bits(),
            1e300_f64.to_bits(),
        ];
        let narrow = [
            0xff80_0001_u32 | payload as u32 >> 9,
            0x7f80_0001 | payload as u32 >> 9,
            0x7f80_0000,
            0xff80_0000,
            0x7fc0_0000,
            1.5_f32.to_bits(),
            (-0.0_f32).to_bits(),
            1e30_f32.to_bits(),
        ];
        let which = random.below(8);
        match width {
            4 => narrow[which].to_le_bytes().to_vec(),
            _ => wide[which].to_le_bytes().to_vec(),
        }
    };
    let mut bytes = Vec::new();
    while bytes.len() < BYTES {
        let width = if bytes.len() % 32 < 16 { 4 } else { 8 };
        bytes.extend(lane(width));
    }
    bytes
}

/// The module, instrumented as far as the options say.
pub(crate) fn instrumented(module: &[u8], canonical_nans: bool, metered: bool) -> Vec<u8> {
    let options = Options {
        canonical_nans,
        metered,
        ..Options::default()
    };
    instrument(module, options).unwrap().module
}

/// Compares the instrumented module with the oracle. Returns for each function whether
/// it would differ without instrumentation.
pub(crate) fn check(engines: &Engines, text: &str, inputs: &[u8], metered: bool) -> Vec<bool> {
    let module = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let expected = traces(&engines.oracle, &module, inputs);
    let ours = instrumented(&module, true, metered);
    for engine in &engines.plain {
        let ours = traces(engine, &ours, inputs);
        for (n, (ours, expected)) in ours.iter().zip(&expected).enumerate() {
            assert!(
                ours == expected,
                "function {n}: {ours:x?}\nfor {expected:x?}\nin {text}"
            );
        }
    }
    let bare = traces(&engines.plain[0], &module, inputs);
    let both = bare.iter().zip(&expected);
    both.map(|(bare, expected)| bare != expected).collect()
}

#[test]
fn random_programs_have_the_nans_that_cranelift_makes() {
    let engines = Engines::new();
    let (mut same, mut different) = (0, 0);
    for seed in 0..600 / ONE_IN as u64 {
        let metered = seed % 2 == 0;
        match check(&engines, &program(seed), &inputs(seed), metered).contains(&true) {
            true => different += 1,
            false => same += 1,
        }
    }
    println!("without canonicalization, {same} are equal, {different} differ");
    assert!(same > 150 / ONE_IN, "{same}");
    assert!(different > 150 / ONE_IN, "{different}");
}

#[test]
fn random_modules_have_the_nans_that_cranelift_makes() {
    let modules = crate::oracle::modules_like(1_500 / ONE_IN, |config| {
        config.allowed_instructions = InstructionKinds::new(&[
            InstructionKind::Numeric,
            InstructionKind::Vector,
            InstructionKind::Variable,
        ]);
        config.disallow_traps = true;
        config.min_globals = 10;
        config.max_instructions = 2_000;
    });
    let (plain, oracle) = (crate::oracle::engine(false), crate::oracle::engine(true));
    let (mut same, mut different) = (0, 0);
    for module in modules {
        let Some(theirs) = crate::oracle::reference(&oracle, &module, 1_000_000) else {
            continue;
        };
        let [ours, bare] = [true, false].map(|canonical_nans| {
            let module = crate::oracle::metered_with(&module, canonical_nans);
            crate::oracle::instrumented(&plain, &module, 1_000_000_000)
        });
        let (Some(ours), Some(bare)) = (ours, bare) else {
            continue;
        };
        let stops = |run: &Run| {
            run.outcomes
                .iter()
                .any(|outcome| matches!(outcome, Outcome::Fuel | Outcome::Stack))
        };
        if stops(&theirs) || stops(&ours) || stops(&bare) {
            continue;
        }
        assert!(ours == theirs);
        match bare == theirs {
            true => same += 1,
            false => different += 1,
        }
    }
    println!("without canonicalization, {same} are equal, {different} differ");
    assert!(same > 40 / ONE_IN, "{same}");
    assert!(different > 40 / ONE_IN, "{different}");
}
