//! A function's body, instruction by instruction.

use std::collections::HashMap;

use wasm_encoder::reencode::{Error as ReencodeError, Reencode};
use wasm_encoder::{BlockType, Function, Instruction};
use wasmparser::{FunctionBody, Operator};

use crate::Error;
use crate::imports::{Call, Import, Operand, State, Tank};
use crate::locals::Locals;
use crate::passing::{Passing, SameIndices};
use crate::plan::{Charge, charges, is_straight};
use crate::roles::{Counter, Role, Roles};
use crate::scan::Facts;
use crate::weights::{PerUnit, by_operand};

/// What the bodies of a module are rewritten with.
pub(crate) struct Context<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) roles: &'a Roles,
    /// The types `() -> results` that are added for blocks of more than one
    /// result, and their indices.
    pub(crate) block_types: HashMap<&'a [wasmparser::ValType], u32>,
    pub(crate) passing: Passing<'a>,
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
                break;
            }
            rewriter.operator(operator)?;
            number += 1;
        }
        Ok(rewriter.output)
    }
}

/// One body on its way through the pass.
///
/// It becomes a block: a branch to the function's own label then leads to the
/// end of that block, without renumbering, and only `return` has to be turned
/// into one. What must be done at the function's end stands behind it.
struct Rewriter<'p> {
    context: &'p Context<'p>,
    output: Function,
    role: Role,
    charges: std::iter::Peekable<std::slice::Iter<'p, Charge>>,
    /// What the instruction before has pushed, if it is known.
    constant: Option<i32>,
    /// Whether the fuel is in the global, and what the local holds is old.
    is_out: bool,
    locals: Locals,
    block: BlockType,
    /// How many blocks of the original are open.
    depth: u32,
}

impl<'p> Rewriter<'p> {
    fn new(
        context: &'p Context<'p>,
        defined: usize,
        body: &FunctionBody<'_>,
        charges: &'p [Charge],
    ) -> Result<Self, ReencodeError<Error>> {
        let role = context.roles.roles[defined];
        let function = (context.facts.imports.len() + defined) as u32;
        let signature = context.facts.function_type(function);
        let (locals, declared) = Locals::of(context.facts, role, function, body)?;
        let block = match signature.results() {
            [] => BlockType::Empty,
            [result] => BlockType::Result(SameIndices.val_type(*result)?),
            results => BlockType::FunctionType(context.block_types[results]),
        };
        Ok(Self {
            context,
            output: Function::new(declared),
            role,
            charges: charges.iter().peekable(),
            constant: None,
            is_out: false,
            locals,
            block,
            depth: 0,
        })
    }

    fn enter(&mut self) {
        self.is_out = !self.role.is_passed();
        self.bring_in();
        if let (Some(frame), true) = (self.role.frame, self.role.looks_at_stack) {
            self.enter_frame(frame);
        }
        self.charge(0);
        self.output.instructions().block(self.block);
    }

    /// Takes fuel and stack, and then looks at both at once.
    fn enter_frame(&mut self, frame: u64) {
        if let Some(charge) = self.charges.next_if(|charge| charge.at == 0) {
            self.take(charge);
        }
        let Locals { fuel, stack, .. } = self.locals;
        let state = self.context.state;
        let mut code = self.output.instructions();
        if !self.role.is_passed() {
            code.global_get(state.stack()).i64_const(frame as i64);
            code.i64_sub().local_set(stack);
        }
        code.local_get(stack).local_get(fuel).i64_or();
        code.i64_const(0).i64_lt_s().if_(BlockType::Empty);
        code.local_get(fuel).global_set(state.fuel());
        code.local_get(stack).global_set(state.stack());
        code.unreachable().end();
    }

    /// What stands at the function's end, for whatever way leads there.
    fn leave(&mut self) {
        self.bring_in();
        self.output.instructions().end();
        if self.role.is_passed() {
            let fuel = self.locals.fuel;
            self.output.instructions().local_get(fuel);
        } else {
            self.put_out();
        }
        self.output.instructions().end();
    }

    /// Makes the charges before the instruction of that number.
    fn charge(&mut self, number: usize) {
        while let Some(charge) = self.charges.next_if(|charge| charge.at == number) {
            self.bring_in();
            self.take(charge);
            if charge.check {
                self.check();
            }
        }
    }

    fn take(&mut self, charge: &Charge) {
        let turns = charge
            .turns
            .map(|turns| turns.moved(|at| self.locals.moved(at)));
        let Locals { fuel, .. } = self.locals;
        let mut code = self.output.instructions();
        if let Some(turns) = turns {
            turns.stop_endless(&mut code, self.context.state);
        }
        code.local_get(fuel).i64_const(charge.fuel as i64);
        if let Some(turns) = turns {
            turns.push(&mut code);
            code.i64_mul();
        }
        code.i64_sub().local_set(fuel);
    }

    /// Stops if the fuel is spent.
    fn check(&mut self) {
        let mut code = self.output.instructions();
        code.local_get(self.locals.fuel).i64_const(0).i64_lt_s();
        code.if_(BlockType::Empty);
        self.put_out();
        self.output.instructions().unreachable().end();
    }

    /// Takes the fuel from the global, if it is there.
    fn bring_in(&mut self) {
        if std::mem::take(&mut self.is_out) {
            self.output
                .instructions()
                .global_get(self.context.state.fuel())
                .local_set(self.locals.fuel);
        }
    }

