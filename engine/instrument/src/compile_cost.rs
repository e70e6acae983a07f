//! Static estimate of the cost of compiling an instrumented module.
//!
//! The time and the memory of Cranelift are not linear in the size of a function:
//! values are passed along every edge, locals are looked up through predecessors,
//! live ranges are split at calls. One scan of a module counts the factors of that
//! cost ([`CostKind`]), and [`CompileCost`] weighs them with constants that were
//! fitted to measurements, as upper bounds.

// Counts of a function.
mod counts;

// Sizes of functions after inlining.
mod inlining;

// Locals that join at the ends of blocks.
mod joins;

use std::collections::HashSet;

use wasmparser::{
    FuncType, FuncValidatorAllocations, KnownCustom, Name, Parser, Payload, ValidPayload, Validator,
};

use crate::compile_budget::{CompileBudget, CompileResource};
use crate::error::Error;
use crate::options::INSTRUMENTED_FEATURES;
use counts::Counts;
use inlining::{Callees, InlinedSizes};

/// Factor of the cost of compilation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CostKind {
    /// Bytes of code, instrumentation included.
    Code,
    /// Basic blocks.
    Blocks,
    /// Calls, and instructions that become calls of the host.
    Calls,
    /// Parameters and results of calls, other than the first six of each.
    CallValues,
    /// Values that are passed to blocks, once for each branch, and targets of `br_table`.
    BlockValues,
    /// Values of blocks, and locals, times the basic blocks before their last use.
    Variables,
    /// Locals that are read, times the basic blocks before the last read.
    ReadLocals,
    /// Operands below each basic block.
    Operands,
    /// Locals that are written in a block and read after it, squared, for each block. More
    /// for each branch to its end.
    JoinedLocals,
    /// Square of a function's basic blocks and calls, and of the branches to each label,
    /// in thousands.
    Branches,
    /// Functions.
    Functions,
    /// Locals, whether anything uses them or not.
    Locals,
    /// Different types of functions.
    Types,
    /// Parameters and results of different types, and a 250th of their square.
    TypeValues,
    /// Globals, exports and segments.
    Declarations,
    /// Calls that are replaced by the callee.
    Inlined,
    /// Values of all functions of a module that is compiled with inlining.
    Retained,
}

/// Number of kinds.
const KINDS: usize = 17;

/// Weights of a [`CostKind`].
struct Weight {
    /// Description in errors.
    noun: &'static str,
    /// Nanoseconds of one core for each.
    nanoseconds: u64,
    /// Bytes of memory for each.
    bytes: u64,
}

const fn weight(_: CostKind, noun: &'static str, nanoseconds: u64, bytes: u64) -> Weight {
    Weight {
        noun,
        nanoseconds,
        bytes,
    }
}

/// Weights, in order of [`CostKind`].
///
/// Fitted by hand to some 100 costly modules of 38 kinds, and to modules of real compilers,
/// whose time they overestimate little: QuickJS and SQLite take 0.5 and 0.6 of the time of
/// the default budget, and 0.15 of its memory. A module of a shape that is not among these
/// kinds may take more than its budget; the cost target in `fuzz` looks for such shapes.
const WEIGHTS: [Weight; KINDS] = [
    weight(CostKind::Code, "bytes of code", 1_700, 300),
    weight(CostKind::Blocks, "basic blocks", 8_000, 1_500),
    weight(CostKind::Calls, "calls", 8_000, 2_400),
    weight(
        CostKind::CallValues,
        "parameters and results of calls",
        10_000,
        600,
    ),
    weight(CostKind::BlockValues, "values passed to blocks", 3_000, 400),
    weight(CostKind::Variables, "values of blocks times blocks", 12, 10),
    weight(CostKind::ReadLocals, "locals times blocks", 200, 16),
    weight(CostKind::Operands, "operands times blocks", 130, 1),
    weight(
        CostKind::JoinedLocals,
        "locals joined in blocks, squared",
        600,
        10,
    ),
    weight(
        CostKind::Branches,
        "thousands of branches and calls, squared",
        2_300,
        30,
    ),
    weight(CostKind::Functions, "functions", 90_000, 5_300),
    weight(CostKind::Locals, "locals", 200, 4),
    weight(CostKind::Types, "types", 280_000, 76_000),
    weight(
        CostKind::TypeValues,
        "parameters and results of types",
        8_000,
        800,
    ),
    weight(
        CostKind::Declarations,
        "globals, exports and segments",
        2_600,
        320,
    ),
    weight(CostKind::Inlined, "inlined calls", 150_000, 10_000),
    weight(CostKind::Retained, "values", 600, 350),
];

