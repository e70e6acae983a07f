//! Description of a module for its author.

use std::collections::BTreeSet;

use fusebox_abi::SECTION_FUNCTIONS;
use fusebox_definition::statement::Declarations;
use fusebox_definition::{Digest, ModuleError};
use wasm_encoder::{CustomSection, Module, RawSection};
use wasmparser::{Parser, Payload, ValType};

use super::inspect::ExportType;
use super::linking::Wasi;
use super::loaded::LoadedModule;

/// Description of a module.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ModuleReport {
    /// True for a component, which was flattened to a core module.
    pub is_component: bool,
    /// Size in bytes, as it was loaded.
    pub bytes: u64,
    /// Digest of these bytes.
    pub digest: Digest,
    /// Imports, `module.name`, sorted. Empty for a component.
    pub imports: Vec<String>,
    /// Exports that are plain functions and not declared, sorted by name.
    pub plain_functions: Vec<PlainExport>,
    /// Exported functions of a component that cannot be called, each with the reason.
    pub refused: Vec<(String, String)>,
}

/// Export that is a plain function.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlainExport {
    /// Name of the export.
    pub name: String,
    /// Types of the export: `(i64, i64) -> i64`.
    pub types: String,
    /// Signature in SQL if all are numbers, `(BIGINT, BIGINT) RETURNS BIGINT`, with `STABLE` for a
    /// function that may read the clock or random numbers. `None` if a type is none of a number,
    /// or if there is not one result.
    pub signature: Option<String>,
}

impl LoadedModule {
    /// Describes the module.
    pub fn report(&self) -> ModuleReport {
        let declared: BTreeSet<&str> = self.declarations().iter().map(|d| d.symbol()).collect();
        let inspection = self.inspection();
        let names = inspection.function_types().into_keys();
        let plain = names.filter(|name| {
            // `_start`, allocators and the like are not for callers.
            let is_internal = name.starts_with('_') || ALLOCATORS.contains(name);
            let is_internal = is_internal || declared.contains(name);
            self.component().is_none() && !is_internal
        });
        let plain = plain.filter_map(|name| {
            let export = inspection.plain_function(name)?;
            let mut signature = signature(export);
            if let Some(signature) = &mut signature
                && self.reads_inputs(name)
            {
                signature.push_str(" STABLE");
            }
            Some(PlainExport {
                name: name.to_owned(),
                types: export.to_string(),
                signature,
            })
        });
        let refused = self.component().map(|component| component.refused());
        ModuleReport {
            is_component: self.component().is_some(),
            bytes: self.bytes().len() as u64,
            digest: self.digest(),
            imports: match self.component() {
                Some(_) => Vec::new(),
                None => imports(self.bytes()),
            },
            plain_functions: plain.collect(),
            refused: refused.unwrap_or_default(),
        }
    }

    /// Returns true if an export may read the clock or random numbers.
    fn reads_inputs(&self, export: &str) -> bool {
        let wasi = match self.is_linked() {
            true => Wasi::of(self.bytes()).ok(),
            false => None,
        };
        let linker = wasi
            .as_ref()
            .and_then(|wasi| wasi.linker(self.bytes()).ok());
        let inputs = linker.and_then(|linker| linker.ambient_inputs(export).ok());
        inputs.is_some_and(|inputs| inputs.clock || inputs.random)
    }

    /// Returns the bytes of the module with declarations of its functions, `CREATE FUNCTION`
    /// without a source, in place of those that it had.
    ///
    /// # Errors
    ///
    /// [`ModuleError::Declaration`] if they do not parse, and [`ModuleError::Component`] for a
    /// component.
    pub fn annotate(&self, declarations: &str) -> Result<Vec<u8>, ModuleError> {
        if self.component().is_some() {
            let message = "it declares its functions by their types in WIT";
            return Err(ModuleError::Component(message.to_owned()));
        }
        Declarations::parse(declarations)?;
        let mut module = Module::new();
        for payload in Parser::new(0).parse_all(self.bytes()) {
            let payload = payload.map_err(|error| ModuleError::Invalid(error.to_string()))?;
            let is_declaration = matches!(&payload, Payload::CustomSection(section)
                if section.name() == SECTION_FUNCTIONS);
            if let Some((id, range)) = payload.as_section()
                && !is_declaration
            {
                let data = &self.bytes()[range];
                module.section(&RawSection { id, data });
            }
        }
        let section = CustomSection {
            name: SECTION_FUNCTIONS.into(),
            data: declarations.as_bytes().into(),
        };
        module.section(&section);
        Ok(module.finish())
    }
}

/// Exports that the drivers of plain functions call.
const ALLOCATORS: [&str; 7] = [
    "alloc",
    "allocate",
    "cabi_realloc",
    "dealloc",
    "deallocate",
    "free",
    "malloc",
];

/// Returns the imports of a valid module, sorted.
fn imports(binary: &[u8]) -> Vec<String> {
    let mut names = BTreeSet::new();
    for payload in Parser::new(0).parse_all(binary).flatten() {
        if let Payload::ImportSection(imports) = payload {
            let imports = imports.into_imports().flatten();
            names.extend(imports.map(|import| format!("{}.{}", import.module, import.name)));
        }
    }
    names.into_iter().collect()
}

/// Returns the signature of a plain function over numbers.
fn signature(export: &ExportType) -> Option<String> {
    let name = |ty: &ValType| match ty {
        ValType::I32 => Some("INT"),
        ValType::I64 => Some("BIGINT"),
        ValType::F32 => Some("REAL"),
        ValType::F64 => Some("DOUBLE"),
        _ => None,
    };
    let [result] = export.results() else {
        return None;
    };
    let parameters: Option<Vec<_>> = export.parameters().iter().map(name).collect();
    Some(format!(
        "({}) RETURNS {}",
        parameters?.join(", "),
        name(result)?
    ))
}
