//! Loops with a known trip count.
//!
//! Compilers emit their tightest loops, including unrolled and vectorized ones, in
//! one of three forms. Each counts a local towards zero or towards another local,
//! and ends in
//!
//! ```text
//! local.get $c  i32.const -8  i32.add  local.tee $c  br_if 0  end
//! local.get $c  i32.const 16  i32.add  local.tee $c  local.get $end  i32.ne  br_if 0  end
//! local.get $end  local.get $c  i32.const 16  i32.add  local.tee $c  i32.ne  br_if 0  end
//! ```
//!
//! If such a loop has no other exit and no other back edge, contains no loop and no
//! call of a function that changes the fuel counter, and writes neither local
//! elsewhere, its trip count is the distance divided by the step. The loop is then
//! charged once, before it begins.

use std::collections::HashMap;

use wasm_encoder::{BlockType, InstructionSink};
use wasmparser::{BinaryReaderError, FunctionBody, Operator};

use crate::imports::MeteringGlobals;
use crate::weights::by_operand;

/// The trip count of a loop: the distance between two locals, or between a local
/// and zero, divided by the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TripCount {
    /// The local that counts.
    pub(crate) counter: u32,
    /// The local that holds the counter's final value, if that is not zero.
    pub(crate) end: Option<u32>,
    /// The increment of the counter, not zero.
    pub(crate) step: i32,
}

impl TripCount {
    /// The same trip count, with other indices of locals.
    pub(crate) fn remapped(self, to: impl Fn(u32) -> u32) -> Self {
        Self {
            counter: to(self.counter),
            end: self.end.map(to),
            step: self.step,
        }
    }

    /// Traps for lack of fuel if the counter never has its final value, not even after
    /// it wraps around: an endless loop cannot be paid for, whether or not an iteration
    /// would trap.
    pub(crate) fn trap_if_endless(self, code: &mut InstructionSink<'_>, globals: MeteringGlobals) {
        // The counter modulo this power of two never changes.
        let shift = self.step.trailing_zeros();
        if shift == 0 {
            return;
        }
        self.push_distance_minus_step(code);
        code.i32_const((1 << shift) - 1)
            .i32_and()
            .if_(BlockType::Empty)
            .i64_const(-1)
            .global_set(globals.fuel())
            .unreachable()
            .end();
    }

    /// Pushes the trip count of a loop that is not endless, an `i64`: the solution of
    /// `trip_count * step = distance` modulo 2³², from 1 to 2³².
    pub(crate) fn push(self, code: &mut InstructionSink<'_>) {
        let step = self.step.unsigned_abs();
        let shift = step.trailing_zeros();
        self.push_distance_minus_step(code);
        if shift > 0 {
            code.i32_const(shift as i32).i32_shr_u();
        }
        let odd = step >> shift;
        if odd > 1 {
            code.i32_const(inverse(odd) as i32).i32_mul();
            if shift > 0 {
                code.i32_const((u32::MAX >> shift) as i32).i32_and();
            }
        }
        code.i64_extend_i32_u().i64_const(1).i64_add();
    }

    /// Pushes the value of the counter after so many iterations, or its final value if that
    /// comes first.
    pub(crate) fn push_strip_end(self, iterations: u32, code: &mut InstructionSink<'_>) {
        // Wraps around as the counter does.
        let strip = self.step.wrapping_mul(iterations as i32);
        code.local_get(self.counter).i32_const(strip).i32_add();
        self.push_end(code);
        self.push(code);
        code.i64_const(iterations.into()).i64_gt_u().select();
    }

    /// Pushes the final value of the counter.
    pub(crate) fn push_end(self, code: &mut InstructionSink<'_>) {
        match self.end {
            Some(end) => code.local_get(end),
            None => code.i32_const(0),
        };
    }

    /// Pushes the distance minus one step, an `i32`. The distance itself may be
    /// 2³², which is not representable.
    fn push_distance_minus_step(self, code: &mut InstructionSink<'_>) {
        self.push_end(code);
        code.local_get(self.counter).i32_sub();
        if self.step < 0 {
            // Counting down.
            code.i32_const(-1).i32_mul();
        }
        code.i32_const(self.step.abs()).i32_sub();
    }
}

/// Returns the inverse of an odd number modulo 2³².
fn inverse(odd: u32) -> u32 {
    // Right in three bits; a step of Newton's iteration doubles that.
    (0..4).fold(odd, |inverse, _| {
        inverse.wrapping_mul(2_u32.wrapping_sub(odd.wrapping_mul(inverse)))
    })
}

