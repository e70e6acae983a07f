//! The instrumented module, section by section.
//!
//! Everything keeps its order and its index: functions replace the imports, and the
//! pass appends types, tables, globals, functions and exports.

// Additions to the sections of a module.
mod additions;

use wasm_encoder::reencode::{Error as ReencodeError, Reencode, utils};
use wasm_encoder::{
    CodeSection, CustomSection, ExportSection, FunctionSection, GlobalSection, ImportSection,
    MemorySection, Module, SectionId, TableSection, TypeSection,
};
use wasmparser::{BinaryReader, FunctionBody};

use crate::error::Error;
use crate::metering_plan::{FuelSource, MeteringPlan};
use crate::module_info::ModuleInfo;
use crate::names::SECTION_INSTRUMENTED;
use crate::options::Options;
use crate::weights::WEIGHTS_VERSION;
use additions::Additions;

/// Emits the instrumented module, metered or with the same exports only.
pub(crate) fn emit(
    module: &[u8],
    info: &ModuleInfo,
    plan: &MeteringPlan,
    options: Options,
) -> Result<Vec<u8>, Error> {
    let mut emitter = Emitter {
        additions: Additions::new(info, plan, options),
        bodies: 0,
    };
    let mut output = Module::new();
    let module = without_start(module)?;
    emitter
        .parse_core_module(&mut output, wasmparser::Parser::new(0), &module)
        .map_err(|error| match error {
            ReencodeError::UserError(error) => error,
            other => Error::internal(other.to_string()),
        })?;
    output.section(&CustomSection {
        name: SECTION_INSTRUMENTED.into(),
        data: (&WEIGHTS_VERSION.to_le_bytes()).into(),
    });
    Ok(output.finish())
}

/// The module without its start section.
fn without_start(module: &[u8]) -> Result<Vec<u8>, Error> {
    const HEADER_BYTES: usize = 8;
    let (header, _) = module
        .split_at_checked(HEADER_BYTES)
        .ok_or_else(|| Error::internal("the module has no header"))?;
    let mut output = header.to_vec();
    let mut reader = BinaryReader::new(module, 0);
    reader.read_bytes(HEADER_BYTES)?;
    while !reader.eof() {
        let start = reader.original_position();
        let id = reader.read_u8()?;
        let len = reader.read_var_u32()?;
        reader.read_bytes(len as usize)?;
        if id != SectionId::Start as u8 {
            output.extend_from_slice(&module[start..reader.original_position()]);
        }
    }
    Ok(output)
}

/// Re-encodes a module with additions.
struct Emitter<'a> {
    additions: Additions<'a>,
    /// The number of bodies that have been re-encoded.
    bodies: usize,
}

impl Reencode for Emitter<'_> {
    type Error = Error;

    /// Replaces a function index outside of direct calls, which are rewritten
    /// elsewhere.
    fn function_index(&mut self, function: u32) -> Result<u32, ReencodeError<Error>> {
        Ok(self.additions.context.fuel_abi.trampoline(function))
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Result<(), ReencodeError<Error>> {
        utils::parse_type_section(self, types, section)?;
        self.additions.add_types(types)
    }

    /// Drops the import section.
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
        let context = &self.additions.context;
        self.additions.add_imported_functions(functions);
        let first = context.info.imports.len() as u32;
        for function in first..first + section.count() {
            functions.function(context.fuel_abi.type_of(function));
        }
        self.additions.add_functions(functions);
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Result<(), ReencodeError<Error>> {
        self.additions.add_imported_code(code);
        utils::parse_code_section(self, code, section)?;
        self.additions.add_code(code);
        Ok(())
    }

    fn parse_table_section(
        &mut self,
        tables: &mut TableSection,
        section: wasmparser::TableSectionReader<'_>,
    ) -> Result<(), ReencodeError<Error>> {
        utils::parse_table_section(self, tables, section)?;
        self.additions.add_tables(tables);
        Ok(())
    }

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: wasmparser::MemorySectionReader<'_>,
    ) -> Result<(), ReencodeError<Error>> {
        utils::parse_memory_section(self, memories, section)?;
        self.additions.add_memories(memories);
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Result<(), ReencodeError<Error>> {
        utils::parse_global_section(self, globals, section)?;
        self.additions.add_globals(globals);
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Result<(), ReencodeError<Error>> {
        utils::parse_export_section(self, exports, section)?;
        self.additions.add_exports(exports);
        Ok(())
    }

    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _: Option<SectionId>,
        next: Option<SectionId>,
    ) -> Result<(), ReencodeError<Error>> {
        self.additions.add_missing_sections(next, module)
    }

    /// Copies custom sections, since no index changes, without validating them. Drops
    /// those that refer to positions in the code, which do change, and the one that the
    /// pass adds itself.
    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: wasmparser::CustomSectionReader<'_>,
    ) -> Result<(), ReencodeError<Error>> {
        let name = section.name();
        let is_dropped = name.starts_with(".debug_")
            || name.starts_with("metadata.code.")
            || name == SECTION_INSTRUMENTED;
        if is_dropped {
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
        let context = &self.additions.context;
        let function_plan = context.plan.functions[defined];
        self.bodies += 1;
        if let FuelSource::Caller { .. } = function_plan.fuel_source {
            return utils::parse_function_body(self, code, body);
        }
        code.function(&context.rewrite(defined, &body)?);
        Ok(())
    }
}
