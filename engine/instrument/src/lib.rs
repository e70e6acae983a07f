//! Rewrites a Wasm module so that it counts its own fuel and stack.
//!
//! The rewritten module does what it did, until its fuel or its stack is spent:
//! then it executes `unreachable` with the counter below zero. No clock and no
//! signal is involved, so that the same call ends in the same place on every
//! machine. The host is called in one place, where a row begins and little fuel
//! is left: see [`EXPORT_REFILL`].
//!
//! # Fuel
//!
//! The counter is a global, [`EXPORT_FUEL`], that the host fills before a call
//! and reads after it: below zero means spent, however the call ended. After a
//! trap it holds what it held when the guest last put it there. What an
//! instruction costs is in the table of [`weights`], which is versioned, since
//! changing it changes verdicts.
//!
//! Code is charged in *regions* before it runs: a function at its entry, a loop
//! at the head of each iteration, by the weight of what stands there and not in
//! a loop further in. Conditional code of some weight is charged where it
//! begins; a little of it is charged with the code before, whether it runs or
//! not. So the charge is never less than the weight of what ran, and more by a
//! bounded amount for each region. A loop that only counts is charged for all
//! its turns before it begins. The counter is looked at where a call may go
//! on for long: at loop heads, unless each turn calls a function that looks, at
//! the entries of functions that are large or can be called in circles, and at
//! instructions whose work depends on an operand. Between two looks a call
//! overdraws by what stands in the code, once.
//!
//! Functions pass the counter to each other as a parameter and a result, so
//! that it stays in a register from the host's call to its end. Only functions
//! that are called through a table, or make or are tail calls, get it from the
//! global and put it back. A small function without loops and calls that nobody
//! but other functions can call is not touched: its callers pay for it, as they
//! do for the entries of all small functions.
//!
//! # Stack
//!
//! Where functions can call each other in a circle, directly or through a
//! table, each takes the weight of its frame from what is left while it runs:
//! they pass that on too, or find it in [`EXPORT_STACK`], which the host fills.
//! In each circle at least one function looks at what is left when it is entered,
//! and where a chain of others takes more than 16 KiB, one of them: so much may be
//! overdrawn between two looks. Allocators, which can call much else if they fail,
//! seldom have to look.
//! Chains of calls without a circle are bounded by adding up, and a module whose
//! longest is too long is refused.
//!
//! # NaNs
//!
//! Wasm leaves open which NaN float arithmetic results in, and machines differ.
//! So a NaN that is derived from arithmetic is made the canonical one, positive
//! and quiet, in each lane: a module's results, memory, globals and branches are
//! bit by bit what they would be, were every result of `add`, `sub`, `mul`,
//! `div`, `sqrt`, `min`, `max`, `ceil`, `floor`, `trunc`, `nearest`, `promote`
//! and `demote` made canonical at once. All other NaNs keep their bits: those of
//! constants, loads and reinterpreted integers pass through `neg`, `abs`,
//! `copysign`, `pmin`, `pmax`, lanes and locals as the specification has it.
//!
//! Most results go into other arithmetic or comparisons, to which all NaNs are
//! the same, and nothing is done about them. What is done is found by following
//! values over the operand stack, the locals and the joins of control, and
//! asking of each in what it may differ from what it has to be: in nothing; in
//! its NaNs, which all have to be the canonical one, or that with its sign
//! turned; or in its NaNs, some of which have bits of their own. Where an
//! instruction may look at bits (stores them, say, calls with them, returns
//! them, or takes them to be of another type) the value has to be one that
//! differs in nothing. If it is one of the second kind, it is repaired on the
//! way there, by choosing between it and the canonical NaN; if it is of the
//! last, what it was made from is repaired before the ways meet. Between
//! repairing a value early and each use of it later, what stands in fewer loops
//! is preferred, and then what needs fewer repairs. An instruction of which the
//! pass knows nothing is taken to look at all bits.
//!
//! That this suffices is checked for each function after the choice is made, so
//! that a bad choice costs time, and never bits. The work is bounded by the size
//! of a function, and by the product of its float locals and branches; where that
//! is large, locals are not followed, and what is put into one is repaired
//! first. What repairs add is charged like any other code.
//!
//! # The map
//!
//! A file may import only files below it in this list.
#![forbid(unsafe_code)]

