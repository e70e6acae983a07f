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
}

impl Stretch {
    /// Takes the next instruction, which may be a call of an import, with what
    /// the instruction before has pushed, where that is known.
    pub(crate) fn push(
        &mut self,
        operator: &Operator<'_>,
        import: Option<Import>,
        constant: Option<i32>,
    ) {
        self.all.weight += weight(operator) + import.map_or(0, |_| IMPORT);
        match (import, operator) {
            (Some(Import::Settle), _) => {
                let price = constant.map(|bytes| u64::from(bytes as u32));
                let price = price.map(|bytes| bytes >> SETTLED_BYTES_PER_UNIT_LOG2);
                self.all.weight += price.unwrap_or_default();
                self.all.goes_on |= price.is_none();
                self.all.calls = self.calls.len();
                self.settled = Some(self.all);
            }
            // Another row may begin here. Or what is done until the row goes on
            // is paid by nobody knows how much.
            (Some(Import::Row | Import::Pause | Import::Resume), _)
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
