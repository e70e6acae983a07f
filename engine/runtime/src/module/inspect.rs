//! Inspection of a module: validation and exports, without running it.
//!
//! Every permanent defect is refused here, so that an accepted module instantiates
//! later.

use std::collections::{BTreeMap, BTreeSet};

use fusebox_abi::{
    EXPORT_ALLOC, EXPORT_FINISH_PREFIX, EXPORT_FUNCTION_PREFIX, EXPORT_INITIALIZE, EXPORT_MEMORY,
    EXPORT_MERGE_PREFIX, EXPORT_NEXT_PREFIX, EXPORT_PARTITION_PREFIX, EXPORT_RANK_PREFIX,
    EXPORT_RELEASE_GROUPS_PREFIX, EXPORT_RETRACT_PREFIX, EXPORT_STATE_PREFIX, EXPORT_TABLE_PREFIX,
    EXPORT_UPDATE_PREFIX, EXPORT_VERSION, EXPORT_VERSION_PREFIX, IMPORT_MODULE, SECTION_FUNCTIONS,
};
use fusebox_definition::{Kind, ModuleError};
use wasmparser::{ExternalKind, FuncType, Parser, Payload, ValType};

use super::validate::{Bodies, invalid, validate};

/// Operation of a function: one export that the host calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// Scalar function.
    Call,
    /// Aggregate: adds rows to states.
    Update,
    /// Aggregate: merges partial states into states.
    Merge,
    /// Aggregate: returns partial states.
    State,
    /// Aggregate: returns results.
    Finish,
    /// Aggregate: releases the first groups.
    ReleaseGroups,
    /// Aggregate: removes rows from states. Optional.
    Retract,
    /// Window function over the rows of a partition, in order, in several calls.
    Next,
    /// Window function over a whole partition in one call.
    Partition,
    /// Window function over the ranges of peer rows.
    Rank,
    /// Table function.
    Generate,
}

/// Returns the operations of a kind of function, with the prefixes of their exports.
fn prefixes(kind: Kind) -> &'static [(Operation, &'static str)] {
    match kind {
        Kind::Scalar => &[(Operation::Call, EXPORT_FUNCTION_PREFIX)],
        Kind::Aggregate => &[
            (Operation::Update, EXPORT_UPDATE_PREFIX),
            (Operation::Merge, EXPORT_MERGE_PREFIX),
            (Operation::State, EXPORT_STATE_PREFIX),
            (Operation::Finish, EXPORT_FINISH_PREFIX),
            (Operation::ReleaseGroups, EXPORT_RELEASE_GROUPS_PREFIX),
            (Operation::Retract, EXPORT_RETRACT_PREFIX),
        ],
        Kind::Window => &[
            (Operation::Next, EXPORT_NEXT_PREFIX),
            (Operation::Partition, EXPORT_PARTITION_PREFIX),
            (Operation::Rank, EXPORT_RANK_PREFIX),
        ],
        Kind::Table => &[(Operation::Generate, EXPORT_TABLE_PREFIX)],
    }
}

/// Facts about a valid module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inspection {
    /// Types of the exported functions, by name.
    exports: BTreeMap<String, ExportType>,
    /// Initial size of the linear memory in bytes.
    memory_bytes: u64,
    /// True if the module has a memory of its own.
    has_memory: bool,
    /// True if the memory is exported under the ABI's name.
    exports_memory: bool,
    /// True if there is a start function.
    has_start: bool,
    /// True if something is imported that is not row metering.
    imports_others: bool,
    /// Text of the section `fusebox.functions`.
    declarations: String,
}

/// Type of an exported function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExportType(FuncType);

