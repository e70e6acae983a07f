//! Dataflow through the body of a function.
//!
//! One pass over the body tracks the values of the operand stack and the locals in
//! a [`ValueGraph`]. At a join, a local with different values on the incoming paths
//! gets a new value that derives from all of them, and so does every local at the
//! head of a loop.

use wasmparser::{BlockType, FunctionBody, Operator};

use super::arity::{of_block, of_simple};
use super::control::{BlockKind, ControlFrame};
use super::tracked_locals::TrackedLocals;
use super::value_graph::{StackTop, Value, ValueGraph, ValueId};
use crate::error::Error;
use crate::float_effects::{Effect, effect};
use crate::module_info::ModuleInfo;
use crate::nan_facts::{NanFacts, Transfer, Width};

/// The value graph of a function. `budget` is the remaining work for tracking the
/// locals of a module's functions.
pub(crate) fn value_graph(
    info: &ModuleInfo,
    function: u32,
    body: &FunctionBody<'_>,
    budget: &mut usize,
) -> Result<ValueGraph, Error> {
    let signature = info.function_type(function);
    let arity = [0, signature.results().len()];
    let mut builder = GraphBuilder {
        info,
        graph: ValueGraph::new(),
        locals: TrackedLocals::of(body, signature.params(), budget)?,
        stack: Vec::new(),
        frames: vec![ControlFrame::new(BlockKind::Function, 0, arity, false)],
        loops: 0,
        unreachable: false,
    };
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let operator = operators.read()?;
        builder.operator(&operator, operators.original_position())?;
    }
    Ok(builder.graph)
}

struct GraphBuilder<'a> {
    info: &'a ModuleInfo,
    graph: ValueGraph,
    locals: TrackedLocals,
    stack: Vec<ValueId>,
    /// The blocks that enclose the next instruction, outermost first.
    frames: Vec<ControlFrame>,
    /// The number of loops among them.
    loops: u32,
    /// True if the next instruction is unreachable.
    unreachable: bool,
}

