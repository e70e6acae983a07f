//! Instrumentation of Wasm modules: fuel metering, stack checks, canonical NaNs.
//!
//! [`instrument`] takes a module and returns one that behaves the same until its
//! fuel or its stack is exhausted; then it executes `unreachable` with the
//! counter below zero. Neither clocks nor signals are involved, so a call traps
//! at the same instruction on every machine. The instrumented code calls the host
//! at the beginning of a row when little fuel is left, [`HOST_REFILL`], and where
//! the guest logs a message, [`HOST_LOG`].
//!
//! # Fuel
//!
//! The fuel counter is a global, [`EXPORT_FUEL`]. The host sets it before a call
//! and reads it afterwards: a negative value means that fuel was exhausted,
//! however the call ended. After a trap it holds the value that was last stored,
//! because functions keep the counter in a local. [`weights`] gives the cost of
//! each instruction; the table has a version, [`WEIGHTS_VERSION`], because
//! changing it changes verdicts.
//!
//! Code is charged in *regions*, before it runs: a function at its entry, a loop
//! at the head of each iteration, for the code that is not in an inner loop.
//! Conditional code of some weight is charged where it begins; lighter
//! conditional code is charged with the code before it, whether it runs or not.
//! The charge is therefore never less than the weight of what ran, and exceeds it
//! by a bounded amount per region. A loop with a known trip count is charged once,
//! before it begins. Other innermost loops of few instructions are unrolled: two
//! iterations are charged and checked at once.
//!
//! The counter is compared with zero at loop heads (unless each iteration calls a
//! function that checks), at the entries of functions that are large or
//! recursive, and at instructions whose work depends on an operand. Between two
//! checks, a call overdraws by at most the weight of the code between them, each
//! instruction counted once.
//!
//! Functions pass the counter as an additional parameter and result, so that it
//! stays in a register for the whole call. Only functions that are called through
//! a table, and those that make or are the target of tail calls, load it from the
//! global and store it back. A small function without loops and calls that is
//! called only directly is not changed: its callers are charged for it, as they
//! are for the entries of all small functions.
//!
//! # Cancellation
//!
//! A module that is instrumented with [`Options::polled`] compares the counter with a number
//! in a second memory, which the guest cannot address: `fuel < least`. It is zero, and the
//! host makes it the largest `i64` to cancel the guest. Loops with a known trip count, which
//! are charged once, and long bulk operations on memory are divided into strips with a check
//! between them. The charges are the same, so both variants of a
//! module have the same verdicts.
//!
//! # Stack
//!
//! Each function that is part of a cycle in the call graph, with direct calls and
//! calls through tables as edges, subtracts the size of its frame from the
//! remaining stack while it runs. The remaining stack is passed as a parameter
//! too, or read from [`EXPORT_STACK`], which the host sets. At least one function
//! of each cycle checks it on entry, and so does one function of each chain of
//! unchecked functions whose frames exceed 16 KiB: the stack is overdrawn by no
//! more than that between two checks. The checks are placed so that allocators,
//! whose error paths reach much of the module, rarely execute one.
//!
//! Acyclic call chains are bounded statically: a module is refused if its longest
//! chain exceeds [`Options::chain_bytes_max`].
//!
//! The size of a frame is that of its locals and operands, and a share of all values that
//! the function and those that may be inlined into it compute, because a compiler may keep
//! any of them alive across a call. The native frame is at most
//! [`NATIVE_BYTES_PER_STACK_BYTE`] times as large.
//!
//! # NaNs
//!
//! The Wasm specification leaves the bits of a NaN that results from arithmetic
//! open, and machines differ. Instrumented code makes each NaN that is derived
//! from arithmetic canonical (positive, quiet, without payload), lane by lane:
//! results, memory, globals and branches of a module are bit for bit those of an
//! execution in which every result of `add`, `sub`, `mul`, `div`, `sqrt`, `min`,
//! `max`, `ceil`, `floor`, `trunc`, `nearest`, `promote` and `demote` is
//! canonicalized at once. All other NaNs keep their bits: those of constants,
//! loads and reinterpreted integers pass through `neg`, `abs`, `copysign`,
//! `pmin`, `pmax`, lanes and locals as specified.
//!
//! Most results are operands of further arithmetic or comparisons, which do not
//! distinguish NaNs, and need no canonicalization. A dataflow analysis over the
//! operand stack, the locals and the joins of control flow determines how each
//! value may differ from its specified one:
//!
//! - not at all;
//! - in its NaNs, all of which have to be canonical (or canonical and negated);
//! - in its NaNs, some of which have bits of their own.
//!
//! An operand whose bits are observable (it is stored, passed to a call, returned
//! or reinterpreted) must be of the first kind. A value of the second kind is
//! canonicalized before that use, by a select between it and the canonical NaN.
//! For a value of the third kind, its sources are canonicalized before they join.
//! Given a choice between canonicalizing a value where it is defined and at each
//! use, the pass prefers code in fewer loops, then fewer canonicalizations.
//! Instructions that are not listed are assumed to observe all bits of their operands.
//!
//! After the choice is made, a check per function proves it sufficient, so that a
//! bad choice costs time but never correctness. The work is bounded by the size of
//! a function and by the product of its float locals and branches; above a limit,
//! locals are not tracked, and values are canonicalized before they are written
//! to a local. The added code is charged like any other.
//!
//! # Compilation
//!
//! Cranelift's time and memory are not linear in the size of a function. After
//! instrumentation, one scan estimates both, as upper bounds, and the module is
//! refused if they exceed [`Options::compile_budget`]. Calls are inlined if the
//! module stays within it.
//!
//! # Files
//!
//! A file imports only files below it in this list.
#![forbid(unsafe_code)]

