//! Function bodies, instruction by instruction.

use std::collections::HashMap;

use wasm_encoder::reencode::{Error as ReencodeError, Reencode};
use wasm_encoder::{BlockType, Function, Instruction};
use wasmparser::{FunctionBody, Operator};

use crate::added_locals::AddedLocals;
use crate::charges::{Charge, charges, is_straight};
use crate::error::Error;
use crate::fuel_abi::{FuelAbi, IdentityReencoder};
use crate::imports::{FuelCounter, Import, ImportExpansion, MeteringGlobals, Operand};
use crate::metering_plan::{FuelSource, FunctionPlan, MeteringPlan};
use crate::module_info::ModuleInfo;
use crate::polling::{BulkOperation, Polling, push_fuel_min};
use crate::strips::Strips;
use crate::weights::{PerUnit, by_operand};

/// Input of the rewriting that all bodies of a module share.
pub(crate) struct RewriteContext<'a> {
    pub(crate) info: &'a ModuleInfo,
    pub(crate) plan: &'a MeteringPlan,
    /// Indices of the types `() -> results` that are added for blocks with more
    /// than one result.
    pub(crate) block_types: HashMap<&'a [wasmparser::ValType], u32>,
    pub(crate) fuel_abi: FuelAbi<'a>,
    pub(crate) globals: MeteringGlobals,
    pub(crate) polling: Option<Polling>,
}

impl RewriteContext<'_> {
    /// Rewrites the body of a function. `defined` is its index without imports.
    pub(crate) fn rewrite(
        &self,
        defined: usize,
        body: &FunctionBody<'_>,
    ) -> Result<Function, ReencodeError<Error>> {
        let charges = charges(body, self.plan.functions[defined], self.plan)
            .map_err(ReencodeError::UserError)?;
        let mut rewriter = Rewriter::new(self, defined, body, &charges)?;
        rewriter.enter();
        let mut operators = body.get_operators_reader()?;
        let mut index = 0;
        while !operators.eof() {
            let operator = operators.read()?;
            rewriter.charge(index);
            if operators.eof() {
                rewriter.leave();
                break;
            }
            rewriter.operator(operator)?;
            index += 1;
        }
        Ok(rewriter.output)
    }
}

/// Rewrites one body.
///
/// The body becomes a block, followed by the code for the function's exit. A branch
/// to the function's label then targets the end of the block without renumbering;
/// only `return` is replaced by a branch.
struct Rewriter<'p> {
    context: &'p RewriteContext<'p>,
    output: Function,
    function_plan: FunctionPlan,
    charges: std::iter::Peekable<std::slice::Iter<'p, Charge>>,
    /// The constant that the previous instruction pushed, if it did.
    constant: Option<i32>,
    /// True if the fuel is in the global, and the local outdated.
    is_fuel_stored: bool,
    /// The loop in strips that is next, or encloses the next instruction.
    strips: Option<Strips>,
    locals: AddedLocals,
    block: BlockType,
    /// The number of open blocks of the original body.
    depth: u32,
}

impl<'p> Rewriter<'p> {
    fn new(
        context: &'p RewriteContext<'p>,
        defined: usize,
        body: &FunctionBody<'_>,
        charges: &'p [Charge],
    ) -> Result<Self, ReencodeError<Error>> {
        let function_plan = context.plan.functions[defined];
        let function = (context.info.imports.len() + defined) as u32;
        let signature = context.info.function_type(function);
        let has_strips =
            context.polling.is_some() && charges.iter().any(|charge| charge.trip_count.is_some());
        let (locals, declared) =
            AddedLocals::of(context.info, function_plan, function, body, has_strips)?;
        let block = match signature.results() {
            [] => BlockType::Empty,
            [result] => BlockType::Result(IdentityReencoder.val_type(*result)?),
            results => BlockType::FunctionType(context.block_types[results]),
        };
        Ok(Self {
            context,
            output: Function::new(declared),
            function_plan,
            charges: charges.iter().peekable(),
            constant: None,
            is_fuel_stored: false,
            strips: None,
            locals,
            block,
            depth: 0,
        })
    }

    /// Emits the code for the function's entry.
    fn enter(&mut self) {
        self.is_fuel_stored = !self.function_plan.has_fuel_parameter();
        self.load_fuel();
        if let (Some(frame), true) = (self.function_plan.frame, self.function_plan.checks_stack) {
            self.enter_frame(frame);
        }
        self.charge(0);
        self.output.instructions().block(self.block);
    }

