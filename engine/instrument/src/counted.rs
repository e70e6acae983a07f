//! Loops that count: those whose turns are known before they begin.
//!
//! Compilers leave their tightest loops, unrolled and vectorised ones among
//! them, in one of three shapes, which count a local towards zero or towards
//! another local and end in
//!
//! ```text
//! local.get $c  i32.const -8  i32.add  local.tee $c  br_if 0  end
//! local.get $c  i32.const 16  i32.add  local.tee $c  local.get $end  i32.ne  br_if 0  end
//! local.get $end  local.get $c  i32.const 16  i32.add  local.tee $c  i32.ne  br_if 0  end
//! ```
//!
//! Where such a loop has no other way out and around, holds no loop or call
//! that keeps a counter of its own, and writes neither local anywhere else, the
//! number of its turns is the distance divided by the step. It is then charged
//! as a whole before it begins.

use std::collections::HashMap;

use wasm_encoder::{BlockType, InstructionSink};
use wasmparser::{BinaryReaderError, FunctionBody, Operator};

use crate::imports::State;
use crate::roles::Roles;
use crate::weights::by_operand;

/// How many turns a loop makes: as many steps as lie between two locals, or
/// between one and zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turns {
    pub(crate) counter: u32,
    /// Where the counter ends, if not at zero.
    pub(crate) end: Option<u32>,
    /// What is added to the counter, and not zero.
    pub(crate) step: i32,
}

impl Turns {
    /// The same, when its locals have moved.
    pub(crate) fn moved(self, to: impl Fn(u32) -> u32) -> Self {
        Self {
            counter: to(self.counter),
            end: self.end.map(to),
            step: self.step,
        }
    }

    /// Stops before a loop whose counter steps over its end: it is endless, or
    /// goes through billions of turns until the counter has wrapped around.
    pub(crate) fn stop_endless(self, code: &mut InstructionSink<'_>, state: State) {
        let step = self.step.unsigned_abs();
        if step == 1 {
            return;
        }
        self.push_distance_less_a_step(code);
        match step.is_power_of_two() {
            true => code.i32_const(step as i32 - 1).i32_and(),
            false => code.i32_const(step as i32).i32_rem_u(),
        };
        code.if_(BlockType::Empty)
            .i64_const(-1)
            .global_set(state.fuel())
            .unreachable()
            .end();
    }

    /// Pushes how many turns there are, as an `i64`.
    pub(crate) fn push(self, code: &mut InstructionSink<'_>) {
        let step = self.step.unsigned_abs();
        self.push_distance_less_a_step(code);
        code.i64_extend_i32_u();
        match step.is_power_of_two() {
            true => code.i64_const(step.trailing_zeros().into()).i64_shr_u(),
            false => code.i64_const(step.into()).i64_div_u(),
        };
        code.i64_const(1).i64_add();
    }

    /// Pushes how far the counter has to go, less a step: as a distance, that is
    /// less than 2³², while all of it may be just as much.
    fn push_distance_less_a_step(self, code: &mut InstructionSink<'_>) {
        match self.end {
            Some(end) => code.local_get(end),
            None => code.i32_const(0),
        };
        code.local_get(self.counter).i32_sub();
        if self.step < 0 {
            // Downwards.
            code.i32_const(-1).i32_mul();
        }
        code.i32_const(self.step.abs()).i32_sub();
    }
}

/// The loops of a function that count, by the number of the instruction that
/// begins them.
pub(crate) fn loops(
    body: &FunctionBody<'_>,
    roles: &Roles,
) -> Result<HashMap<usize, Turns>, BinaryReaderError> {
    let mut found = HashMap::new();
    // The loop that may still turn out to count, if any.
    let mut candidate: Option<Candidate> = None;
    let mut latest = Latest::default();
    let mut operators = body.get_operators_reader()?;
    let mut number = 0;
    while !operators.eof() {
        let operator = operators.read()?;
        if let Operator::Loop { .. } = operator {
            // What is around it does not count.
            candidate = Some(Candidate::new(number));
        } else if let Some(mut open) = candidate.take() {
            if matches!(operator, Operator::End) && open.depth == 0 {
                let turns = latest.turns().filter(|turns| open.counts(turns));
                found.extend(turns.map(|turns| (open.start, turns)));
            } else if open.takes(&operator, roles) {
                candidate = Some(open);
            }
        }
        latest.push(Step::of(&operator));
        number += 1;
    }
    Ok(found)
}

