//! What an instruction costs, in fuel.
//!
//! A unit is about one simple instruction of the machine. No weight is below
//! Wasmtime's own (1, and 0 for what compiles to nothing), so that whatever
//! Wasmtime's metering would stop is stopped here too. **Changing a weight
//! changes verdicts**, and so does giving one to what was refused: either needs
//! a new [`VERSION`].

use wasmparser::Operator;

/// The version of the table, of the rules by which regions are charged, and of
/// what is added to make NaNs canonical.
pub const VERSION: u32 = 4;

/// Fuel for each page by which a memory is to grow: the machine will have to
/// map and zero 64 KiB, whenever they are touched.
pub const PER_PAGE: u64 = 1024;

/// How many bytes a bulk operation on memory moves for a unit of fuel, as a
/// power of two.
pub const BYTES_PER_UNIT_LOG2: u32 = 3;

/// Fuel for each element that a bulk operation on tables moves.
pub const PER_ELEMENT: u64 = 1;

/// Fuel for entering a function, whatever stands in it.
pub(crate) const ENTRY: u64 = 1;

/// Fuel for a call of what takes an import's place, beside that of the call.
pub(crate) const IMPORT: u64 = 8;

/// Fuel for starting a bulk operation.
const BULK: u64 = 16;

/// What an instruction costs each time it runs, apart from what depends on its
/// operands.
pub(crate) fn weight(operator: &Operator<'_>) -> u64 {
    use Operator::*;
    match operator {
        Nop | Drop | Block { .. } | Loop { .. } | Unreachable | Return | Else | End => 0,
        I32DivS | I32DivU | I32RemS | I32RemU | I64DivS | I64DivU | I64RemS | I64RemU => 8,
        F32Div | F64Div | F32Sqrt | F64Sqrt => 4,
        F32x4Div | F64x2Div | F32x4Sqrt | F64x2Sqrt => 8,
        // A half each, for most machines.
        I64Add128 | I64Sub128 | I64MulWideS | I64MulWideU => 2,
        Call { .. } | ReturnCall { .. } => 2,
        CallIndirect { .. } | ReturnCallIndirect { .. } => 8,
        _ if by_operand(operator).is_some() => BULK,
        _ => 1,
    }
}

/// What the operand on top of the stack, a length of type `i32`, costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PerUnit {
    /// So much for each.
    Times(u64),
    /// One for each power of two of them.
    Shifted(u32),
}

/// How the instruction's work depends on its operand, if it does.
pub(crate) fn by_operand(operator: &Operator<'_>) -> Option<PerUnit> {
    use Operator::*;
    match operator {
        MemoryGrow { .. } => Some(PerUnit::Times(PER_PAGE)),
        MemoryFill { .. } | MemoryCopy { .. } | MemoryInit { .. } => {
            Some(PerUnit::Shifted(BYTES_PER_UNIT_LOG2))
        }
        TableGrow { .. } | TableFill { .. } | TableCopy { .. } | TableInit { .. } => {
            Some(PerUnit::Times(PER_ELEMENT))
        }
        _ => None,
    }
}
