//! Modules whose compilation costs out of proportion to their size.
//!
//! Each kind multiplies two numbers: what one byte of Wasm repeats (`count`) and
//! what each repetition carries (`width`). Every module exports the scalar function
//! `f`, which is never called.

// Bodies of functions.
mod bodies;

// Sections.
mod sections;

use wasm_encoder::Function;

use sections::Sections;

/// Kind of a costly module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CostlyKind {
    /// Blocks that pass `width` values.
    Blocks,
    /// `if` that pass `width` values.
    Ifs,
    /// Loops that pass `width` values.
    Loops,
    /// Branches that pass `width` values to one block.
    Branches,
    /// One `br_table` with `count` targets, each of `width` values.
    TableTargets,
    /// `br_table` instructions with `width` targets without values.
    Tables,
    /// Calls with `width` parameters and results.
    WideCalls,
    /// Calls without parameters.
    Calls,
    /// Calls in one arm of `if` each, with `width` locals that are read in each.
    BranchCalls,
    /// Calls through a table.
    IndirectCalls,
    /// `width` locals that are never read, around `count` branches.
    UnusedLocals,
    /// `width` locals that are read after `count` branches.
    ReadLocals,
    /// `width` locals that are written after `count` branches.
    WrittenLocals,
    /// `width` locals that are written in `count` nested blocks, each left by a branch.
    JoinedLocals,
    /// `width` locals that are read and written in `count` nested loops.
    LoopLocals,
    /// `width` floats in locals, written and joined in `count` branches.
    FloatLocals,
    /// `width` operands below `count` branches.
    Operands,
    /// A chain of `count` functions, each of which calls the next `width` times.
    Chain,
    /// A chain of `count` functions with `width` additions, each of which calls the next.
    LongChain,
    /// One function that calls a small one of `width` additions `count` times.
    SmallCallee,
    /// `count` functions of one instruction.
    Functions,
    /// `count` functions of one instruction, with `width` locals that nothing uses.
    FunctionLocals,
    /// `count` types of `width` parameters.
    Types,
    /// `count` mutable globals.
    Globals,
    /// `count` exports of one function.
    Exports,
    /// `count` data segments.
    DataSegments,
    /// `count` element segments of one function.
    ElementSegments,
    /// `count` groups of `width` nested blocks.
    Nesting,
    /// `count` additions in a row.
    Additions,
    /// `count` divisions.
    Divisions,
    /// `count` loads and stores.
    Memory,
    /// `count` `select` instructions.
    Selects,
    /// `count` operations on the whole table.
    TableGets,
    /// `count` vector instructions.
    Vectors,
    /// `count` float operations whose NaN is observed.
    Floats,
    /// `count` `memory.copy` instructions.
    Bulk,
    /// `count` returns of `width` values.
    Returns,
    /// `count` loops without a body.
    EmptyLoops,
    /// `count` `global.set` of `width` globals.
    GlobalSets,
}

impl CostlyKind {
    /// All kinds.
    pub const ALL: &'static [Self] = &[
        Self::Blocks,
        Self::Ifs,
        Self::Loops,
        Self::Branches,
        Self::TableTargets,
        Self::Tables,
        Self::WideCalls,
        Self::Calls,
        Self::BranchCalls,
        Self::IndirectCalls,
        Self::UnusedLocals,
        Self::ReadLocals,
        Self::WrittenLocals,
        Self::JoinedLocals,
        Self::LoopLocals,
        Self::FloatLocals,
        Self::Operands,
        Self::Chain,
        Self::LongChain,
        Self::SmallCallee,
        Self::Functions,
        Self::FunctionLocals,
        Self::Types,
        Self::Globals,
        Self::Exports,
        Self::DataSegments,
        Self::ElementSegments,
        Self::Nesting,
        Self::Additions,
        Self::Divisions,
        Self::Memory,
        Self::Selects,
        Self::TableGets,
        Self::Vectors,
        Self::Floats,
        Self::Bulk,
        Self::Returns,
        Self::EmptyLoops,
        Self::GlobalSets,
    ];

    /// Makes the module.
    pub fn module(self, count: u32, width: u32) -> Vec<u8> {
        let size = Size { count, width };
        let mut sections = Sections::new(width);
        self.declare(&mut sections, size);
        let mut body = Function::new(self.locals(width));
        let mut code = body.instructions();
        self.code(&mut code, size);
        code.i32_const(0).end();
        sections.finish(&body)
    }
}

/// Size of a module.
#[derive(Clone, Copy)]
struct Size {
    count: u32,
    width: u32,
}
