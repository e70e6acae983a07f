//! Small loops, unrolled before metering: of two iterations, one is charged and checked.
//!
//! ```text
//! loop  body  end
//! ```
//!
//! becomes
//!
//! ```text
//! block
//!   loop
//!     block  body  br 2  end
//!     body
//!   end
//! end
//! ```
//!
//! where a branch to the head of the loop leaves the inner block in the first copy of the body,
//! and begins two more iterations in the second.

use std::borrow::Cow;
use std::ops::Range;

use wasm_encoder::reencode::{Error as ReencodeError, Reencode};
use wasm_encoder::{BlockType, Function, Instruction};
use wasmparser::{BinaryReaderError, FunctionBody, Operator};

use crate::code_section::rewrite_bodies;
use crate::counted_loops::counted_loops;
use crate::error::Error;
use crate::fuel_abi::IdentityReencoder;
use crate::weights::by_operand;

/// Maximum number of instructions in a loop that is unrolled.
const INSTRUCTIONS_MAX: usize = 64;

/// Maximum number of blocks around a loop that is unrolled, which adds two.
const DEPTH_MAX: usize = 64;

/// Unrolls the small loops of a module. `None` if it has none.
pub(crate) fn unroll_loops(module: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    rewrite_bodies(module, |_, body| {
        let loops = small_loops(body)?;
        match loops.is_empty() {
            true => Ok(None),
            false => unrolled(module, body, &loops).map(|body| Some(body.into_raw_body())),
        }
    })
}

/// Loop that is unrolled.
struct SmallLoop<'a> {
    /// The instructions, from `loop` to `end`, in bytes of the module.
    range: Range<usize>,
    block_type: BlockType,
    /// The instructions without `loop` and `end`.
    body: Vec<Operator<'a>>,
    /// The number of branches to the head.
    back_edges: usize,
    /// The number of open blocks in the body.
    depth: u32,
}

impl<'a> SmallLoop<'a> {
    /// Begins a loop. `None` if it has parameters, or several results.
    fn new(offset: usize, block_type: wasmparser::BlockType) -> Option<Self> {
        let block_type = match block_type {
            wasmparser::BlockType::FuncType(_) => return None,
            other => IdentityReencoder.block_type(other).ok()?,
        };
        Some(Self {
            range: offset..offset,
            block_type,
            body: Vec::new(),
            back_edges: 0,
            depth: 0,
        })
    }

    /// Takes the next instruction. Returns whether the loop may still be unrolled.
    fn accepts(&mut self, operator: Operator<'a>) -> bool {
        match &operator {
            Operator::Block { .. } | Operator::If { .. } => self.depth += 1,
            Operator::End => self.depth -= 1,
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                self.back_edges += usize::from(*relative_depth == self.depth);
            }
            Operator::BrTable { targets } => {
                let mut depths = targets.targets().chain([Ok(targets.default())]);
                let is_back = depths.any(|depth| depth.is_ok_and(|depth| depth == self.depth));
                self.back_edges += usize::from(is_back);
            }
            // What checks the fuel by itself is not worth it.
            Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. } => return false,
            operator if by_operand(operator).is_some() => return false,
            _ => {}
        }
        self.body.push(operator);
        self.body.len() <= INSTRUCTIONS_MAX
    }
}

/// The loops of a function that are unrolled, in order.
fn small_loops<'a>(body: &FunctionBody<'a>) -> Result<Vec<SmallLoop<'a>>, BinaryReaderError> {
    let mut loops = Vec::new();
    let mut counted = None;
    // The innermost loop, as long as it may be unrolled, and the index of its start.
    let mut candidate: Option<(usize, SmallLoop<'a>)> = None;
    let mut depth = 0_usize;
    let operators = body.get_operators_reader()?.into_iter_with_offsets();
    for (index, operator) in operators.enumerate() {
        let (operator, offset) = operator?;
        match operator {
            Operator::Block { .. } | Operator::If { .. } | Operator::Loop { .. } => depth += 1,
            Operator::End => depth = depth.saturating_sub(1),
            _ => {}
        }
        if let Operator::Loop { blockty } = operator {
            // An enclosing loop is not small.
            candidate = SmallLoop::new(offset, blockty).map(|small| (index, small));
            candidate = candidate.filter(|_| depth <= DEPTH_MAX);
        } else if let Some((start, mut small)) = candidate.take() {
            if matches!(operator, Operator::End) && small.depth == 0 {
                let counted = match &counted {
                    Some(counted) => counted,
                    None => counted.insert(counted_loops(body, |_| false)?),
                };
                small.range.end = offset + 1;
                if small.back_edges > 0 && !counted.contains_key(&start) {
                    loops.push(small);
                }
            } else if small.accepts(operator) {
                candidate = Some((start, small));
            }
        }
    }
    Ok(loops)
}

/// Unrolls loops of a function.
fn unrolled(
    module: &[u8],
    body: &FunctionBody<'_>,
    loops: &[SmallLoop<'_>],
) -> Result<Function, Error> {
    let mut locals = Vec::new();
    for group in body.get_locals_reader()? {
        let (number, val_type) = group?;
        let val_type = IdentityReencoder.val_type(val_type).map_err(internal)?;
        locals.push((number, val_type));
    }
    let mut output = Function::new(locals);
    let mut copied = body.get_operators_reader()?.original_position();
    for small in loops {
        output.raw(module[copied..small.range.start].iter().copied());
        copied = small.range.end;
        output
            .instruction(&Instruction::Block(small.block_type))
            .instruction(&Instruction::Loop(small.block_type))
            .instruction(&Instruction::Block(BlockType::Empty));
        push_body(&mut output, small, 2)?;
        output
            .instruction(&Instruction::Br(2))
            .instruction(&Instruction::End);
        push_body(&mut output, small, 1)?;
        output
            .instruction(&Instruction::End)
            .instruction(&Instruction::End);
    }
    output.raw(module[copied..body.range().end].iter().copied());
    Ok(output)
}

/// Appends the body of a loop, where so many labels are between that of its head and those
/// outside of the loop.
fn push_body(output: &mut Function, small: &SmallLoop<'_>, labels: u32) -> Result<(), Error> {
    let mut depth = 0;
    for operator in &small.body {
        match operator {
            Operator::Block { .. } | Operator::If { .. } => depth += 1,
            Operator::End => depth -= 1,
            _ => {}
        }
        let moved = |target: u32| match target > depth {
            true => target + labels,
            false => target,
        };
        let instruction = match operator {
            Operator::Br { relative_depth } => Instruction::Br(moved(*relative_depth)),
            Operator::BrIf { relative_depth } => Instruction::BrIf(moved(*relative_depth)),
            Operator::BrTable { targets } => {
                let depths: Result<Vec<u32>, _> = targets.targets().collect();
                let depths = depths?.into_iter().map(moved).collect();
                Instruction::BrTable(Cow::Owned(depths), moved(targets.default()))
            }
            operator => IdentityReencoder
                .instruction(operator.clone())
                .map_err(internal)?,
        };
        output.instruction(&instruction);
    }
    Ok(())
}

fn internal(error: ReencodeError<Error>) -> Error {
    match error {
        ReencodeError::UserError(error) => error,
        other => Error::internal(other.to_string()),
    }
}
