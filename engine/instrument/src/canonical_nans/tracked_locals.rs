//! Locals that hold floats or vectors.

use wasmparser::{FunctionBody, Operator, ValType};

use super::value_graph::ValueId;
use crate::error::Error;

/// Maximum work for one function: the number of locals, plus the product of
/// tracked locals and branches. Above it no local is tracked, and values written to
/// locals count as observed.
const WORK_MAX: usize = 1 << 20;

/// The values of the tracked locals.
#[derive(Default)]
pub(crate) struct TrackedLocals {
    /// The position among the tracked locals, by index of the local.
    positions: Vec<Option<u32>>,
    pub(crate) are_vectors: Vec<bool>,
    /// The current value of each.
    pub(crate) values: Vec<ValueId>,
}

impl TrackedLocals {
    /// The locals of a function, or none if the work exceeds `budget`, from which it
    /// is deducted.
    pub(crate) fn of(
        body: &FunctionBody<'_>,
        params: &[ValType],
        budget: &mut usize,
    ) -> Result<Self, Error> {
        let mut groups: Vec<(u32, ValType)> = params.iter().map(|param| (1, *param)).collect();
        for group in body.get_locals_reader()? {
            groups.push(group?);
        }
        let (mut count, mut tracked) = (0, 0);
        for (number, val_type) in &groups {
            count += *number as usize;
            tracked += if is_tracked(*val_type) {
                *number as usize
            } else {
                0
            };
        }
        let work = count + tracked.saturating_mul(branches(body)?);
        let mut locals = Self::default();
        if work > WORK_MAX || work > *budget {
            return Ok(locals);
        }
        *budget -= work;
        for (group, (number, val_type)) in groups.into_iter().enumerate() {
            let is_param = group < params.len();
            let value = if is_param {
                ValueId::EXACT
            } else {
                ValueId::ZERO
            };
            for _ in 0..number {
                locals.add(val_type, value);
            }
        }
        Ok(locals)
    }

    fn add(&mut self, val_type: ValType, value: ValueId) {
        let is_tracked = is_tracked(val_type);
        self.positions
            .push(is_tracked.then_some(self.values.len() as u32));
        if is_tracked {
            self.values.push(value);
            self.are_vectors.push(val_type == ValType::V128);
        }
    }

    /// The value of a local, if it is tracked.
    pub(crate) fn get_mut(&mut self, local: u32) -> Option<&mut ValueId> {
        let position = (*self.positions.get(local as usize)?)?;
        self.values.get_mut(position as usize)
    }
}

fn is_tracked(val_type: ValType) -> bool {
    matches!(val_type, ValType::F32 | ValType::F64 | ValType::V128)
}

/// Upper bound of the number of control-flow edges of a function.
fn branches(body: &FunctionBody<'_>) -> Result<usize, Error> {
    let mut operators = body.get_operators_reader()?;
    let mut branches = 0;
    while !operators.eof() {
        branches += match operators.read()? {
            Operator::If { .. } | Operator::Else | Operator::End | Operator::Loop { .. } => 1,
            Operator::Br { .. } | Operator::BrIf { .. } => 1,
            Operator::BrTable { targets } => targets.len() as usize + 1,
            _ => 0,
        };
    }
    Ok(branches)
}
