//! Types of what modules import and export.

use std::collections::HashMap;
use std::fmt::Write;

use wasmparser::{FuncType, GlobalType, MemoryType, TableType, ValType};

use crate::error::Error;

/// Function types of all modules, each once: equal types have equal numbers, so that
/// comparing two takes constant time.
#[derive(Default)]
pub(crate) struct TypeSet {
    types: Vec<FuncType>,
    numbers: HashMap<FuncType, u32>,
}

impl TypeSet {
    pub(crate) fn insert(&mut self, ty: &FuncType) -> u32 {
        if let Some(number) = self.numbers.get(ty) {
            return *number;
        }
        let number = self.types.len() as u32;
        self.types.push(ty.clone());
        self.numbers.insert(ty.clone(), number);
        number
    }

    pub(crate) fn get(&self, number: u32) -> Result<&FuncType, Error> {
        let ty = self.types.get(number as usize);
        ty.ok_or_else(|| Error::internal("a type is missing"))
    }

    pub(crate) fn len(&self) -> usize {
        self.types.len()
    }

    /// A type in the words of error messages.
    pub(crate) fn describe(&self, ty: ItemType) -> String {
        match ty {
            ItemType::Function(number) => match self.types.get(number as usize) {
                Some(ty) => format!(
                    "a function ({}) -> ({})",
                    list(ty.params()),
                    list(ty.results())
                ),
                None => "a function".to_owned(),
            },
            ItemType::Table(ty) => {
                let limits = limits(ty.initial, ty.maximum, "elements");
                format!("a table of {} with {limits}", ty.element_type)
            }
            ItemType::Memory(ty) => {
                format!("a memory with {}", limits(ty.initial, ty.maximum, "pages"))
            }
            ItemType::Global(ty) => match ty.mutable {
                true => format!("a mutable global {}", ty.content_type),
                false => format!("a constant global {}", ty.content_type),
            },
        }
    }
}

/// Values that are named in a message.
const LISTED_MAX: usize = 16;

fn list(types: &[ValType]) -> String {
    let mut text = String::new();
    for (position, ty) in types.iter().take(LISTED_MAX).enumerate() {
        let separator = if position == 0 { "" } else { ", " };
        let _ = write!(text, "{separator}{ty}");
    }
    if let Some(others) = types.len().checked_sub(LISTED_MAX)
        && others > 0
    {
        let _ = write!(text, " and {others} more");
    }
    text
}

fn limits(minimum: u64, maximum: Option<u64>, unit: &str) -> String {
    match maximum {
        Some(maximum) => format!("{minimum} to {maximum} {unit}"),
        None => format!("at least {minimum} {unit}"),
    }
}

/// Type of an import or an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ItemType {
    /// Number of a function type in a [`TypeSet`].
    Function(u32),
    Table(TableType),
    Memory(MemoryType),
    Global(GlobalType),
}

impl ItemType {
    /// Returns true if an export of this type may serve an import of the type `import`:
    /// "Import Matching" of the Wasm specification.
    pub(crate) fn serves(self, import: Self) -> bool {
        match (self, import) {
            (Self::Function(ours), Self::Function(theirs)) => ours == theirs,
            (Self::Global(ours), Self::Global(theirs)) => ours == theirs,
            (Self::Table(ours), Self::Table(theirs)) => {
                ours.element_type == theirs.element_type
                    && ours.table64 == theirs.table64
                    && ours.shared == theirs.shared
                    && within(
                        (ours.initial, ours.maximum),
                        (theirs.initial, theirs.maximum),
                    )
            }
            (Self::Memory(ours), Self::Memory(theirs)) => {
                ours.memory64 == theirs.memory64
                    && ours.shared == theirs.shared
                    && ours.page_size_log2 == theirs.page_size_log2
                    && within(
                        (ours.initial, ours.maximum),
                        (theirs.initial, theirs.maximum),
                    )
            }
            _ => false,
        }
    }
}

/// Returns true if limits are within those of an import.
fn within(ours: (u64, Option<u64>), theirs: (u64, Option<u64>)) -> bool {
    let maximum = match (ours.1, theirs.1) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(ours), Some(theirs)) => ours <= theirs,
    };
    ours.0 >= theirs.0 && maximum
}