impl GraphBuilder<'_> {
    /// Processes an instruction. `next` is the offset of the next one.
    fn operator(&mut self, operator: &Operator<'_>, next: usize) -> Result<(), Error> {
        match operator {
            Operator::Block { blockty } => self.open(BlockKind::Block, *blockty),
            Operator::Loop { blockty } => self.open(BlockKind::Loop, *blockty),
            Operator::If { blockty } => {
                if !self.unreachable {
                    self.pop();
                }
                self.open(BlockKind::If, *blockty);
            }
            Operator::Else => self.else_(),
            Operator::End => self.end(next),
            _ if self.unreachable => {}
            Operator::Br { relative_depth } => {
                self.branch(*relative_depth as usize);
                self.unreachable = true;
            }
            Operator::BrIf { relative_depth } => {
                self.pop();
                self.branch(*relative_depth as usize);
            }
            Operator::BrTable { targets } => {
                self.pop();
                let mut depths = targets.targets().collect::<Result<Vec<_>, _>>()?;
                depths.push(targets.default());
                depths.sort_unstable();
                depths.dedup();
                for depth in depths {
                    self.branch(depth as usize);
                }
                self.unreachable = true;
            }
            Operator::Return => {
                self.branch(self.frames.len() - 1);
                self.unreachable = true;
            }
            Operator::Unreachable => self.unreachable = true,
            Operator::LocalGet { local_index } => self.get(*local_index, next),
            Operator::LocalSet { local_index } => {
                let value = self.pop();
                self.set(*local_index, value);
            }
            Operator::LocalTee { local_index } => {
                let value = self.pop();
                self.set(*local_index, value);
                self.get(*local_index, next);
            }
            Operator::Drop => {
                self.pop();
            }
            Operator::Call { function_index } => self.call(*function_index, false),
            Operator::ReturnCall { function_index } => self.call(*function_index, true),
            Operator::CallIndirect { type_index, .. } => self.call_type(*type_index, false),
            Operator::ReturnCallIndirect { type_index, .. } => self.call_type(*type_index, true),
            operator => self.simple(operator, next)?,
        }
        Ok(())
    }

    fn pop(&mut self) -> ValueId {
        // Empty only in unreachable code.
        self.stack.pop().unwrap_or(ValueId::EXACT)
    }

    /// Pushes a new value.
    fn push(&mut self, facts: NanFacts, vector: bool, next: usize) -> ValueId {
        let top = Some(StackTop {
            offset: next,
            local: None,
            loops: self.loops,
        });
        let id = self.graph.add(Value { facts, vector, top });
        self.stack.push(id);
        id
    }

    /// Pushes a value that derives from others. It is a vector if one of them is,
    /// unless `vector` says otherwise.
    fn push_from(
        &mut self,
        operands: &[ValueId],
        transfer: Transfer,
        vector: Option<bool>,
        next: usize,
    ) {
        if operands.iter().all(|operand| *operand == ValueId::EXACT) {
            self.stack.push(ValueId::EXACT);
            return;
        }
        let is_vector = |id: &ValueId| self.graph.values[id.index()].vector;
        let vector = vector.unwrap_or(operands.iter().any(is_vector));
        let id = self.push(NanFacts::ALL, vector, next);
        for operand in operands {
            self.graph.flow_through(*operand, id, transfer);
        }
    }

    /// Pops operands, every bit of which is observed.
    fn observe(&mut self, operands: usize) {
        for _ in 0..operands {
            let operand = self.pop();
            self.graph.observe(operand);
        }
    }

    fn push_exact(&mut self, results: usize) {
        self.stack
            .extend(std::iter::repeat_n(ValueId::EXACT, results));
    }

    fn get(&mut self, local: u32, next: usize) {
        let value = self
            .locals
            .get_mut(local)
            .map_or(ValueId::EXACT, |value| *value);
        if value <= ValueId::ZERO {
            self.stack.push(value);
            return;
        }
        let id = self.push(NanFacts::ALL, false, next);
        if let Some(top) = &mut self.graph.values[id.index()].top {
            top.local = Some(local);
        }
        self.graph.flow(value, id);
    }

    fn set(&mut self, local: u32, value: ValueId) {
        match self.locals.get_mut(local) {
            Some(tracked) => *tracked = value,
            None => self.graph.observe(value),
        }
    }

    fn call(&mut self, function: u32, is_tail: bool) {
        self.call_like(self.info.function_types[function as usize], is_tail);
    }

    fn call_type(&mut self, type_index: u32, is_tail: bool) {
        self.pop();
        self.call_like(type_index, is_tail);
    }

    fn call_like(&mut self, type_index: u32, is_tail: bool) {
        let signature = &self.info.types[type_index as usize];
        let [params, results] = [signature.params(), signature.results()].map(<[_]>::len);
        self.observe(params);
        self.push_exact(results);
        self.unreachable = is_tail;
    }

    fn simple(&mut self, operator: &Operator<'_>, next: usize) -> Result<(), Error> {
        match effect(operator) {
            Effect::Opaque => {
                let [operands, results] = of_simple(operator)?;
                self.observe(operands);
                self.push_exact(results);
            }
            Effect::Arithmetic {
                operands,
                from,
                to,
                vector,
            } => {
                self.read(operands, from);
                self.push(NanFacts::arithmetic(to), vector, next);
            }
            Effect::ReadFloats(operands, width) => {
                self.read(operands, width);
                self.push_exact(1);
            }
            Effect::Source { facts, operands } => {
                self.observe(operands.into());
                self.push(facts, false, next);
            }
            Effect::Unary {
                transfer,
                width,
                vector,
            } => {
                let operand = self.read_one(width);
                self.push_from(&[operand], transfer, Some(vector), next);
            }
            Effect::CopySign(_) => {
                self.observe(2);
                self.push_exact(1);
            }
            Effect::PseudoMinMax(width) => {
                self.read_one(width);
                let first = self.read_one(width);
                let transfer = Transfer::Keep(NanFacts::all_of(width));
                self.push_from(&[first], transfer, Some(true), next);
            }
            Effect::Merge(lanes) => {
                let operands = [self.pop(), self.pop()];
                self.push_from(&operands, Transfer::Keep(lanes), Some(true), next);
            }
            Effect::Select => {
                self.pop();
                let operands = [self.pop(), self.pop()];
                self.push_from(&operands, Transfer::Keep(NanFacts::ALL), None, next);
            }
        }
        Ok(())
    }

    fn read(&mut self, operands: u8, width: Width) {
        for _ in 0..operands {
            self.read_one(width);
        }
    }

    fn read_one(&mut self, width: Width) -> ValueId {
        let operand = self.pop();
        self.graph.read(operand, width);
        operand
    }

    fn open(&mut self, kind: BlockKind, block: BlockType) {
        let arity = of_block(block, self.info);
        let height = self.stack.len().saturating_sub(arity[0]);
        let mut frame = ControlFrame::new(kind, height, arity, self.unreachable);
        self.loops += u32::from(kind == BlockKind::Loop);
        if !self.unreachable && kind == BlockKind::If {
            let parameters = self.stack[height..].to_vec();
            frame.else_path = Some((self.locals.values.clone(), parameters));
        }
        if !self.unreachable && kind == BlockKind::Loop {
            self.observe(arity[0]);
            self.push_exact(arity[0]);
            frame.head = self.graph.next();
            self.join_at_head();
        }
        self.frames.push(frame);
    }

    /// Gives every local a new value, at the head of a loop.
    fn join_at_head(&mut self) {
        let locals = self.locals.values.iter_mut().zip(&self.locals.are_vectors);
        for (value, vector) in locals {
            let id = self.graph.add(Value {
                facts: NanFacts::ALL,
                vector: *vector,
                top: None,
            });
            self.graph.flow(*value, id);
            *value = id;
        }
    }

    /// Adds a path to a label.
    fn branch(&mut self, depth: usize) {
        let target = self.frames.len() - 1 - depth;
        self.frames[target].branch(&mut self.graph, &self.stack, &self.locals.values);
    }

    fn else_(&mut self) {
        if !self.unreachable {
            self.branch(0);
        }
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        self.unreachable = frame.unreachable;
        if let Some((values, parameters)) = frame.else_path.take() {
            self.locals.values = values;
            self.stack.truncate(frame.height);
            self.stack.extend(parameters);
        }
    }

    fn end(&mut self, next: usize) {
        let Some(mut frame) = self.frames.pop() else {
            return;
        };
        self.loops -= u32::from(frame.kind == BlockKind::Loop);
        if frame.unreachable {
            return;
        }
        if let Some((values, parameters)) = frame.else_path.take() {
            // The path around an `if` without `else`, whose results are its parameters.
            frame.branch(&mut self.graph, &parameters, &values);
        }
        if !self.unreachable && (frame.has_end() || frame.kind == BlockKind::Function) {
            frame.branch(&mut self.graph, &self.stack, &self.locals.values);
        }
        if frame.has_end() {
            let values = &mut self.locals.values;
            let top = StackTop {
                offset: next,
                local: None,
                loops: self.loops,
            };
            frame.end(&mut self.graph, &mut self.stack, values, top);
            self.unreachable = false;
        }
        // Without a branch, the only path is the one that was followed, if any.
    }
}
