//! The memory of a plain function's module, opened for its driver.

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{ExportKind, ExportSection, MemorySection, Module, RawSection};
use wasmparser::{BinaryReaderError, ExternalKind, Parser, Payload};

use crate::error::Error;

/// Exports the memory of a module as `memory`, and lets it grow: the driver needs pages for
/// arguments and results. What the function may have is limited by the host all the same.
///
/// # Errors
///
/// [`Error::Invalid`] if the module is not valid.
pub(crate) fn with_open_memory(module: &[u8]) -> Result<Vec<u8>, Error> {
    open(module).map_err(|error| invalid(&error))
}

/// Parts of a module that its driver uses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parts {
    /// The module has a memory.
    pub(crate) memory: bool,
    /// The module exports a function by the name that was asked for.
    pub(crate) function: bool,
}

impl Parts {
    /// Finds the memory of a module, and the exported function `name`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the module is not valid.
    pub(crate) fn of(module: &[u8], name: &str) -> Result<Self, Error> {
        Self::find(module, name).map_err(|error| invalid(&error))
    }

    fn find(module: &[u8], name: &str) -> Result<Self, BinaryReaderError> {
        let mut parts = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::MemorySection(memories) => parts.memory = memories.count() > 0,
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        parts.function |= export.name == name && export.kind == ExternalKind::Func;
                    }
                }
                Payload::CodeSectionStart { .. } => break,
                _ => {}
            }
        }
        Ok(parts)
    }
}

/// Converts the error of a module that is not valid.
pub(super) fn invalid(error: &BinaryReaderError) -> Error {
    Error::Invalid {
        place: "the module".to_owned(),
        message: error.message().to_owned(),
        offset: error.offset(),
    }
}

fn open(module: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let mut output = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        match &payload {
            Payload::MemorySection(memories) => {
                let mut section = MemorySection::new();
                for memory in memories.clone() {
                    let memory = RoundtripReencoder.memory_type(memory?);
                    let Ok(mut memory) = memory else { continue };
                    memory.maximum = None;
                    section.memory(memory);
                }
                output.section(&section);
            }
            Payload::ExportSection(exports) => {
                let mut section = ExportSection::new();
                for export in exports.clone() {
                    let export = export?;
                    // An export of that name that is no memory would stand in the way.
                    if export.name != MEMORY && export.kind != ExternalKind::Memory {
                        let kind = RoundtripReencoder.export_kind(export.kind);
                        let Ok(kind) = kind else { continue };
                        section.export(export.name, kind, export.index);
                    }
                }
                section.export(MEMORY, ExportKind::Memory, 0);
                output.section(&section);
            }
            other => {
                if let Some((id, range)) = other.as_section() {
                    let data = &module[range];
                    output.section(&RawSection { id, data });
                }
            }
        }
    }
    Ok(output.finish())
}

/// Name of the export.
const MEMORY: &str = "memory";
