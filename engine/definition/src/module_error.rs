//! Defects of modules: their author must act.

use crate::kind::Kind;
use crate::plain_abi::PlainAbi;
use crate::statement_error::{names, written_as};

/// Defect that makes a module unusable.
#[derive(Clone, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message names its fields")]
#[non_exhaustive]
pub enum ModuleError {
    #[error("it is neither a Wasm module nor its text{}", kind_of_file(*found))]
    NotWasm {
        /// The kind of file, if it is known.
        found: Option<&'static str>,
    },
    #[error("it is a component that cannot be used: {0}")]
    Component(String),
    #[error("its function `{export}` {problem}")]
    ComponentFunction { export: String, problem: String },
    #[error("its text does not parse: {0}")]
    Text(String),
    #[error("it has {bytes} bytes, expected at most {bytes_max}")]
    TooLarge { bytes: u64, bytes_max: u64 },
    #[error("it is not valid: {0}")]
    Invalid(String),
    #[error(
        "it imports {}, which nothing provides: of WASI there is preview 1, without files and \
         network",
        .0.join(", ")
    )]
    Imports(Vec<String>),
    #[error("it cannot be linked: {0}")]
    Link(String),
    #[error("{0}")]
    Grants(String),
    #[error("its export `{export}` is {mismatch}")]
    PlainType {
        export: String,
        /// The types of the export, those of the function, and those expected.
        mismatch: String,
    },
    #[error(
        "its export `{export}` is a column function, expected a plain one for abi = '{abi}': \
         leave the option out"
    )]
    ColumnAbi { export: String, abi: PlainAbi },
    #[error(
        "its export `{export}` may read {input}, which an IMMUTABLE function must not: \
         write STABLE or VOLATILE"
    )]
    Ambient { export: String, input: &'static str },
    #[error(
        "its function `{export}` may read {input}, which begins again at each row: only plain \
         functions may read it"
    )]
    ColumnInput { export: String, input: &'static str },
    #[error("it imports `{module}`.`{name}`, which the host does not provide")]
    Import { module: String, name: String },
    #[error("it exports {found}; Fusebox {} supports fusebox_abi_1", env!("CARGO_PKG_VERSION"))]
    Abi { found: String },
    #[error("it does not export `{export}`{}{}", has(available), written_as(*kind))]
    NoExport {
        export: String,
        available: Vec<String>,
        /// The kind of the function that it exports under this name.
        kind: Option<Kind>,
    },
    #[error(
        "it does not export `{export}`{}; its exports are not those of Fusebox's ABI, which the \
         SDK writes (docs/functions.md)",
        has(available)
    )]
    ForeignExports {
        export: String,
        available: Vec<String>,
    },
    #[error("its export `{export}` is {found}, not {expected}")]
    ExportType {
        export: String,
        expected: &'static str,
        found: String,
    },
    #[error("its initial memory has {bytes} bytes, expected at most {bytes_max}")]
    Memory { bytes: u64, bytes_max: u64 },
    #[error("its section `fusebox.functions` is invalid: {0}")]
    Declaration(String),
    #[error("{0}")]
    Instrument(String),
    #[error(
        "the engine has {modules_max} compiled modules, the maximum (compiled_modules_max): drop functions of others"
    )]
    TooMany { modules_max: usize },
    #[error(
        "the engine has {bytes} bytes of compiled code, at most {bytes_max} (compiled_bytes_max): drop functions of others"
    )]
    TooMuchCode { bytes: usize, bytes_max: usize },
    #[error("it cannot be compiled: {0}")]
    Compile(String),
    #[error("it cannot be instantiated: {0}")]
    Instantiate(String),
}

fn kind_of_file(found: Option<&str>) -> String {
    found.map_or_else(String::new, |found| {
        format!(", but {found}; compile it for the target wasm32-unknown-unknown")
    })
}

fn has(available: &[String]) -> String {
    match available {
        [] => String::new(),
        available => format!("; it exports {}", names(available)),
    }
}
