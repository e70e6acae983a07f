//! The modules to link, with one numbering for the items of all.

use std::collections::HashMap;

use wasmparser::FunctionBody;

use crate::error::Error;
use crate::parsed::{ParsedImport, ParsedModule};
use crate::space::{PerSpace, Space};
use crate::types::{ItemType, TypeSet};

/// Position of the main module.
pub(crate) const MAIN: usize = 0;

/// An item of one of the modules. The imports of a module are items as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) space: Space,
    /// Number in the space, across all modules.
    pub(crate) number: u32,
}

/// The modules to link.
#[derive(Default)]
pub(crate) struct Modules<'a> {
    /// True if the linked module does not export what the host needs of modules of this crate.
    pub(crate) hides_reserved: bool,
    /// True if all modules are instantiated in the order in which they were added, the main module
    /// last, whether it needs them or not.
    pub(crate) keeps_order: bool,
    pub(crate) list: Vec<ParsedModule<'a>>,
    pub(crate) types: TypeSet,
    /// Number of the first item of each module.
    first: Vec<PerSpace<u32>>,
    /// The number of items.
    pub(crate) totals: PerSpace<u32>,
    by_name: HashMap<String, Vec<usize>>,
}

impl<'a> Modules<'a> {
    /// Adds a module, the main module first.
    pub(crate) fn add(&mut self, module: ParsedModule<'a>) {
        self.first.push(self.totals.clone());
        for space in Space::ALL {
            // The number of items is limited to less.
            self.totals[space] += module.len(space) as u32;
        }
        let named = self.by_name.entry(module.name.clone()).or_default();
        named.push(self.list.len());
        self.list.push(module);
    }

    /// The modules of a name, in the order in which they were added.
    pub(crate) fn named(&self, name: &str) -> &[usize] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn module(&self, position: usize) -> Result<&ParsedModule<'a>, Error> {
        let module = self.list.get(position);
        module.ok_or_else(|| Error::internal("a module is missing"))
    }

    /// The item that a module names by an index.
    pub(crate) fn item(&self, module: usize, space: Space, index: u32) -> Result<Item, Error> {
        let first = self.first.get(module).map(|first| first[space]);
        let first = first.ok_or_else(|| Error::internal("a module is missing"))?;
        let number = first.checked_add(index);
        let number = number.filter(|number| *number < self.totals[space]);
        let number = number.ok_or_else(|| Error::internal("an index is out of range"))?;
        Ok(Item { space, number })
    }

    /// The module of an item, and its index there.
    pub(crate) fn owner(&self, item: Item) -> Result<(usize, u32), Error> {
        let after = self
            .first
            .partition_point(|first| first[item.space] <= item.number);
        // A module without items has the same first number as the next.
        let module = after.checked_sub(1);
        let first = module.and_then(|module| self.first.get(module));
        match (module, first) {
            (Some(module), Some(first)) => Ok((module, item.number - first[item.space])),
            _ => Err(Error::internal("an item has no module")),
        }
    }

    /// The import of an item, unless it is defined.
    pub(crate) fn import(&self, item: Item) -> Result<Option<ParsedImport<'a>>, Error> {
        let (module, index) = self.owner(item)?;
        let imports = &self.module(module)?.imports[item.space];
        Ok(imports.get(index as usize).copied())
    }

    /// Returns true if an item is defined by its module, not imported.
    pub(crate) fn is_defined(&self, item: Item) -> Result<bool, Error> {
        Ok(self.import(item)?.is_none())
    }

    /// The body of a function, unless it is imported.
    pub(crate) fn body(&self, function: Item) -> Result<Option<&FunctionBody<'a>>, Error> {
        let (module, index) = self.owner(function)?;
        let module = self.module(module)?;
        let imported = module.imports[Space::Function].len();
        let defined = (index as usize).checked_sub(imported);
        Ok(defined.and_then(|defined| module.bodies.get(defined)))
    }

    /// The type of an item.
    pub(crate) fn ty(&self, item: Item) -> Result<ItemType, Error> {
        let (module, index) = self.owner(item)?;
        let ty = self.module(module)?.ty(item.space, index);
        ty.ok_or_else(|| Error::internal("an item has no type"))
    }
}
