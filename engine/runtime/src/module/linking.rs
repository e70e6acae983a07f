//! Linking to the deterministic WASI, before a module is instrumented.

use fusebox_definition::ModuleError;
use fusebox_linker::{AmbientInputs, Error as LinkError, Linker};

/// Links a module to the deterministic WASI.
///
/// # Errors
///
/// [`ModuleError::Imports`] with all imports that nothing provides.
pub(super) fn link_wasi(module: &[u8]) -> Result<Vec<u8>, ModuleError> {
    let linker = wasi(module)?.hide_reserved_exports();
    let missing = linker.missing_imports().map_err(refused)?;
    if !missing.is_empty() {
        let names = missing
            .iter()
            .map(|import| format!("`{}`.`{}`", import.module, import.name));
        return Err(ModuleError::Imports(names.collect()));
    }
    linker.link().map_err(refused)
}

/// Returns a linker of a module and WASI.
pub(super) fn wasi(module: &[u8]) -> Result<Linker<'_>, ModuleError> {
    let linker = Linker::new("main", module).and_then(Linker::provide_wasi);
    linker.map_err(refused)
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
