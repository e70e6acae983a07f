//! Random modules: what the instrumentation makes of one behaves the same.

use arbitrary::{Result, Unstructured};
use fusebox_instrument::{Error, Options, instrument as instrument_module};
use wasm_smith::{Config, Module};
use wasmparser::{Operator, Parser, Payload};

use crate::execution::{End, instrumented, reference};
use crate::target::Outcome;

/// Instruments a random module and compares its calls, until fuel runs out, with those of
/// the original in Wasmtime, which has its own fuel and Cranelift's canonical NaNs.
///
/// - With as much fuel, the instrumented module runs out wherever the original does.
/// - With plenty of fuel, results, traps, memory and globals are the same bits, except that
///   a loop with a known trip count is charged before an iteration of it can trap, and memory
///   or a table before it cannot grow so much.
pub fn instrument(data: &[u8]) -> Outcome {
    check(&mut Unstructured::new(data)).unwrap_or(Outcome::Incomplete)
}

fn check(input: &mut Unstructured<'_>) -> Result<Outcome> {
    let fuel = match input.int_in_range(0..=3)? {
        0 => 100_000,
        _ => input.int_in_range(1..=200)?,
    };
    let module = random_module(input, 300)?;
    let options = Options {
        chain_bytes_max: 4 << 20,
        ..Options::default()
    };
    let instrumented_module = match instrument_module(&module, options) {
        Ok(ours) => ours.module,
        Err(error @ Error::Internal { .. }) => panic!("{error}"),
        Err(_) => return Ok(Outcome::Refused),
    };
    let Some(theirs) = reference(&module, fuel) else {
        return Ok(Outcome::Refused);
    };
    let Some(tight) = instrumented(&instrumented_module, fuel, usize::MAX) else {
        return Ok(Outcome::Refused);
    };
    for (n, (theirs, ours)) in theirs.ends.iter().zip(&tight.ends).enumerate() {
        if *theirs == End::Fuel {
            let stopped = matches!(ours, End::Fuel | End::Stack);
            assert!(stopped, "call {n} with {fuel}: {ours:?}");
        }
    }
    let plenty = instrumented(&instrumented_module, fuel * 10_000 + 10_000_000, usize::MAX);
    let plenty = plenty.expect("instantiated before");
    for (n, (theirs, ours)) in theirs.ends.iter().zip(&plenty.ends).enumerate() {
        if matches!(theirs, End::Fuel | End::Stack) || *ours == End::Stack {
            return Ok(Outcome::Accepted);
        }
        let is_trap = matches!(theirs, End::Trap(_));
        if *ours == End::Fuel && (is_trap || has_growth(&module)) {
            // A loop of billions of iterations, or an endless one, that traps in an early
            // one, or growth by billions of pages, which fails. This much is enough for each
            // loop that ends, and for some of such growth.
            let ample = instrumented(&instrumented_module, 1 << 60, n + 1);
            let ample = ample.expect("instantiated before");
            assert!(
                ample.ends[n] == *theirs || is_trap && ample.ends[n] == End::Fuel,
                "call {n}: {:?}",
                ample.ends[n]
            );
            return Ok(Outcome::Accepted);
        }
        assert_eq!(theirs, ours, "call {n} with {fuel}");
    }
    assert_eq!(theirs.globals, plenty.globals, "with {fuel}");
    assert!(theirs.memory == plenty.memory, "memory with {fuel}");
    Ok(Outcome::Accepted)
}

/// Returns true if a function of the module has an instruction that grows a memory or a table.
fn has_growth(module: &[u8]) -> bool {
    Parser::new(0).parse_all(module).any(|payload| {
        let Ok(Payload::CodeSectionEntry(body)) = payload else {
            return false;
        };
        let operators = body.get_operators_reader().expect("wasm-smith's own");
        operators.into_iter().any(|operator| {
            matches!(
                operator.expect("wasm-smith's own"),
                Operator::MemoryGrow { .. } | Operator::TableGrow { .. }
            )
        })
    })
}

/// Takes a module of the permitted features from the input.
pub(crate) fn random_module(
    input: &mut Unstructured<'_>,
    instructions_max: usize,
) -> Result<Vec<u8>> {
    let config = Config {
        export_everything: true,
        max_imports: 0,
        min_funcs: 1,
        max_memories: 1,
        max_tables: 2,
        max_memory32_bytes: 4 << 20,
        max_table_elements: 1_000,
        max_instructions: instructions_max,
        disallow_traps: false,
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
    Module::new(config, input).map(|module| module.to_bytes())
}
