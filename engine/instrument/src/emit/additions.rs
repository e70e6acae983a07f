//! Additions to the sections of a module.

use std::collections::HashMap;

use wasm_encoder::reencode::{Error as ReencodeError, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, ExportKind, ExportSection, FunctionSection, GlobalSection, GlobalType,
    MemorySection, Module, RefType, SectionId, TableSection, TableType, TypeSection, ValType,
};

use crate::error::Error;
use crate::fuel_abi::{FuelAbi, IdentityReencoder};
use crate::imports::{MeteringGlobals, replacement, unmetered_replacement};
use crate::metering_plan::MeteringPlan;
use crate::module_info::ModuleInfo;
use crate::names::{
    EXPORT_CALL_BEGIN, EXPORT_CALL_FUEL, EXPORT_CANCEL, EXPORT_FUEL, EXPORT_GLOBAL_PREFIX,
    EXPORT_HOST, EXPORT_NEXT_ROW, EXPORT_STACK, EXPORT_START, HOST_LOG, HOST_REFILL,
};
use crate::options::Options;
use crate::polling::Polling;
use crate::rewrite::RewriteContext;

/// Types, functions, tables, globals, exports and code that are added to a module.
pub(super) struct Additions<'a> {
    pub(super) context: RewriteContext<'a>,
    is_metered: bool,
    /// The sections that have been extended.
    done: Vec<SectionId>,
}

/// The sections that are extended, in the order of a module.
const EXTENDED: [SectionId; 7] = [
    SectionId::Type,
    SectionId::Function,
    SectionId::Table,
    SectionId::Memory,
    SectionId::Global,
    SectionId::Export,
    SectionId::Code,
];

impl<'a> Additions<'a> {
    pub(super) fn new(info: &'a ModuleInfo, plan: &'a MeteringPlan, options: Options) -> Self {
        let mut block_types = HashMap::new();
        for index in &info.function_types {
            let results = info.types[*index as usize].results();
            if results.len() > 1 {
                let next = info.types.len() + block_types.len();
                block_types.entry(results).or_insert(next as u32);
            }
        }
        let functions = info.function_types.len();
        let types = info.types.len() + block_types.len();
        let globals = MeteringGlobals {
            first_global: info.globals,
            host_table: info.tables,
            refill_type: types as u32 + 1,
            refill_function: functions as u32 + 1,
        };
        // After the block types and those of `call_begin` and `refill`.
        let (first_type, first_trampoline) = (types + 2, functions + 2);
        let polling = options.polled.then_some(Polling {
            memory: info.memories,
            bulk_type: first_type as u32,
            first_function: first_trampoline as u32,
        });
        let (first_type, first_trampoline) = match polling {
            None => (first_type, first_trampoline),
            Some(_) => (
                first_type + 1,
                first_trampoline + Polling::FUNCTIONS as usize,
            ),
        };
        let fuel_abi = FuelAbi::new(info, plan, first_type as u32, first_trampoline as u32);
        Self {
            context: RewriteContext {
                info,
                plan,
                block_types,
                fuel_abi,
                globals,
                polling,
            },
            is_metered: options.metered,
            done: Vec::new(),
        }
    }

    pub(super) fn add_types(
        &mut self,
        types: &mut TypeSection,
    ) -> Result<(), ReencodeError<Error>> {
        self.done.push(SectionId::Type);
        let mut added: Vec<_> = self.context.block_types.iter().collect();
        added.sort_by_key(|(_, index)| **index);
        for (results, _) in added {
            let results: Vec<ValType> = results
                .iter()
                .map(|result| utils::val_type(&mut IdentityReencoder, *result))
                .collect::<Result<_, _>>()?;
            types.ty().function([], results);
        }
        let parameters = MeteringGlobals::CALL_BEGIN_PARAMETERS;
        types.ty().function(parameters, []);
        let (parameters, results) = MeteringGlobals::REFILL_SIGNATURE;
        types.ty().function(parameters, results);
        if self.context.polling.is_some() {
            types.ty().function(Polling::BULK_PARAMETERS, []);
        }
        for signature in self.context.fuel_abi.types()? {
            types.ty().function(signature.parameters, signature.results);
        }
        Ok(())
    }

    /// Adds the functions that replace imports, before all others.
    pub(super) fn add_imported_functions(&self, functions: &mut FunctionSection) {
        for import in 0..self.context.info.imports.len() {
            functions.function(self.context.info.function_types[import]);
        }
    }

