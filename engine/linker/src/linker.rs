//! Modules, linked into one.

use fusebox_abi::IMPORT_MODULE;
use fusebox_instrument::EXPORT_PREFIX;

use crate::constants::Constants;
use crate::emit::emit;
use crate::error::Error;
use crate::layout::Layout;
use crate::modules::{Item, MAIN, Modules};
use crate::parsed::ParsedModule;
use crate::reach::Reach;
use crate::resolve::Resolution;
use crate::segments::Segments;
use crate::space::Space;
use crate::wasi;

/// Maximum size of all modules to link, in bytes.
pub const BYTES_MAX: usize = 256 << 20;

/// Maximum number of modules to link.
pub const MODULES_MAX: usize = 1_000;

/// Maximum number of functions, tables, memories, globals and segments of all modules.
pub const ITEMS_MAX: usize = 2_000_000;

/// An import of a module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// The module that it names.
    pub module: String,
    /// The name in that module.
    pub name: String,
    /// Its type, in the words of error messages: `a function (i32) -> (i32)`.
    pub ty: String,
}

/// Inputs of a function other than its arguments, as far as the providers of
/// [`Linker::provide_wasi`] serve them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AmbientInputs {
    /// The function may read the clock.
    pub clock: bool,
    /// The function may read random numbers.
    pub random: bool,
}

/// A main module and providers of its imports, to be linked into one module.
///
/// Imports are matched by module name and name. Of several providers with one name, the first
/// serves an import that has an export of its name and type. Providers may import from each
/// other and from the main module; a memory that is not found by name is that of the main
/// module. Imports of `fusebox` are the host's and stay.
///
/// Only what is needed is linked: functions, globals, tables, memories and types that exports of
/// the main module, start functions and active segments reach. Start functions and
/// active segments of a provider count if the main module imports from it, directly or through
/// others.
///
/// The linked module behaves as the modules do if each is instantiated after those that it
/// imports from, with one exception: all active segments are applied before the first start
/// function runs, those of providers first.
pub struct Linker<'a> {
    modules: Modules<'a>,
    bytes: usize,
}

impl<'a> Linker<'a> {
    /// Validates the main module. Providers import from it by `name`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`], [`Error::Refused`], [`Error::TooLarge`] and
    /// [`Error::TooManyItems`]; and [`Error::ReservedExport`] if a name with the prefix `fusebox:` is exported.
    pub fn new(name: &str, module: &'a [u8]) -> Result<Self, Error> {
        let mut linker = Self {
            modules: Modules::default(),
            bytes: 0,
        };
        linker.add(name, "the module".to_owned(), module, false)?;
        let exports = &linker.modules.module(MAIN)?.exports;
        let mut names = exports.iter().map(|export| export.name);
        match names.find(|name| name.starts_with(EXPORT_PREFIX)) {
            None => Ok(linker),
            Some(name) => Err(Error::ReservedExport {
                name: name.to_owned(),
            }),
        }
    }

    /// Adds a provider of the imports that name `name`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`], [`Error::Refused`], [`Error::TooLarge`], [`Error::TooManyItems`] and
    /// [`Error::TooManyModules`]; and [`Error::ReservedProvider`] for the name `fusebox`.
    pub fn provide(mut self, name: &str, module: &'a [u8]) -> Result<Self, Error> {
        if name == IMPORT_MODULE {
            return Err(Error::ReservedProvider {
                name: name.to_owned(),
            });
        }
        self.add(name, format!("provider `{name}`"), module, false)?;
        Ok(self)
    }