/// Memory of a compilation of any module, in bytes.
const BASE_BYTES: u64 = 12_000_000;

/// Estimated cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cost {
    nanoseconds: u64,
    bytes: u64,
}

impl Cost {
    fn add(&mut self, counts: &[u64; KINDS]) {
        for (kind, count) in counts.iter().enumerate() {
            let cost = Self::of(kind, *count);
            self.nanoseconds = self.nanoseconds.saturating_add(cost.nanoseconds);
            self.bytes = self.bytes.saturating_add(cost.bytes);
        }
    }

    fn of(kind: usize, count: u64) -> Self {
        let weight = &WEIGHTS[kind];
        Self {
            nanoseconds: count.saturating_mul(weight.nanoseconds),
            bytes: count.saturating_mul(weight.bytes),
        }
    }
}

impl Cost {
    /// The budget of a module of that size.
    fn max(budget: &CompileBudget, module_bytes: usize) -> Self {
        let size = module_bytes as u64;
        let milliseconds = budget.milliseconds_per_megabyte.saturating_mul(size) / 1_000_000;
        let milliseconds = budget.milliseconds.saturating_add(milliseconds);
        let bytes = budget.memory_bytes_per_byte.saturating_mul(size);
        Self {
            nanoseconds: milliseconds.saturating_mul(1_000_000),
            bytes: budget
                .memory_bytes
                .saturating_add(bytes)
                .saturating_sub(BASE_BYTES),
        }
    }
}

/// Estimated cost of compiling a module.
#[derive(Debug)]
pub(crate) struct CompileCost {
    /// Counts of each function, in order of the code section.
    functions: Vec<[u64; KINDS]>,
    /// Counts of the module besides its functions.
    module: [u64; KINDS],
    inlined: InlinedSizes,
}

/// Functions that are compiled at the same time, for the memory of their code. The
/// memory of all other counts is summed over all functions.
const THREADS: usize = 2;

/// Functions of a module that is compiled with inlining, which keeps them all in memory.
const INLINED_FUNCTIONS_MAX: usize = 1_000;

impl CompileCost {
    /// Scans an instrumented module, in time linear in its size.
    pub(crate) fn of(module: &[u8]) -> Result<Self, Error> {
        let mut scan = Scan::default();
        let mut validator = Validator::new_with_features(INSTRUMENTED_FEATURES);
        let mut allocations = FuncValidatorAllocations::default();
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload?;
            let valid = validator.payload(&payload)?;
            scan.section(&payload)?;
            if let ValidPayload::Func(function, body) = valid {
                let mut validator = function.into_validator(allocations);
                let types = (&*scan.types, &*scan.function_types);
                let (counts, callees) = Counts::of(&body, &mut validator, types)?;
                scan.functions.push(counts.into_array());
                scan.callees.push(callees);
                allocations = validator.into_allocations();
            }
        }
        Ok(scan.finish())
    }

    /// Checks the cost of an instrumented module whose original has `original_bytes`. Returns
    /// true if calls are to be inlined: the module is small, and inlining fits the budget.
    pub(crate) fn check(
        &self,
        module: &[u8],
        original_bytes: usize,
        budget: &CompileBudget,
    ) -> Result<bool, Error> {
        let (found, max) = (self.total(), Cost::max(budget, original_bytes));
        let inlined = self.with_inlining(found);
        let (resource, found, max) = if found.nanoseconds > max.nanoseconds {
            let milliseconds = [found, max].map(|cost| cost.nanoseconds / 1_000_000);
            (CompileResource::Time, milliseconds[0], milliseconds[1])
        } else if found.bytes > max.bytes {
            (CompileResource::Memory, found.bytes, max.bytes)
        } else {
            let is_small = self.functions.len() <= INLINED_FUNCTIONS_MAX;
            let fits = inlined.nanoseconds <= max.nanoseconds && inlined.bytes <= max.bytes;
            return Ok(is_small && fits);
        };
        let (function, kind, count) = self.largest(resource);
        Err(Error::CompileBudget {
            resource,
            found,
            max,
            place: match function {
                Some(function) => function_name(module, function)?,
                None => "it".to_owned(),
            },
            count,
            noun: WEIGHTS[kind].noun,
        })
    }

    fn total(&self) -> Cost {
        let mut total = Cost::default();
        total.add(&self.module);
        let mut code: Vec<u64> = Vec::with_capacity(self.functions.len());
        for counts in &self.functions {
            total.add(counts);
            code.push(counts[CODE]);
        }
        code.sort_unstable();
        let sequential: u64 = code.iter().rev().skip(THREADS).sum();
        total.bytes -= Cost::of(CODE, sequential).bytes.min(total.bytes);
        total
    }

    /// The cost with inlining, of that without.
    fn with_inlining(&self, mut total: Cost) -> Cost {
        let mut inlined = [0; KINDS];
        inlined[CostKind::Inlined as usize] = self.inlined.calls;
        inlined[CostKind::Retained as usize] = self.inlined.values;
        total.add(&inlined);
        total
    }

    /// The largest part of the cost: the function, if most of it is one's, the kind, and its count.
    fn largest(&self, resource: CompileResource) -> (Option<u32>, usize, u64) {
        let cost = |kind: usize, count: u64| {
            let cost = Cost::of(kind, count);
            match resource {
                CompileResource::Time => cost.nanoseconds,
                CompileResource::Memory => cost.bytes,
            }
        };
        let total = |kind: usize| {
            let functions = self.functions.iter().map(|counts| counts[kind]);
            functions.fold(self.module[kind], u64::saturating_add)
        };
        let kinds = (0..KINDS).map(|kind| (kind, total(kind)));
        let largest = kinds.max_by_key(|&(kind, count)| cost(kind, count));
        let (kind, count) = largest.unwrap_or_default();
        let functions = (0..).zip(&self.functions);
        let of_function = functions.map(|(function, counts)| (function, counts[kind]));
        match of_function.max_by_key(|&(_, own)| own) {
            Some((function, own)) if own > count / 2 => (Some(function), kind, own),
            _ => (None, kind, count),
        }
    }
}

