//! What a row can burn, read off the code between announcing and settling it.

use wasmparser::Operator;

use crate::imports::{Import, SETTLED_BYTES_PER_UNIT_LOG2};
use crate::weights::{IMPORT, by_operand, weight};

/// The instructions from where a function first announces a row to where it
/// last settles one. Without a loop among them, none runs more than once for
/// each row, since only loops lead back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stretch {
    all: Sum,
    /// The functions that are called, as often as the calls stand there.
    calls: Vec<u32>,
    /// As much as is known to belong to it.
    settled: Option<Sum>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    weight: u64,
    calls: usize,
    goes_on: bool,
    harms: bool,
}

impl Stretch {
    /// Takes the next instruction, which may be a call of an import, with what
    /// the instruction before has pushed, where that is known.
    pub(crate) fn push(
        &mut self,
        operator: &Operator<'_>,
        import: Option<Import>,
        constant: Option<i64>,
    ) {
        self.all.harms |= import.is_none() && !is_harmless(operator, constant);
        self.all.weight += weight(operator) + import.map_or(0, |_| IMPORT);
        match (import, operator) {
            (Some(Import::RowEnd), _) => {
                let price = constant.map(|bytes| u64::from(bytes as u32));
                let price = price.map(|bytes| bytes >> SETTLED_BYTES_PER_UNIT_LOG2);
                self.all.weight += price.unwrap_or_default();
                self.all.goes_on |= price.is_none();
                self.all.calls = self.calls.len();
                self.settled = Some(self.all);
            }
            // Another row may begin here. Or what is done until the row goes on
            // is paid by nobody knows how much.
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
            ) => self.all.goes_on = true,
            (_, Operator::Call { function_index }) => self.calls.push(*function_index),
            (_, operator) => self.all.goes_on |= by_operand(operator).is_some(),
        }
    }

    /// Whether what a row does can neither trap nor leave anything behind.
    pub(crate) fn is_harmless(&self) -> bool {
        self.settled.is_some_and(|settled| !settled.harms)
    }

    /// What a row can burn at most, given what the functions that are called
    /// can.
    pub(crate) fn bound(&self, called: impl Fn(u32) -> Option<u64>) -> Option<u64> {
        let settled = self.settled.filter(|settled| !settled.goes_on)?;
        let mut calls = self.calls.iter().take(settled.calls);
        calls.try_fold(settled.weight, |sum, callee| {
            sum.checked_add(called(*callee)?)
        })
    }
}

/// Whether an instruction can neither trap nor be seen by what runs later, with
/// what the instruction before has pushed, where that is known. Only those are
/// listed that are common; memory is not looked at either, since an address may
/// depend on what the row holds.
fn is_harmless(operator: &Operator<'_>, constant: Option<i64>) -> bool {
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
        // By -1, the smallest number has no quotient.
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