// Places to look at a guest from: a stage behind all others.
mod lookouts;

// Canonical NaNs: a stage before all others.
mod canonical;

// The module, section by section.
mod emit;

// A function's body, instruction by instruction.
mod rewrite;

// The locals that the pass adds to a function.
mod locals;

// How the counters get from one function into the next.
mod passing;

// Where a function is charged, and how much.
mod plan;

// Loops whose turns are known before they begin.
mod counted;

// Which functions pay for themselves, which look at the counter, and which rows
// are bounded.
mod roles;

// Which functions can recurse.
mod frames;

// Who calls whom.
mod graph;

// What the pass must know of a module before it rewrites anything.
mod scan;

// What an instruction does with the bits of floats.
mod floats;

// What a row can burn.
mod stretch;

// What outlives a call.
mod lasting;

// What may be imported, and what takes its place.
mod imports;

// What an instruction costs.
pub mod weights;

use std::borrow::Cow;
use std::collections::HashMap;

use wasmparser::WasmFeatures;

pub use imports::ROW_REFUSED;
pub use lookouts::lookouts;

/// The exported global of type `i64` that holds the fuel that is left.
pub const EXPORT_FUEL: &str = "fusebox:fuel";

/// The exported global of type `i64` that holds the bytes of stack that are
/// left.
pub const EXPORT_STACK: &str = "fusebox:stack";

/// The exported global of type `i64` that holds what is left to the call, while
/// a row is burning fuel of its own, and 0 outside rows. Below zero means that
/// there was too little for another row.
pub const EXPORT_REST: &str = "fusebox:rest";

/// The exported global of type `i32` that holds the row that may come next, one
/// more than was announced last; or [`ROW_REFUSED`].
pub const EXPORT_NEXT_ROW: &str = "fusebox:next_row";

/// The exported table with one element: null, or a function of the host's,
/// `(rows: i32) -> i64`.
///
/// It is called where a row begins and no more is left to the call besides than
/// the book of a row needs, with the number of the row that could come next before:
/// so many, at most, have had fuel of their own. It returns how much is added to
/// what is left, or traps. Where the element is null, nothing is added.
pub const EXPORT_REFILL: &str = "fusebox:refill";

/// The exported function that the host calls before each call into the guest,
/// `(fuel: i64, stack: i64, fuel_per_row: i64, rows: i32, bounded: i32)`: the
/// fuel of the call, the bytes of stack, how much of that fuel a row may burn,
/// how many rows there are, and whether they need not be announced.
pub const EXPORT_BEGIN: &str = "fusebox:begin";

/// The export that is what was the module's start function. It would run
/// before the host could fill the counters, so the host calls it instead, right
/// after instantiating.
pub const EXPORT_START: &str = "fusebox:start";

/// What the exports of the module's own mutable globals begin with; a number
/// from 0 on follows.
pub const EXPORT_GLOBAL_PREFIX: &str = "fusebox:global:";

/// What every export that the pass adds begins with. A module that has one is
/// refused.
pub const EXPORT_PREFIX: &str = "fusebox:";

/// Wasm features that a module may use. What is not listed is refused: among
/// them relaxed SIMD, threads, exceptions, garbage collection, 64-bit memories
/// and stack switching, because their results depend on the machine or their
/// cost is not bounded by fuel. Wide arithmetic, on 128 bits in two halves, has
/// integers alone and no trap: its results are the same on every machine.
pub const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::WIDE_ARITHMETIC);

/// What the pass is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The most bytes of stack that a chain of calls without a circle may
    /// take. Recursion is held to what the host puts into [`EXPORT_STACK`].
    pub chain_bytes_max: u64,
    /// How many functions a module may define. Compilers keep something of each
    /// until all are compiled.
    pub functions_max: usize,
    /// How deep the blocks of a function may be nested. Compilers take a time
    /// that grows with its square.
    pub nesting_max: usize,
    /// How large the products of locals and loops may be, added up over the
    /// functions. Compilers take a time that grows with it.
    pub locals_times_loops_max: u64,
    /// Whether anything is counted. A module that is not metered has the same
    /// exports, and shows what the metering costs.
    pub metered: bool,
    /// Whether NaNs are made canonical before they are seen.
    pub canonical_nans: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            chain_bytes_max: 256 << 10,
            functions_max: 30_000,
            nesting_max: 1_000,
            locals_times_loops_max: 1_000_000,
            metered: true,
            canonical_nans: true,
        }
    }
}

