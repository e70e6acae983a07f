//! Modules: loading, inspection, instrumentation, compilation. Nothing is run.

mod compiled;

mod plain;

mod report;

mod loaded;

mod component;

mod linking;

mod instrumented_cache;

mod inspect;

mod validate;

mod decode;

pub(crate) use compiled::{CompiledModule, CompiledModules, Variant};
pub use inspect::Operation;
pub use loaded::LoadedModule;
pub(crate) use plain::{check_inputs, with_driver};
pub use report::{ModuleReport, PlainExport};
