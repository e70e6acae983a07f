//! Reasons for refusing a module.

use crate::compile_budget::CompileResource;

/// Reason for which a module cannot be instrumented. Function indices count imports.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The module is not valid, or uses a feature that is not permitted.
    #[error("{message} at offset {offset:#x}")]
    Invalid {
        /// The validator's message.
        message: String,
        /// The position in the module, in bytes.
        offset: usize,
    },
    /// The module exports a reserved name.
    #[error("it exports `{name}`, but names with the prefix `fusebox:` are reserved")]
    ReservedExport {
        /// The export's name.
        name: String,
    },
    /// The module has an import that the host does not provide.
    #[error("it imports `{module}`.`{name}`, which the host does not provide")]
    UnknownImport {
        /// The import's module.
        module: String,
        /// The import's name.
        name: String,
    },
    /// An acyclic call chain needs too much stack.
    #[error(
        "a call chain takes {bytes} bytes of stack from function {function}, \
         expected at most {bytes_max}"
    )]
    CallChainTooDeep {
        /// Index of the function that begins the chain.
        function: u32,
        /// Stack of the chain, in bytes.
        bytes: u64,
        /// Maximum, in bytes: [`Options::chain_bytes_max`](crate::Options).
        bytes_max: u64,
    },
    /// The module defines too many functions.
    #[error("it defines {functions} functions, expected at most {functions_max}")]
    TooManyFunctions {
        /// Number of functions.
        functions: usize,
        /// Maximum: [`CompileBudget::functions_max`](crate::CompileBudget).
        functions_max: usize,
    },
    /// The module has too many globals.
    #[error("it has {globals} globals, expected at most {globals_max}")]
    TooManyGlobals {
        /// Number of globals.
        globals: usize,
        /// Maximum.
        globals_max: usize,
    },
    /// The blocks of a function are nested too deeply.
    #[error("function {function} nests blocks too deeply, expected at most {nesting_max} levels")]
    NestingTooDeep {
        /// Index of the function.
        function: u32,
        /// Maximum: [`CompileBudget::nesting_max`](crate::CompileBudget).
        nesting_max: usize,
    },
    /// The values of blocks, branches and calls are out of proportion to the module.
    #[error(
        "up to function {function}, its blocks, branches and calls have more than {values_max} \
         parameters and results, expected at most 32 for each byte: give them fewer"
    )]
    TooManyValues {
        /// Index of the function that exceeds the maximum.
        function: u32,
        /// Maximum, for a module of that size.
        values_max: u64,
    },
    /// The estimated cost of compilation exceeds the budget.
    #[error(
        "its compilation is estimated to take {found} {resource}, expected at most {max}; the \
         largest part is that {place} has {count} {noun}; divide it, or have the \
         embedder raise `compile_budget`"
    )]
    CompileBudget {
        /// Resource of the budget.
        resource: CompileResource,
        /// Estimated cost, in units of the resource.
        found: u64,
        /// Maximum: [`Options::compile_budget`](crate::Options).
        max: u64,
        /// The function with the largest part of the cost, or the module.
        place: String,
        /// Factor of that part.
        count: u64,
        /// Description of the factor.
        noun: &'static str,
    },
    /// The pass failed, which is a bug in Fusebox.
    #[error("it cannot be instrumented because of a bug in Fusebox: {message}")]
    Internal {
        /// The failed step.
        message: String,
    },
}

impl Error {
    /// An error of the pass itself.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::Internal {
            message: message.into(),
        }
    }
}

impl From<wasmparser::BinaryReaderError> for Error {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Invalid {
            message: error.message().to_owned(),
            offset: error.offset(),
        }
    }
}
