//! Imports of core instances, and the modules that serve them.
//!
//! In the linker, the modules are named by their instances: `core3` is the instance 3. A function
//! that nothing serves keeps an import of [`MISSING`].

use std::collections::HashMap;

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{CodeSection, ExportKind, ExportSection, FunctionSection, Module, TypeSection};
use wasmparser::{ExternalKind, FuncType, TypeRef, ValType};

use super::NAME_BYTES_MAX;
use super::error::ComponentError;
use super::imports::{self, Service};
use super::instantiate::CoreInstantiation;
use super::shim::Shims;
use super::surface::{Surface, with_imports};
use super::values::{CoreExport, CoreFunction};
use crate::wasi::{self, PREVIEW1};

/// Module name of the imports that nothing serves.
pub(super) const MISSING: &str = "missing";

/// Name of the module whose functions trap.
pub(super) const STUBS: &str = "stubs";

/// Allocators that results of imports are stored with, at most: for each there is an instance of
/// preview 2.
const ALLOCATORS_MAX: usize = 32;

/// Trampolines that are followed at most. Those that call each other never return.
const TRAMPOLINES_MAX: usize = 16;

/// A module name and a name, as imports have them.
pub(super) type Target = (String, String);

/// The module name of a core instance.
pub(super) fn instance_name(instance: usize) -> String {
    format!("core{instance}")
}

/// Finds the functions, tables, memories and globals that serve imports of core instances.
pub(super) struct Connections<'p, 'a> {
    core: &'p [CoreInstantiation<'a>],
    /// By number of the module.
    surfaces: &'p [Surface<'a>],
    shims: &'p Shims<'a>,
    /// The functions of preview 1.
    preview1: Surface<'static>,
    /// The defining instance of the memory by which values are exchanged, and the index there.
    memory: Option<(usize, u32)>,
    /// Defining instances of memories, and the indices there.
    origins: HashMap<CoreExport<'a>, (usize, u32)>,
    /// Types of the functions that trap, and their numbers.
    stubs: HashMap<FuncType, usize>,
    /// Allocators of the instances of preview 2, and their numbers.
    preview2: HashMap<Option<Target>, usize>,
    /// Size of the names of all imports so far, in bytes.
    name_bytes: usize,
}

