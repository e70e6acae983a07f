//! The module, section by section.
//!
//! What was there stays, in its order and under its indices: functions take the
//! place of the imports, and the pass adds types, tables, globals, functions and
//! exports behind the others.

use std::collections::HashMap;

use wasm_encoder::reencode::{Error as ReencodeError, Reencode, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, CustomSection, ExportKind, ExportSection, FunctionSection,
    GlobalSection, GlobalType, ImportSection, Module, RefType, SectionId, TableSection, TableType,
    TypeSection, ValType,
};
use wasmparser::{BinaryReader, FunctionBody};

use crate::imports::State;
use crate::passing::{Passing, SameIndices};
use crate::rewrite::Context;
use crate::roles::{Counter, Roles};
use crate::scan::Facts;
use crate::{
    EXPORT_BEGIN, EXPORT_FUEL, EXPORT_GLOBAL_PREFIX, EXPORT_NEXT_ROW, EXPORT_REFILL, EXPORT_REST,
    EXPORT_STACK, EXPORT_START, Error,
};

pub(crate) fn emit(
    module: &[u8],
    facts: &Facts,
    roles: &Roles,
    metered: bool,
) -> Result<Vec<u8>, Error> {
    let mut emitter = Emitter::new(facts, roles, metered);
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
    context: Context<'a>,
    metered: bool,
    /// How many bodies were rewritten.
    bodies: usize,
    /// The sections to which something was added.
    done: Vec<SectionId>,
}

/// The sections to which the pass adds something, in the order of a module.
const TO_DO: [SectionId; 6] = [
    SectionId::Type,
    SectionId::Function,
    SectionId::Table,
    SectionId::Global,
    SectionId::Export,
    SectionId::Code,
];

impl<'a> Emitter<'a> {
    fn new(facts: &'a Facts, roles: &'a Roles, metered: bool) -> Self {
        let mut block_types = HashMap::new();
        for index in &facts.function_types {
            let results = facts.types[*index as usize].results();
            if results.len() > 1 {
                let next = facts.types.len() + block_types.len();
                block_types.entry(results).or_insert(next as u32);
            }
        }
        let functions = facts.function_types.len();
        let types = facts.types.len() + block_types.len();
        let state = State {
            first: facts.globals,
            refills: facts.tables,
            refill_type: types as u32 + 1,
            refill: functions as u32 + 1,
        };
        // Behind the block types and those of the functions that begin a call and
        // refill its tank.
        let first_type = types + 2;
        let first = functions + 2;
        let passing = Passing::new(facts, roles, first_type as u32, first as u32);
        Self {
            context: Context {
                facts,
                roles,
                block_types,
                passing,
                state,
            },
            metered,
            bodies: 0,
            done: Vec::new(),
        }
    }

    fn add_types(&mut self, types: &mut TypeSection) -> Result<(), ReencodeError<Error>> {
        self.done.push(SectionId::Type);
        let mut added: Vec<_> = self.context.block_types.iter().collect();
        added.sort_by_key(|(_, index)| **index);
        for (results, _) in added {
            let results: Vec<ValType> = results
                .iter()
                .map(|result| utils::val_type(&mut SameIndices, *result))
                .collect::<Result<_, _>>()?;
            types.ty().function([], results);
        }
        types.ty().function(State::BEGIN, []);
        let (parameters, results) = State::REFILL;
        types.ty().function(parameters, results);
        for signature in self.context.passing.types()? {
            types.ty().function(signature.parameters, signature.results);
        }
        Ok(())
    }

    /// The functions in the place of the imports stand in front.
    fn add_imported_functions(&self, functions: &mut FunctionSection) {
        for import in 0..self.context.facts.imports.len() {
            functions.function(self.context.facts.function_types[import]);
        }
    }

    fn add_functions(&mut self, functions: &mut FunctionSection) {
        self.done.push(SectionId::Function);
        let State { refill_type, .. } = self.context.state;
        functions.function(refill_type - 1).function(refill_type);
        for index in self.context.passing.doorway_types() {
            functions.function(index);
        }
    }

    fn add_imported_code(&self, code: &mut CodeSection) {
        for import in &self.context.facts.imports {
            code.function(&match self.metered {
                true => import.function(self.context.state),
                false => import.unmetered(self.context.state),
            });
        }
    }

    fn add_code(&mut self, code: &mut CodeSection) {
        self.done.push(SectionId::Code);
        let Context { state, passing, .. } = &self.context;
        code.function(&state.begin());
        code.function(&state.refill());
        for body in passing.doorway_bodies(*state) {
            code.function(&body);
        }
    }

