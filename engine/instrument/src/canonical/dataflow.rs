//! Where the values of a function come from and go to.
//!
//! The body is walked once, with an operand stack and locals that hold the
//! [`Graph`]'s values. Where ways meet, a local that holds one value on this way
//! and another on that gets a value of its own, which is made from both, and so
//! does every local at the head of a loop.

use wasmparser::{BlockType, FunctionBody, Operator};

use super::arity::{of_block, of_simple};
use super::joins::{Frame, Kind};
use super::locals::Locals;
use super::values::{Graph, Id, Top, Value};
use crate::Error;
use crate::floats::{Effect, Known, Step, Width, effect};
use crate::scan::Facts;

/// The graph of a function. The `budget` bounds the work for all functions of a
/// module, as [`Locals`] say.
pub(crate) fn graph(
    facts: &Facts,
    function: u32,
    body: &FunctionBody<'_>,
    budget: &mut usize,
) -> Result<Graph, Error> {
    let signature = facts.function_type(function);
    let arity = [0, signature.results().len()];
    let mut walk = Walk {
        facts,
        graph: Graph::new(),
        locals: Locals::of(body, signature.params(), budget)?,
        stack: Vec::new(),
        frames: vec![Frame::new(Kind::Function, 0, arity, false)],
        loops: 0,
        dead: false,
    };
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let operator = operators.read()?;
        walk.operator(&operator, operators.original_position())?;
    }
    Ok(walk.graph)
}

struct Walk<'a> {
    facts: &'a Facts,
    graph: Graph,
    locals: Locals,
    stack: Vec<Id>,
    /// The blocks around the next instruction, the function first.
    frames: Vec<Frame>,
    /// How many of them are loops.
    loops: u32,
    /// Whether the next instruction cannot be reached.
    dead: bool,
}

