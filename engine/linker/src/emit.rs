//! The linked module, section by section.

// Function bodies with indices of the linked module.
mod bodies;

// Names and other custom sections.
mod custom;

use std::collections::HashSet;

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, EntityType,
    ExportKind, ExportSection, Function, FunctionSection, GlobalSection, ImportSection,
    MemorySection, Module, StartSection, TableSection, TypeSection,
};
use wasmparser::FuncType;

use crate::constants::Constant;
use crate::error::Error;
use crate::layout::Layout;
use crate::modules::Item;
use crate::segments::{Elements as SegmentElements, Mode, Segments};
use crate::space::Space;
use crate::types::{ItemType, TypeSet};

/// Emits the linked module.
pub(crate) fn emit(segments: Segments<'_, '_>, layout: &Layout<'_, '_>) -> Result<Vec<u8>, Error> {
    Emitter {
        segments,
        layout,
        types: TypeIndices::new(&segments.modules.types),
        declared: HashSet::new(),
    }
    .emit()
}

/// Function types of the linked module, each added when something first has it.
struct TypeIndices<'m> {
    set: &'m TypeSet,
    indices: Vec<Option<u32>>,
    section: TypeSection,
}

impl<'m> TypeIndices<'m> {
    fn new(set: &'m TypeSet) -> Self {
        Self {
            set,
            indices: vec![None; set.len()],
            section: TypeSection::new(),
        }
    }

    /// The index of the type with a number in the set.
    fn index(&mut self, number: u32) -> Result<u32, Error> {
        if let Some(Some(index)) = self.indices.get(number as usize) {
            return Ok(*index);
        }
        let ty: &FuncType = self.set.get(number)?;
        let index = self.section.len();
        let types = |types: &[wasmparser::ValType]| -> Result<Vec<_>, Error> {
            let types = types.iter().map(|ty| RoundtripReencoder.val_type(*ty));
            types.collect::<Result<_, _>>().map_err(foreign)
        };
        let (parameters, results) = (types(ty.params())?, types(ty.results())?);
        self.section.ty().function(parameters, results);
        if let Some(known) = self.indices.get_mut(number as usize) {
            *known = Some(index);
        }
        Ok(index)
    }
}

/// An error of conversions that cannot fail for permitted features.
fn foreign(error: wasm_encoder::reencode::Error) -> Error {
    Error::internal(error.to_string())
}

struct Emitter<'m, 'a> {
    segments: Segments<'m, 'a>,
    layout: &'m Layout<'m, 'a>,
    types: TypeIndices<'m>,
    /// Functions that are mentioned outside of code, so that code may take their address.
    declared: HashSet<u32>,
}

impl Emitter<'_, '_> {
    fn emit(mut self) -> Result<Vec<u8>, Error> {
        let imports = self.imports()?;
        let functions = self.functions()?;
        let (tables, memories, globals) = (self.tables()?, self.memories()?, self.globals()?);
        let (exports, start) = (self.exports()?, self.start()?);
        let elements = self.elements()?;
        let code = self.code()?;
        let data = self.data()?;
        let mut module = Module::new();
        if !self.types.section.is_empty() {
            module.section(&self.types.section);
        }
        if !imports.is_empty() {
            module.section(&imports);
        }
        if !functions.is_empty() {
            module.section(&functions);
        }
        if !tables.is_empty() {
            module.section(&tables);
        }
        if !memories.is_empty() {
            module.section(&memories);
        }
        if !globals.is_empty() {
            module.section(&globals);
        }
        if !exports.is_empty() {
            module.section(&exports);
        }
        if let Some(function_index) = start {
            module.section(&StartSection { function_index });
        }
        if !elements.is_empty() {
            module.section(&elements);
        }
        if self.layout.reach.names_data {
            module.section(&DataCountSection { count: data.len() });
        }
        if !code.is_empty() {
            module.section(&code);
        }
        if !data.is_empty() {
            module.section(&data);
        }
        custom::add_custom_sections(&mut module, self.segments.modules, self.layout)?;
        Ok(module.finish())
    }

    fn imports(&mut self) -> Result<ImportSection, Error> {
        let mut section = ImportSection::new();
        for (_, import) in &self.layout.imports {
            let ty = match import.ty {
                ItemType::Function(number) => EntityType::Function(self.types.index(number)?),
                ItemType::Table(ty) => RoundtripReencoder.table_type(ty).map_err(foreign)?.into(),
                ItemType::Memory(ty) => RoundtripReencoder.memory_type(ty).map_err(foreign)?.into(),
                ItemType::Global(ty) => RoundtripReencoder.global_type(ty).map_err(foreign)?.into(),
            };
            section.import(import.module, import.name, ty);
        }
        Ok(section)
    }

    fn functions(&mut self) -> Result<FunctionSection, Error> {
        let mut section = FunctionSection::new();
        for function in &self.layout.defined[Space::Function] {
            let ItemType::Function(number) = self.segments.modules.ty(*function)? else {
                return Err(Error::internal("a function has another type"));
            };
            section.function(self.types.index(number)?);
        }
        if self.layout.starts.len() > 1 {
            section.function(self.types.section.len());
            self.types.section.ty().function([], []);
        }
        Ok(section)
    }

