//! The interface of a sandbox.

use std::error::Error;
use std::path::Path;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::DataType;

/// Result with any error; errors are reported as text.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A prepared call, which can be repeated.
pub(crate) type Call = Box<dyn FnMut() -> Result<ArrayRef>>;

/// A sandbox with the measured functions.
pub(crate) trait Peer {
    /// Prepares a call of a function that returns a column of type `returns`.
    fn call(&self, function: &str, batch: RecordBatch, returns: &DataType) -> Result<Call>;
}

/// Reads the file of a guest.
pub(crate) fn guest(folder: &Path, name: &str) -> Result<Vec<u8>> {
    let path = folder.join(name);
    let bytes = std::fs::read(&path);
    bytes.map_err(|error| format!("cannot read {}: {error}", path.display()).into())
}

/// Creates an engine with all optimisations, as is Wasmtime's default.
pub(crate) fn engine() -> Result<wasmtime::Engine> {
    Ok(wasmtime::Engine::new(&config())?)
}

/// Creates an engine that meters guests by Wasmtime's fuel.
pub(crate) fn metered_engine() -> Result<wasmtime::Engine> {
    let mut config = config();
    config.consume_fuel(true);
    Ok(wasmtime::Engine::new(&config)?)
}

fn config() -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config.cranelift_opt_level(wasmtime::OptLevel::Speed);
    config
}
