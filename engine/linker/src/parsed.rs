//! A module, validated and taken apart.

use std::collections::HashMap;

use fusebox_instrument::{FEATURES, check_arities};
use wasmparser::{
    ConstExpr, Data, Element, FuncValidatorAllocations, FunctionBody, GlobalType, KnownCustom,
    MemoryType, Name, Parser, Payload, TableInit, TableType, TypeRef, ValidPayload, Validator,
};

use crate::error::Error;
use crate::space::{PerSpace, Space};
use crate::types::{ItemType, TypeSet};

/// An import.
#[derive(Clone, Copy)]
pub(crate) struct ParsedImport<'a> {
    pub(crate) module: &'a str,
    pub(crate) name: &'a str,
    pub(crate) space: Space,
    pub(crate) ty: ItemType,
}

/// An export, in the index space of its kind.
#[derive(Clone, Copy)]
pub(crate) struct ParsedExport<'a> {
    pub(crate) name: &'a str,
    pub(crate) space: Space,
    pub(crate) index: u32,
}

/// A custom section.
pub(crate) struct CustomSection<'a> {
    pub(crate) name: &'a str,
    pub(crate) data: &'a [u8],
}

/// A valid module. Lists of functions, tables, memories and globals begin with the imported
/// ones; bodies and initial values are those of the others.
#[derive(Default)]
pub(crate) struct ParsedModule<'a> {
    /// The name by which others import from it.
    pub(crate) name: String,
    /// The description in messages.
    pub(crate) place: String,
    /// True for a module of this crate, whose reserved exports are kept.
    pub(crate) is_host: bool,
    /// Numbers in the type set, by type index.
    pub(crate) types: Vec<u32>,
    /// Imports of each space, in order of their indices.
    pub(crate) imports: PerSpace<Vec<ParsedImport<'a>>>,
    /// Numbers in the type set, by function index.
    pub(crate) functions: Vec<u32>,
    pub(crate) tables: Vec<TableType>,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) globals: Vec<GlobalType>,
    pub(crate) initial_values: Vec<ConstExpr<'a>>,
    pub(crate) exports: Vec<ParsedExport<'a>>,
    export_positions: HashMap<&'a str, usize>,
    pub(crate) start: Option<u32>,
    pub(crate) elements: Vec<Element<'a>>,
    pub(crate) bodies: Vec<FunctionBody<'a>>,
    pub(crate) data: Vec<Data<'a>>,
    /// Names of functions for backtraces. The section is not validated: indices may be
    /// out of range.
    pub(crate) function_names: Vec<(u32, &'a str)>,
    pub(crate) module_name: Option<&'a str>,
    /// Custom sections other than `name`.
    pub(crate) custom: Vec<CustomSection<'a>>,
}

impl<'a> ParsedModule<'a> {
    /// Validates and parses a module.
    pub(crate) fn parse(
        name: &str,
        place: String,
        bytes: &'a [u8],
        types: &mut TypeSet,
    ) -> Result<Self, Error> {
        check_arities(bytes).map_err(|reason| Error::Refused {
            place: place.clone(),
            reason,
        })?;
        validate(bytes).map_err(|error| Error::invalid(&place, &error))?;
        let mut module = Self {
            name: name.to_owned(),
            place,
            ..Self::default()
        };
        for payload in Parser::new(0).parse_all(bytes) {
            module.section(payload?, types)?;
        }
        let exports = module.exports.iter().enumerate();
        module.export_positions = exports.map(|(n, export)| (export.name, n)).collect();
        Ok(module)
    }

