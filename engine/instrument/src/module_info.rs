//! Facts about a valid module, collected in one scan.

use wasmparser::{
    ElementItems, ExternalKind, FuncType, FuncValidatorAllocations, Operator, Parser, Payload,
    TypeRef, ValidPayload, Validator,
};

use crate::error::Error;
use crate::function_info::FunctionInfo;
use crate::imports::Import;
use crate::mutable_state::MutableState;
use crate::names::EXPORT_PREFIX;
use crate::options::{FEATURES, Options};

/// Facts about a valid module.
#[derive(Default)]
pub(crate) struct ModuleInfo {
    /// Function types by type index.
    pub(crate) types: Vec<FuncType>,
    /// The type index of every function, imported ones first.
    pub(crate) function_types: Vec<u32>,
    /// The imports, all of which are functions.
    pub(crate) imports: Vec<Import>,
    /// The number of tables.
    pub(crate) tables: u32,
    /// The number of memories, at most 1.
    pub(crate) memories: u32,
    /// The number of globals.
    pub(crate) globals: u32,
    /// Names and indices of the exported functions.
    pub(crate) exports: Vec<(String, u32)>,
    /// The functions that the host or a reference may call, sorted.
    pub(crate) entries: Vec<u32>,
    /// The functions that a reference may call, sorted.
    pub(crate) referenced: Vec<u32>,
    /// The start function.
    pub(crate) start: Option<u32>,
    /// The functions that the module defines, in order.
    pub(crate) bodies: Vec<FunctionInfo>,
    /// State that survives a call.
    pub(crate) mutable_state: MutableState,
}

impl ModuleInfo {
    /// Returns true if the module may log messages.
    pub(crate) fn logs(&self) -> bool {
        self.imports.contains(&Import::Log)
    }

    /// Validates and scans a module.
    ///
    /// # Errors
    ///
    /// Any [`Error`] but [`Error::CallChainTooDeep`], [`Error::CompileBudget`] and
    /// [`Error::Internal`].
    pub(crate) fn of(module: &[u8], options: Options) -> Result<Self, Error> {
        let mut info = Self::default();
        let mut validator = Validator::new_with_features(FEATURES);
        let mut allocations = FuncValidatorAllocations::default();
        let (functions_max, nesting_max) = (
            options.compile_budget.functions_max,
            options.compile_budget.nesting_max,
        );
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload?;
            let valid = validator.payload(&payload)?;
            info.section(&payload)?;
            let functions = info.function_types.len() - info.imports.len();
            if functions > functions_max {
                return Err(Error::TooManyFunctions {
                    functions,
                    functions_max,
                });
            }
            if let ValidPayload::Func(function, body) = valid {
                let mut validator = function.into_validator(allocations);
                let function = (info.imports.len() + info.bodies.len()) as u32;
                let body = FunctionInfo::of(&body, &mut validator, &info.imports, nesting_max)?;
                let body = body.ok_or(Error::NestingTooDeep {
                    function,
                    nesting_max,
                })?;
                info.referenced.extend(&body.references);
                info.bodies.push(body);
                allocations = validator.into_allocations();
            }
        }
        info.entries.extend_from_slice(&info.referenced);
        for list in [&mut info.entries, &mut info.referenced] {
            list.sort_unstable();
            list.dedup();
        }
        info.mutable_state = MutableState::of(module)?;
        Ok(info)
    }

    /// Returns true if the host or a reference may call the function.
    pub(crate) fn is_entry(&self, function: u32) -> bool {
        self.entries.binary_search(&function).is_ok()
    }

    /// The type of a function.
    pub(crate) fn function_type(&self, function: u32) -> &FuncType {
        &self.types[self.function_types[function as usize] as usize]
    }

    fn section(&mut self, payload: &Payload<'_>) -> Result<(), Error> {
        match payload {
            Payload::TypeSection(types) => {
                for group in types.clone() {
                    for sub_type in group?.into_types() {
                        self.types.push(sub_type.unwrap_func().clone());
                    }
                }
            }
            Payload::ImportSection(imports) => self.imports(imports)?,
            Payload::FunctionSection(functions) => {
                for index in functions.clone() {
                    self.function_types.push(index?);
                }
            }
            Payload::GlobalSection(globals) => {
                self.globals += globals.count();
                for global in globals.clone() {
                    self.references(global?.init_expr.get_operators_reader())?;
                }
            }
            Payload::TableSection(tables) => {
                self.tables += tables.count();
                for table in tables.clone() {
                    if let wasmparser::TableInit::Expr(init) = table?.init {
                        self.references(init.get_operators_reader())?;
                    }
                }
            }
            Payload::MemorySection(memories) => self.memories += memories.count(),
            Payload::ExportSection(exports) => self.exports(exports)?,
            Payload::StartSection { func, .. } => {
                self.start = Some(*func);
                self.entries.push(*func);
            }
            Payload::ElementSection(elements) => self.elements(elements)?,
            _ => {}
        }
        Ok(())
    }

    fn imports(&mut self, imports: &wasmparser::ImportSectionReader<'_>) -> Result<(), Error> {
        for import in imports.clone().into_imports() {
            let import = import?;
            let permitted = match import.ty {
                TypeRef::Func(index) => {
                    self.function_types.push(index);
                    let ty = &self.types[index as usize];
                    Import::of(import.module, import.name, ty)
                }
                _ => None,
            };
            self.imports
                .push(permitted.ok_or_else(|| Error::UnknownImport {
                    module: import.module.escape_debug().to_string(),
                    name: import.name.escape_debug().to_string(),
                })?);
        }
        Ok(())
    }

    fn exports(&mut self, exports: &wasmparser::ExportSectionReader<'_>) -> Result<(), Error> {
        for export in exports.clone() {
            let export = export?;
            if export.name.starts_with(EXPORT_PREFIX) {
                return Err(Error::ReservedExport {
                    name: export.name.escape_debug().to_string(),
                });
            }
            if export.kind == ExternalKind::Func {
                self.entries.push(export.index);
                self.exports.push((export.name.to_owned(), export.index));
            }
        }
        Ok(())
    }

    fn elements(&mut self, elements: &wasmparser::ElementSectionReader<'_>) -> Result<(), Error> {
        for element in elements.clone() {
            match element?.items {
                ElementItems::Functions(functions) => {
                    for function in functions {
                        self.referenced.push(function?);
                    }
                }
                ElementItems::Expressions(_, expressions) => {
                    for expression in expressions {
                        self.references(expression?.get_operators_reader())?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Records the functions that a constant expression references.
    fn references(&mut self, expression: wasmparser::OperatorsReader<'_>) -> Result<(), Error> {
        for operator in expression {
            if let Operator::RefFunc { function_index } = operator? {
                self.referenced.push(function_index);
            }
        }
        Ok(())
    }
}
