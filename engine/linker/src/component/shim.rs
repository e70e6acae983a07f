//! Calls through tables that `wit-component` puts between a module and its imports.
//!
//! A module cannot import functions that need its own memory, since these can be lowered only
//! after it was instantiated. It imports trampolines of a shim instead, which call through a
//! table, and another instance fills the table afterwards:
//!
//! ```wat
//! (core module $shim (table (export "$imports") 1 1 funcref)
//!   (func (export "0") (param i32) (call_indirect (param i32) (local.get 0) (i32.const 0))))
//! (core module $fixups (import "" "$imports" (table 1 1 funcref))
//!   (import "" "0" (func $0 (param i32)))
//!   (elem (i32.const 0) func $0))
//! ```
//!
//! If nothing else happens to the table, a trampoline is the function in its slot: calls
//! become direct, and a function that is never called is not linked. What is left of the other
//! instance is its start function, which may be one that it imports.

use std::collections::{HashMap, HashSet};

use wasmparser::{ExternalKind, FuncType, FunctionBody, Operator, TypeRef};

use super::error::ComponentError;
use super::instantiate::CoreInstantiation;
use super::surface::Surface;
use super::values::{CoreExport, CoreFunction};

/// Trampolines, and the functions that they call.
#[derive(Default)]
pub(super) struct Shims<'a> {
    functions: HashMap<CoreExport<'a>, CoreFunction<'a>>,
    /// Numbers of the shims, which are not needed any more.
    pub(super) replaced: HashSet<usize>,
    /// Numbers of the instances that need not fill a table any more.
    pub(super) fillers: HashSet<usize>,
}

impl<'a> Shims<'a> {
    /// Finds the shims among the core instances.
    pub(super) fn of(
        core: &[CoreInstantiation<'a>],
        surfaces: &[Surface<'a>],
    ) -> Result<Self, ComponentError> {
        let mut shims = Self::default();
        let users = table_users(core, surfaces);
        for (instance, instantiation) in core.iter().enumerate() {
            let Some(shim) = Trampolines::of(&surfaces[instantiation.module])? else {
                continue;
            };
            let &[(user, table)] = users.get(&instance).map_or(&[][..], Vec::as_slice) else {
                continue;
            };
            if shim.table != Some(table.name) || shims.fillers.contains(&user) {
                continue;
            }
            let filler = &core[user];
            if let Some(functions) = shim.filled(instance, filler, &surfaces[filler.module]) {
                shims.functions.extend(functions);
                shims.replaced.insert(instance);
                shims.fillers.insert(user);
            }
        }
        Ok(shims)
    }

    /// The function that takes the place of a trampoline.
    pub(super) fn target(&self, export: &CoreExport<'a>) -> Option<&CoreFunction<'a>> {
        self.functions.get(export)
    }
}

/// The instances that import tables of an instance, and the tables.
fn table_users<'a>(
    core: &[CoreInstantiation<'a>],
    surfaces: &[Surface<'a>],
) -> HashMap<usize, Vec<(usize, CoreExport<'a>)>> {
    let mut users = HashMap::<_, Vec<_>>::new();
    for (number, instantiation) in core.iter().enumerate() {
        let is_table = |ty: &TypeRef| matches!(ty, TypeRef::Table(_));
        for import in surfaces[instantiation.module].imports_of(is_table) {
            let argument = instantiation.arguments.get(import.module);
            if let Some(table) = argument.and_then(|argument| argument.other(import.name)) {
                users
                    .entry(table.instance)
                    .or_default()
                    .push((number, table));
            }
        }
    }
    users
}

/// A module that has trampolines through one table, and nothing else.
struct Trampolines<'s, 'a> {
    /// Name of the table.
    table: Option<&'a str>,
    /// Names of the exported trampolines, their types, and the slots that they call.
    functions: Vec<(&'a str, &'s FuncType, u32)>,
}

impl<'s, 'a> Trampolines<'s, 'a> {
    fn of(surface: &'s Surface<'a>) -> Result<Option<Self>, ComponentError> {
        let is_plain = surface.imports.is_empty()
            && surface.elements.is_empty()
            && surface.defined_tables == 1
            && !surface.has_start
            && !surface.has_more;
        if !is_plain {
            return Ok(None);
        }
        let (mut table, mut functions) = (None, Vec::new());
        for (name, (kind, index)) in &surface.exports {
            match kind {
                ExternalKind::Table if table.is_none() => table = Some(*name),
                ExternalKind::Func => {
                    let body = surface.bodies.get(*index as usize);
                    let (Some(ty), Some(body)) = (surface.function(*index), body) else {
                        return Ok(None);
                    };
                    let Some(slot) = slot(surface, ty, body)? else {
                        return Ok(None);
                    };
                    functions.push((*name, ty, slot));
                }
                _ => return Ok(None),
            }
        }
        functions.sort_unstable_by_key(|(name, _, _)| *name);
        Ok(Some(Self { table, functions }))
    }

    /// The functions that trampolines call, if an instance does nothing but fill the table with
    /// functions of their types.
    fn filled(
        &self,
        instance: usize,
        filler: &CoreInstantiation<'a>,
        surface: &Surface<'a>,
    ) -> Option<Vec<(CoreExport<'a>, CoreFunction<'a>)>> {
        let is_plain = surface.bodies.is_empty()
            && surface.exports.is_empty()
            && surface.defined_tables == 0
            && !surface.has_more;
        let is_table = |ty: &TypeRef| matches!(ty, TypeRef::Table(_));
        if !is_plain || surface.imports_of(is_table).count() != 1 {
            return None;
        }
        let mut slots = HashMap::new();
        for (_, offset, functions) in &surface.elements {
            for (position, function) in functions.iter().enumerate() {
                slots.insert(offset.checked_add(position as u32)?, *function);
            }
        }
        let is_function = |ty: &TypeRef| matches!(ty, TypeRef::Func(_));
        let imports: Vec<_> = surface.imports_of(is_function).collect();
        let mut found = Vec::new();
        for (name, ty, slot) in &self.functions {
            let function = *slots.get(slot)?;
            let import = imports.get(function as usize)?;
            if surface.function(function) != Some(*ty) {
                return None;
            }
            let target = filler.arguments.get(import.module)?.function(import.name)?;
            if matches!(&target, CoreFunction::Export(export) if export.instance == instance) {
                return None;
            }
            found.push((CoreExport { instance, name }, target));
        }
        Some(found)
    }
}

/// The slot that a function calls with its own parameters, if it does nothing else.
fn slot(
    surface: &Surface<'_>,
    ty: &FuncType,
    body: &FunctionBody<'_>,
) -> Result<Option<u32>, ComponentError> {
    let mut operators = body.get_operators_reader()?;
    for parameter in 0..ty.params().len() as u32 {
        match operators.read()? {
            Operator::LocalGet { local_index } if local_index == parameter => {}
            _ => return Ok(None),
        }
    }
    let Operator::I32Const { value } = operators.read()? else {
        return Ok(None);
    };
    let Operator::CallIndirect { type_index, .. } = operators.read()? else {
        return Ok(None);
    };
    let is_whole = matches!(operators.read()?, Operator::End) && operators.eof();
    let is_same = surface.ty(type_index) == Some(ty);
    Ok((is_whole && is_same).then_some(value as u32))
}