    fn add_tables(&mut self, tables: &mut TableSection) {
        self.done.push(SectionId::Table);
        tables.table(TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: 1,
            maximum: Some(1),
            shared: false,
        });
    }

    fn add_globals(&mut self, globals: &mut GlobalSection) {
        self.done.push(SectionId::Global);
        for val_type in State::TYPES {
            let ty = GlobalType {
                val_type,
                mutable: true,
                shared: false,
            };
            let zero = match val_type {
                ValType::I64 => ConstExpr::i64_const(0),
                _ => ConstExpr::i32_const(0),
            };
            globals.global(ty, &zero);
        }
    }

    fn add_exports(&mut self, exports: &mut ExportSection) {
        self.done.push(SectionId::Export);
        for (name, global) in [
            (EXPORT_FUEL, self.context.state.fuel()),
            (EXPORT_STACK, self.context.state.stack()),
            (EXPORT_REST, self.context.state.rest()),
            (EXPORT_NEXT_ROW, self.context.state.next_row()),
        ] {
            exports.export(name, ExportKind::Global, global);
        }
        let begin = self.context.state.refill - 1;
        exports.export(EXPORT_BEGIN, ExportKind::Func, begin);
        exports.export(EXPORT_REFILL, ExportKind::Table, self.context.state.refills);
        for (number, global) in self.context.facts.lasting.exported().iter().enumerate() {
            let name = format!("{EXPORT_GLOBAL_PREFIX}{number}");
            exports.export(&name, ExportKind::Global, *global);
        }
        if let Some(start) = self.context.facts.start {
            let start = self.context.passing.doorway(start);
            exports.export(EXPORT_START, ExportKind::Func, start);
        }
    }

    /// Adds a section that the module lacks.
    fn add(&mut self, section: SectionId, module: &mut Module) -> Result<(), ReencodeError<Error>> {
        match section {
            SectionId::Type => {
                let mut types = TypeSection::new();
                self.add_types(&mut types)?;
                module.section(&types);
            }
            SectionId::Function => {
                let mut functions = FunctionSection::new();
                self.add_imported_functions(&mut functions);
                self.add_functions(&mut functions);
                module.section(&functions);
            }
            SectionId::Table => {
                let mut tables = TableSection::new();
                self.add_tables(&mut tables);
                module.section(&tables);
            }
            SectionId::Global => {
                let mut globals = GlobalSection::new();
                self.add_globals(&mut globals);
                module.section(&globals);
            }
            SectionId::Export => {
                let mut exports = ExportSection::new();
                self.add_exports(&mut exports);
                module.section(&exports);
            }
            _ => {
                let mut code = CodeSection::new();
                self.add_imported_code(&mut code);
                self.add_code(&mut code);
                module.section(&code);
            }
        }
        Ok(())
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

    /// Who calls a function by name is rewritten; all the others come here.
    fn function_index(&mut self, function: u32) -> Result<u32, ReencodeError<Error>> {
        Ok(self.context.passing.doorway(function))
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Result<(), ReencodeError<Error>> {
        utils::parse_type_section(self, types, section)?;
        self.add_types(types)
    }

    /// Nothing is imported any more.
    fn parse_import_section(
        &mut self,
        _: &mut ImportSection,
        _: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), ReencodeError<Error>> {
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Result<(), ReencodeError<Error>> {
        self.add_imported_functions(functions);
        let first = self.context.facts.imports.len() as u32;
        for function in first..first + section.count() {
            functions.function(self.context.passing.type_of(function));
        }
        self.add_functions(functions);
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Result<(), ReencodeError<Error>> {
        self.add_imported_code(code);
        utils::parse_code_section(self, code, section)?;
        self.add_code(code);
        Ok(())
    }

    fn parse_table_section(
        &mut self,
        tables: &mut TableSection,
        section: wasmparser::TableSectionReader<'_>,
    ) -> Result<(), ReencodeError<Error>> {
        utils::parse_table_section(self, tables, section)?;
        self.add_tables(tables);
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
        for section in TO_DO {
            let comes = next.is_some_and(|next| next as u8 == section as u8);
            let done = self.done.iter().any(|done| *done as u8 == section as u8);
            if !done && !comes && Self::is_due(section, next) {
                self.add(section, module)?;
            }
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
        let role = self.context.roles.roles[defined];
        self.bodies += 1;
        if let Counter::Caller(_) = role.counter {
            return utils::parse_function_body(self, code, body);
        }
        code.function(&self.context.rewrite(defined, &body)?);
        Ok(())
    }
}

fn rewrite(what: &str) -> Error {
    Error::Rewrite(what.to_owned())
}