// Estimated cost of compilation.
mod compile_cost;

// Safepoints for sampling, inserted after instrumentation.
mod safepoints;

// Canonical NaNs, inserted before metering.
mod canonical_nans;

// Small loops, unrolled before metering.
mod unrolling;

// The instrumented module, section by section.
mod emit;

// Function bodies, instruction by instruction.
mod rewrite;

// Loops with a known trip count, divided into strips.
mod strips;

// Cancellation of a running guest.
mod polling;

// Locals that are added to a function.
mod added_locals;

// Fuel and stack as parameters and results of functions.
mod fuel_abi;

// Charges of a function: positions and amounts.
mod charges;

// Loops with a known trip count.
mod counted_loops;

// Metering of each function: source of fuel, checks, frames.
mod metering_plan;

// Metering of rows, for each exported function.
mod row_fuel;

// Stack frames of recursive functions, and the functions that check the stack.
mod stack_checks;

// The call graph.
mod call_graph;

// Values of blocks, branches and calls, counted before validation.
mod arities;

// Facts about a valid module, collected in one scan.
mod module_info;

// Rewriting of function bodies, with everything else copied.
mod code_section;

// Facts about a function, collected while its body is validated.
mod function_info;

// Effects of instructions on the bits of floats.
mod float_effects;

// Facts about the NaNs of a value.
mod nan_facts;

// Static fuel bound of a row.
mod row_cost;

// State of an instance that survives a call.
mod mutable_state;

// Permitted imports, and the code that replaces their calls.
mod imports;

// Fuel per instruction.
pub mod weights;

// Limits and switches of the pass, permitted Wasm features.
mod options;

// Names of exports and sections of an instrumented module.
mod names;

// Reasons for refusing a module.
mod error;

// Budget of compilation.
mod compile_budget;

use std::borrow::Cow;
use std::collections::HashMap;

pub use arities::check_arities;
pub use compile_budget::{CompileBudget, CompileResource};
pub use error::Error;
pub use names::{
    EXPORT_CALL_BEGIN, EXPORT_CALL_FUEL, EXPORT_CANCEL, EXPORT_FUEL, EXPORT_GLOBAL_PREFIX,
    EXPORT_HOST, EXPORT_NEXT_ROW, EXPORT_PREFIX, EXPORT_STACK, EXPORT_START, HOST_LOG, HOST_REFILL,
    NEXT_ROW_INVALID, SECTION_INSTRUMENTED,
};
pub use options::{FEATURES, Options};
pub use row_fuel::RowFuel;
pub use safepoints::insert_safepoints;
pub use stack_checks::{NATIVE_BYTES_PER_STACK_BYTE, UNCHECKED_BYTES_MAX};
pub use weights::WEIGHTS_VERSION;

/// Digest of the sources of this pass: another version of it may instrument the same module in
/// another way, with the same verdicts.
pub const SOURCE_DIGEST: &str = env!("SOURCE_DIGEST");

/// An instrumented module.
#[derive(Clone, Debug)]
pub struct Instrumented {
    /// The Wasm bytes. The custom section [`SECTION_INSTRUMENTED`] holds
    /// [`WEIGHTS_VERSION`].
    pub module: Vec<u8>,
    /// The exported functions by name, with the metering of their rows.
    pub row_fuel: HashMap<String, RowFuel>,
    /// True if calls are to be inlined: the module is small, and grows little.
    pub is_inlined: bool,
    /// The number of globals that are exported under [`EXPORT_GLOBAL_PREFIX`].
    /// Restoring them and the linear memory restores an instance. `None` if
    /// that is not enough, because code changes tables or drops segments.
    pub mutable_globals: Option<usize>,
}

/// Instruments a module.
///
/// # Errors
///
/// A module that is valid, uses only [`FEATURES`] and permitted imports, and
/// exports no reserved name is refused only for exceeding a limit of `options`.
pub fn instrument(module: &[u8], options: Options) -> Result<Instrumented, Error> {
    // Validating it may take too long otherwise: the caller may have left that to this function.
    check_arities(module)?;
    let mut info = module_info::ModuleInfo::of(module, options)?;
    let original_bytes = module.len();
    let mut module = Cow::Borrowed(module);
    if options.canonical_nans
        && let Some(canonical) = canonical_nans::canonicalize_nans(&module, &info)?
    {
        module = Cow::Owned(canonical);
    }
    if options.metered
        && let Some(unrolled) = unrolling::unroll_loops(&module)?
    {
        module = Cow::Owned(unrolled);
    }
    if matches!(module, Cow::Owned(_)) {
        info = module_info::ModuleInfo::of(&module, options)?;
    }
    let mut plan = metering_plan::MeteringPlan::of(&info, options)?;
    charges::prepay_entries(&module, &info, &mut plan)?;
    let module = emit::emit(&module, &info, &plan, options)?;
    let cost = compile_cost::CompileCost::of(&module)?;
    let is_inlined = cost.check(&module, original_bytes, &options.compile_budget)?;
    let exports = info.exports.iter();
    let row_fuel = exports.map(|(name, function)| (name.clone(), plan.row_fuel(*function)));
    Ok(Instrumented {
        module,
        row_fuel: row_fuel.collect(),
        is_inlined,
        mutable_globals: info.mutable_state.globals.map(|globals| globals.len()),
    })
}
