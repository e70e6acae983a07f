//! Imports, resolved to the items that serve them.

use fusebox_abi::IMPORT_MODULE;

use crate::error::Error;
use crate::modules::{Item, MAIN, Modules};
use crate::parsed::ParsedImport;
use crate::space::{PerSpace, Space};

/// The spaces that imports may be of.
const IMPORTED: [Space; 4] = [Space::Function, Space::Table, Space::Memory, Space::Global];

/// Number of an item without a target yet.
const UNKNOWN: u32 = u32::MAX;

/// Number of an import on the path that is being resolved.
const PENDING: u32 = u32::MAX - 1;

/// Target of each item: itself if it is defined or no provider serves it, else the item that
/// serves the import, through any number of re-exports.
pub(crate) struct Resolution {
    targets: PerSpace<Vec<u32>>,
    /// The modules that the main module needs, directly or through others: providers before
    /// those that import from them, as far as there are no cycles, and the main module last. All
    /// modules, if they keep their order.
    pub(crate) order: Vec<usize>,
}

impl Resolution {
    pub(crate) fn of(modules: &Modules<'_>) -> Result<Self, Error> {
        let mut resolution = Self {
            targets: PerSpace::default(),
            order: Vec::new(),
        };
        let mut needs = vec![Vec::new(); modules.list.len()];
        let mut next = PerSpace::<Vec<u32>>::default();
        for space in Space::ALL {
            let total = modules.totals[space];
            next[space] = (0..total).collect();
            resolution.targets[space] = vec![UNKNOWN; total as usize];
        }
        for (importer, needs) in needs.iter_mut().enumerate() {
            for space in IMPORTED {
                for (index, import) in modules.list[importer].imports[space].iter().enumerate() {
                    let item = modules.item(importer, space, index as u32)?;
                    if let Some((provider, served)) = provided(modules, importer, import)? {
                        next[space][item.number as usize] = served.number;
                        needs.push(provider);
                    }
                }
            }
            needs.sort_unstable();
            needs.dedup();
        }
        for space in Space::ALL {
            for number in 0..modules.totals[space] {
                let item = Item { space, number };
                resolution.follow(modules, item, &next[space])?;
            }
        }
        resolution.order = match modules.keeps_order {
            true => (MAIN + 1..needs.len()).chain([MAIN]).collect(),
            false => order(&needs),
        };
        Ok(resolution)
    }

    /// The item that stands for an item in the linked module.
    pub(crate) fn target(&self, item: Item) -> Item {
        let targets = &self.targets[item.space];
        Item {
            number: targets
                .get(item.number as usize)
                .copied()
                .unwrap_or(item.number),
            ..item
        }
    }

    /// Finds the target of an item and of all items on the way to it.
    fn follow(&mut self, modules: &Modules<'_>, item: Item, next: &[u32]) -> Result<(), Error> {
        let targets = &mut self.targets[item.space];
        let mut path = Vec::new();
        let mut at = item.number;
        let target = loop {
            match targets[at as usize] {
                UNKNOWN => {
                    let step = next[at as usize];
                    if step == at {
                        targets[at as usize] = at;
                        break at;
                    }
                    targets[at as usize] = PENDING;
                    path.push(at);
                    at = step;
                }
                PENDING => return Err(cycle(modules, Item { number: at, ..item })?),
                known => break known,
            }
        };
        for number in path {
            targets[number as usize] = target;
        }
        Ok(())
    }
}

fn cycle(modules: &Modules<'_>, item: Item) -> Result<Error, Error> {
    let (module, index) = modules.owner(item)?;
    let module = modules.module(module)?;
    let import = module.imports[item.space].get(index as usize);
    let import = import.ok_or_else(|| Error::internal("a cycle without an import"))?;
    Ok(Error::ImportCycle {
        place: module.place.clone(),
        module: import.module.to_owned(),
        name: import.name.to_owned(),
    })
}

/// The module and the item that serve an import. Of several modules with the import's name, the
/// first serves it that has an export of the name and the type. Without any, a memory is
/// that of the main module.
fn provided(
    modules: &Modules<'_>,
    importer: usize,
    import: &ParsedImport<'_>,
) -> Result<Option<(usize, Item)>, Error> {
    if import.module == IMPORT_MODULE {
        return Ok(None);
    }
    let mut found = None;
    for provider in modules.named(import.module) {
        if *provider == importer {
            continue;
        }
        let module = modules.module(*provider)?;
        // What modules of this crate share or export for the host is hidden from others.
        let is_hidden = module.is_host && import.name.contains(':');
        if is_hidden && !modules.module(importer)?.is_host {
            continue;
        }
        if let Some(export) = module.export(import.name) {
            let item = modules.item(*provider, export.space, export.index)?;
            if modules.ty(item)?.serves(import.ty) {
                return Ok(Some((*provider, item)));
            }
            found.get_or_insert((*provider, item));
        }
    }
    let has_memory = !modules.module(MAIN)?.memories.is_empty();
    if found.is_none() && import.space == Space::Memory && importer != MAIN && has_memory {
        found = Some((MAIN, modules.item(MAIN, Space::Memory, 0)?));
    }
    let Some((provider, item)) = found else {
        return Ok(None);
    };
    let ty = modules.ty(item)?;
    if ty.serves(import.ty) {
        return Ok(Some((provider, item)));
    }
    Err(Error::TypeMismatch {
        place: modules.module(importer)?.place.clone(),
        module: import.module.to_owned(),
        name: import.name.to_owned(),
        expected: modules.types.describe(import.ty),
        found: modules.types.describe(ty),
    })
}

/// The modules that the main module needs, each after those that it needs itself, except in
/// cycles.
fn order(needs: &[Vec<usize>]) -> Vec<usize> {
    let mut order = Vec::new();
    let mut is_entered = vec![false; needs.len()];
    is_entered[MAIN] = true;
    let mut path = vec![(MAIN, needs[MAIN].iter())];
    while let Some((module, left)) = path.last_mut() {
        match left.next() {
            Some(need) if !is_entered[*need] => {
                is_entered[*need] = true;
                path.push((*need, needs[*need].iter()));
            }
            Some(_) => {}
            None => {
                order.push(*module);
                path.pop();
            }
        }
    }
    order
}