impl Walk<'_> {
    /// Takes an instruction; the next one stands at `next`.
    fn operator(&mut self, operator: &Operator<'_>, next: usize) -> Result<(), Error> {
        match operator {
            Operator::Block { blockty } => self.open(Kind::Block, *blockty),
            Operator::Loop { blockty } => self.open(Kind::Loop, *blockty),
            Operator::If { blockty } => {
                if !self.dead {
                    self.pop();
                }
                self.open(Kind::If, *blockty);
            }
            Operator::Else => self.otherwise(),
            Operator::End => self.end(next),
            _ if self.dead => {}
            Operator::Br { relative_depth } => {
                self.branch(*relative_depth as usize);
                self.dead = true;
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
                self.dead = true;
            }
            Operator::Return => {
                self.branch(self.frames.len() - 1);
                self.dead = true;
            }
            Operator::Unreachable => self.dead = true,
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

    fn pop(&mut self) -> Id {
        // Empty only where nothing can be reached.
        self.stack.pop().unwrap_or(Id::EXACT)
    }

    /// Pushes a new value.
    fn push(&mut self, known: Known, vector: bool, next: usize) -> Id {
        let top = Some(Top {
            offset: next,
            local: None,
            loops: self.loops,
        });
        let id = self.graph.add(Value { known, vector, top });
        self.stack.push(id);
        id
    }

    /// Pushes a value that is made from others; a vector if they are, unless
    /// that is given.
    fn push_from(&mut self, operands: &[Id], step: Step, vector: Option<bool>, next: usize) {
        if operands.iter().all(|operand| *operand == Id::EXACT) {
            self.stack.push(Id::EXACT);
            return;
        }
        let is_vector = |id: &Id| self.graph.values[id.index()].vector;
        let vector = vector.unwrap_or(operands.iter().any(is_vector));
        let id = self.push(Known::ALL, vector, next);
        for operand in operands {
            self.graph.make(*operand, id, step);
        }
    }

    /// Pops operands and looks at every bit.
    fn see(&mut self, operands: usize) {
        for _ in 0..operands {
            let operand = self.pop();
            self.graph.see(operand);
        }
    }

    fn push_exact(&mut self, results: usize) {
        self.stack.extend(std::iter::repeat_n(Id::EXACT, results));
    }

    fn get(&mut self, local: u32, next: usize) {
        let value = self.locals.get_mut(local).map_or(Id::EXACT, |held| *held);
        if value <= Id::ZERO {
            self.stack.push(value);
            return;
        }
        let id = self.push(Known::ALL, false, next);
        if let Some(top) = &mut self.graph.values[id.index()].top {
            top.local = Some(local);
        }
        self.graph.pass(value, id);
    }

    fn set(&mut self, local: u32, value: Id) {
        match self.locals.get_mut(local) {
            Some(held) => *held = value,
            None => self.graph.see(value),
        }
    }

    fn call(&mut self, function: u32, leaves: bool) {
        self.call_like(self.facts.function_types[function as usize], leaves);
    }

    fn call_type(&mut self, type_index: u32, leaves: bool) {
        self.pop();
        self.call_like(type_index, leaves);
    }

    fn call_like(&mut self, type_index: u32, leaves: bool) {
        let signature = &self.facts.types[type_index as usize];
        let [params, results] = [signature.params(), signature.results()].map(<[_]>::len);
        self.see(params);
        self.push_exact(results);
        self.dead = leaves;
    }

    fn simple(&mut self, operator: &Operator<'_>, next: usize) -> Result<(), Error> {
        match effect(operator) {
            Effect::Other => {
                let [operands, results] = of_simple(operator)?;
                self.see(operands);
                self.push_exact(results);
            }
            Effect::Arithmetic {
                operands,
                from,
                to,
                vector,
            } => {
                self.read(operands, from);
                self.push(Known::arithmetic(to), vector, next);
            }
            Effect::Read(operands, width) => {
                self.read(operands, width);
                self.push_exact(1);
            }
            Effect::Made { known, operands } => {
                self.see(operands.into());
                self.push(known, false, next);
            }
            Effect::Pass {
                step,
                width,
                vector,
            } => {
                let operand = self.read_one(width);
                self.push_from(&[operand], step, Some(vector), next);
            }
            Effect::CopySign(_) => {
                self.see(2);
                self.push_exact(1);
            }
            Effect::Compare(width) => {
                self.read_one(width);
                let first = self.read_one(width);
                let step = Step::Keep(Known::of(width));
                self.push_from(&[first], step, Some(true), next);
            }
            Effect::Mix(lanes) => {
                let operands = [self.pop(), self.pop()];
                self.push_from(&operands, Step::Keep(lanes), Some(true), next);
            }
            Effect::Select => {
                self.pop();
                let operands = [self.pop(), self.pop()];
                self.push_from(&operands, Step::Keep(Known::ALL), None, next);
            }
        }
        Ok(())
    }

    fn read(&mut self, operands: u8, width: Width) {
        for _ in 0..operands {
            self.read_one(width);
        }
    }

    fn read_one(&mut self, width: Width) -> Id {
        let operand = self.pop();
        self.graph.read(operand, width);
        operand
    }

    fn open(&mut self, kind: Kind, block: BlockType) {
        let arity = of_block(block, self.facts);
        let height = self.stack.len().saturating_sub(arity[0]);
        let mut frame = Frame::new(kind, height, arity, self.dead);
        self.loops += u32::from(kind == Kind::Loop);
        if !self.dead && kind == Kind::If {
            let parameters = self.stack[height..].to_vec();
            frame.past = Some((self.locals.held.clone(), parameters));
        }
        if !self.dead && kind == Kind::Loop {
            self.see(arity[0]);
            self.push_exact(arity[0]);
            frame.head = self.graph.next();
            self.head();
        }
        self.frames.push(frame);
    }

    /// Makes a value of every local: what it holds at the head of a loop.
    fn head(&mut self) {
        let locals = self.locals.held.iter_mut().zip(&self.locals.are_vectors);
        for (held, vector) in locals {
            let id = self.graph.add(Value {
                known: Known::ALL,
                vector: *vector,
                top: None,
            });
            self.graph.pass(*held, id);
            *held = id;
        }
    }

    /// Takes a way to a label.
    fn branch(&mut self, depth: usize) {
        let target = self.frames.len() - 1 - depth;
        self.frames[target].branch(&mut self.graph, &self.stack, &self.locals.held);
    }

    fn otherwise(&mut self) {
        if !self.dead {
            self.branch(0);
        }
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        self.dead = frame.dead;
        if let Some((held, parameters)) = frame.past.take() {
            self.locals.held = held;
            self.stack.truncate(frame.height);
            self.stack.extend(parameters);
        }
    }

    fn end(&mut self, next: usize) {
        let Some(mut frame) = self.frames.pop() else {
            return;
        };
        self.loops -= u32::from(frame.kind == Kind::Loop);
        if frame.dead {
            return;
        }
        if let Some((held, parameters)) = frame.past.take() {
            // Past an `if` without an `else`, whose results are its parameters.
            frame.branch(&mut self.graph, &parameters, &held);
        }
        if !self.dead && (frame.has_end() || frame.kind == Kind::Function) {
            frame.branch(&mut self.graph, &self.stack, &self.locals.held);
        }
        if frame.has_end() {
            let held = &mut self.locals.held;
            let top = Top {
                offset: next,
                local: None,
                loops: self.loops,
            };
            frame.end(&mut self.graph, &mut self.stack, held, top);
            self.dead = false;
        }
        // Or else the only way here is the one that was walked, if any.
    }
}