    fn tables(&self) -> Result<TableSection, Error> {
        let mut section = TableSection::new();
        for table in &self.layout.defined[Space::Table] {
            if let ItemType::Table(ty) = self.segments.modules.ty(*table)? {
                section.table(RoundtripReencoder.table_type(ty).map_err(foreign)?);
            }
        }
        Ok(section)
    }

    fn memories(&self) -> Result<MemorySection, Error> {
        let mut section = MemorySection::new();
        for memory in &self.layout.defined[Space::Memory] {
            if let ItemType::Memory(ty) = self.segments.modules.ty(*memory)? {
                section.memory(RoundtripReencoder.memory_type(ty).map_err(foreign)?);
            }
        }
        Ok(section)
    }

    fn globals(&mut self) -> Result<GlobalSection, Error> {
        let mut section = GlobalSection::new();
        for global in &self.layout.defined[Space::Global] {
            if let ItemType::Global(ty) = self.segments.modules.ty(*global)? {
                let value = self.segments.constants.value(*global)?;
                self.declare(value.items())?;
                let ty = RoundtripReencoder.global_type(ty).map_err(foreign)?;
                section.global(ty, &value.encode(|item| self.layout.index(item))?);
            }
        }
        Ok(section)
    }

    fn exports(&mut self) -> Result<ExportSection, Error> {
        let mut section = ExportSection::new();
        for (name, item) in &self.layout.exports {
            let kind = match item.space {
                Space::Function => ExportKind::Func,
                Space::Table => ExportKind::Table,
                Space::Memory => ExportKind::Memory,
                Space::Global => ExportKind::Global,
                Space::Element | Space::Data => {
                    return Err(Error::internal("an export of a segment"));
                }
            };
            self.declare([*item])?;
            section.export(name, kind, self.layout.index(*item)?);
        }
        Ok(section)
    }

    /// The index of the start function: of one that calls all of them, if there are several.
    fn start(&self) -> Result<Option<u32>, Error> {
        match self.layout.starts.as_slice() {
            [] => Ok(None),
            [start] => self.layout.index(*start).map(Some),
            _ => Ok(Some(self.layout.len(Space::Function))),
        }
    }

    fn elements(&mut self) -> Result<ElementSection, Error> {
        let mut section = ElementSection::new();
        for segment in &self.layout.defined[Space::Element] {
            let (mode, elements) = self.segments.element(*segment)?;
            self.declare(elements.items())?;
            let index = |item| self.layout.index(item);
            let elements = match elements {
                SegmentElements::Functions(functions) => {
                    let functions = functions.into_iter().map(index);
                    Elements::Functions(functions.collect::<Result<_, _>>()?)
                }
                SegmentElements::Expressions(ty, constants) => {
                    let constants = constants.iter().map(|constant| constant.encode(index));
                    let ty = RoundtripReencoder.ref_type(ty).map_err(foreign)?;
                    Elements::Expressions(ty, constants.collect::<Result<_, _>>()?)
                }
            };
            match mode {
                Mode::Passive => section.passive(elements),
                Mode::Declared => section.declared(elements),
                Mode::Active(place) => {
                    // The encoding for table 0 is the one that every version of Wasm has.
                    let table = Some(index(place.item)?).filter(|table| *table != 0);
                    section.active(table, &self.offset(&place.offset)?, elements)
                }
            };
        }
        let mut taken = Vec::new();
        for function in &self.layout.reach.taken {
            let function = self.layout.index(*function)?;
            if self.declared.insert(function) {
                taken.push(function);
            }
        }
        if !taken.is_empty() {
            section.declared(Elements::Functions(taken.into()));
        }
        Ok(section)
    }

    fn code(&mut self) -> Result<CodeSection, Error> {
        let mut section = CodeSection::new();
        for function in &self.layout.defined[Space::Function] {
            let (module, _) = self.segments.modules.owner(*function)?;
            let body = self.segments.modules.body(*function)?;
            let body = body.ok_or_else(|| Error::internal("a function has no body"))?;
            bodies::Renumber::new(self, module).parse_function_body(&mut section, body.clone())?;
        }
        if self.layout.starts.len() > 1 {
            let mut function = Function::new([]);
            let mut code = function.instructions();
            for start in &self.layout.starts {
                code.call(self.layout.index(*start)?);
            }
            code.end();
            section.function(&function);
        }
        Ok(section)
    }

    fn data(&self) -> Result<DataSection, Error> {
        let mut section = DataSection::new();
        for segment in &self.layout.defined[Space::Data] {
            let (mode, data) = self.segments.data(*segment)?;
            let data = data.iter().copied();
            match mode {
                Mode::Passive | Mode::Declared => section.passive(data),
                Mode::Active(place) => section.active(
                    self.layout.index(place.item)?,
                    &self.offset(&place.offset)?,
                    data,
                ),
            };
        }
        Ok(section)
    }

    fn offset(&self, offset: &Constant) -> Result<ConstExpr, Error> {
        offset.encode(|item| self.layout.index(item))
    }

    /// Notes functions that are mentioned outside of code.
    fn declare(&mut self, items: impl IntoIterator<Item = Item>) -> Result<(), Error> {
        for item in items {
            if item.space == Space::Function {
                self.declared.insert(self.layout.index(item)?);
            }
        }
        Ok(())
    }
}
