//! Segments of elements and data, with items in place of indices.

use wasmparser::{DataKind, ElementItems, ElementKind, RefType};

use crate::constants::{Constant, Constants};
use crate::error::Error;
use crate::modules::{Item, Modules};
use crate::resolve::Resolution;
use crate::space::Space;

/// Reads segments.
#[derive(Clone, Copy)]
pub(crate) struct Segments<'m, 'a> {
    pub(crate) modules: &'m Modules<'a>,
    pub(crate) resolution: &'m Resolution,
    pub(crate) constants: &'m Constants<'m, 'a>,
}

/// Place of an active segment: the table or memory, and the offset there.
pub(crate) struct Place {
    pub(crate) item: Item,
    pub(crate) offset: Constant,
}

/// Mode of a segment.
pub(crate) enum Mode {
    Active(Place),
    Passive,
    Declared,
}

/// Contents of an element segment.
pub(crate) enum Elements {
    Functions(Vec<Item>),
    Expressions(RefType, Vec<Constant>),
}

impl Elements {
    /// The functions and globals that the elements refer to.
    pub(crate) fn items(&self) -> Vec<Item> {
        match self {
            Self::Functions(functions) => functions.clone(),
            Self::Expressions(_, constants) => constants.iter().flat_map(Constant::items).collect(),
        }
    }
}

impl<'a> Segments<'_, 'a> {
    /// The segments of a module that are applied when it is instantiated.
    pub(crate) fn active(&self, module: usize) -> Result<Vec<Item>, Error> {
        let mut active = Vec::new();
        let parsed = self.modules.module(module)?;
        for (index, element) in parsed.elements.iter().enumerate() {
            if let ElementKind::Active { .. } = element.kind {
                active.push(self.modules.item(module, Space::Element, index as u32)?);
            }
        }
        for (index, data) in parsed.data.iter().enumerate() {
            if let DataKind::Active { .. } = data.kind {
                active.push(self.modules.item(module, Space::Data, index as u32)?);
            }
        }
        Ok(active)
    }

    /// Reads an element segment.
    pub(crate) fn element(&self, segment: Item) -> Result<(Mode, Elements), Error> {
        let (module, index) = self.modules.owner(segment)?;
        let element = self.modules.module(module)?.elements.get(index as usize);
        let element = element.ok_or_else(|| Error::internal("an element segment is missing"))?;
        let mode = match &element.kind {
            ElementKind::Passive => Mode::Passive,
            ElementKind::Declared => Mode::Declared,
            ElementKind::Active {
                table_index,
                offset_expr,
            } => {
                let table = table_index.unwrap_or(0);
                Mode::Active(self.place(module, Space::Table, table, offset_expr)?)
            }
        };
        let elements = match element.items.clone() {
            ElementItems::Functions(functions) => {
                let mut items = Vec::new();
                for function in functions {
                    let item = self.modules.item(module, Space::Function, function?)?;
                    items.push(self.resolution.target(item));
                }
                Elements::Functions(items)
            }
            ElementItems::Expressions(ty, expressions) => {
                let mut constants = Vec::new();
                for expression in expressions {
                    constants.push(self.constants.evaluate(module, &expression?)?);
                }
                Elements::Expressions(ty, constants)
            }
        };
        Ok((mode, elements))
    }

    /// Reads a data segment.
    pub(crate) fn data(&self, segment: Item) -> Result<(Mode, &'a [u8]), Error> {
        let (module, index) = self.modules.owner(segment)?;
        let data = self.modules.module(module)?.data.get(index as usize);
        let data = data.ok_or_else(|| Error::internal("a data segment is missing"))?;
        let mode = match &data.kind {
            DataKind::Passive => Mode::Passive,
            DataKind::Active {
                memory_index,
                offset_expr,
            } => Mode::Active(self.place(module, Space::Memory, *memory_index, offset_expr)?),
        };
        Ok((mode, data.data))
    }

    fn place(
        &self,
        module: usize,
        space: Space,
        index: u32,
        offset: &wasmparser::ConstExpr<'_>,
    ) -> Result<Place, Error> {
        let item = self.modules.item(module, space, index)?;
        Ok(Place {
            item: self.resolution.target(item),
            offset: self.constants.evaluate(module, offset)?,
        })
    }
}
