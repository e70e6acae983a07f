//! Function bodies with indices of the linked module.

use wasm_encoder::reencode::{Error as ReencodeError, Reencode};

use super::Emitter;
use crate::error::Error;
use crate::space::Space;

/// Re-encodes the bodies of a module.
pub(super) struct Renumber<'e, 'm, 'a> {
    emitter: &'e mut Emitter<'m, 'a>,
    module: usize,
}

impl<'e, 'm, 'a> Renumber<'e, 'm, 'a> {
    pub(super) fn new(emitter: &'e mut Emitter<'m, 'a>, module: usize) -> Self {
        Self { emitter, module }
    }

    fn index(&self, space: Space, index: u32) -> Result<u32, ReencodeError<Error>> {
        let segments = self.emitter.segments;
        let item = segments.modules.item(self.module, space, index);
        item.and_then(|item| self.emitter.layout.index(segments.resolution.target(item)))
            .map_err(ReencodeError::UserError)
    }
}

impl Reencode for Renumber<'_, '_, '_> {
    type Error = Error;

    fn type_index(&mut self, index: u32) -> Result<u32, ReencodeError<Error>> {
        let modules = self.emitter.segments.modules;
        let number = modules.module(self.module).and_then(|module| {
            let number = module.types.get(index as usize).copied();
            number.ok_or_else(|| Error::internal("a type index is out of range"))
        });
        number
            .and_then(|number| self.emitter.types.index(number))
            .map_err(ReencodeError::UserError)
    }

    fn function_index(&mut self, index: u32) -> Result<u32, ReencodeError<Error>> {
        self.index(Space::Function, index)
    }

    fn table_index(&mut self, index: u32) -> Result<u32, ReencodeError<Error>> {
        self.index(Space::Table, index)
    }

    fn memory_index(&mut self, index: u32) -> Result<u32, ReencodeError<Error>> {
        self.index(Space::Memory, index)
    }

    fn global_index(&mut self, index: u32) -> Result<u32, ReencodeError<Error>> {
        self.index(Space::Global, index)
    }

    fn element_index(&mut self, index: u32) -> Result<u32, ReencodeError<Error>> {
        self.index(Space::Element, index)
    }

    fn data_index(&mut self, index: u32) -> Result<u32, ReencodeError<Error>> {
        self.index(Space::Data, index)
    }
}
