//! The locals of a function that are floats or vectors.

use wasmparser::{FunctionBody, Operator, ValType};

use super::values::Id;
use crate::Error;

/// How much work a function may be: its locals, and those of them that are
/// followed for each of its branches. Where it is more, none are followed: what
/// is put into a local is seen.
const WORK_MAX: usize = 1 << 20;

/// The locals that are followed.
#[derive(Default)]
pub(crate) struct Locals {
    /// By local, where it stands among those that are followed.
    places: Vec<Option<u32>>,
    pub(crate) are_vectors: Vec<bool>,
    /// What each holds.
    pub(crate) held: Vec<Id>,
}

impl Locals {
    /// The locals of a function, or none if that is more work than the `budget`
    /// allows, from which it is taken.
    pub(crate) fn of(
        body: &FunctionBody<'_>,
        params: &[ValType],
        budget: &mut usize,
    ) -> Result<Self, Error> {
        let mut groups: Vec<(u32, ValType)> = params.iter().map(|param| (1, *param)).collect();
        for group in body.get_locals_reader()? {
            groups.push(group?);
        }
        let (mut count, mut followed) = (0, 0);
        for (number, val_type) in &groups {
            count += *number as usize;
            followed += if is_followed(*val_type) {
                *number as usize
            } else {
                0
            };
        }
        let work = count + followed.saturating_mul(branches(body)?);
        let mut locals = Self::default();
        if work > WORK_MAX || work > *budget {
            return Ok(locals);
        }
        *budget -= work;
        for (group, (number, val_type)) in groups.into_iter().enumerate() {
            let is_param = group < params.len();
            let value = if is_param { Id::EXACT } else { Id::ZERO };
            for _ in 0..number {
                locals.add(val_type, value);
            }
        }
        Ok(locals)
    }

    fn add(&mut self, val_type: ValType, value: Id) {
        let is_followed = is_followed(val_type);
        self.places
            .push(is_followed.then_some(self.held.len() as u32));
        if is_followed {
            self.held.push(value);
            self.are_vectors.push(val_type == ValType::V128);
        }
    }

    /// What a local holds, if it is followed.
    pub(crate) fn get_mut(&mut self, local: u32) -> Option<&mut Id> {
        let place = (*self.places.get(local as usize)?)?;
        self.held.get_mut(place as usize)
    }
}

fn is_followed(val_type: ValType) -> bool {
    matches!(val_type, ValType::F32 | ValType::F64 | ValType::V128)
}

/// How many ways a function's control takes, at most, from block to block.
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
