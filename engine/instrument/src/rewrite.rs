//! A function's body, instruction by instruction.

use std::collections::HashMap;

use wasm_encoder::reencode::{Error as ReencodeError, Reencode};
use wasm_encoder::{BlockType, Function, Instruction, ValType};
use wasmparser::{FunctionBody, Operator};

use crate::Error;
use crate::graph::{Counter, Role, Roles};
use crate::imports::{Call, Import, Operand, State, Tank};
use crate::plan::{Charge, charges};
use crate::scan::Facts;
use crate::weights::{PerUnit, by_operand};

/// What the bodies of a module are rewritten with.
pub(crate) struct Context<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) roles: &'a Roles,
    /// The types `() -> results` that are added for blocks of more than one
    /// result, and their indices.
    pub(crate) block_types: HashMap<&'a [wasmparser::ValType], u32>,
    pub(crate) state: State,
}

impl Context<'_> {
    /// Rewrites the body of a function: the one that is defined as `defined`th.
    pub(crate) fn rewrite(
        &self,
        defined: usize,
        body: &FunctionBody<'_>,
    ) -> Result<Function, ReencodeError<Error>> {
        let charges = charges(body, self.roles.roles[defined], self.roles)
            .map_err(ReencodeError::UserError)?;
        let mut rewriter = Rewriter::new(self, defined, body, &charges)?;
        rewriter.enter();
        let mut operators = body.get_operators_reader()?;
        let mut number = 0;
        while !operators.eof() {
            let operator = operators.read()?;
            rewriter.charge(number);
            if operators.eof() {
                rewriter.leave();
                rewriter.output.instruction(&Instruction::End);
                break;
            }
            rewriter.operator(self.roles, operator)?;
            number += 1;
        }
        Ok(rewriter.output)
    }
}

/// A re-encoder that changes nothing.
pub(crate) struct SameIndices;

impl Reencode for SameIndices {
    type Error = Error;
}

/// One body on its way through the pass.
///
/// Where something must be done at the function's end, its body becomes a
/// block: a branch to the function's own label then leads to the end of that
/// block, without renumbering, and only `return` has to be turned into one.
struct Rewriter<'p> {
    output: Function,
    role: Role,
    charges: std::iter::Peekable<std::slice::Iter<'p, Charge>>,
    state: State,
    /// What the instruction before has pushed, if it is known.
    constant: Option<i32>,
    /// The local that holds the fuel, for [`Counter::Local`].
    local: u32,
    /// The local that holds the stack below the function's frame, in functions
    /// that have one.
    frame: u32,
    /// A local of type `i32` for operands, in functions whose work depends on
    /// one.
    operand: u32,
    wrapped: Option<BlockType>,
    /// How many blocks of the original are open.
    depth: u32,
}

impl<'p> Rewriter<'p> {
    fn new(
        context: &Context<'_>,
        defined: usize,
        body: &FunctionBody<'_>,
        charges: &'p [Charge],
    ) -> Result<Self, ReencodeError<Error>> {
        let role = context.roles.roles[defined];
        let function = (context.facts.imports.len() + defined) as u32;
        let signature = context.facts.function_type(function);
        let mut locals = Vec::new();
        let mut count = signature.params().len() as u32;
        for group in body.get_locals_reader()? {
            let (number, val_type) = group?;
            locals.push((number, SameIndices.val_type(val_type)?));
            count += number;
        }
        // Behind its own locals: the counter, the frame, the operand.
        let facts = &context.facts.bodies[defined];
        let added = [
            (role.counter == Counter::Local, ValType::I64),
            (role.frame.is_some(), ValType::I64),
            (facts.has_bulk || facts.imports, ValType::I32),
        ];
        let [local, frame, operand] = added.map(|(is_used, val_type)| {
            let local = count;
            if is_used {
                locals.push((1, val_type));
                count += 1;
            }
            local
        });
        let wrapped = if role.counter == Counter::Local || role.frame.is_some() {
            Some(match signature.results() {
                [] => BlockType::Empty,
                [result] => BlockType::Result(SameIndices.val_type(*result)?),
                results => BlockType::FunctionType(context.block_types[results]),
            })
        } else {
            None
        };
        Ok(Self {
            output: Function::new(locals),
            role,
            charges: charges.iter().peekable(),
            state: context.state,
            constant: None,
            local,
            frame,
            operand,
            wrapped,
            depth: 0,
        })
    }

    fn enter(&mut self) {
        if self.role.counter == Counter::Local {
            self.load();
        }
        match self.role.frame {
            None => self.charge(0),
            Some(frame) => self.enter_frame(frame),
        }
        if let Some(block) = self.wrapped {
            self.output.instructions().block(block);
        }
    }

    /// Takes fuel and stack, and then looks at both at once.
    fn enter_frame(&mut self, frame: u64) {
        if let Some(charge) = self.charges.next_if(|charge| charge.at == 0) {
            self.take(charge);
        }
        self.output
            .instructions()
            .global_get(self.state.stack())
            .i64_const(frame as i64)
            .i64_sub()
            .local_tee(self.frame)
            .global_set(self.state.stack());
        self.remaining();
        self.output.instructions().local_get(self.frame).i64_or();
        self.stop_below_zero();
        self.charge(0);
    }