impl Inspection {
    /// Validates and reads a binary module.
    pub(crate) fn of(binary: &[u8], bodies: Bodies) -> Result<Self, ModuleError> {
        let types = validate(binary, bodies)?;
        let mut inspection = Self::default();
        for payload in Parser::new(0).parse_all(binary) {
            match payload.map_err(invalid)? {
                Payload::MemorySection(memories) => {
                    for memory in memories {
                        let memory = memory.map_err(invalid)?;
                        inspection.has_memory = true;
                        inspection.memory_bytes = memory.initial.saturating_mul(WASM_PAGE_BYTES);
                    }
                }
                Payload::StartSection { .. } => inspection.has_start = true,
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        inspection.imports_others |=
                            import.map_err(invalid)?.module != IMPORT_MODULE;
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export.map_err(invalid)?;
                        if export.kind == ExternalKind::Func {
                            let function = types.as_ref().core_function_at(export.index);
                            let signature = ExportType(types[function].unwrap_func().clone());
                            inspection.exports.insert(export.name.to_owned(), signature);
                        }
                        inspection.exports_memory |=
                            export.name == EXPORT_MEMORY && export.kind == ExternalKind::Memory;
                    }
                }
                Payload::CustomSection(section) if section.name() == SECTION_FUNCTIONS => {
                    let text = std::str::from_utf8(section.data())
                        .map_err(|_| ModuleError::Declaration("it is not UTF-8".to_owned()))?;
                    inspection.declarations.push_str(text);
                }
                _ => {}
            }
        }
        Ok(inspection)
    }

    /// Returns the text of the section `fusebox.functions`; empty if there is none.
    pub(crate) fn declarations(&self) -> &str {
        &self.declarations
    }

    /// Returns true if the module imports something else than row metering.
    pub(crate) fn imports_others(&self) -> bool {
        self.imports_others
    }

    /// Returns true if the module has a memory of its own.
    pub(crate) fn has_memory(&self) -> bool {
        self.has_memory
    }

    /// Returns true if the module exports a function of this name.
    pub(crate) fn exports(&self, name: &str) -> bool {
        self.exports.contains_key(name)
    }

    /// Returns the types of all exported functions, by name.
    pub(crate) fn function_types(&self) -> BTreeMap<&str, &FuncType> {
        let exports = self.exports.iter();
        exports.map(|(name, ty)| (name.as_str(), &ty.0)).collect()
    }

    /// Returns the type of an exported function that is not one of the ABI, unless there is a
    /// scalar function of this symbol.
    pub(crate) fn plain_function(&self, symbol: &str) -> Option<&ExportType> {
        let column_function = format!("{EXPORT_FUNCTION_PREFIX}{symbol}");
        let plain = self.exports.get(symbol);
        let is_of_abi = symbol.starts_with("fusebox_") || symbol == EXPORT_INITIALIZE;
        plain.filter(|_| !is_of_abi && !self.exports.contains_key(&column_function))
    }

    /// Returns true if instantiation runs code of the module.
    pub(crate) fn has_start(&self) -> bool {
        self.has_start || self.exports.contains_key(EXPORT_INITIALIZE)
    }

    /// Returns the symbols of all functions, sorted.
    pub(crate) fn symbols(&self) -> Vec<String> {
        let prefixes = Kind::ALL
            .into_iter()
            .flat_map(prefixes)
            .map(|(_, prefix)| prefix);
        let symbols = prefixes.flat_map(|prefix| {
            let names = self.exports.keys();
            names.filter_map(move |name| name.strip_prefix(prefix))
        });
        let symbols: BTreeSet<&str> = symbols.collect();
        symbols.into_iter().map(str::to_owned).collect()
    }

    /// Checks that the module has a function of that kind and symbol and everything that
    /// its calls need; returns its operations with the names of their exports.
    pub(crate) fn operations(
        &self,
        kind: Kind,
        symbol: &str,
        memory_bytes_max: u64,
    ) -> Result<Vec<(Operation, String)>, ModuleError> {
        let mut operations = Vec::new();
        let mut missing = None;
        for (operation, prefix) in prefixes(kind) {
            let export = format!("{prefix}{symbol}");
            match self.exports.get(&export) {
                Some(found) => {
                    self.check_version()?;
                    found.expect(
                        &export,
                        &[ValType::I32; 3],
                        &[ValType::I32],
                        "(i32, i32, i32) -> i32",
                    )?;
                    operations.push((*operation, export));
                }
                None if *operation == Operation::Retract => {}
                None => {
                    missing.get_or_insert((export, prefix));
                }
            }
        }
        // A window function has one of several operations, an aggregate has all.
        let missing = missing.filter(|_| kind != Kind::Window || operations.is_empty());
        if let Some((missing, prefix)) = missing {
            return Err(self.missing_function(kind, symbol, missing, prefix));
        }
        if kind == Kind::Window {
            operations.truncate(1);
        }
        let alloc = self
            .exports
            .get(EXPORT_ALLOC)
            .ok_or_else(|| no_export(EXPORT_ALLOC, vec![]))?;
        alloc.expect(
            EXPORT_ALLOC,
            &[ValType::I32],
            &[ValType::I32],
            "(i32) -> i32",
        )?;
        if let Some(start) = self.exports.get(EXPORT_INITIALIZE) {
            start.expect(EXPORT_INITIALIZE, &[], &[], "() -> ()")?;
        }
        if !self.exports_memory {
            return Err(no_export(EXPORT_MEMORY, vec![]));
        }
        if self.memory_bytes > memory_bytes_max {
            return Err(ModuleError::Memory {
                bytes: self.memory_bytes,
                bytes_max: memory_bytes_max,
            });
        }
        Ok(operations)
    }

    /// Describes the exports that there are in place of `missing`, which begins with `prefix`.
    fn missing_function(
        &self,
        kind: Kind,
        symbol: &str,
        missing: String,
        prefix: &str,
    ) -> ModuleError {
        let is_exported = |kind: &Kind| {
            let mut names = prefixes(*kind).iter();
            let name = |prefix: &str| format!("{prefix}{symbol}");
            names.any(|(_, prefix)| self.exports.contains_key(&name(prefix)))
        };
        let mut others = Kind::ALL.into_iter().filter(|other| *other != kind);
        let names = self.exports.keys();
        let functions = Kind::ALL.into_iter().flat_map(prefixes);
        let mut functions = functions.map(|(_, prefix)| prefix);
        if functions.any(|prefix| names.clone().any(|name| name.starts_with(prefix))) {
            return ModuleError::NoExport {
                export: missing,
                available: names
                    .filter(|name| name.starts_with(prefix))
                    .cloned()
                    .collect(),
                kind: others.find(is_exported),
            };
        }
        ModuleError::ForeignExports {
            export: missing,
            available: names
                .filter(|name| !name.starts_with("fusebox_"))
                .take(FOREIGN_EXPORTS_MAX)
                .cloned()
                .collect(),
        }
    }

    fn check_version(&self) -> Result<(), ModuleError> {
        if self.exports.contains_key(EXPORT_VERSION) {
            return Ok(());
        }
        let other = self
            .exports
            .keys()
            .find(|name| name.starts_with(EXPORT_VERSION_PREFIX));
        Err(match other {
            Some(found) => ModuleError::Abi {
                found: found.escape_debug().to_string(),
            },
            None => no_export(EXPORT_VERSION, vec![]),
        })
    }
}

