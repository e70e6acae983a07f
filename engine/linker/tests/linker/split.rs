//! A module, split into two that import from each other.

use std::collections::BTreeSet;

use wasm_encoder::reencode::{Error, Reencode, RoundtripReencoder, utils};
use wasm_encoder::{
    CodeSection, ElementSection, Elements, EntityType, ExportKind, ExportSection, FunctionSection,
    ImportSection, Module, RawSection, SectionId, StartSection,
};
use wasmparser::{FunctionBody, GlobalType, MemoryType, Operator, Parser, Payload, TableType};

use crate::random::Random;

/// Name of the main part.
pub(crate) const MAIN: &str = "main";

/// Name of the other part.
pub(crate) const OTHER: &str = "other";

/// A module without imports, to be split.
#[derive(Default)]
struct Whole<'a> {
    types: &'a [u8],
    functions: Vec<u32>,
    tables: Vec<TableType>,
    memories: Vec<MemoryType>,
    globals: Vec<GlobalType>,
    bodies: Vec<FunctionBody<'a>>,
    /// The functions that the other part defines.
    is_moved: Vec<bool>,
}

/// Replaces function indices.
struct Renumber(Vec<u32>);

impl Reencode for Renumber {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, Error> {
        Ok(self.0[index as usize])
    }
}

/// Splits a module. The main part has all but about half of the functions, and exports
/// everything under additional names that begin with the kind.
pub(crate) fn split(module: &[u8], random: &mut Random) -> (Vec<u8>, Vec<u8>) {
    let mut whole = Whole::default();
    for payload in Parser::new(0).parse_all(module) {
        match payload.unwrap() {
            Payload::TypeSection(section) => whole.types = &module[section.range()],
            Payload::FunctionSection(section) => {
                whole.functions = section.into_iter().map(Result::unwrap).collect();
            }
            Payload::TableSection(section) => {
                whole.tables = section.into_iter().map(|table| table.unwrap().ty).collect();
            }
            Payload::MemorySection(section) => {
                whole.memories = section.into_iter().map(Result::unwrap).collect();
            }
            Payload::GlobalSection(section) => {
                let globals = section.into_iter();
                whole.globals = globals.map(|global| global.unwrap().ty).collect();
            }
            Payload::CodeSectionEntry(body) => {
                whole
                    .is_moved
                    .push(is_movable(&body) && random.below(2) == 0);
                whole.bodies.push(body);
            }
            _ => {}
        }
    }
    (whole.main_part(module), whole.other_part())
}

/// Returns false for functions that name segments, which the main part keeps.
fn is_movable(body: &FunctionBody<'_>) -> bool {
    let operators = body.get_operators_reader().unwrap().into_iter();
    !operators.map(Result::unwrap).any(|operator| {
        matches!(
            operator,
            Operator::MemoryInit { .. }
                | Operator::DataDrop { .. }
                | Operator::TableInit { .. }
                | Operator::ElemDrop { .. }
        )
    })
}

