//! Modules: loading, inspection, instrumentation, compilation. Nothing is run.

mod compiled;
mod loaded;

mod instrumented_cache;

mod inspect;

mod decode;

pub(crate) use compiled::{CompiledModule, CompiledModules, Variant};
pub use inspect::Operation;
pub use loaded::LoadedModule;