    /// What stands at the function's end, for whatever way leads there.
    fn leave(&mut self) {
        if self.wrapped.is_some() {
            self.output.instructions().end();
        }
        self.store();
        self.give_back();
    }

    fn give_back(&mut self) {
        if let Some(frame) = self.role.frame {
            self.output
                .instructions()
                .local_get(self.frame)
                .i64_const(frame as i64)
                .i64_add()
                .global_set(self.state.stack());
        }
    }

    /// Makes the charges before the instruction of that number.
    fn charge(&mut self, number: usize) {
        while let Some(charge) = self.charges.next_if(|charge| charge.at == number) {
            if let Counter::Caller(_) = self.role.counter {
                continue;
            }
            self.take(charge);
            if charge.check {
                self.check();
            }
        }
    }

    fn take(&mut self, charge: &Charge) {
        if let Some(turns) = charge.turns {
            turns.stop_endless(&mut self.output.instructions(), self.state);
        }
        self.remaining();
        self.output.instructions().i64_const(charge.fuel as i64);
        if let Some(turns) = charge.turns {
            let mut code = self.output.instructions();
            turns.push(&mut code);
            code.i64_mul();
        }
        self.output.instructions().i64_sub();
        self.set_remaining();
    }

    /// Stops if the fuel is spent.
    fn check(&mut self) {
        self.remaining();
        self.stop_below_zero();
    }

    /// Stops if the topmost value is below zero.
    fn stop_below_zero(&mut self) {
        self.output
            .instructions()
            .i64_const(0)
            .i64_lt_s()
            .if_(BlockType::Empty);
        self.store();
        self.output.instructions().unreachable().end();
    }

    fn remaining(&mut self) {
        match self.role.counter {
            Counter::Local => self.output.instructions().local_get(self.local),
            _ => self.output.instructions().global_get(self.state.fuel()),
        };
    }

    fn set_remaining(&mut self) {
        match self.role.counter {
            Counter::Local => self.output.instructions().local_set(self.local),
            _ => self.output.instructions().global_set(self.state.fuel()),
        };
    }

    /// Takes the counter from the global into the local.
    fn load(&mut self) {
        if self.role.counter == Counter::Local {
            self.output
                .instructions()
                .global_get(self.state.fuel())
                .local_set(self.local);
        }
    }

    /// Puts the counter back into the global.
    fn store(&mut self) {
        if self.role.counter == Counter::Local {
            self.output
                .instructions()
                .local_get(self.local)
                .global_set(self.state.fuel());
        }
    }

    fn operator(
        &mut self,
        roles: &Roles,
        operator: Operator<'_>,
    ) -> Result<(), ReencodeError<Error>> {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => self.depth += 1,
            Operator::End => self.depth -= 1,
            _ => {}
        }
        if let Some(per_unit) = by_operand(&operator) {
            self.charge_operand(per_unit);
        }
        let constant = match operator {
            Operator::I32Const { value } => Some(value),
            _ => None,
        };
        let constant = std::mem::replace(&mut self.constant, constant);
        if let Operator::Call { function_index } = operator
            && let Some(import) = roles.import(function_index)
        {
            self.import(import, constant);
            return Ok(());
        }
        let calls = match operator {
            Operator::Call { function_index } => !roles.caller_keeps(function_index),
            Operator::CallIndirect { .. } => true,
            _ => false,
        };
        let leaves = matches!(
            operator,
            Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. }
        );
        if leaves {
            self.give_back();
        }
        if calls || leaves {
            self.store();
        }
        match operator {
            Operator::Return if self.wrapped.is_some() => {
                self.output.instructions().br(self.depth);
            }
            operator => {
                self.output.instruction(&SameIndices.instruction(operator)?);
            }
        }
        if calls {
            self.load();
        }
        Ok(())
    }

    /// Does what an import's call does, with the `constant` on top of the stack
    /// or with whatever there is.
    fn import(&mut self, import: Import, constant: Option<i32>) {
        let operand = match constant {
            _ if !import.has_operand() => Operand::Constant(0),
            Some(value) => {
                self.output.instructions().drop();
                Operand::Constant(value)
            }
            None => {
                self.output.instructions().local_set(self.operand);
                Operand::Local(self.operand)
            }
        };
        let tank = match self.role.counter {
            Counter::Local => Tank::Local(self.local),
            _ => Tank::Global(self.state.fuel()),
        };
        let mut call = Call {
            code: self.output.instructions(),
            state: self.state,
            tank,
        };
        call.replace(import, operand);
    }

    /// Charges for the operand on top of the stack, and leaves it there.
    fn charge_operand(&mut self, per_unit: PerUnit) {
        self.output.instructions().local_set(self.operand);
        self.remaining();
        let mut code = self.output.instructions();
        code.local_get(self.operand).i64_extend_i32_u();
        match per_unit {
            PerUnit::Times(1) => {}
            PerUnit::Times(fuel) => {
                code.i64_const(fuel as i64).i64_mul();
            }
            PerUnit::Shifted(by) => {
                code.i64_const(by.into()).i64_shr_u();
            }
        }
        code.i64_sub();
        self.set_remaining();
        self.check();
        self.output.instructions().local_get(self.operand);
    }
}