/// Why a module cannot be rewritten.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The module is not valid, or uses a feature that is off.
    #[error("{message} at offset {offset:#x}")]
    Invalid {
        /// What the validator says.
        message: String,
        /// Where it stands in the module, in bytes.
        offset: usize,
    },
    /// The module exports a name that is the host's.
    #[error("it exports `{0}`, a name that is reserved")]
    Reserved(String),
    /// The module imports what is not granted.
    #[error("it imports `{module}`.`{name}`, which nobody grants")]
    Import {
        /// The import's module.
        module: String,
        /// The import's name.
        name: String,
    },
    /// A chain of calls takes too much stack.
    #[error("a chain of calls takes {bytes} bytes of stack, of {bytes_max} at most")]
    Chain {
        /// What the longest chain takes, in bytes.
        bytes: u64,
        /// What it may take, in bytes.
        bytes_max: u64,
    },
    /// The module defines too many functions.
    #[error("it has {functions} functions, of {functions_max} at most")]
    Functions {
        /// How many it defines.
        functions: usize,
        /// How many it may.
        functions_max: usize,
    },
    /// The blocks of a function are nested too deep.
    #[error("its function {function} has blocks that are nested deeper than {nesting_max}")]
    Nesting {
        /// The function's index.
        function: usize,
        /// How deep they may be.
        nesting_max: usize,
    },
    /// Too many locals live through too many loops.
    #[error("its functions have too many locals in too many loops, more than {max} products")]
    Work {
        /// How large the sum of products may be.
        max: u64,
    },
    /// The rewriting failed, which is a bug here.
    #[error("it cannot be rewritten: {0}")]
    Rewrite(String),
}

impl From<wasmparser::BinaryReaderError> for Error {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Invalid {
            message: error.message().to_owned(),
            offset: error.offset(),
        }
    }
}

/// How the fuel of an exported function's rows is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// The function announces no rows: they share one tank with the book.
    Shared,
    /// The function announces each row.
    Announced {
        /// Whether it can announce several at once, which then share the fuel of
        /// one, where the host says so.
        together: bool,
    },
    /// The function announces each row, none of which can burn more than this:
    /// what a row does holds no loop, no call that is not bounded itself, and
    /// no instruction whose work depends on its operand. Where a row's fuel is
    /// enough for that, rows need not be announced at all.
    Bounded {
        /// What a row can burn.
        fuel: u64,
        /// Whether it does no harm to do for a row what need not be done: it can
        /// neither trap nor leave anything behind.
        is_harmless: bool,
    },
}

/// A module that was rewritten.
#[derive(Clone, Debug)]
pub struct Metered {
    /// The module.
    pub module: Vec<u8>,
    /// The exported functions, and how the fuel of their rows is granted.
    pub rows: HashMap<String, Rows>,
    /// How many functions the module defines.
    pub functions: usize,
    /// How many globals are exported under [`EXPORT_GLOBAL_PREFIX`], if an
    /// instance whose memory and whose globals are as they were is as good as
    /// new. Nothing, if code changes tables or drops segments.
    pub globals: Option<usize>,
}

/// Rewrites a module.
///
/// # Errors
///
/// As [`Error`] says; a module that is valid, uses no feature outside
/// [`FEATURES`], no reserved name and no import that is not granted is refused
/// only for what `options` limit.
pub fn instrument(module: &[u8], options: Options) -> Result<Metered, Error> {
    let mut facts = scan::Facts::of(module, options)?;
    let mut module = Cow::Borrowed(module);
    if options.canonical_nans
        && let Some(canonical) = canonical::canonical(&module, &facts)?
    {
        facts = scan::Facts::of(&canonical, options)?;
        module = Cow::Owned(canonical);
    }
    let mut roles = roles::Roles::of(&facts, options)?;
    plan::pay_entries(&module, &facts, &mut roles)?;
    let module = emit::emit(&module, &facts, &roles, options.metered)?;
    let rows = facts.exports.iter();
    let rows = rows.map(|(name, function)| (name.clone(), roles.rows(*function)));
    Ok(Metered {
        module,
        rows: rows.collect(),
        functions: facts.bodies.len(),
        globals: facts.lasting.globals.map(|globals| globals.len()),
    })
}