    /// Charges fuel and stack, and checks both with one comparison.
    fn enter_frame(&mut self, frame: u64) {
        if let Some(charge) = self.charges.next_if(|charge| charge.at == 0) {
            self.deduct(charge);
        }
        let AddedLocals { fuel, stack, .. } = self.locals;
        let globals = self.context.globals;
        let mut code = self.output.instructions();
        if !self.function_plan.has_fuel_parameter() {
            code.global_get(globals.stack()).i64_const(frame as i64);
            code.i64_sub().local_set(stack);
        }
        code.local_get(stack).local_get(fuel).i64_or();
        push_fuel_min(self.context.polling, &mut code);
        code.i64_lt_s().if_(BlockType::Empty);
        code.local_get(fuel).global_set(globals.fuel());
        code.local_get(stack).global_set(globals.stack());
        code.unreachable().end();
    }

    /// Emits the code for the function's exit.
    fn leave(&mut self) {
        self.load_fuel();
        self.output.instructions().end();
        if self.function_plan.has_fuel_parameter() {
            let fuel = self.locals.fuel;
            self.output.instructions().local_get(fuel);
        } else {
            self.store_fuel();
        }
        self.output.instructions().end();
    }

    /// Makes the charges that precede the instruction of this index.
    fn charge(&mut self, index: usize) {
        while let Some(charge) = self.charges.next_if(|charge| charge.at == index) {
            self.load_fuel();
            self.deduct(charge);
            if charge.check {
                self.check();
            }
            if let (Some(trip_count), Some(polling)) = (charge.trip_count, self.context.polling) {
                self.strips = Some(Strips {
                    polling,
                    trip_count: trip_count.remapped(|at| self.locals.remapped(at)),
                    iterations: Polling::strip_iterations(charge.fuel),
                    strip_end: self.locals.strip_end,
                    depth: self.depth + 1,
                });
            }
        }
    }

    /// Subtracts a charge from the fuel.
    fn deduct(&mut self, charge: &Charge) {
        let trip_count = charge
            .trip_count
            .map(|trip_count| trip_count.remapped(|at| self.locals.remapped(at)));
        let AddedLocals { fuel, .. } = self.locals;
        let mut code = self.output.instructions();
        if let Some(trip_count) = trip_count {
            trip_count.trap_if_endless(&mut code, self.context.globals);
        }
        code.local_get(fuel).i64_const(charge.fuel as i64);
        if let Some(trip_count) = trip_count {
            trip_count.push(&mut code);
            code.i64_mul();
        }
        code.i64_sub().local_set(fuel);
    }

    /// Traps if the fuel is exhausted, or the call is cancelled.
    fn check(&mut self) {
        let mut code = self.output.instructions();
        code.local_get(self.locals.fuel);
        push_fuel_min(self.context.polling, &mut code);
        code.i64_lt_s().if_(BlockType::Empty);
        self.store_fuel();
        self.output.instructions().unreachable().end();
    }

    /// Loads the fuel from the global into the local, if it is not there.
    fn load_fuel(&mut self) {
        if std::mem::take(&mut self.is_fuel_stored) {
            self.output
                .instructions()
                .global_get(self.context.globals.fuel())
                .local_set(self.locals.fuel);
        }
    }

    /// Stores the fuel into the global, if it is not there.
    fn store_fuel(&mut self) {
        if !self.is_fuel_stored {
            self.output
                .instructions()
                .local_get(self.locals.fuel)
                .global_set(self.context.globals.fuel());
        }
    }