    /// The export of a name.
    pub(crate) fn export(&self, name: &str) -> Option<ParsedExport<'a>> {
        let position = *self.export_positions.get(name)?;
        self.exports.get(position).copied()
    }

    /// The number of items in a space.
    pub(crate) fn len(&self, space: Space) -> usize {
        match space {
            Space::Function => self.functions.len(),
            Space::Table => self.tables.len(),
            Space::Memory => self.memories.len(),
            Space::Global => self.globals.len(),
            Space::Element => self.elements.len(),
            Space::Data => self.data.len(),
        }
    }

    /// The type of what an index names.
    pub(crate) fn ty(&self, space: Space, index: u32) -> Option<ItemType> {
        let index = index as usize;
        match space {
            Space::Function => self.functions.get(index).copied().map(ItemType::Function),
            Space::Table => self.tables.get(index).copied().map(ItemType::Table),
            Space::Memory => self.memories.get(index).copied().map(ItemType::Memory),
            Space::Global => self.globals.get(index).copied().map(ItemType::Global),
            Space::Element | Space::Data => None,
        }
    }

    fn section(&mut self, payload: Payload<'a>, types: &mut TypeSet) -> Result<(), Error> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    for ty in group?.into_types() {
                        self.types.push(types.insert(ty.unwrap_func()));
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    self.import(import?)?;
                }
            }
            Payload::FunctionSection(section) => {
                for index in section {
                    let ty = self.type_number(index?)?;
                    self.functions.push(ty);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    let table = table?;
                    if let TableInit::Expr(_) = table.init {
                        return Err(Error::internal("a table has an initial value"));
                    }
                    self.tables.push(table.ty);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    self.memories.push(memory?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global?;
                    self.globals.push(global.ty);
                    self.initial_values.push(global.init_expr);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    let space = Space::of(export.kind);
                    self.exports.push(ParsedExport {
                        name: export.name,
                        space: space.ok_or_else(|| Error::internal("an export of a tag"))?,
                        index: export.index,
                    });
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => {
                self.elements = section.into_iter().collect::<Result<_, _>>()?;
            }
            Payload::DataSection(section) => {
                self.data = section.into_iter().collect::<Result<_, _>>()?;
            }
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::CustomSection(section) => self.custom_section(&section),
            _ => {}
        }
        Ok(())
    }

    fn type_number(&self, index: u32) -> Result<u32, Error> {
        let number = self.types.get(index as usize).copied();
        number.ok_or_else(|| Error::internal("a type index is out of range"))
    }

    fn import(&mut self, import: wasmparser::Import<'a>) -> Result<(), Error> {
        let (space, ty) = match import.ty {
            TypeRef::Func(index) => {
                let ty = self.type_number(index)?;
                self.functions.push(ty);
                (Space::Function, ItemType::Function(ty))
            }
            TypeRef::Table(ty) => {
                self.tables.push(ty);
                (Space::Table, ItemType::Table(ty))
            }
            TypeRef::Memory(ty) => {
                self.memories.push(ty);
                (Space::Memory, ItemType::Memory(ty))
            }
            TypeRef::Global(ty) => {
                self.globals.push(ty);
                (Space::Global, ItemType::Global(ty))
            }
            TypeRef::Tag(_) | TypeRef::FuncExact(_) => {
                return Err(Error::internal("an import of a tag"));
            }
        };
        self.imports[space].push(ParsedImport {
            module: import.module,
            name: import.name,
            space,
            ty,
        });
        Ok(())
    }

    /// Keeps a custom section. Names that do not parse are dropped: a custom section makes
    /// no module invalid.
    fn custom_section(&mut self, section: &wasmparser::CustomSectionReader<'a>) {
        let KnownCustom::Name(names) = section.as_known() else {
            if section.name() != "name" {
                self.custom.push(CustomSection {
                    name: section.name(),
                    data: section.data(),
                });
            }
            return;
        };
        for subsection in names {
            match subsection {
                Ok(Name::Module { name, .. }) => self.module_name = Some(name),
                Ok(Name::Function(functions)) => {
                    let functions = functions.into_iter().map_while(Result::ok);
                    let names = functions.map(|naming| (naming.index, naming.name));
                    self.function_names.extend(names);
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }
}

fn validate(bytes: &[u8]) -> Result<(), wasmparser::BinaryReaderError> {
    let mut validator = Validator::new_with_features(FEATURES);
    let mut allocations = FuncValidatorAllocations::default();
    for payload in Parser::new(0).parse_all(bytes) {
        if let ValidPayload::Func(function, body) = validator.payload(&payload?)? {
            let mut validator = function.into_validator(allocations);
            validator.validate(&body)?;
            allocations = validator.into_allocations();
        }
    }
    Ok(())
}