/// The loops of a function with a known trip count, by the index of the `loop`
/// instruction. `preserves_fuel` returns true if a call of a function leaves the fuel
/// counter alone.
pub(crate) fn counted_loops(
    body: &FunctionBody<'_>,
    preserves_fuel: impl Fn(u32) -> bool,
) -> Result<HashMap<usize, TripCount>, BinaryReaderError> {
    let mut found = HashMap::new();
    // The innermost loop, as long as its trip count may be known.
    let mut candidate: Option<CandidateLoop> = None;
    let mut window = Window::default();
    let mut operators = body.get_operators_reader()?;
    let mut index = 0;
    while !operators.eof() {
        let operator = operators.read()?;
        if let Operator::Loop { .. } = operator {
            // An enclosing loop has no known trip count.
            candidate = Some(CandidateLoop::new(index));
        } else if let Some(mut open) = candidate.take() {
            if matches!(operator, Operator::End) && open.depth == 0 {
                let trip_count = window
                    .trip_count()
                    .filter(|trip_count| open.matches(trip_count));
                found.extend(trip_count.map(|trip_count| (open.start, trip_count)));
            } else if open.accepts(&operator, &preserves_fuel) {
                candidate = Some(open);
            }
        }
        window.push(LoopOp::of(&operator));
        index += 1;
    }
    Ok(found)
}

struct CandidateLoop {
    start: usize,
    /// The number of open blocks in the loop.
    depth: u32,
    /// The locals that are written, once for each write.
    written: Vec<u32>,
    /// The number of branches to the head of the loop.
    back_edges: usize,
}

impl CandidateLoop {
    fn new(start: usize) -> Self {
        Self {
            start,
            depth: 0,
            written: Vec::new(),
            back_edges: 0,
        }
    }

    /// Takes the next instruction. Returns whether the trip count may still be
    /// known.
    fn accepts(&mut self, operator: &Operator<'_>, preserves_fuel: impl Fn(u32) -> bool) -> bool {
        match operator {
            Operator::Block { .. } | Operator::If { .. } => self.depth += 1,
            Operator::End => self.depth -= 1,
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                self.written.push(*local_index);
            }
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                self.back_edges += usize::from(*relative_depth == self.depth);
                return *relative_depth <= self.depth;
            }
            Operator::BrTable { targets } => {
                let mut depths = targets.targets().chain([Ok(targets.default())]);
                return depths.all(|depth| depth.is_ok_and(|depth| depth < self.depth));
            }
            Operator::Call { function_index } => return preserves_fuel(*function_index),
            Operator::CallIndirect { .. }
            | Operator::Return
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. } => return false,
            operator => return by_operand(operator).is_none(),
        }
        true
    }

    /// Returns true if the complete loop has this trip count.
    fn matches(&self, trip_count: &TripCount) -> bool {
        let writes = |local| {
            self.written
                .iter()
                .filter(|written| **written == local)
                .count()
        };
        self.back_edges == 1
            && writes(trip_count.counter) == 1
            && trip_count
                .end
                .is_none_or(|end| end != trip_count.counter && writes(end) == 0)
    }
}

/// An instruction at the end of a loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LoopOp {
    Get(u32),
    Tee(u32),
    Const(i32),
    Add,
    Ne,
    BranchBack,
    #[default]
    Other,
}

impl LoopOp {
    fn of(operator: &Operator<'_>) -> Self {
        match operator {
            Operator::LocalGet { local_index } => Self::Get(*local_index),
            Operator::LocalTee { local_index } => Self::Tee(*local_index),
            Operator::I32Const { value } => Self::Const(*value),
            Operator::I32Add => Self::Add,
            Operator::I32Ne => Self::Ne,
            Operator::BrIf { relative_depth: 0 } => Self::BranchBack,
            _ => Self::Other,
        }
    }
}

/// The preceding instructions, the latest last.
#[derive(Default)]
struct Window([LoopOp; 7]);

impl Window {
    fn push(&mut self, op: LoopOp) {
        self.0.rotate_left(1);
        self.0[6] = op;
    }

    /// The trip count of a loop that ends here, going by these instructions.
    fn trip_count(&self) -> Option<TripCount> {
        use LoopOp::{Add, BranchBack, Const, Get, Ne, Tee};
        let (counter, written, step, end) = match self.0 {
            [.., Get(counter), Const(step), Add, Tee(written), BranchBack] => {
                (counter, written, step, None)
            }
            [
                Get(counter),
                Const(step),
                Add,
                Tee(written),
                Get(end),
                Ne,
                BranchBack,
            ]
            | [
                Get(end),
                Get(counter),
                Const(step),
                Add,
                Tee(written),
                Ne,
                BranchBack,
            ] => (counter, written, step, Some(end)),
            _ => return None,
        };
        // `i32::MIN` has no absolute value.
        let is_valid = counter == written && step != 0 && step != i32::MIN;
        is_valid.then_some(TripCount { counter, end, step })
    }
}
