//! Fuel per instruction.
//!
//! A unit of fuel is about one simple machine instruction. No weight is below that
//! of Wasmtime's own fuel (1, and 0 for instructions that compile to nothing), so
//! a call that runs out of fuel in Wasmtime runs out of fuel here too. **Changing
//! a weight changes verdicts**, and so does permitting another instruction: both
//! require a new [`WEIGHTS_VERSION`].

use wasmparser::Operator;

/// Version of all that decides how much fuel a guest burns and at which depth its stack ends.
///
/// That is the weights, the rules for charging regions, the sizes of stack frames and the code
/// that makes NaNs canonical; and outside of this crate, the code that the linker adds to a module
/// (drivers of plain functions and components, WASI), the fuel that the runtime grants and charges
/// (overhead, states of aggregates, creation of instances), and the heap plan of the baseline,
/// whose addresses a guest can see.
///
/// Modules that were instrumented with different versions may differ in verdicts. The
/// version is therefore part of each key under which compiled code or results are
/// cached. The instrumented module carries it too, in the custom section
/// [`SECTION_INSTRUMENTED`](crate::SECTION_INSTRUMENTED).
pub const WEIGHTS_VERSION: u32 = 9;

/// Fuel per page of `memory.grow`: on first access, the operating system maps and
/// zeroes 64 KiB.
pub const FUEL_PER_PAGE: u64 = 1024;

/// Fuel of creating an instance, apart from its pages and tables. The host charges it, and
/// [`FUEL_PER_PAGE`] for each page of the initial memory, because it is the host that
/// creates instances.
pub const FUEL_PER_INSTANCE: u64 = 2048;

/// Bytes that a bulk memory operation moves per unit of fuel, as a power of two.
pub const BYTES_PER_FUEL_LOG2: u32 = 3;

/// Fuel per element that a bulk table operation moves.
pub const FUEL_PER_ELEMENT: u64 = 1;

/// Fuel for entering a function.
pub(crate) const ENTRY_FUEL: u64 = 1;

/// Fuel for the replacement of an import, in addition to the call.
pub(crate) const IMPORT_FUEL: u64 = 8;

/// Fuel for the replacement of the import `log`, in addition to the call: the host may copy a
/// message of some hundred bytes.
pub(crate) const LOG_FUEL: u64 = 128;

/// Fuel for starting a bulk operation.
const BULK_FUEL: u64 = 16;

/// Fuel for a load from memory.
///
/// A load whose address the load before it returned waits for main memory and for the page
/// tables: some 170 ns where each of them misses the caches, as the bench `unit_cost`
/// measures (`load_walk_folded`). Stores wait for nothing, and stay at one unit.
const LOAD_FUEL: u64 = 5;

/// Fuel for executing an instruction once, apart from the part that depends on its
/// operand.
pub(crate) fn weight(operator: &Operator<'_>) -> u64 {
    use Operator::*;
    match operator {
        Nop | Drop | Block { .. } | Loop { .. } | Unreachable | Return | Else | End => 0,
        I32DivS | I32DivU | I32RemS | I32RemU | I64DivS | I64DivU | I64RemS | I64RemU => 8,
        F32Div | F64Div | F32Sqrt | F64Sqrt => 4,
        F32x4Div | F64x2Div | F32x4Sqrt | F64x2Sqrt => 8,
        // One machine instruction per half of the result, on most machines.
        I64Add128 | I64Sub128 | I64MulWideS | I64MulWideU => 2,
        Call { .. } | ReturnCall { .. } => 2,
        CallIndirect { .. } | ReturnCallIndirect { .. } => 8,
        _ if by_operand(operator).is_some() => BULK_FUEL,
        _ if is_load(operator) => LOAD_FUEL,
        _ => 1,
    }
}

/// Returns true if the instruction reads linear memory at one address.
#[rustfmt::skip]
fn is_load(operator: &Operator<'_>) -> bool {
    use Operator::*;
    matches!(
        operator,
        I32Load { .. } | I32Load8S { .. } | I32Load8U { .. }
            | I32Load16S { .. } | I32Load16U { .. }
            | I64Load { .. } | I64Load8S { .. } | I64Load8U { .. }
            | I64Load16S { .. } | I64Load16U { .. }
            | I64Load32S { .. } | I64Load32U { .. }
            | F32Load { .. } | F64Load { .. }
            | V128Load { .. } | V128Load8x8S { .. } | V128Load8x8U { .. }
            | V128Load16x4S { .. } | V128Load16x4U { .. }
            | V128Load32x2S { .. } | V128Load32x2U { .. }
            | V128Load8Splat { .. } | V128Load16Splat { .. }
            | V128Load32Splat { .. } | V128Load64Splat { .. }
            | V128Load32Zero { .. } | V128Load64Zero { .. }
            | V128Load8Lane { .. } | V128Load16Lane { .. }
            | V128Load32Lane { .. } | V128Load64Lane { .. }
    )
}

/// Fuel for the operand on top of the stack, an `i32` length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PerUnit {
    /// Fuel per unit of length.
    Times(u64),
    /// One unit of fuel for a length of this power of two.
    Shifted(u32),
}

/// Fuel that depends on the operand, for instructions whose work does.
pub(crate) fn by_operand(operator: &Operator<'_>) -> Option<PerUnit> {
    use Operator::*;
    match operator {
        MemoryGrow { .. } => Some(PerUnit::Times(FUEL_PER_PAGE)),
        MemoryFill { .. } | MemoryCopy { .. } | MemoryInit { .. } => {
            Some(PerUnit::Shifted(BYTES_PER_FUEL_LOG2))
        }
        TableGrow { .. } | TableFill { .. } | TableCopy { .. } | TableInit { .. } => {
            Some(PerUnit::Times(FUEL_PER_ELEMENT))
        }
        _ => None,
    }
}
