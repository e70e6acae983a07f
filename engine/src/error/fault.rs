//! What is wrong with a module: its author must act.

use super::list;

/// What makes a module unusable.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message names its fields")]
#[non_exhaustive]
pub enum ModuleFault {
    #[error("it is neither a Wasm module nor its text")]
    NotWasm,
    #[error("it is a Wasm component, not a core module")]
    Component,
    #[error("its text does not parse: {0}")]
    Text(String),
    #[error("it has {bytes} bytes, of {bytes_max} at most")]
    TooLarge { bytes: u64, bytes_max: u64 },
    #[error("it is not valid: {0}")]
    Invalid(String),
    #[error("it imports `{module}`.`{name}`, which nobody grants")]
    Import { module: String, name: String },
    #[error("it speaks {found}; this version of Fusebox speaks fusebox_abi_1")]
    Abi { found: String },
    #[error("it does not export `{export}`{}", has(available))]
    NoExport {
        export: String,
        available: Vec<String>,
    },
    #[error("its export `{export}` is {found}, not {expected}")]
    ExportType {
        export: String,
        expected: &'static str,
        found: String,
    },
    #[error("its memory starts at {bytes} bytes, of {bytes_max} at most")]
    Memory { bytes: u64, bytes_max: u64 },
    #[error("its section `fusebox.functions` is wrong: {0}")]
    Declaration(String),
    #[error("{0}")]
    Metering(fusebox_instrument::Error),
    #[error("it cannot be compiled: {0}")]
    Compile(String),
    #[error("it cannot be instantiated: {0}")]
    Instantiate(String),
}

fn has(available: &[String]) -> String {
    match available {
        [] => String::new(),
        names => format!("; it exports {}", list(names)),
    }
}