const CODE: usize = CostKind::Code as usize;

/// State of the scan of a module.
#[derive(Default)]
struct Scan {
    types: Vec<FuncType>,
    function_types: Vec<u32>,
    functions: Vec<[u64; KINDS]>,
    callees: Vec<Callees>,
    declarations: u64,
}

impl Scan {
    fn section(&mut self, payload: &Payload<'_>) -> Result<(), Error> {
        let declarations = match payload {
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    let types = group?.into_types();
                    self.types.extend(types.map(|ty| ty.unwrap_func().clone()));
                }
                0
            }
            Payload::FunctionSection(section) => {
                for index in section.clone() {
                    self.function_types.push(index?);
                }
                0
            }
            Payload::GlobalSection(section) => section.count(),
            Payload::ExportSection(section) => section.count(),
            Payload::DataSection(section) => section.count(),
            Payload::ElementSection(section) => section.count(),
            _ => 0,
        };
        self.declarations += u64::from(declarations);
        Ok(())
    }

    fn finish(self) -> CompileCost {
        let distinct: HashSet<&FuncType> = self.types.iter().collect();
        // The time of a type grows with the square of its values.
        let values = distinct.iter().map(|ty| {
            let values = ty.params().len() + ty.results().len();
            values + values * values / 250
        });
        let mut module = [0; KINDS];
        module[CostKind::Functions as usize] = self.functions.len() as u64;
        module[CostKind::Types as usize] = distinct.len() as u64;
        module[CostKind::TypeValues as usize] = values.sum::<usize>() as u64;
        module[CostKind::Declarations as usize] = self.declarations;
        CompileCost {
            inlined: InlinedSizes::of(&self.callees),
            functions: self.functions,
            module,
        }
    }
}

/// Length of a function's name in errors.
const NAME_CHARS_MAX: usize = 100;

/// Describes a function by its index in the code section, and its name, if it has one.
fn function_name(module: &[u8], function: u32) -> Result<String, Error> {
    for payload in Parser::new(0).parse_all(module) {
        let Payload::CustomSection(section) = payload? else {
            continue;
        };
        let KnownCustom::Name(names) = section.as_known() else {
            continue;
        };
        // The section may be garbage, which is no error.
        for name in names.into_iter().map_while(Result::ok) {
            let Name::Function(names) = name else {
                continue;
            };
            let mut names = names.into_iter().map_while(Result::ok);
            if let Some(naming) = names.find(|naming| naming.index == function) {
                let name: String = naming.name.chars().take(NAME_CHARS_MAX).collect();
                return Ok(format!("function {function} (`{}`)", name.escape_debug()));
            }
        }
    }
    Ok(format!("function {function}"))
}
