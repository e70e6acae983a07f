//! Indices of the linked module.

use std::collections::HashMap;

use crate::error::Error;
use crate::modules::{Item, MAIN, Modules};
use crate::parsed::ParsedImport;
use crate::reach::Reach;
use crate::resolve::Resolution;
use crate::segments::Segments;
use crate::space::{PerSpace, Space};
use fusebox_instrument::EXPORT_PREFIX;

/// Index of an item that the linked module lacks.
const ABSENT: u32 = u32::MAX;

/// The items of the linked module, and their indices.
pub(crate) struct Layout<'m, 'a> {
    /// The imports that no provider serves, each once.
    pub(crate) imports: Vec<(Item, ParsedImport<'a>)>,
    /// The items that are defined, in order of their indices.
    pub(crate) defined: PerSpace<Vec<Item>>,
    /// The exports: those of the main module, and reserved ones of modules of this crate.
    pub(crate) exports: Vec<(&'a str, Item)>,
    /// The start functions, those of providers first.
    pub(crate) starts: Vec<Item>,
    pub(crate) reach: Reach<'m, 'a>,
    indices: PerSpace<Vec<u32>>,
    next: PerSpace<u32>,
}

impl<'m, 'a> Layout<'m, 'a> {
    pub(crate) fn of(segments: Segments<'m, 'a>) -> Result<Self, Error> {
        let (modules, resolution) = (segments.modules, segments.resolution);
        let mut layout = Self {
            imports: Vec::new(),
            defined: PerSpace::default(),
            exports: Vec::new(),
            starts: Vec::new(),
            reach: Reach::new(segments, Vec::new()),
            indices: PerSpace::default(),
            next: PerSpace::default(),
        };
        layout.reach_roots(segments)?;
        layout.keep_reserved_exports(modules)?;
        for space in Space::ALL {
            layout.indices[space] = vec![ABSENT; modules.totals[space] as usize];
        }
        layout.add_imports(modules)?;
        layout.add_defined(modules, resolution)?;
        check_memories(&layout, modules)?;
        Ok(layout)
    }

    /// The index of an item, which is a target of the resolution.
    pub(crate) fn index(&self, item: Item) -> Result<u32, Error> {
        let index = self.indices[item.space].get(item.number as usize);
        let index = index.copied().filter(|index| *index != ABSENT);
        index.ok_or_else(|| Error::internal("an item was not reached"))
    }

    /// The number of imported and defined items of a space.
    pub(crate) fn len(&self, space: Space) -> u32 {
        self.next[space]
    }

    fn reach_roots(&mut self, segments: Segments<'m, 'a>) -> Result<(), Error> {
        let modules = segments.modules;
        for export in &modules.module(MAIN)?.exports {
            let item = modules.item(MAIN, export.space, export.index)?;
            self.exports
                .push((export.name, segments.resolution.target(item)));
            self.reach.add(item)?;
        }
        for module in segments.resolution.order.iter().copied() {
            if let Some(start) = modules.module(module)?.start {
                let start = modules.item(module, Space::Function, start)?;
                self.starts.push(segments.resolution.target(start));
                self.reach.add(start)?;
            }
            for segment in segments.active(module)? {
                self.reach.add(segment)?;
            }
        }
        Ok(())
    }

    /// Adds the exports that the host needs of modules of this crate: globals that are reached,
    /// and functions that use such a global.
    fn keep_reserved_exports(&mut self, modules: &'m Modules<'a>) -> Result<(), Error> {
        if modules.hides_reserved {
            return Ok(());
        }
        let mut reserved = Vec::new();
        for (position, module) in modules.list.iter().enumerate() {
            let exports = module.exports.iter().filter(|_| module.is_host);
            for export in exports.filter(|export| export.name.starts_with(EXPORT_PREFIX)) {
                let item = modules.item(position, export.space, export.index)?;
                reserved.push((export.name, item));
            }
        }
        for (_, item) in &reserved {
            if self.reach.uses_reached_global(*item)? {
                self.reach.add(*item)?;
            }
        }
        reserved.retain(|(_, item)| self.reach.contains(*item));
        self.exports.append(&mut reserved);
        Ok(())
    }

    /// Numbers the imports that are left. Equal ones share an index.
    fn add_imports(&mut self, modules: &Modules<'a>) -> Result<(), Error> {
        let mut known = HashMap::new();
        for space in Space::ALL {
            for item in self.reach.items(space) {
                let Some(import) = modules.import(item)? else {
                    continue;
                };
                let next = self.next[space];
                let index = known
                    .entry((import.module, import.name, import.ty))
                    .or_insert(next);
                self.indices[space][item.number as usize] = *index;
                if *index == next {
                    self.next[space] += 1;
                    self.imports.push((item, import));
                }
            }
        }
        Ok(())
    }

    fn add_defined(&mut self, modules: &Modules<'_>, resolution: &Resolution) -> Result<(), Error> {
        // Segments are applied in the order in which the modules would be instantiated.
        let mut positions = vec![0; modules.list.len()];
        for (position, module) in resolution.order.iter().enumerate() {
            positions[*module] = position;
        }
        for space in Space::ALL {
            let mut defined = Vec::new();
            for item in self.reach.items(space) {
                if modules.is_defined(item)? {
                    let (module, _) = modules.owner(item)?;
                    defined.push((positions[module], item));
                }
            }
            if matches!(space, Space::Element | Space::Data) {
                defined.sort_by_key(|(position, _)| *position);
            }
            for (_, item) in defined {
                self.indices[space][item.number as usize] = self.next[space];
                self.next[space] += 1;
                self.defined[space].push(item);
            }
        }
        Ok(())
    }
}

/// Checks that the module has one memory at most.
fn check_memories(layout: &Layout<'_, '_>, modules: &Modules<'_>) -> Result<(), Error> {
    let imported = layout.imports.iter().map(|(item, _)| item);
    let memories = imported.filter(|item| item.space == Space::Memory);
    let mut memories = memories.chain(&layout.defined[Space::Memory]);
    let (Some(first), Some(second)) = (memories.next(), memories.next()) else {
        return Ok(());
    };
    let place = |item: Item| -> Result<String, Error> {
        let (module, _) = modules.owner(item)?;
        Ok(modules.module(module)?.place.clone())
    };
    Err(Error::MultipleMemories {
        first: place(*first)?,
        second: place(*second)?,
    })
}
