//! Where ways meet: at the end of a block, and at the head of a loop.

use super::values::{Graph, Id, Top, Value};
use crate::floats::Known;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Function,
    Block,
    If,
    Loop,
}

/// A block that is open.
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    /// How high the operand stack is below its parameters.
    pub(crate) height: usize,
    pub(crate) parameters: usize,
    pub(crate) results: usize,
    /// Whether the block itself cannot be reached.
    pub(crate) dead: bool,
    /// What the locals hold, and the parameters, on the way past an `if`, as
    /// long as no `else` has come.
    pub(crate) past: Option<(Vec<Id>, Vec<Id>)>,
    /// For a loop, the value of the first local at its head; those of the others
    /// follow.
    pub(crate) head: Id,
    /// For all others, what the locals hold at the end, once a way leads there.
    end: Option<Vec<Joint>>,
    /// What its only result is there.
    result: Option<Joint>,
}

/// What arrives on several ways.
#[derive(Clone, Copy)]
struct Joint {
    id: Id,
    /// Whether it is a value made for this, not one that arrives on each way.
    is_own: bool,
}

impl Joint {
    fn new(id: Id) -> Self {
        Self { id, is_own: false }
    }

    fn meet(&mut self, graph: &mut Graph, other: Id) {
        if self.id == other {
            return;
        }
        if !self.is_own {
            let own = graph.add(Value {
                known: Known::ALL,
                vector: false,
                top: None,
            });
            graph.pass(self.id, own);
            *self = Self {
                id: own,
                is_own: true,
            };
        }
        graph.pass(other, self.id);
    }
}

impl Frame {
    pub(crate) fn new(kind: Kind, height: usize, arity: [usize; 2], dead: bool) -> Self {
        Self {
            kind,
            height,
            parameters: arity[0],
            results: arity[1],
            dead,
            past: None,
            head: Id::EXACT,
            end: None,
            result: None,
        }
    }

    /// Takes a way that leads to the block's label, with that stack and locals.
    pub(crate) fn branch(&mut self, graph: &mut Graph, stack: &[Id], held: &[Id]) {
        let operands = match self.kind {
            Kind::Loop => self.parameters,
            _ => self.results,
        };
        let operands = &stack[stack.len().saturating_sub(operands)..];
        match (self.kind, operands) {
            (Kind::Block | Kind::If, [result]) => match &mut self.result {
                None => self.result = Some(Joint::new(*result)),
                Some(joint) => joint.meet(graph, *result),
            },
            // Several values could not be reached at the end, one below the
            // other: so they are exact before.
            _ => operands.iter().for_each(|operand| graph.see(*operand)),
        }
        match (self.kind, &mut self.end) {
            (Kind::Function, _) => {}
            (Kind::Loop, _) => {
                for (number, held) in held.iter().enumerate() {
                    graph.pass(*held, self.head.after(number));
                }
            }
            (_, None) => self.end = Some(held.iter().copied().map(Joint::new).collect()),
            (_, Some(joints)) => {
                for (joint, held) in joints.iter_mut().zip(held) {
                    joint.meet(graph, *held);
                }
            }
        }
    }

    /// Whether a way has led to the block's end.
    pub(crate) fn has_end(&self) -> bool {
        self.end.is_some()
    }

    /// What the stack and the locals hold at the end, in place of what they held
    /// on the way there. The top of the stack is there `at` that.
    pub(crate) fn end(&self, graph: &mut Graph, stack: &mut Vec<Id>, held: &mut Vec<Id>, at: Top) {
        stack.truncate(self.height);
        match self.result {
            Some(joint) => {
                if joint.is_own {
                    graph.values[joint.id.index()].top = Some(at);
                }
                stack.push(joint.id);
            }
            None => stack.extend(std::iter::repeat_n(Id::EXACT, self.results)),
        }
        held.clear();
        held.extend(self.end.iter().flatten().map(|joint| joint.id));
    }
}
