//! Modules: loading, inspection, instrumentation, compilation. Nothing is run.

mod compiled;
mod inspect;
mod loaded;

pub(crate) use compiled::{CompiledModule, CompiledModules};
pub use inspect::Operation;
pub use loaded::LoadedModule;
