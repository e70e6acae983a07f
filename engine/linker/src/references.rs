//! Items that the body of a function refers to.

use wasm_encoder::reencode::{Error as ReencodeError, Reencode};
use wasmparser::{FunctionBody, Operator};

use crate::error::Error;
use crate::space::Space;

/// References of a function body, by the indices of its module.
#[derive(Default)]
pub(crate) struct References {
    /// All references, in the order of the code.
    pub(crate) items: Vec<(Space, u32)>,
    /// The functions whose address the code takes.
    pub(crate) taken: Vec<u32>,
    /// True if the code calls through a table.
    pub(crate) calls_indirectly: bool,
}

impl References {
    /// Collects the references of a body. The re-encoder passes each index, so that none
    /// is missed, whatever the instruction.
    pub(crate) fn of(body: &FunctionBody<'_>) -> Result<Self, Error> {
        let mut references = Self::default();
        for operator in body.get_operators_reader()? {
            let operator = operator?;
            match operator {
                Operator::RefFunc { function_index } => references.taken.push(function_index),
                Operator::CallIndirect { .. } | Operator::ReturnCallIndirect { .. } => {
                    references.calls_indirectly = true;
                }
                _ => {}
            }
            references.instruction(operator)?;
        }
        Ok(references)
    }

    fn push(&mut self, space: Space, index: u32) -> Result<u32, ReencodeError<Error>> {
        // Loads and stores name the same memory again and again.
        if self.items.last() != Some(&(space, index)) {
            self.items.push((space, index));
        }
        Ok(index)
    }
}

impl Reencode for References {
    type Error = Error;

    fn function_index(&mut self, index: u32) -> Result<u32, ReencodeError<Error>> {
        self.push(Space::Function, index)
    }

    fn table_index(&mut self, index: u32) -> Result<u32, ReencodeError<Error>> {
        self.push(Space::Table, index)
    }

    fn memory_index(&mut self, index: u32) -> Result<u32, ReencodeError<Error>> {
        self.push(Space::Memory, index)
    }

    fn global_index(&mut self, index: u32) -> Result<u32, ReencodeError<Error>> {
        self.push(Space::Global, index)
    }

    fn element_index(&mut self, index: u32) -> Result<u32, ReencodeError<Error>> {
        self.push(Space::Element, index)
    }

    fn data_index(&mut self, index: u32) -> Result<u32, ReencodeError<Error>> {
        self.push(Space::Data, index)
    }
}