struct Candidate {
    start: usize,
    /// The blocks that are open inside.
    depth: u32,
    /// The locals that are written, each as often as it is.
    written: Vec<u32>,
    /// The branches that lead around.
    around: usize,
}

impl Candidate {
    fn new(start: usize) -> Self {
        Self {
            start,
            depth: 0,
            written: Vec::new(),
            around: 0,
        }
    }

    /// Whether the loop may count with that instruction in it.
    fn takes(&mut self, operator: &Operator<'_>, roles: &Roles) -> bool {
        match operator {
            Operator::Block { .. } | Operator::If { .. } => self.depth += 1,
            Operator::End => self.depth -= 1,
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                self.written.push(*local_index);
            }
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                self.around += usize::from(*relative_depth == self.depth);
                return *relative_depth <= self.depth;
            }
            Operator::BrTable { targets } => {
                let mut depths = targets.targets().chain([Ok(targets.default())]);
                return depths.all(|depth| depth.is_ok_and(|depth| depth < self.depth));
            }
            Operator::Call { function_index } => return roles.caller_keeps(*function_index),
            Operator::CallIndirect { .. }
            | Operator::Return
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. } => return false,
            operator => return by_operand(operator).is_none(),
        }
        true
    }

    /// Whether the loop, at its end, makes so many turns.
    fn counts(&self, turns: &Turns) -> bool {
        let writes = |local| {
            self.written
                .iter()
                .filter(|written| **written == local)
                .count()
        };
        self.around == 1
            && writes(turns.counter) == 1
            && turns
                .end
                .is_none_or(|end| end != turns.counter && writes(end) == 0)
    }
}

/// An instruction, as far as the end of a loop is concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    Get(u32),
    Tee(u32),
    Constant(i32),
    Add,
    Differ,
    Around,
    #[default]
    Other,
}

impl Step {
    fn of(operator: &Operator<'_>) -> Self {
        match operator {
            Operator::LocalGet { local_index } => Self::Get(*local_index),
            Operator::LocalTee { local_index } => Self::Tee(*local_index),
            Operator::I32Const { value } => Self::Constant(*value),
            Operator::I32Add => Self::Add,
            Operator::I32Ne => Self::Differ,
            Operator::BrIf { relative_depth: 0 } => Self::Around,
            _ => Self::Other,
        }
    }
}

/// The instructions before the next one, the latest last.
#[derive(Default)]
struct Latest([Step; 7]);

impl Latest {
    fn push(&mut self, step: Step) {
        self.0.rotate_left(1);
        self.0[6] = step;
    }

    /// How many turns a loop makes that ends here.
    fn turns(&self) -> Option<Turns> {
        use Step::{Add, Around, Constant, Differ, Get, Tee};
        let (counter, again, step, end) = match self.0 {
            [.., Get(counter), Constant(step), Add, Tee(again), Around] => {
                (counter, again, step, None)
            }
            [
                Get(counter),
                Constant(step),
                Add,
                Tee(again),
                Get(end),
                Differ,
                Around,
            ]
            | [
                Get(end),
                Get(counter),
                Constant(step),
                Add,
                Tee(again),
                Differ,
                Around,
            ] => (counter, again, step, Some(end)),
            _ => return None,
        };
        // The least number has no opposite.
        let usable = counter == again && step != 0 && step != i32::MIN;
        usable.then_some(Turns { counter, end, step })
    }
}
