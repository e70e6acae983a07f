//! The rewriting itself.
//!
//! What was there stays, in its order and under its indices: the pass adds two
//! globals behind the others, locals behind the others, and instructions.

use std::collections::HashMap;

use wasm_encoder::reencode::{Error as ReencodeError, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, CustomSection, ExportKind, ExportSection, Function,
    GlobalSection, GlobalType, Instruction, Module, SectionId, TypeSection, ValType,
};
use wasmparser::{BinaryReader, FunctionBody, Operator};

use crate::graph::{Counter, Role, Roles};
use crate::plan::{Charge, charges};
use crate::scan::Facts;
use crate::weights::{PerUnit, by_operand};
use crate::{EXPORT_FUEL, EXPORT_STACK, EXPORT_START, Error};

pub(crate) fn emit(module: &[u8], facts: &Facts, roles: &Roles) -> Result<Vec<u8>, Error> {
    let mut emitter = Emitter::new(facts, roles);
    let mut rewritten = Module::new();
    let module = without_start(module)?;
    emitter
        .parse_core_module(&mut rewritten, wasmparser::Parser::new(0), &module)
        .map_err(|error| match error {
            ReencodeError::UserError(error) => error,
            other => Error::Rewrite(other.to_string()),
        })?;
    Ok(rewritten.finish())
}

/// The module without its start section.
fn without_start(module: &[u8]) -> Result<Vec<u8>, Error> {
    const HEADER_BYTES: usize = 8;
    let (header, _) = module
        .split_at_checked(HEADER_BYTES)
        .ok_or_else(|| rewrite("a module without a header"))?;
    let mut kept = header.to_vec();
    let mut reader = BinaryReader::new(module, 0);
    reader.read_bytes(HEADER_BYTES)?;
    while !reader.eof() {
        let start = reader.original_position();
        let id = reader.read_u8()?;
        let len = reader.read_var_u32()?;
        reader.read_bytes(len as usize)?;
        if id != SectionId::Start as u8 {
            kept.extend_from_slice(&module[start..reader.original_position()]);
        }
    }
    Ok(kept)
}

struct Emitter<'a> {
    facts: &'a Facts,
    roles: &'a Roles,
    /// The types `() -> results` that have to be added for blocks of more than
    /// one result, and their indices.
    block_types: HashMap<&'a [wasmparser::ValType], u32>,
    /// How many bodies were rewritten.
    bodies: usize,
    globals_done: bool,
    exports_done: bool,
}

impl<'a> Emitter<'a> {
    fn new(facts: &'a Facts, roles: &'a Roles) -> Self {
        let mut block_types = HashMap::new();
        for index in &facts.function_types {
            let results = facts.types[*index as usize].results();
            if results.len() > 1 {
                let next = facts.types.len() + block_types.len();
                block_types.entry(results).or_insert(next as u32);
            }
        }
        Self {
            facts,
            roles,
            block_types,
            bodies: 0,
            globals_done: false,
            exports_done: false,
        }
    }

    fn add_globals(&mut self, globals: &mut GlobalSection) {
        self.globals_done = true;
        for _ in [EXPORT_FUEL, EXPORT_STACK] {
            let counter = GlobalType {
                val_type: ValType::I64,
                mutable: true,
                shared: false,
            };
            globals.global(counter, &ConstExpr::i64_const(0));
        }
    }

    fn add_exports(&mut self, exports: &mut ExportSection) {
        self.exports_done = true;
        let first = self.facts.first_new_global();
        exports.export(EXPORT_FUEL, ExportKind::Global, first);
        exports.export(EXPORT_STACK, ExportKind::Global, first + 1);
        if let Some(start) = self.facts.start {
            exports.export(EXPORT_START, ExportKind::Func, start);
        }
    }

    /// Whether a section that the module lacks belongs before `next`.
    fn is_due(section: SectionId, next: Option<SectionId>) -> bool {
        use SectionId::*;
        let order = [
            Type, Import, Function, Table, Memory, Tag, Global, Export, Start, Element, DataCount,
            Code, Data,
        ];
        let place = |id: SectionId| order.iter().position(|other| *other as u8 == id as u8);
        match next {
            None => true,
            Some(next) => place(next) > place(section),
        }
    }
}

impl Reencode for Emitter<'_> {
    type Error = Error;

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Result<(), ReencodeError<Error>> {
        utils::parse_type_section(self, types, section)?;
        let mut added: Vec<_> = self.block_types.iter().collect();
        added.sort_by_key(|(_, index)| **index);
        for (results, _) in added {
            let results: Vec<ValType> = results
                .iter()
                .map(|result| utils::val_type(&mut SameIndices, *result))
                .collect::<Result<_, _>>()
                .map_err(|_| ReencodeError::UserError(rewrite("a type of a block")))?;
            types.ty().function([], results);
        }
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Result<(), ReencodeError<Error>> {
        utils::parse_global_section(self, globals, section)?;
        self.add_globals(globals);
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Result<(), ReencodeError<Error>> {
        utils::parse_export_section(self, exports, section)?;
        self.add_exports(exports);
        Ok(())
    }

    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _: Option<SectionId>,
        next: Option<SectionId>,
    ) -> Result<(), ReencodeError<Error>> {
        let comes = |section: SectionId| next.is_some_and(|next| next as u8 == section as u8);
        if !self.globals_done && !comes(SectionId::Global) && Self::is_due(SectionId::Global, next)
        {
            let mut globals = GlobalSection::new();
            self.add_globals(&mut globals);
            module.section(&globals);
        }
        if !self.exports_done && !comes(SectionId::Export) && Self::is_due(SectionId::Export, next)
        {
            let mut exports = ExportSection::new();
            self.add_exports(&mut exports);
            module.section(&exports);
        }
        Ok(())
    }

    /// Custom sections stay as they are: no index has changed, and whether they
    /// make sense is none of the pass's business. Only those go that speak of
    /// places in the code, where now something else stands.
    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: wasmparser::CustomSectionReader<'_>,
    ) -> Result<(), ReencodeError<Error>> {
        let name = section.name();
        if name.starts_with(".debug_") || name.starts_with("metadata.code.") {
            return Ok(());
        }
        module.section(&CustomSection {
            name: section.name().into(),
            data: section.data().into(),
        });
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), ReencodeError<Error>> {
        let defined = self.bodies;
        let role = self.roles.roles[defined];
        self.bodies += 1;
        if let Counter::Caller(_) = role.counter
            && role.frame.is_none()
        {
            return utils::parse_function_body(self, code, body);
        }
        let charges = charges(&body, self.roles).map_err(ReencodeError::UserError)?;
        let mut rewriter = Rewriter::new(self, defined, &body, &charges)?;
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
            rewriter.operator(self, operator)?;
            number += 1;
        }
        code.function(&rewriter.output);
        Ok(())
    }
}