impl<'p, 'a> Connections<'p, 'a> {
    pub(super) fn new(
        core: &'p [CoreInstantiation<'a>],
        surfaces: &'p [Surface<'a>],
        shims: &'p Shims<'a>,
    ) -> Result<Self, ComponentError> {
        let mut providers = wasi::providers().iter();
        let preview1 = providers.find(|(name, _)| *name == PREVIEW1);
        let preview1 = preview1.map_or(&[][..], |(_, module)| module.as_slice());
        Ok(Self {
            core,
            surfaces,
            shims,
            preview1: Surface::of(preview1)?,
            memory: None,
            origins: HashMap::new(),
            stubs: HashMap::new(),
            preview2: HashMap::new(),
            name_bytes: 0,
        })
    }

    /// Chooses the memory by which values are exchanged: that of lifted functions, or of lowered
    /// ones, or of an instance that imports preview 1.
    pub(super) fn choose_memory(
        &mut self,
        lifted: &[CoreExport<'a>],
    ) -> Result<Option<CoreExport<'a>>, ComponentError> {
        for memory in lifted {
            let origin = self.origin(*memory)?;
            let known = *self.memory.get_or_insert(origin);
            if known != origin {
                return Err(ComponentError::MultipleMemories {
                    first: known.0,
                    second: origin.0,
                });
            }
        }
        let memory = lifted.first().copied().or_else(|| self.lowered_memory());
        let memory = memory.or_else(|| self.preview1_memory());
        if let Some(memory) = memory {
            self.memory = Some(self.origin(memory)?);
        }
        Ok(memory)
    }

    /// The names for all imports of a core instance, in order.
    pub(super) fn imports(&mut self, instance: usize) -> Result<Vec<Target>, ComponentError> {
        let (core, surfaces) = (self.core, self.surfaces);
        let instantiation = &core[instance];
        let surface = &surfaces[instantiation.module];
        let has_memory = self.memory.is_some() && self.instance_memory(instance)? == self.memory;
        let mut targets = Vec::new();
        for import in &surface.imports {
            let argument = instantiation.arguments.get(import.module);
            let missing = || ComponentError::internal("a core import has no argument");
            let argument = argument.ok_or_else(missing)?;
            let target = if let TypeRef::Func(ty) = import.ty {
                let ty = surface.ty(ty).ok_or_else(missing)?;
                if import.module == PREVIEW1 && has_memory && self.is_preview1(import.name, ty) {
                    (PREVIEW1.to_owned(), import.name.to_owned())
                } else {
                    let function = argument.function(import.name).ok_or_else(missing)?;
                    self.target(&function, ty)
                }
            } else {
                let export = argument.other(import.name).ok_or_else(missing)?;
                (instance_name(export.instance), export.name.to_owned())
            };
            self.name_bytes += target.0.len() + target.1.len();
            if self.name_bytes > NAME_BYTES_MAX {
                return Err(ComponentError::NamesTooLong {
                    bytes_max: NAME_BYTES_MAX,
                });
            }
            targets.push(target);
        }
        Ok(targets)
    }

    /// The name of a core function that is imported with a type.
    pub(super) fn target(&mut self, function: &CoreFunction<'a>, ty: &FuncType) -> Target {
        match self.followed(function) {
            CoreFunction::Export(export) => {
                (instance_name(export.instance), export.name.to_owned())
            }
            CoreFunction::Lowered(lowered) => {
                let name = lowered.import.describe();
                match imports::function(&lowered.import) {
                    Service::Export(export) => match self.is_exchanged(lowered.memory) {
                        true => (self.preview2(lowered.realloc.as_ref()), export),
                        false => missing(&format!("{name} with another memory")),
                    },
                    Service::Trap => self.stub(ty),
                    Service::Missing => missing(&name),
                }
            }
            CoreFunction::Drop(resource) => match imports::drop(&resource) {
                Service::Export(export) => (self.preview2(None), export),
                Service::Trap => self.stub(ty),
                Service::Missing => missing(&format!("resource.drop of {}", resource.describe())),
            },
            CoreFunction::Missing(name) => missing(&name),
        }
    }

    /// The modules that serve imports besides the core instances: names and bytes.
    pub(super) fn providers(&self) -> Result<Vec<(String, Vec<u8>)>, ComponentError> {
        let mut providers = Vec::new();
        let surface = Surface::of(wasi::preview2())?;
        let mut instances: Vec<_> = self.preview2.iter().collect();
        instances.sort_unstable_by_key(|(_, number)| **number);
        for (realloc, number) in instances {
            let mut names = Vec::new();
            for import in &surface.imports {
                let target = (import.module.to_owned(), import.name.to_owned());
                names.push(match (import.name, realloc) {
                    ("realloc", Some(realloc)) => realloc.clone(),
                    _ => target,
                });
            }
            let module = with_imports(wasi::preview2(), &names, true)?;
            providers.push((preview2_name(*number), module));
        }
        if !self.stubs.is_empty() {
            let mut types: Vec<_> = self.stubs.iter().collect();
            types.sort_unstable_by_key(|(_, number)| **number);
            let types = types.into_iter().map(|(ty, _)| ty);
            providers.push((STUBS.to_owned(), stubs(types)?));
        }
        Ok(providers)
    }

    /// The function behind trampolines.
    fn followed(&self, function: &CoreFunction<'a>) -> CoreFunction<'a> {
        let mut function = function;
        for _ in 0..TRAMPOLINES_MAX {
            let CoreFunction::Export(export) = function else {
                break;
            };
            let Some(target) = self.shims.target(export) else {
                return function.clone();
            };
            function = target;
        }
        match function {
            CoreFunction::Export(_) => {
                CoreFunction::Missing("trampolines that call each other".into())
            }
            function => function.clone(),
        }
    }

    /// Returns true if a function needs no memory but the one by which values are exchanged.
    fn is_exchanged(&mut self, memory: Option<CoreExport<'a>>) -> bool {
        memory.is_none_or(|memory| {
            let origin = self.origin(memory).ok();
            origin.is_some() && origin == self.memory
        })
    }

    /// The instance of preview 2 with an allocator.
    fn preview2(&mut self, realloc: Option<&CoreFunction<'a>>) -> String {
        let realloc = realloc.map(|realloc| match self.followed(realloc) {
            CoreFunction::Export(export) => {
                (instance_name(export.instance), export.name.to_owned())
            }
            _ => missing("an allocator that is no core function"),
        });
        let (number, known) = (self.preview2.len(), self.preview2.get(&realloc));
        if known.is_none() && number >= ALLOCATORS_MAX {
            return missing("more allocators than Fusebox supports").0;
        }
        preview2_name(*self.preview2.entry(realloc).or_insert(number))
    }

    /// A function that traps.
    fn stub(&mut self, ty: &FuncType) -> Target {
        let number = self.stubs.len();
        let number = *self.stubs.entry(ty.clone()).or_insert(number);
        (STUBS.to_owned(), number.to_string())
    }

    fn is_preview1(&self, name: &str, ty: &FuncType) -> bool {
        let export = self.preview1.exports.get(name);
        let function = export.filter(|(kind, _)| *kind == ExternalKind::Func);
        // Names with a colon are those of this crate.
        !name.contains(':')
            && function.is_some_and(|(_, index)| self.preview1.function(*index) == Some(ty))
    }

    /// The instance that defines a memory, and the index there.
    fn origin(&mut self, memory: CoreExport<'a>) -> Result<(usize, u32), ComponentError> {
        if let Some(known) = self.origins.get(&memory) {
            return Ok(*known);
        }
        let missing = || ComponentError::internal("a memory is missing");
        let mut at = memory;
        // An instance imports from earlier ones only.
        for _ in 0..=self.core.len() {
            let instantiation = self.core.get(at.instance).ok_or_else(missing)?;
            let surface = &self.surfaces[instantiation.module];
            let (_, index) = *surface.exports.get(at.name).ok_or_else(missing)?;
            match self.imported_memory(at.instance, index) {
                Some(imported) => at = imported,
                None => {
                    self.origins.insert(memory, (at.instance, index));
                    return Ok((at.instance, index));
                }
            }
        }
        Err(missing())
    }

    /// The memory that an instance imports as an index.
    fn imported_memory(&self, instance: usize, index: u32) -> Option<CoreExport<'a>> {
        let instantiation = self.core.get(instance)?;
        let memories = &self.surfaces[instantiation.module].memories;
        let import = memories.get(index as usize)?;
        let argument = instantiation.arguments.get(import.module)?;
        argument.other(import.name)
    }

    /// The defining instance of the memory that an instance uses, and the index there.
    fn instance_memory(&mut self, instance: usize) -> Result<Option<(usize, u32)>, ComponentError> {
        match self.imported_memory(instance, 0) {
            Some(memory) => self.origin(memory).map(Some),
            None => Ok(Some((instance, 0))),
        }
    }

    fn lowered_memory(&self) -> Option<CoreExport<'a>> {
        let instances = self.core.iter();
        let mut functions = instances.flat_map(|instantiation| {
            let surface = &self.surfaces[instantiation.module];
            surface.imports.iter().filter_map(|import| {
                let argument = instantiation.arguments.get(import.module)?;
                argument.function(import.name)
            })
        });
        functions.find_map(|function| match function {
            CoreFunction::Lowered(lowered) => lowered.memory,
            _ => None,
        })
    }

    fn preview1_memory(&self) -> Option<CoreExport<'a>> {
        self.core.iter().enumerate().find_map(|(instance, core)| {
            let surface = &self.surfaces[core.module];
            let mut imports = surface.imports.iter();
            imports.find(|import| import.module == PREVIEW1)?;
            let exports = surface.exports.iter();
            let is_memory = |(kind, index)| kind == ExternalKind::Memory && index == 0;
            let memories = exports.filter(|(_, export)| is_memory(**export));
            // The first by name, so that the same component gives the same module.
            let name = memories.map(|(name, _)| *name).min()?;
            Some(CoreExport { instance, name })
        })
    }
}

