//! Modules: loading, inspection, instrumentation, compilation. Nothing is run.

mod compiled;
mod inspect;
mod loaded;

pub(crate) use compiled::{CompiledModule, CompiledModules, Variant};
pub use inspect::Operation;
pub use loaded::LoadedModule;
