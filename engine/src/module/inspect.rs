//! What a module says of itself, read without running it.
//!
//! Everything that can be refused for good is refused here, so that a module
//! that was accepted can be instantiated later without surprises.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use fusebox_abi::{
    EXPORT_ALLOC, EXPORT_FINISH_PREFIX, EXPORT_FUNCTION_PREFIX, EXPORT_MEMORY, EXPORT_MERGE_PREFIX,
    EXPORT_NEXT_PREFIX, EXPORT_PARTITION_PREFIX, EXPORT_RANK_PREFIX, EXPORT_RELEASE_GROUPS_PREFIX,
    EXPORT_RETRACT_PREFIX, EXPORT_STATE_PREFIX, EXPORT_TABLE_PREFIX, EXPORT_UPDATE_PREFIX,
    EXPORT_VERSION, EXPORT_VERSION_PREFIX, SECTION_FUNCTIONS,
};
use fusebox_instrument::FEATURES;
use wasmparser::{Encoding, ExternalKind, FuncType, Parser, Payload, ValType, Validator};

use crate::definition::Kind;
use crate::error::ModuleFault;

/// What the host calls of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A scalar function.
    Call,
    Update,
    Merge,
    State,
    Finish,
    ReleaseGroups,
    Retract,
    /// A window function over a partition's rows, in order and in pieces.
    Next,
    /// A window function over a whole partition.
    Partition,
    /// A window function of which rows are peers.
    Rank,
    /// A table function.
    Generate,
}

/// The operations of a kind of function, with what the names of their exports
/// begin with.
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

/// What was found in a valid module.
#[derive(Debug, Default)]
pub(crate) struct Inspection {
    /// The exported functions, under the names in which they are exported.
    exports: BTreeMap<String, Signature>,
    /// The bytes of memory it starts with.
    memory_bytes: u64,
    /// Whether it exports its memory under the ABI's name.
    exports_memory: bool,
    /// The text of its section `fusebox.functions`.
    declarations: String,
}

/// A function type, as the ABI sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Signature(FuncType);

/// Turns what a user gave for a module, binary or text, into the binary.
pub(crate) fn decode(bytes: &[u8], bytes_max: u64) -> Result<Cow<'_, [u8]>, ModuleFault> {
    let too_large = |bytes: usize| ModuleFault::TooLarge {
        bytes: bytes as u64,
        bytes_max,
    };
    if bytes.len() as u64 > bytes_max {
        return Err(too_large(bytes.len()));
    }
    if bytes.starts_with(b"\0asm") {
        return Ok(Cow::Borrowed(bytes));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| ModuleFault::NotWasm)?;
    if !text.contains("(module") {
        return Err(ModuleFault::NotWasm);
    }
    let binary = wat::parse_str(text).map_err(|error| ModuleFault::Text(first_line(&error)))?;
    if binary.len() as u64 > bytes_max {
        return Err(too_large(binary.len()));
    }
    Ok(Cow::Owned(binary))
}

/// The error's message and the place in the text, without the drawing.
fn first_line(error: &wat::Error) -> String {
    let text = error.to_string();
    let mut lines = text.lines();
    let message = lines.next().unwrap_or_default().to_owned();
    match lines
        .next()
        .map(|line| line.trim_start_matches([' ', '-', '>']))
    {
        Some(place) => format!("{message} at {}", place.trim_start_matches("<anon>:")),
        None => message,
    }
}

impl Inspection {
    /// Validates and reads a binary module.
    pub(crate) fn of(binary: &[u8]) -> Result<Self, ModuleFault> {
        let types = validate(binary)?;
        let mut inspection = Self::default();
        for payload in Parser::new(0).parse_all(binary) {
            match payload.map_err(invalid)? {
                Payload::MemorySection(memories) => {
                    for memory in memories {
                        let memory = memory.map_err(invalid)?;
                        inspection.memory_bytes = memory.initial.saturating_mul(WASM_PAGE_BYTES);
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export.map_err(invalid)?;
                        if export.kind == ExternalKind::Func {
                            let function = types.as_ref().core_function_at(export.index);
                            let signature = Signature(types[function].unwrap_func().clone());
                            inspection.exports.insert(export.name.to_owned(), signature);
                        }
                        inspection.exports_memory |=
                            export.name == EXPORT_MEMORY && export.kind == ExternalKind::Memory;
                    }
                }
                Payload::CustomSection(section) if section.name() == SECTION_FUNCTIONS => {
                    let text = std::str::from_utf8(section.data())
                        .map_err(|_| ModuleFault::Declaration("it is not UTF-8".to_owned()))?;
                    inspection.declarations.push_str(text);
                }
                _ => {}
            }
        }
        Ok(inspection)
    }

