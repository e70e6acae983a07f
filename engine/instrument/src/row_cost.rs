//! Static fuel bound of a row, from the code between its begin and its end.

use wasmparser::Operator;

use crate::imports::{Import, ROW_END_BYTES_PER_FUEL_LOG2};
use crate::weights::{by_operand, weight};

/// Cost of the instructions from a function's first `row_begin` to its last
/// `row_end`. If there is no loop among them, each runs at most once per row,
/// because only loops branch backwards.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowCost {
    /// The instructions up to now.
    open: CodeSummary,
    /// The callees, once for each call instruction.
    calls: Vec<u32>,
    /// The instructions up to the last `row_end`.
    ended: Option<CodeSummary>,
}

/// Summary of instructions.
#[derive(Clone, Copy, Debug, Default)]
struct CodeSummary {
    weight: u64,
    /// The number of calls among them.
    calls: usize,
    /// True if their fuel has no static bound, calls apart.
    is_unbounded: bool,
    /// True if they may trap or have side effects.
    has_effects: bool,
}

impl RowCost {
    /// Adds the next instruction. `import` is the import that it calls, `constant`
    /// the value that the instruction before it pushed, if known.
    pub(crate) fn push(
        &mut self,
        operator: &Operator<'_>,
        import: Option<Import>,
        constant: Option<i64>,
    ) {
        self.open.has_effects |= import.is_none() && !is_speculatable(operator, constant);
        self.open.weight += weight(operator) + import.map_or(0, Import::fuel);
        match (import, operator) {
            (Some(Import::RowEnd), _) => {
                let price = constant.map(|bytes| u64::from(bytes as u32));
                let price = price.map(|bytes| bytes >> ROW_END_BYTES_PER_FUEL_LOG2);
                self.open.weight += price.unwrap_or_default();
                self.open.is_unbounded |= price.is_none();
                self.open.calls = self.calls.len();
                self.ended = Some(self.open);
            }
            // Another row may begin here, or code of unknown cost runs until the
            // row resumes.
            (
                Some(
                    Import::RowBegin | Import::RowPause | Import::RowResume | Import::RowGroupBegin,
                ),
                _,
            )
            | (
                _,
                Operator::Loop { .. }
                | Operator::CallIndirect { .. }
                | Operator::ReturnCall { .. }
                | Operator::ReturnCallIndirect { .. },
            ) => self.open.is_unbounded = true,
            (_, Operator::Call { function_index }) => self.calls.push(*function_index),
            (_, operator) => self.open.is_unbounded |= by_operand(operator).is_some(),
        }
    }

    /// Returns true if a row neither traps nor has side effects.
    pub(crate) fn is_speculatable(&self) -> bool {
        self.ended.is_some_and(|ended| !ended.has_effects)
    }

    /// Upper bound of the fuel of a row, given those of its callees.
    pub(crate) fn bound(&self, callee_bound: impl Fn(u32) -> Option<u64>) -> Option<u64> {
        let ended = self.ended.filter(|ended| !ended.is_unbounded)?;
        let mut calls = self.calls.iter().take(ended.calls);
        calls.try_fold(ended.weight, |sum, callee| {
            sum.checked_add(callee_bound(*callee)?)
        })
    }
}

/// Returns true if an instruction neither traps nor has side effects. `constant` is
/// the value that the instruction before it pushed, if known.
///
/// Only common instructions are listed. Loads are not: an address may depend on
/// the row and be out of bounds.
fn is_speculatable(operator: &Operator<'_>, constant: Option<i64>) -> bool {
    use Operator::*;
    match operator {
        Nop
        | Drop
        | Select
        | TypedSelect { .. }
        | Block { .. }
        | If { .. }
        | Else
        | End
        | Br { .. }
        | BrIf { .. }
        | BrTable { .. } => true,
        LocalGet { .. } | LocalSet { .. } | LocalTee { .. } | GlobalGet { .. } => true,
        I32Const { .. } | I64Const { .. } | F32Const { .. } | F64Const { .. } => true,
        I32Eqz | I32Eq | I32Ne | I32LtS | I32LtU | I32GtS | I32GtU | I32LeS | I32LeU | I32GeS
        | I32GeU | I32Clz | I32Ctz | I32Popcnt | I32Add | I32Sub | I32Mul | I32And | I32Or
        | I32Xor | I32Shl | I32ShrS | I32ShrU | I32Rotl | I32Rotr => true,
        I64Eqz | I64Eq | I64Ne | I64LtS | I64LtU | I64GtS | I64GtU | I64LeS | I64LeU | I64GeS
        | I64GeU | I64Clz | I64Ctz | I64Popcnt | I64Add | I64Sub | I64Mul | I64And | I64Or
        | I64Xor | I64Shl | I64ShrS | I64ShrU | I64Rotl | I64Rotr => true,
        I64Add128 | I64Sub128 | I64MulWideS | I64MulWideU => true,
        // Division of the smallest number by -1 traps.
        I32DivS | I32DivU | I32RemS | I32RemU | I64DivS | I64DivU | I64RemS | I64RemU => {
            constant.is_some_and(|divisor| divisor != 0 && divisor != -1)
        }
        F32Eq | F32Ne | F32Lt | F32Gt | F32Le | F32Ge | F32Abs | F32Neg | F32Ceil | F32Floor
        | F32Trunc | F32Nearest | F32Sqrt | F32Add | F32Sub | F32Mul | F32Div | F32Min | F32Max
        | F32Copysign => true,
        F64Eq | F64Ne | F64Lt | F64Gt | F64Le | F64Ge | F64Abs | F64Neg | F64Ceil | F64Floor
        | F64Trunc | F64Nearest | F64Sqrt | F64Add | F64Sub | F64Mul | F64Div | F64Min | F64Max
        | F64Copysign => true,
        I32WrapI64 | I64ExtendI32S | I64ExtendI32U | I32Extend8S | I32Extend16S | I64Extend8S
        | I64Extend16S | I64Extend32S => true,
        F32ConvertI32S | F32ConvertI32U | F32ConvertI64S | F32ConvertI64U | F64ConvertI32S
        | F64ConvertI32U | F64ConvertI64S | F64ConvertI64U | F32DemoteF64 | F64PromoteF32 => true,
        I32ReinterpretF32 | I64ReinterpretF64 | F32ReinterpretI32 | F64ReinterpretI64 => true,
        I32TruncSatF32S | I32TruncSatF32U | I32TruncSatF64S | I32TruncSatF64U | I64TruncSatF32S
        | I64TruncSatF32U | I64TruncSatF64S | I64TruncSatF64U => true,
        _ => false,
    }
}