    pub(super) fn add_functions(&mut self, functions: &mut FunctionSection) {
        self.done.push(SectionId::Function);
        let MeteringGlobals { refill_type, .. } = self.context.globals;
        functions.function(refill_type - 1).function(refill_type);
        if let Some(polling) = self.context.polling {
            for _ in 0..Polling::FUNCTIONS {
                functions.function(polling.bulk_type);
            }
        }
        for index in self.context.fuel_abi.trampoline_types() {
            functions.function(index);
        }
    }

    /// Adds the code of the functions that replace imports, before all others.
    pub(super) fn add_imported_code(&self, code: &mut CodeSection) {
        let info = self.context.info;
        for (import, ty) in info.imports.iter().zip(&info.function_types) {
            code.function(&match self.is_metered {
                true => replacement(*import, *ty, self.context.globals),
                false => unmetered_replacement(*import, *ty, self.context.globals),
            });
        }
    }

    pub(super) fn add_code(&mut self, code: &mut CodeSection) {
        self.done.push(SectionId::Code);
        let RewriteContext {
            globals,
            fuel_abi,
            polling,
            ..
        } = &self.context;
        code.function(&globals.call_begin());
        code.function(&globals.refill());
        for function in polling.iter().flat_map(|polling| polling.functions()) {
            code.function(&function);
        }
        for body in fuel_abi.trampoline_bodies(*globals) {
            code.function(&body);
        }
    }

    pub(super) fn add_tables(&mut self, tables: &mut TableSection) {
        self.done.push(SectionId::Table);
        let elements = match self.context.info.logs() {
            true => HOST_LOG + 1,
            false => HOST_REFILL + 1,
        };
        tables.table(TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: elements,
            maximum: Some(elements),
            shared: false,
        });
    }

    pub(super) fn add_memories(&mut self, memories: &mut MemorySection) {
        self.done.push(SectionId::Memory);
        if self.context.polling.is_some() {
            memories.memory(Polling::MEMORY_TYPE);
        }
    }

    pub(super) fn add_globals(&mut self, globals: &mut GlobalSection) {
        self.done.push(SectionId::Global);
        for val_type in MeteringGlobals::TYPES {
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

    pub(super) fn add_exports(&mut self, exports: &mut ExportSection) {
        self.done.push(SectionId::Export);
        let RewriteContext {
            globals,
            fuel_abi,
            info,
            polling,
            ..
        } = &self.context;
        for (name, global) in [
            (EXPORT_FUEL, globals.fuel()),
            (EXPORT_STACK, globals.stack()),
            (EXPORT_CALL_FUEL, globals.call_fuel()),
            (EXPORT_NEXT_ROW, globals.next_row()),
        ] {
            exports.export(name, ExportKind::Global, global);
        }
        let call_begin = globals.refill_function - 1;
        exports.export(EXPORT_CALL_BEGIN, ExportKind::Func, call_begin);
        exports.export(EXPORT_HOST, ExportKind::Table, globals.host_table);
        if let Some(polling) = polling {
            exports.export(EXPORT_CANCEL, ExportKind::Memory, polling.memory);
        }
        for (number, global) in info.mutable_state.exported().iter().enumerate() {
            let name = format!("{EXPORT_GLOBAL_PREFIX}{number}");
            exports.export(&name, ExportKind::Global, *global);
        }
        if let Some(start) = info.start {
            let start = fuel_abi.trampoline(start);
            exports.export(EXPORT_START, ExportKind::Func, start);
        }
    }

    /// Adds the extended sections that the module lacks and that belong before the
    /// section `next`, or before the end.
    pub(super) fn add_missing_sections(
        &mut self,
        next: Option<SectionId>,
        module: &mut Module,
    ) -> Result<(), ReencodeError<Error>> {
        for section in EXTENDED {
            let is_next = next.is_some_and(|next| next as u8 == section as u8);
            let is_done = self.done.iter().any(|done| *done as u8 == section as u8);
            if !is_done && !is_next && belongs_before(section, next) {
                self.add_section(section, module)?;
            }
        }
        Ok(())
    }

    /// Adds a section that the module lacks.
    fn add_section(
        &mut self,
        section: SectionId,
        module: &mut Module,
    ) -> Result<(), ReencodeError<Error>> {
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
            SectionId::Memory if self.context.polling.is_none() => {}
            SectionId::Memory => {
                let mut memories = MemorySection::new();
                self.add_memories(&mut memories);
                module.section(&memories);
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
}

/// Returns true if a section that the module lacks belongs before `next`.
fn belongs_before(section: SectionId, next: Option<SectionId>) -> bool {
    use SectionId::*;
    let order = [
        Type, Import, Function, Table, Memory, Tag, Global, Export, Start, Element, DataCount,
        Code, Data,
    ];
    let position = |id: SectionId| order.iter().position(|other| *other as u8 == id as u8);
    match next {
        None => true,
        Some(next) => position(next) > position(section),
    }
}