impl Whole<'_> {
    /// The functions that a part imports or defines.
    fn of(&self, is_moved: bool) -> impl Iterator<Item = usize> {
        let functions = self.is_moved.iter().enumerate();
        let functions = functions.filter(move |(_, moved)| **moved == is_moved);
        functions.map(|(function, _)| function)
    }

    /// Indices in a part that imports one kind of functions and defines the other.
    fn renumber(&self, imports_moved: bool) -> Renumber {
        let mut indices = vec![0; self.functions.len()];
        let order = self.of(imports_moved).chain(self.of(!imports_moved));
        for (index, function) in order.enumerate() {
            indices[function] = index as u32;
        }
        Renumber(indices)
    }

    fn main_part(&self, module: &[u8]) -> Vec<u8> {
        let mut renumber = self.renumber(true);
        let mut output = Module::new();
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload.unwrap();
            match &payload {
                Payload::FunctionSection(_) => {
                    let mut imports = ImportSection::new();
                    self.import_functions(&mut imports, OTHER, true);
                    output.section(&imports);
                    output.section(&self.declarations(false));
                }
                Payload::GlobalSection(section) => {
                    let mut globals = wasm_encoder::GlobalSection::new();
                    utils::parse_global_section(&mut renumber, &mut globals, section.clone())
                        .unwrap();
                    output.section(&globals);
                }
                Payload::ExportSection(section) => {
                    let mut exports = ExportSection::new();
                    utils::parse_export_section(&mut renumber, &mut exports, section.clone())
                        .unwrap();
                    self.export_everything(&mut exports, &renumber);
                    output.section(&exports);
                }
                Payload::StartSection { func, .. } => {
                    let function_index = renumber.0[*func as usize];
                    output.section(&StartSection { function_index });
                }
                Payload::ElementSection(section) => {
                    let mut elements = ElementSection::new();
                    utils::parse_element_section(&mut renumber, &mut elements, section.clone())
                        .unwrap();
                    output.section(&elements);
                }
                Payload::CodeSectionStart { .. } => {
                    output.section(&self.code(false, &mut renumber));
                }
                // An empty one may be there.
                Payload::ImportSection(_) | Payload::CodeSectionEntry(_) => {}
                other => {
                    if let Some((id, range)) = other.as_section() {
                        let data = &module[range];
                        output.section(&RawSection { id, data });
                    }
                }
            }
        }
        output.finish()
    }

    fn other_part(&self) -> Vec<u8> {
        let mut renumber = self.renumber(false);
        let mut imports = ImportSection::new();
        self.import_functions(&mut imports, MAIN, false);
        let round = &mut RoundtripReencoder;
        for (index, ty) in self.tables.iter().enumerate() {
            let ty = round.table_type(*ty).unwrap();
            imports.import(MAIN, &format!("table:{index}"), ty);
        }
        for (index, ty) in self.memories.iter().enumerate() {
            let ty = round.memory_type(*ty).unwrap();
            imports.import(MAIN, &format!("memory:{index}"), ty);
        }
        for (index, ty) in self.globals.iter().enumerate() {
            let ty = round.global_type(*ty).unwrap();
            imports.import(MAIN, &format!("global:{index}"), ty);
        }
        let mut exports = ExportSection::new();
        for function in self.of(true) {
            let index = renumber.0[function];
            exports.export(&format!("function:{function}"), ExportKind::Func, index);
        }
        let mut elements = ElementSection::new();
        let taken: Vec<_> = self.taken().into_iter().collect();
        let taken: Vec<_> = taken.iter().map(|n| renumber.0[*n as usize]).collect();
        elements.declared(Elements::Functions(taken.into()));
        let mut output = Module::new();
        output
            .section(&RawSection {
                id: SectionId::Type as u8,
                data: self.types,
            })
            .section(&imports)
            .section(&self.declarations(true))
            .section(&exports)
            .section(&elements)
            .section(&self.code(true, &mut renumber));
        output.finish()
    }

    fn import_functions(&self, imports: &mut ImportSection, from: &str, is_moved: bool) {
        for function in self.of(is_moved) {
            let ty = EntityType::Function(self.functions[function]);
            imports.import(from, &format!("function:{function}"), ty);
        }
    }

    fn declarations(&self, is_moved: bool) -> FunctionSection {
        let mut section = FunctionSection::new();
        for function in self.of(is_moved) {
            section.function(self.functions[function]);
        }
        section
    }

    fn code(&self, is_moved: bool, renumber: &mut Renumber) -> CodeSection {
        let mut code = CodeSection::new();
        for function in self.of(is_moved) {
            let body = self.bodies[function].clone();
            renumber.parse_function_body(&mut code, body).unwrap();
        }
        code
    }

    /// Exports what the other part imports.
    fn export_everything(&self, exports: &mut ExportSection, renumber: &Renumber) {
        for function in self.of(false) {
            let index = renumber.0[function];
            exports.export(&format!("function:{function}"), ExportKind::Func, index);
        }
        for (kind, prefix, count) in [
            (ExportKind::Table, "table", self.tables.len()),
            (ExportKind::Memory, "memory", self.memories.len()),
            (ExportKind::Global, "global", self.globals.len()),
        ] {
            for index in 0..count as u32 {
                exports.export(&format!("{prefix}:{index}"), kind, index);
            }
        }
    }

    /// The functions whose address moved functions take.
    fn taken(&self) -> BTreeSet<u32> {
        let mut taken = BTreeSet::new();
        for function in self.of(true) {
            for operator in self.bodies[function].get_operators_reader().unwrap() {
                if let Operator::RefFunc { function_index } = operator.unwrap() {
                    taken.insert(function_index);
                }
            }
        }
        taken
    }
}