fn missing(name: &str) -> Target {
    (MISSING.to_owned(), name.to_owned())
}

fn preview2_name(number: usize) -> String {
    format!("preview2.{number}")
}

/// A module of functions that trap, named by their numbers.
fn stubs<'t>(types: impl Iterator<Item = &'t FuncType>) -> Result<Vec<u8>, ComponentError> {
    let (mut section, mut functions) = (TypeSection::new(), FunctionSection::new());
    let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
    for (number, ty) in types.enumerate() {
        section.ty().func_type(&encoded(ty)?);
        functions.function(number as u32);
        exports.export(&number.to_string(), ExportKind::Func, number as u32);
        let mut function = wasm_encoder::Function::new([]);
        function.instructions().unreachable().end();
        code.function(&function);
    }
    let mut module = Module::new();
    module.section(&section).section(&functions);
    module.section(&exports).section(&code);
    Ok(module.finish())
}

/// A function type, to be encoded.
pub(super) fn encoded(ty: &FuncType) -> Result<wasm_encoder::FuncType, ComponentError> {
    let ty = RoundtripReencoder.func_type(ty.clone());
    ty.map_err(|error| ComponentError::internal(error.to_string()))
}

/// The type of an allocator.
pub(super) fn realloc_type() -> FuncType {
    FuncType::new([ValType::I32; 4], [ValType::I32])
}