/// Maximum foreign exports that an error names.
const FOREIGN_EXPORTS_MAX: usize = 10;

const WASM_PAGE_BYTES: u64 = 65_536;

impl ExportType {
    /// Returns the types of the parameters.
    pub(crate) fn parameters(&self) -> &[ValType] {
        self.0.params()
    }

    /// Returns the types of the results.
    pub(crate) fn results(&self) -> &[ValType] {
        self.0.results()
    }

    fn expect(
        &self,
        export: &str,
        params: &[ValType],
        results: &[ValType],
        expected: &'static str,
    ) -> Result<(), ModuleError> {
        if self.0.params() == params && self.0.results() == results {
            return Ok(());
        }
        Err(ModuleError::ExportType {
            export: export.to_owned(),
            expected,
            found: self.to_string(),
        })
    }
}

impl std::fmt::Display for ExportType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |types: &[ValType]| {
            let names: Vec<_> = types.iter().map(ValType::to_string).collect();
            names.join(", ")
        };
        let results = self.0.results();
        write!(f, "({}) -> ", list(self.0.params()))?;
        match results {
            [one] => write!(f, "{one}"),
            _ => write!(f, "({})", list(results)),
        }
    }
}

fn no_export(export: &str, available: Vec<String>) -> ModuleError {
    ModuleError::NoExport {
        export: export.to_owned(),
        available,
        kind: None,
    }
}
