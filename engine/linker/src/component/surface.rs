//! Imports, exports and functions of a core module.

use std::collections::HashMap;

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{ImportSection, Module, RawSection};
use wasmparser::{
    ElementItems, ElementKind, ExternalKind, FuncType, FunctionBody, Operator, Parser, Payload,
    TypeRef,
};

use super::error::ComponentError;

/// An import of a core module.
#[derive(Clone, Copy)]
pub(super) struct CoreImport<'a> {
    pub(super) module: &'a str,
    pub(super) name: &'a str,
    pub(super) ty: TypeRef,
}

/// Parts of a valid core module by which instances are connected.
#[derive(Default)]
pub(super) struct Surface<'a> {
    pub(super) imports: Vec<CoreImport<'a>>,
    /// The imported memories.
    pub(super) memories: Vec<CoreImport<'a>>,
    pub(super) exports: HashMap<&'a str, (ExternalKind, u32)>,
    types: Vec<FuncType>,
    /// Indices of types, by index of the function.
    functions: Vec<u32>,
    pub(super) bodies: Vec<FunctionBody<'a>>,
    /// The active segments of elements at constant offsets: table, offset and functions.
    pub(super) elements: Vec<(u32, u32, Vec<u32>)>,
    /// The number of tables that the module defines.
    pub(super) defined_tables: usize,
    pub(super) has_start: bool,
    /// True if the module has memories, globals or data of its own, or segments of elements other
    /// than [`elements`](Self::elements).
    pub(super) has_more: bool,
}

impl<'a> Surface<'a> {
    pub(super) fn of(module: &'a [u8]) -> Result<Self, ComponentError> {
        let mut surface = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            surface.section(payload?)?;
        }
        Ok(surface)
    }

    /// The type of a function.
    pub(super) fn function(&self, index: u32) -> Option<&FuncType> {
        self.ty(*self.functions.get(index as usize)?)
    }

    /// The type of an index.
    pub(super) fn ty(&self, index: u32) -> Option<&FuncType> {
        self.types.get(index as usize)
    }

    /// The imports of a kind, in the order of their indices.
    pub(super) fn imports_of(
        &self,
        is_kind: impl Fn(&TypeRef) -> bool,
    ) -> impl Iterator<Item = &CoreImport<'a>> {
        self.imports
            .iter()
            .filter(move |import| is_kind(&import.ty))
    }

    fn section(&mut self, payload: Payload<'a>) -> Result<(), ComponentError> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    for ty in group?.into_types() {
                        self.types.push(ty.unwrap_func().clone());
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    if let TypeRef::Func(ty) = import.ty {
                        self.functions.push(ty);
                    }
                    let import = CoreImport {
                        module: import.module,
                        name: import.name,
                        ty: import.ty,
                    };
                    if let TypeRef::Memory(_) = import.ty {
                        self.memories.push(import);
                    }
                    self.imports.push(import);
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.functions.push(ty?);
                }
            }
            Payload::TableSection(section) => self.defined_tables = section.count() as usize,
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    self.exports
                        .insert(export.name, (export.kind, export.index));
                }
            }
            Payload::ElementSection(section) => {
                for element in section {
                    match active(&element?)? {
                        Some(element) => self.elements.push(element),
                        None => self.has_more = true,
                    }
                }
            }
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::StartSection { .. } => self.has_start = true,
            Payload::MemorySection(_)
            | Payload::GlobalSection(_)
            | Payload::TagSection(_)
            | Payload::DataSection(_) => self.has_more = true,
            _ => {}
        }
        Ok(())
    }
}

/// The table, the offset and the functions of an active segment, if they are constants.
fn active(
    element: &wasmparser::Element<'_>,
) -> Result<Option<(u32, u32, Vec<u32>)>, ComponentError> {
    let ElementKind::Active {
        table_index,
        offset_expr,
    } = &element.kind
    else {
        return Ok(None);
    };
    let ElementItems::Functions(functions) = &element.items else {
        return Ok(None);
    };
    let mut operators = offset_expr.get_operators_reader();
    let offset = operators.read()?;
    let (Operator::I32Const { value }, Operator::End) = (offset, operators.read()?) else {
        return Ok(None);
    };
    let functions = functions.clone().into_iter().collect::<Result<_, _>>()?;
    Ok(Some((table_index.unwrap_or(0), value as u32, functions)))
}

/// Gives the imports of a module other names, in their order. Without tables, the imports of
/// tables and the segments of elements are left out.
pub(super) fn with_imports(
    module: &[u8],
    names: &[(String, String)],
    has_tables: bool,
) -> Result<Vec<u8>, ComponentError> {
    let mut renamed = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        match payload {
            Payload::ImportSection(section) => {
                let mut imports = ImportSection::new();
                for (import, (module, name)) in section.into_imports().zip(names) {
                    let ty = import?.ty;
                    if has_tables || !matches!(ty, TypeRef::Table(_)) {
                        let ty = RoundtripReencoder.entity_type(ty);
                        let ty = ty.map_err(|error| ComponentError::internal(error.to_string()))?;
                        imports.import(module, name, ty);
                    }
                }
                renamed.section(&imports);
            }
            Payload::ElementSection(_) if !has_tables => {}
            payload => {
                if let Some((id, range)) = payload.as_section() {
                    let data = module.get(range).unwrap_or_default();
                    renamed.section(&RawSection { id, data });
                }
            }
        }
    }
    Ok(renamed.finish())
}
