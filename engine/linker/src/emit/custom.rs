//! Names and other custom sections.

use std::collections::BTreeMap;

use wasm_encoder::{CustomSection, Module, NameMap, NameSection};

use crate::error::Error;
use crate::layout::Layout;
use crate::modules::{MAIN, Modules};
use crate::parsed::ParsedModule;
use crate::space::Space;

/// Bytes of a provider's name that stand before the names of its functions.
const PREFIX_BYTES_MAX: usize = 64;

/// Name of the function that calls all start functions.
const START_NAME: &str = "fusebox:start";

/// Adds the names of functions and the custom sections of the main module.
pub(super) fn add_custom_sections(
    module: &mut Module,
    modules: &Modules<'_>,
    layout: &Layout<'_, '_>,
) -> Result<(), Error> {
    let main = modules.module(MAIN)?;
    let names = function_names(modules, layout)?;
    if !names.is_empty() || main.module_name.is_some() {
        let mut section = NameSection::new();
        if let Some(name) = main.module_name {
            section.module(name);
        }
        let mut map = NameMap::new();
        for (index, name) in &names {
            map.append(*index, name);
        }
        section.functions(&map);
        module.section(&section);
    }
    for section in main.custom.iter().filter(|section| is_kept(section.name)) {
        module.section(&CustomSection {
            name: section.name.into(),
            data: section.data.into(),
        });
    }
    Ok(())
}

/// Returns false for sections that refer to positions in the code or to indices, which change.
fn is_kept(name: &str) -> bool {
    let dropped = [".debug_", "metadata.code.", "reloc."];
    name != "linking" && !dropped.iter().any(|prefix| name.starts_with(prefix))
}

/// Names of the functions of the linked module, by index. The first name of a function counts.
fn function_names(
    modules: &Modules<'_>,
    layout: &Layout<'_, '_>,
) -> Result<BTreeMap<u32, String>, Error> {
    let mut names = BTreeMap::new();
    for (position, module) in modules.list.iter().enumerate() {
        let exports = module.exports.iter();
        let exports = exports.filter(|export| export.space == Space::Function);
        let exports = exports.map(|export| (export.index, export.name));
        // The main module has its exports anyway, under their names.
        let exports = exports.filter(|_| position != MAIN);
        for (index, name) in module.function_names.iter().copied().chain(exports) {
            let Ok(item) = modules.item(position, Space::Function, index) else {
                continue;
            };
            // An import has the name of the function that serves it.
            if modules.owner(item)?.0 != position || !modules.is_defined(item)? {
                continue;
            }
            if let Ok(index) = layout.index(item) {
                names.entry(index).or_insert_with(|| match position {
                    MAIN => name.to_owned(),
                    _ => format!("{}.{name}", prefix(module)),
                });
            }
        }
    }
    if layout.starts.len() > 1 {
        names.insert(layout.len(Space::Function), START_NAME.to_owned());
    }
    Ok(names)
}

fn prefix<'a>(module: &'a ParsedModule<'_>) -> &'a str {
    let end = module.name.floor_char_boundary(PREFIX_BYTES_MAX);
    &module.name[..end]
}