    /// The text of the section `fusebox.functions`; empty where there is none.
    pub(crate) fn declarations(&self) -> &str {
        &self.declarations
    }

    /// The symbols of all functions, in alphabetical order.
    pub(crate) fn symbols(&self) -> Vec<String> {
        let kinds = [Kind::Scalar, Kind::Aggregate, Kind::Window, Kind::Table];
        let prefixes = kinds
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

    /// Checks that the module has a function of that kind and symbol and all
    /// that its calls need, and returns its operations with the names of their
    /// exports.
    pub(crate) fn operations(
        &self,
        kind: Kind,
        symbol: &str,
        memory_bytes_max: u64,
    ) -> Result<Vec<(Operation, String)>, ModuleFault> {
        let mut operations = Vec::new();
        let mut missing = None;
        for (operation, prefix) in prefixes(kind) {
            let export = format!("{prefix}{symbol}");
            match self.exports.get(&export) {
                Some(found) => {
                    self.speaks_our_version()?;
                    found.must_be(
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
        // A window function is one of several operations, an aggregate is all.
        let missing = missing.filter(|_| kind != Kind::Window || operations.is_empty());
        if let Some((missing, prefix)) = missing {
            let others = self.exports.keys();
            let others = others.filter(|name| name.starts_with(prefix));
            return Err(no_export(&missing, others.cloned().collect()));
        }
        if kind == Kind::Window {
            operations.truncate(1);
        }
        let alloc = self
            .exports
            .get(EXPORT_ALLOC)
            .ok_or_else(|| no_export(EXPORT_ALLOC, vec![]))?;
        alloc.must_be(
            EXPORT_ALLOC,
            &[ValType::I32],
            &[ValType::I32],
            "(i32) -> i32",
        )?;
        if let Some(start) = self.exports.get(fusebox_abi::EXPORT_INITIALIZE) {
            start.must_be(fusebox_abi::EXPORT_INITIALIZE, &[], &[], "() -> ()")?;
        }
        if !self.exports_memory {
            return Err(no_export(EXPORT_MEMORY, vec![]));
        }
        if self.memory_bytes > memory_bytes_max {
            return Err(ModuleFault::Memory {
                bytes: self.memory_bytes,
                bytes_max: memory_bytes_max,
            });
        }
        Ok(operations)
    }

    fn speaks_our_version(&self) -> Result<(), ModuleFault> {
        if self.exports.contains_key(EXPORT_VERSION) {
            return Ok(());
        }
        let other = self
            .exports
            .keys()
            .find(|name| name.starts_with(EXPORT_VERSION_PREFIX));
        Err(match other {
            Some(found) => ModuleFault::Abi {
                found: found.escape_debug().to_string(),
            },
            None => no_export(EXPORT_VERSION, vec![]),
        })
    }
}

const WASM_PAGE_BYTES: u64 = 65_536;

impl Signature {
    fn must_be(
        &self,
        export: &str,
        params: &[ValType],
        results: &[ValType],
        expected: &'static str,
    ) -> Result<(), ModuleFault> {
        if self.0.params() == params && self.0.results() == results {
            return Ok(());
        }
        Err(ModuleFault::ExportType {
            export: export.to_owned(),
            expected,
            found: self.to_string(),
        })
    }
}

impl std::fmt::Display for Signature {
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

fn validate(binary: &[u8]) -> Result<wasmparser::types::Types, ModuleFault> {
    match Parser::new(0).parse_all(binary).next() {
        Some(Ok(Payload::Version {
            encoding: Encoding::Component,
            ..
        })) => return Err(ModuleFault::Component),
        Some(Ok(_)) => {}
        _ => return Err(ModuleFault::NotWasm),
    }
    Validator::new_with_features(FEATURES)
        .validate_all(binary)
        .map_err(invalid)
}

fn invalid(error: wasmparser::BinaryReaderError) -> ModuleFault {
    ModuleFault::Invalid(format!(
        "{} at offset {:#x}",
        error.message(),
        error.offset()
    ))
}

fn no_export(export: &str, available: Vec<String>) -> ModuleFault {
    ModuleFault::NoExport {
        export: export.to_owned(),
        available,
    }
}