    /// Adds the providers of this crate: WASI preview 1, and the imports of AssemblyScript and
    /// Emscripten that need no host. See [`wasi`].
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`], [`Error::TooManyItems`] and [`Error::TooManyModules`].
    pub fn provide_wasi(mut self) -> Result<Self, Error> {
        for (name, module) in wasi::providers() {
            self.add(name, format!("provider `{name}`"), module, true)?;
        }
        Ok(self)
    }

    /// The same, with a [provider](crate::wasi::Grants::provider) of preview 1 that serves constants.
    ///
    /// # Errors
    ///
    /// Those of [`provide_wasi`](Self::provide_wasi), and [`Error::Invalid`] for another module.
    pub fn provide_granted_wasi(mut self, preview1: &'a [u8]) -> Result<Self, Error> {
        for (name, module) in wasi::providers() {
            let module = match *name == wasi::PREVIEW1 {
                true => preview1,
                false => module,
            };
            self.add(name, format!("provider `{name}`"), module, true)?;
        }
        Ok(self)
    }

    /// Leaves out the exports by which a host sets clock and seed: they keep their beginning.
    pub fn hide_reserved_exports(mut self) -> Self {
        self.modules.hides_reserved = true;
        self
    }

    /// Links the modules. The same modules give the same bytes. The linked module is valid, except
    /// that it may have more items of a kind than a validator accepts of one module.
    ///
    /// # Errors
    ///
    /// [`Error::TypeMismatch`], [`Error::ImportCycle`], [`Error::GlobalCycle`],
    /// [`Error::InitialValueTooLong`] and [`Error::MultipleMemories`].
    pub fn link(&self) -> Result<Vec<u8>, Error> {
        self.with_segments(|segments| emit(segments, &Layout::of(segments)?))
    }

    /// The imports of the main module that providers serve, sorted.
    ///
    /// # Errors
    ///
    /// Those of [`link`](Self::link).
    pub fn served_imports(&self) -> Result<Vec<Import>, Error> {
        let resolution = Resolution::of(&self.modules)?;
        let mut served = Vec::new();
        for space in Space::ALL {
            let imports = &self.modules.module(MAIN)?.imports[space];
            for index in 0..imports.len() as u32 {
                let item = self.modules.item(MAIN, space, index)?;
                if self.modules.is_defined(resolution.target(item))? {
                    served.extend(self.import(item)?);
                }
            }
        }
        served.sort();
        served.dedup();
        Ok(served)
    }

    /// The imports that the linked module would have because no provider serves them, sorted. Those
    /// of `fusebox`, which the host provides, are left out.
    ///
    /// # Errors
    ///
    /// Those of [`link`](Self::link).
    pub fn missing_imports(&self) -> Result<Vec<Import>, Error> {
        self.with_segments(|segments| {
            let imports = Layout::of(segments)?.imports;
            let imports = imports.iter().map(|(item, _)| self.import(*item));
            let mut missing = Vec::new();
            for import in imports {
                missing.extend(import?.filter(|import| import.module != IMPORT_MODULE));
            }
            missing.sort();
            Ok(missing)
        })
    }

    /// The inputs of an exported function other than its arguments: those that it reaches by
    /// calls, where a call through a table reaches each function that is in a table or whose
    /// address is taken. Start functions do not count: they run before the first
    /// call, with the same inputs each time.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownExport`] if the main module exports no such function, and those of
    /// [`link`](Self::link).
    pub fn ambient_inputs(&self, export: &str) -> Result<AmbientInputs, Error> {
        let inputs = self.ambient_inputs_of(&[&[export]])?;
        Ok(inputs.into_iter().next().unwrap_or_default())
    }

    /// The ambient inputs of groups of exported functions: those that any of a group reaches.
    pub(crate) fn ambient_inputs_of(
        &self,
        groups: &[&[&str]],
    ) -> Result<Vec<AmbientInputs>, Error> {
        self.with_segments(|segments| {
            let callable = Layout::of(segments)?.reach.callable()?;
            let mut inputs = Vec::new();
            for group in groups {
                let mut reach = Reach::new(segments, callable.clone());
                for name in *group {
                    reach.add(self.exported_function(MAIN, name)?)?;
                }
                inputs.push(AmbientInputs {
                    clock: self.is_any_reached(&reach, wasi::STATE_CLOCK)?,
                    random: self.is_any_reached(&reach, wasi::STATE_RANDOM)?,
                });
            }
            Ok(inputs)
        })
    }

    /// Returns true if an exported function of a module may read or write memory, itself or by
    /// calls as in [`ambient_inputs`](Self::ambient_inputs); what no module serves may.
    pub(crate) fn reaches_memory(&self, module: usize, export: &str) -> Result<bool, Error> {
        self.with_segments(|segments| {
            let callable = Layout::of(segments)?.reach.callable()?;
            let mut reach = Reach::new(segments, callable);
            reach.add(self.exported_function(module, export)?)?;
            for function in reach.items(Space::Function) {
                if !self.modules.is_defined(function)? {
                    return Ok(true);
                }
            }
            Ok(reach.items(Space::Memory).next().is_some())
        })
    }

    /// Returns an exported function of a module.
    fn exported_function(&self, module: usize, name: &str) -> Result<Item, Error> {
        let export = self.modules.module(module)?.export(name);
        let export = export
            .filter(|export| export.space == Space::Function)
            .ok_or_else(|| Error::UnknownExport {
                name: name.to_owned(),
            })?;
        self.modules.item(module, export.space, export.index)
    }

    /// Marks the main module as one of this crate, to which others do not hide what they share.
    pub(crate) fn with_host_main(mut self) -> Self {
        if let Some(main) = self.modules.list.first_mut() {
            main.is_host = true;
        }
        self
    }

    /// Adds a module of a component, or a provider of its imports.
    pub(crate) fn provide_part(
        mut self,
        name: &str,
        place: String,
        module: &'a [u8],
        is_host: bool,
    ) -> Result<Self, Error> {
        self.add(name, place, module, is_host)?;
        Ok(self)
    }

    /// Instantiates all modules in the order in which they were added, the main module last,
    /// whether it needs them or not.
    pub(crate) fn keep_order(mut self) -> Self {
        self.modules.keeps_order = true;
        self
    }

    fn add(
        &mut self,
        name: &str,
        place: String,
        bytes: &'a [u8],
        is_host: bool,
    ) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes > BYTES_MAX {
            return Err(Error::TooLarge {
                bytes: self.bytes,
                bytes_max: BYTES_MAX,
            });
        }
        if self.modules.list.len() >= MODULES_MAX {
            return Err(Error::TooManyModules {
                modules_max: MODULES_MAX,
            });
        }
        let mut module = ParsedModule::parse(name, place, bytes, &mut self.modules.types)?;
        module.is_host = is_host;
        let total = |space| self.modules.totals[space] as usize + module.len(space);
        let items = Space::ALL.into_iter().map(total).sum();
        if items > ITEMS_MAX {
            return Err(Error::TooManyItems {
                items,
                items_max: ITEMS_MAX,
            });
        }
        self.modules.add(module);
        Ok(())
    }

    fn with_segments<T>(
        &self,
        body: impl FnOnce(Segments<'_, 'a>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let resolution = Resolution::of(&self.modules)?;
        let constants = Constants::of(&self.modules, &resolution)?;
        body(Segments {
            modules: &self.modules,
            resolution: &resolution,
            constants: &constants,
        })
    }

    fn import(&self, item: Item) -> Result<Option<Import>, Error> {
        let import = self.modules.import(item)?;
        Ok(import.map(|import| Import {
            module: import.module.to_owned(),
            name: import.name.to_owned(),
            ty: self.modules.types.describe(import.ty),
        }))
    }

    /// Returns true if an exported global of a module of this crate is reached.
    fn is_any_reached(&self, reach: &Reach<'_, '_>, global: &str) -> Result<bool, Error> {
        for (position, module) in self.modules.list.iter().enumerate() {
            if let Some(export) = module.export(global).filter(|_| module.is_host) {
                let item = self.modules.item(position, export.space, export.index)?;
                if reach.contains(item) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}
