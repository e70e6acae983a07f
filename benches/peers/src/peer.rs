//! What a sandbox is.

use std::error::Error;
use std::path::Path;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::DataType;

/// What goes wrong ends in a line of text.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A call that can be made again and again.
pub(crate) type Call = Box<dyn FnMut() -> Result<ArrayRef>>;

/// A sandbox with the functions in it.
pub(crate) trait Peer {
    /// Makes a call of a function that returns such a column.
    fn call(&self, function: &str, batch: RecordBatch, returns: &DataType) -> Result<Call>;
}

/// Reads the guest of that name.
pub(crate) fn guest(folder: &Path, name: &str) -> Result<Vec<u8>> {
    let path = folder.join(name);
    let bytes = std::fs::read(&path);
    bytes.map_err(|error| format!("cannot read {}: {error}", path.display()).into())
}

/// Compiles with all optimisations, as is Wasmtime's default.
pub(crate) fn engine() -> Result<wasmtime::Engine> {
    let mut config = wasmtime::Config::new();
    config.cranelift_opt_level(wasmtime::OptLevel::Speed);
    Ok(wasmtime::Engine::new(&config)?)
}