    fn operator(&mut self, operator: Operator<'_>) -> Result<(), ReencodeError<Error>> {
        if !is_straight(&operator) {
            self.load_fuel();
        }
        let mut ends_strips = false;
        if let Some(strips) = self.strips {
            let code = &mut self.output.instructions();
            ends_strips = strips.before(&operator, self.depth, code)?;
        }
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => self.depth += 1,
            Operator::End => self.depth -= 1,
            _ => {}
        }
        if let Some(per_unit) = by_operand(&operator) {
            self.load_fuel();
            self.charge_operand(per_unit);
        }
        let constant = match operator {
            Operator::I32Const { value } => Some(value),
            _ => None,
        };
        let constant = std::mem::replace(&mut self.constant, constant);
        let remapped = |at| self.locals.remapped(at);
        let instruction = match operator {
            Operator::LocalGet { local_index: at } => Instruction::LocalGet(remapped(at)),
            Operator::LocalSet { local_index: at } => Instruction::LocalSet(remapped(at)),
            Operator::LocalTee { local_index: at } => Instruction::LocalTee(remapped(at)),
            Operator::RefFunc { function_index } => {
                Instruction::RefFunc(self.context.fuel_abi.trampoline(function_index))
            }
            Operator::Return => Instruction::Br(self.depth),
            Operator::Call { function_index } => {
                self.call(function_index, constant);
                return Ok(());
            }
            Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } => {
                self.store_fuel();
                IdentityReencoder.instruction(operator)?
            }
            Operator::CallIndirect { .. } => {
                let call = IdentityReencoder.instruction(operator)?;
                self.call_through_globals(true, &call);
                return Ok(());
            }
            Operator::MemoryFill { .. } if let Some(polling) = self.context.polling => {
                Instruction::Call(polling.function(BulkOperation::Fill))
            }
            Operator::MemoryCopy { .. } if let Some(polling) = self.context.polling => {
                Instruction::Call(polling.function(BulkOperation::Copy))
            }
            operator => IdentityReencoder.instruction(operator)?,
        };
        self.output.instruction(&instruction);
        if ends_strips && let Some(strips) = self.strips.take() {
            strips.end(self.depth, &mut self.output.instructions());
        }
        Ok(())
    }

    /// Calls a function directly. `constant` is the value of the topmost operand, if
    /// known.
    fn call(&mut self, function: u32, constant: Option<i32>) {
        let plan = self.context.plan;
        let call = Instruction::Call(function);
        match (plan.import(function), plan.function(function)) {
            (Some(import), _) if !import.is_called() => {
                self.load_fuel();
                self.import(import, constant);
            }
            (None, Some(callee)) if callee.fuel_source == FuelSource::Global => {
                self.call_through_globals(callee.reaches_frame, &call);
            }
            (None, Some(callee)) if callee.has_fuel_parameter() => {
                self.load_fuel();
                self.call_with_fuel(callee, &call);
            }
            _ => {
                self.output.instruction(&call);
            }
        }
    }

    /// Calls a function with a fuel parameter.
    fn call_with_fuel(&mut self, callee: FunctionPlan, call: &Instruction<'_>) {
        let AddedLocals { fuel, stack, .. } = self.locals;
        let publishes = callee.frame.is_none() && callee.reaches_frame;
        let mut code = self.output.instructions();
        code.local_get(fuel);
        if let Some(frame) = callee.frame {
            match self.function_plan.frame {
                Some(_) => code.local_get(stack),
                None => code.global_get(self.context.globals.stack()),
            };
            code.i64_const(frame as i64).i64_sub();
        }
        self.publish_stack(publishes);
        self.output.instruction(call);
        self.output.instructions().local_set(fuel);
        self.restore_stack(publishes);
    }

    /// Calls a function that loads the counters from the globals.
    fn call_through_globals(&mut self, publishes: bool, call: &Instruction<'_>) {
        self.store_fuel();
        self.publish_stack(publishes);
        self.output.instruction(call);
        self.is_fuel_stored = true;
        self.restore_stack(publishes);
    }

    /// Stores the remaining stack into the global, for callees without a stack
    /// parameter. A function without a frame has not changed the global.
    fn publish_stack(&mut self, publishes: bool) {
        if publishes && self.function_plan.frame.is_some() {
            let global = self.context.globals.stack();
            let mut code = self.output.instructions();
            code.global_get(global).local_set(self.locals.saved_stack);
            code.local_get(self.locals.stack).global_set(global);
        }
    }

    /// Restores the global that [`publish_stack`](Self::publish_stack) changed.
    fn restore_stack(&mut self, publishes: bool) {
        if publishes && self.function_plan.frame.is_some() {
            let global = self.context.globals.stack();
            let mut code = self.output.instructions();
            code.local_get(self.locals.saved_stack).global_set(global);
        }
    }

    /// Expands the call of an import.
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
        let mut expansion = ImportExpansion {
            code: self.output.instructions(),
            globals: self.context.globals,
            counter: FuelCounter::Local(self.locals.fuel),
        };
        expansion.expand(import, operand);
    }

    /// Charges for the operand on top of the stack, and keeps it there.
    fn charge_operand(&mut self, per_unit: PerUnit) {
        let AddedLocals { fuel, operand, .. } = self.locals;
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
