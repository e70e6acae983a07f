//! Linking to the deterministic WASI, before a module is instrumented.

use fusebox_definition::ModuleError;
use fusebox_linker::wasi::{Grants, GrantsError};
use fusebox_linker::{AmbientInputs, Error as LinkError, Linker};

/// Links a module to the deterministic WASI, with the constants that it carries.
///
/// # Errors
///
/// [`ModuleError::Imports`] with all imports that nothing provides.
pub(super) fn link_wasi(module: &[u8]) -> Result<Vec<u8>, ModuleError> {
    let wasi = Wasi::of(module)?;
    let linker = wasi.linker(module)?.hide_reserved_exports();
    let missing = linker.missing_imports().map_err(refused)?;
    if !missing.is_empty() {
        let names = missing
            .iter()
            .map(|import| format!("`{}`.`{}`", import.module, import.name));
        return Err(ModuleError::Imports(names.collect()));
    }
    linker.link().map_err(refused)
}

/// The deterministic WASI of one module.
pub(super) struct Wasi {
    /// The provider of the constants that the module carries.
    granted: Option<Vec<u8>>,
}

impl Wasi {
    pub(super) fn of(module: &[u8]) -> Result<Self, ModuleError> {
        let grants = Grants::of(module).map_err(unreadable)?;
        let granted = grants.map(|grants| grants.provider()).transpose();
        Ok(Self {
            granted: granted.map_err(unreadable)?,
        })
    }

    /// Returns a linker of the module and WASI.
    pub(super) fn linker<'a>(&'a self, module: &'a [u8]) -> Result<Linker<'a>, ModuleError> {
        let linker = Linker::new("main", module).map_err(refused)?;
        let linker = match &self.granted {
            None => linker.provide_wasi(),
            Some(granted) => linker.provide_granted_wasi(granted),
        };
        linker.map_err(refused)
    }
}

fn unreadable(error: GrantsError) -> ModuleError {
    ModuleError::Link(error.to_string())
}

/// Converts a reason for not linking.
pub(super) fn refused(error: LinkError) -> ModuleError {
    ModuleError::Link(error.to_string())
}

/// Names what a function may read beside its arguments; `None` if nothing.
pub(super) fn input(inputs: AmbientInputs) -> Option<&'static str> {
    match (inputs.clock, inputs.random) {
        (true, _) => Some("the clock"),
        (false, true) => Some("random numbers"),
        (false, false) => None,
    }
}
