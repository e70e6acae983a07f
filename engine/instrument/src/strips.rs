//! Loops with a known trip count in a polled module, divided into strips.
//!
//! ```text
//! loop  strip_end = …  loop … br_if(counter != strip_end) end
//!   if(counter != end)  check  br 1  end
//! end
//! ```

use wasm_encoder::reencode::{Error as ReencodeError, Reencode};
use wasm_encoder::{BlockType, InstructionSink};
use wasmparser::Operator;

use crate::counted_loops::TripCount;
use crate::error::Error;
use crate::fuel_abi::IdentityReencoder;
use crate::polling::Polling;

/// A loop in strips.
#[derive(Clone, Copy)]
pub(crate) struct Strips {
    pub(crate) polling: Polling,
    /// The trip count, with the new indices of locals.
    pub(crate) trip_count: TripCount,
    /// The number of iterations of a strip.
    pub(crate) iterations: u32,
    /// The local with the value of the counter at the end of the strip.
    pub(crate) strip_end: u32,
    /// The number of open blocks of the original body within the loop.
    pub(crate) depth: u32,
}

impl Strips {
    /// Emits what precedes an instruction of the loop, its first and last included, where
    /// `depth` blocks are open. Returns true if [`end`](Self::end) belongs after it.
    pub(crate) fn before(
        self,
        operator: &Operator<'_>,
        depth: u32,
        code: &mut InstructionSink<'_>,
    ) -> Result<bool, ReencodeError<Error>> {
        match operator {
            Operator::Loop { blockty } => {
                let block = IdentityReencoder.block_type(*blockty)?;
                if matches!(block, BlockType::FunctionType(_)) {
                    // A second strip could not begin with the same parameters.
                    return Ok(true);
                }
                code.loop_(block);
                self.trip_count.push_strip_end(self.iterations, code);
                code.local_set(self.strip_end);
                Ok(false)
            }
            Operator::BrIf { relative_depth } if self.depth + relative_depth == depth => {
                code.drop().local_get(self.trip_count.counter);
                code.local_get(self.strip_end).i32_ne();
                Ok(false)
            }
            Operator::End => Ok(self.depth == depth),
            _ => Ok(false),
        }
    }

    /// Emits what follows the last instruction: the branch to the next strip, if there is
    /// one, and a check before it. A loop with parameters is checked in each iteration.
    pub(crate) fn end(self, depth: u32, code: &mut InstructionSink<'_>) {
        if depth == self.depth {
            self.polling.check(code);
            return;
        }
        code.local_get(self.trip_count.counter);
        self.trip_count.push_end(code);
        code.i32_ne().if_(BlockType::Empty);
        self.polling.check(code);
        code.br(1).end().end();
    }
}
