//! Open blocks, and the values that join at their ends.

use super::value_graph::{StackTop, Value, ValueGraph, ValueId};
use crate::nan_facts::NanFacts;

/// Kind of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockKind {
    Function,
    Block,
    If,
    Loop,
}

/// An open block.
pub(crate) struct ControlFrame {
    pub(crate) kind: BlockKind,
    /// The height of the operand stack below the block's parameters.
    pub(crate) height: usize,
    pub(crate) parameters: usize,
    pub(crate) results: usize,
    /// True if the block itself is unreachable.
    pub(crate) unreachable: bool,
    /// The locals and parameters on the path around an `if`, before its `else`.
    pub(crate) else_path: Option<(Vec<ValueId>, Vec<ValueId>)>,
    /// For a loop: the value of the first local at its head. Those of the other
    /// locals follow.
    pub(crate) head: ValueId,
    /// For other blocks: the locals at the end, once it has a path.
    end: Option<Vec<Phi>>,
    /// The result at the end, if there is exactly one.
    result: Option<Phi>,
}

/// Join of the values of several paths.
#[derive(Clone, Copy)]
struct Phi {
    id: ValueId,
    /// True if it is a new value. The join of equal values is that value.
    is_new: bool,
}

impl Phi {
    fn new(id: ValueId) -> Self {
        Self { id, is_new: false }
    }

    fn add_input(&mut self, graph: &mut ValueGraph, other: ValueId) {
        if self.id == other {
            return;
        }
        if !self.is_new {
            let joined = graph.add(Value {
                facts: NanFacts::ALL,
                vector: false,
                top: None,
            });
            graph.flow(self.id, joined);
            *self = Self {
                id: joined,
                is_new: true,
            };
        }
        graph.flow(other, self.id);
    }
}

impl ControlFrame {
    pub(crate) fn new(
        kind: BlockKind,
        height: usize,
        arity: [usize; 2],
        unreachable: bool,
    ) -> Self {
        Self {
            kind,
            height,
            parameters: arity[0],
            results: arity[1],
            unreachable,
            else_path: None,
            head: ValueId::EXACT,
            end: None,
            result: None,
        }
    }

    /// Adds a path to the block's label, with this stack and these locals.
    pub(crate) fn branch(&mut self, graph: &mut ValueGraph, stack: &[ValueId], locals: &[ValueId]) {
        let operands = match self.kind {
            BlockKind::Loop => self.parameters,
            _ => self.results,
        };
        let operands = &stack[stack.len().saturating_sub(operands)..];
        match (self.kind, operands) {
            (BlockKind::Block | BlockKind::If, [result]) => match &mut self.result {
                None => self.result = Some(Phi::new(*result)),
                Some(phi) => phi.add_input(graph, *result),
            },
            // At the end, only the topmost value could be canonicalized: so all of
            // them have to be exact here.
            _ => operands.iter().for_each(|operand| graph.observe(*operand)),
        }
        match (self.kind, &mut self.end) {
            (BlockKind::Function, _) => {}
            (BlockKind::Loop, _) => {
                for (local, value) in locals.iter().enumerate() {
                    graph.flow(*value, self.head.after(local));
                }
            }
            (_, None) => self.end = Some(locals.iter().copied().map(Phi::new).collect()),
            (_, Some(phis)) => {
                for (phi, value) in phis.iter_mut().zip(locals) {
                    phi.add_input(graph, *value);
                }
            }
        }
    }

    /// Returns true if the block's end has a path, other than falling through.
    pub(crate) fn has_end(&self) -> bool {
        self.end.is_some()
    }

    /// Replaces the stack and the locals by those at the block's end. `top` is the
    /// position of the result there.
    pub(crate) fn end(
        &self,
        graph: &mut ValueGraph,
        stack: &mut Vec<ValueId>,
        locals: &mut Vec<ValueId>,
        top: StackTop,
    ) {
        stack.truncate(self.height);
        match self.result {
            Some(phi) => {
                if phi.is_new {
                    graph.values[phi.id.index()].top = Some(top);
                }
                stack.push(phi.id);
            }
            None => stack.extend(std::iter::repeat_n(ValueId::EXACT, self.results)),
        }
        locals.clear();
        locals.extend(self.end.iter().flatten().map(|phi| phi.id));
    }
}