/// A re-encoder that changes nothing.
struct SameIndices;

impl Reencode for SameIndices {
    type Error = std::convert::Infallible;
}

fn rewrite(what: &str) -> Error {
    Error::Rewrite(what.to_owned())
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
    fuel: u32,
    stack: u32,
    /// The local that holds the fuel, for [`Counter::Local`].
    local: u32,
    /// A local of type `i32` for operands, in functions whose work depends on
    /// one.
    operand: u32,
    wrapped: Option<BlockType>,
    /// How many blocks of the original are open.
    depth: u32,
}

impl<'p> Rewriter<'p> {
    fn new(
        emitter: &mut Emitter<'_>,
        defined: usize,
        body: &FunctionBody<'_>,
        charges: &'p [Charge],
    ) -> Result<Self, ReencodeError<Error>> {
        let role = emitter.roles.roles[defined];
        let function = (emitter.facts.imported_functions + defined) as u32;
        let signature = emitter.facts.function_type(function);
        let mut locals = Vec::new();
        let mut count = signature.params().len() as u32;
        for group in body.get_locals_reader()? {
            let (number, val_type) = group?;
            locals.push((number, emitter.val_type(val_type)?));
            count += number;
        }
        if role.counter == Counter::Local {
            locals.push((1, ValType::I64));
        }
        let operand = count + u32::from(role.counter == Counter::Local);
        if emitter.facts.bodies[defined].has_bulk {
            locals.push((1, ValType::I32));
        }
        let wrapped = if role.counter == Counter::Local || role.frame.is_some() {
            Some(match signature.results() {
                [] => BlockType::Empty,
                [result] => BlockType::Result(emitter.val_type(*result)?),
                results => BlockType::FunctionType(emitter.block_types[results]),
            })
        } else {
            None
        };
        Ok(Self {
            output: Function::new(locals),
            role,
            charges: charges.iter().peekable(),
            fuel: emitter.facts.first_new_global(),
            stack: emitter.facts.first_new_global() + 1,
            local: count,
            operand,
            wrapped,
            depth: 0,
        })
    }

    fn enter(&mut self) {
        if self.role.counter == Counter::Local {
            self.load();
        }
        // Fuel first: what a function costs does not depend on its frame.
        self.charge(0);
        if let Some(frame) = self.role.frame {
            self.output
                .instructions()
                .global_get(self.stack)
                .i64_const(frame as i64)
                .i64_sub()
                .global_set(self.stack)
                .global_get(self.stack)
                .i64_const(0)
                .i64_lt_s()
                .if_(BlockType::Empty);
            self.store();
            self.output.instructions().unreachable().end();
        }
        if let Some(block) = self.wrapped {
            self.output.instructions().block(block);
        }
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
                .global_get(self.stack)
                .i64_const(frame as i64)
                .i64_add()
                .global_set(self.stack);
        }
    }

    /// Makes the charges before the instruction of that number.
    fn charge(&mut self, number: usize) {
        while let Some(charge) = self.charges.next_if(|charge| charge.at == number) {
            if let Counter::Caller(_) = self.role.counter {
                continue;
            }
            self.remaining();
            self.output
                .instructions()
                .i64_const(charge.fuel as i64)
                .i64_sub();
            self.set_remaining();
            if charge.check {
                self.check();
            }
        }
    }

    /// Stops if the fuel is spent.
    fn check(&mut self) {
        self.remaining();
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
            _ => self.output.instructions().global_get(self.fuel),
        };
    }

    fn set_remaining(&mut self) {
        match self.role.counter {
            Counter::Local => self.output.instructions().local_set(self.local),
            _ => self.output.instructions().global_set(self.fuel),
        };
    }

    /// Takes the counter from the global into the local.
    fn load(&mut self) {
        if self.role.counter == Counter::Local {
            self.output
                .instructions()
                .global_get(self.fuel)
                .local_set(self.local);
        }
    }

    /// Puts the counter back into the global.
    fn store(&mut self) {
        if self.role.counter == Counter::Local {
            self.output
                .instructions()
                .local_get(self.local)
                .global_set(self.fuel);
        }
    }

    fn operator(
        &mut self,
        emitter: &mut Emitter<'_>,
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
        let calls = match operator {
            Operator::Call { function_index } => {
                emitter.roles.caller_pays(function_index).is_none()
            }
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
                self.output.instruction(&emitter.instruction(operator)?);
            }
        }
        if calls {
            self.load();
        }
        Ok(())
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
