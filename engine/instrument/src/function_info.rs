//! Facts about a function, collected while its body is validated.

use std::ops::Range;

use wasmparser::{BinaryReaderError, FunctionBody, Operator, ValType};

use crate::float_effects::{Effect, effect};
use crate::imports::Import;
use crate::row_cost::RowCost;
use crate::weights::{ENTRY_FUEL, by_operand, weight};

type FuncValidator = wasmparser::FuncValidator<wasmparser::ValidatorResources>;

/// Facts about a function that a module defines.
#[derive(Clone, Debug, Default)]
pub(crate) struct FunctionInfo {
    /// The position of the body in the module, in bytes.
    pub(crate) range: Range<usize>,
    /// The weight of the entry and of all instructions, each counted once.
    pub(crate) weight: u64,
    /// The number of loops.
    pub(crate) loops: u64,
    /// True if it has an instruction whose work depends on an operand.
    pub(crate) has_bulk: bool,
    /// True if it has arithmetic on floats.
    pub(crate) has_arithmetic: bool,
    /// True if it calls an import.
    pub(crate) calls_imports: bool,
    /// The cost of a row, if it begins rows.
    pub(crate) row_cost: Option<RowCost>,
    /// True if it begins row groups.
    pub(crate) begins_groups: bool,
    /// The direct callees, once for each call instruction, tail calls included.
    pub(crate) calls: Vec<u32>,
    /// The direct callees that may return: the call is not followed by
    /// `unreachable`.
    pub(crate) returning_callees: Vec<u32>,
    /// The direct callees of tail calls.
    pub(crate) tail_calls: Vec<u32>,
    /// True if it has tail calls, direct or through a table.
    pub(crate) has_tail_calls: bool,
    /// The functions that it makes references to.
    pub(crate) references: Vec<u32>,
    /// The type indices of calls through tables, sorted.
    pub(crate) indirect_calls: Vec<u32>,
    /// The stack of locals and operands, of the return address and of saved registers,
    /// in bytes.
    pub(crate) frame_bytes: u64,
    /// The number of values that its instructions compute.
    pub(crate) values: u64,
    /// The size of the largest of its values, in bytes.
    pub(crate) value_bytes: u64,
}

/// Stack of a call apart from locals and operands, in bytes: return address, saved
/// registers, alignment.
const FRAME_BYTES: u64 = 64;

impl FunctionInfo {
    /// Validates and scans a function. `None` if its blocks are nested deeper than
    /// `nesting_max`.
    pub(crate) fn of(
        body: &FunctionBody<'_>,
        validator: &mut FuncValidator,
        imports: &[Import],
        nesting_max: usize,
    ) -> Result<Option<Self>, BinaryReaderError> {
        let mut info = Self {
            range: body.range(),
            weight: ENTRY_FUEL,
            ..Self::default()
        };
        let mut reader = body.get_binary_reader();
        validator.read_locals(&mut reader)?;
        let local_bytes = (0..validator.len_locals())
            .filter_map(|local| validator.get_local_type(local))
            .map(slot_bytes)
            .sum::<u64>();
        let mut previous = Previous::default();
        let (mut height_max, mut values) = (0, 0);
        let mut has_vectors = false;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let (operator, offset) = operators.read_with_offset()?;
            validator.op(offset, &operator)?;
            if validator.control_stack_height() as usize > nesting_max {
                return Ok(None);
            }
            info.add(&operator, imports, &previous);
            values += u64::from(computes_value(&operator));
            previous = Previous::of(&operator);
            height_max = height_max.max(validator.operand_stack_height());
            has_vectors |= validator.get_operand_type(0) == Some(Some(ValType::V128));
        }
        operators.finish()?;
        info.indirect_calls.sort_unstable();
        info.indirect_calls.dedup();
        let operand_bytes = if has_vectors { 16 } else { 8 };
        info.frame_bytes = FRAME_BYTES + local_bytes + u64::from(height_max) * operand_bytes;
        (info.values, info.value_bytes) = (values, operand_bytes);
        Ok(Some(info))
    }

    /// Adds an instruction.
    fn add(&mut self, operator: &Operator<'_>, imports: &[Import], previous: &Previous) {
        self.count(operator);
        if !matches!(operator, Operator::Unreachable) {
            self.returning_callees.extend(previous.callee);
        }
        let import = match operator {
            Operator::Call { function_index } => imports.get(*function_index as usize),
            _ => None,
        };
        self.calls_imports |= import.is_some();
        self.begins_groups |= import == Some(&Import::RowGroupBegin);
        match &mut self.row_cost {
            Some(row_cost) => row_cost.push(operator, import.copied(), previous.constant),
            None if import == Some(&Import::RowBegin) => self.row_cost = Some(RowCost::default()),
            None => {}
        }
    }

    fn count(&mut self, operator: &Operator<'_>) {
        self.weight += weight(operator);
        self.has_bulk |= by_operand(operator).is_some();
        self.has_tail_calls |= matches!(
            operator,
            Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. }
        );
        if let Operator::ReturnCall { function_index } = operator {
            self.tail_calls.push(*function_index);
            self.returning_callees.push(*function_index);
        }
        self.has_arithmetic |= matches!(effect(operator), Effect::Arithmetic { .. });
        match operator {
            Operator::Loop { .. } => self.loops += 1,
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                self.calls.push(*function_index);
            }
            Operator::RefFunc { function_index } => self.references.push(*function_index),
            Operator::CallIndirect { type_index, .. }
            | Operator::ReturnCallIndirect { type_index, .. } => {
                self.indirect_calls.push(*type_index);
            }
            _ => {}
        }
    }
}

/// The previous instruction.
#[derive(Default)]
struct Previous {
    /// The constant that it pushed, if it did.
    constant: Option<i64>,
    /// The function that it called directly, if it did.
    callee: Option<u32>,
}

impl Previous {
    fn of(operator: &Operator<'_>) -> Self {
        Self {
            constant: match operator {
                Operator::I32Const { value } => Some((*value).into()),
                Operator::I64Const { value } => Some(*value),
                _ => None,
            },
            callee: match operator {
                Operator::Call { function_index } => Some(*function_index),
                _ => None,
            },
        }
    }
}

/// Returns true if an instruction computes a value that a compiler may keep for a later
/// instruction that computes the same. Scalar constants are computed again.
fn computes_value(operator: &Operator<'_>) -> bool {
    use Operator::*;
    !matches!(
        operator,
        Nop | Block { .. }
            | Loop { .. }
            | If { .. }
            | Else
            | End
            | Br { .. }
            | BrIf { .. }
            | BrTable { .. }
            | Return
            | Unreachable
            | Drop
            | LocalGet { .. }
            | LocalSet { .. }
            | LocalTee { .. }
            | GlobalSet { .. }
            | I32Const { .. }
            | I64Const { .. }
            | F32Const { .. }
            | F64Const { .. }
    )
}

/// The size of a local on the stack, in bytes.
fn slot_bytes(slot: ValType) -> u64 {
    match slot {
        ValType::V128 => 16,
        _ => 8,
    }
}