    /// Puts the fuel into the global, unless it is there.
    fn put_out(&mut self) {
        if !self.is_out {
            self.output
                .instructions()
                .local_get(self.locals.fuel)
                .global_set(self.context.state.fuel());
        }
    }

    fn operator(&mut self, operator: Operator<'_>) -> Result<(), ReencodeError<Error>> {
        if !is_straight(&operator) {
            self.bring_in();
        }
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => self.depth += 1,
            Operator::End => self.depth -= 1,
            _ => {}
        }
        if let Some(per_unit) = by_operand(&operator) {
            self.bring_in();
            self.charge_operand(per_unit);
        }
        let constant = match operator {
            Operator::I32Const { value } => Some(value),
            _ => None,
        };
        let constant = std::mem::replace(&mut self.constant, constant);
        let instruction = match operator {
            Operator::LocalGet { local_index } => {
                Instruction::LocalGet(self.locals.moved(local_index))
            }
            Operator::LocalSet { local_index } => {
                Instruction::LocalSet(self.locals.moved(local_index))
            }
            Operator::LocalTee { local_index } => {
                Instruction::LocalTee(self.locals.moved(local_index))
            }
            Operator::RefFunc { function_index } => {
                Instruction::RefFunc(self.context.passing.doorway(function_index))
            }
            Operator::Return => Instruction::Br(self.depth),
            Operator::Call { function_index } => {
                self.call(function_index, constant);
                return Ok(());
            }
            Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } => {
                self.put_out();
                SameIndices.instruction(operator)?
            }
            Operator::CallIndirect { .. } => {
                let call = SameIndices.instruction(operator)?;
                self.call_outside(true, &call);
                return Ok(());
            }
            operator => SameIndices.instruction(operator)?,
        };
        self.output.instruction(&instruction);
        Ok(())
    }

    /// Calls a function by name, with the `constant` on top of the stack or with
    /// whatever there is.
    fn call(&mut self, function: u32, constant: Option<i32>) {
        let roles = self.context.roles;
        let call = Instruction::Call(function);
        match (roles.import(function), roles.role(function)) {
            (Some(import), _) => {
                self.bring_in();
                self.import(import, constant);
            }
            (None, Some(role)) if role.counter == Counter::Fetched => {
                self.call_outside(role.leads_to_frames, &call);
            }
            (None, Some(role)) if role.is_passed() => {
                self.bring_in();
                self.call_passing(role, &call);
            }
            _ => {
                self.output.instruction(&call);
            }
        }
    }

    /// Calls a function that takes the counter from the caller.
    fn call_passing(&mut self, role: Role, call: &Instruction<'_>) {
        let Locals { fuel, stack, .. } = self.locals;
        let lends = role.frame.is_none() && role.leads_to_frames;
        let mut code = self.output.instructions();
        code.local_get(fuel);
        if let Some(frame) = role.frame {
            match self.role.frame {
                Some(_) => code.local_get(stack),
                None => code.global_get(self.context.state.stack()),
            };
            code.i64_const(frame as i64).i64_sub();
        }
        self.lend_stack(lends);
        self.output.instruction(call);
        self.output.instructions().local_set(fuel);
        self.take_stack_back(lends);
    }

    /// Calls a function that takes the counters from the globals.
    fn call_outside(&mut self, lends: bool, call: &Instruction<'_>) {
        self.put_out();
        self.lend_stack(lends);
        self.output.instruction(call);
        self.is_out = true;
        self.take_stack_back(lends);
    }

    /// Puts the stack that is left into the global, for functions that are
    /// called without knowing it. Who has no frame has left the global as it was.
    fn lend_stack(&mut self, lends: bool) {
        if lends && self.role.frame.is_some() {
            let global = self.context.state.stack();
            let mut code = self.output.instructions();
            code.global_get(global).local_set(self.locals.lent);
            code.local_get(self.locals.stack).global_set(global);
        }
    }

    fn take_stack_back(&mut self, lends: bool) {
        if lends && self.role.frame.is_some() {
            let global = self.context.state.stack();
            let mut code = self.output.instructions();
            code.local_get(self.locals.lent).global_set(global);
        }
    }

    /// Does what an import's call does.
    fn import(&mut self, import: Import, constant: Option<i32>) {
        let operand = match constant {
            _ if !import.has_operand() => Operand::Constant(0),
            Some(value) => {
                self.output.instructions().drop();
                Operand::Constant(value)
            }
            None => {
                let operand = self.locals.operand;
                self.output.instructions().local_set(operand);
                Operand::Local(operand)
            }
        };
        let mut call = Call {
            code: self.output.instructions(),
            state: self.context.state,
            tank: Tank::Local(self.locals.fuel),
        };
        call.replace(import, operand);
    }

    /// Charges for the operand on top of the stack, and leaves it there.
    fn charge_operand(&mut self, per_unit: PerUnit) {
        let Locals { fuel, operand, .. } = self.locals;
        let mut code = self.output.instructions();
        code.local_set(operand).local_get(fuel);
        code.local_get(operand).i64_extend_i32_u();
        match per_unit {
            PerUnit::Times(1) => {}
            PerUnit::Times(fuel) => {
                code.i64_const(fuel as i64).i64_mul();
            }
            PerUnit::Shifted(by) => {
                code.i64_const(by.into()).i64_shr_u();
            }
        }
        code.i64_sub().local_set(fuel);
        self.check();
        self.output.instructions().local_get(operand);
    }
}
