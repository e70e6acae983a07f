//! Reasons for not linking.

/// Reason for which modules cannot be linked. A place is `the module`, or the name of a
/// provider.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A module is not valid, or uses a feature that is not permitted.
    #[error("{place} is not valid: {message} at offset {offset:#x}")]
    Invalid {
        /// The module.
        place: String,
        /// The validator's message.
        message: String,
        /// The position in the module, in bytes.
        offset: usize,
    },
    /// Validating a module would take too long.
    #[error("{place} is refused: {reason}")]
    Refused {
        /// The module.
        place: String,
        /// The reason.
        reason: fusebox_instrument::Error,
    },
    /// The modules are too large.
    #[error("the modules to link have {bytes} bytes, expected at most {bytes_max}")]
    TooLarge {
        /// Size of all modules, in bytes.
        bytes: usize,
        /// Maximum, in bytes: [`BYTES_MAX`](crate::BYTES_MAX).
        bytes_max: usize,
    },
    /// The modules have too many functions, tables, memories, globals and segments.
    #[error(
        "the modules to link have {items} functions, tables, memories, globals and segments, \
         expected at most {items_max}"
    )]
    TooManyItems {
        /// Number of items of all modules.
        items: usize,
        /// Maximum: [`ITEMS_MAX`](crate::ITEMS_MAX).
        items_max: usize,
    },
    /// There are too many modules.
    #[error("there are more than {modules_max} modules to link; merge some of them before")]
    TooManyModules {
        /// Maximum: [`MODULES_MAX`](crate::MODULES_MAX).
        modules_max: usize,
    },
    /// The module exports a reserved name.
    #[error(
        "it exports `{name}`, but names with the prefix `fusebox:` are reserved; rename the export"
    )]
    ReservedExport {
        /// The export's name.
        name: String,
    },
    /// A provider has the name of the host's own module.
    #[error("a provider is named `{name}`, which the host itself provides; rename the provider")]
    ReservedProvider {
        /// The provider's name.
        name: String,
    },
    /// A provider exports something else than what is imported.
    #[error(
        "{place} imports `{module}`.`{name}` as {expected}, but it is provided as {found}; \
         build both against the same declaration"
    )]
    TypeMismatch {
        /// The module that imports.
        place: String,
        /// The import's module.
        module: String,
        /// The import's name.
        name: String,
        /// The type of the import.
        expected: String,
        /// The type of the export.
        found: String,
    },
    /// Imports lead back to themselves.
    #[error(
        "{place} imports `{module}`.`{name}`, which is an import of its own through re-exports; \
         define it in one of the modules"
    )]
    ImportCycle {
        /// A module of the cycle.
        place: String,
        /// The import's module.
        module: String,
        /// The import's name.
        name: String,
    },
    /// The initial values of globals depend on each other.
    #[error(
        "the initial value of global {global} of {place} depends on itself through imports; \
         initialize one of the globals with a constant"
    )]
    GlobalCycle {
        /// The module of the global.
        place: String,
        /// Index of the global.
        global: u32,
    },
    /// An initial value that depends on missing imports is too long to be copied.
    #[error(
        "the initial value of global {global} of {place} has {operators} operators and depends \
         on an import that is not provided, expected at most {operators_max}; provide the import"
    )]
    InitialValueTooLong {
        /// The module of the global.
        place: String,
        /// Index of the global.
        global: u32,
        /// Number of operators.
        operators: usize,
        /// Maximum.
        operators_max: usize,
    },
    /// More than one memory is in use.
    #[error(
        "{first} and {second} use memories of their own, expected one memory; have one import \
         the memory of the other"
    )]
    MultipleMemories {
        /// The module of one memory.
        first: String,
        /// The module of another.
        second: String,
    },
    /// The module has no function of that name to ask about.
    #[error("it exports no function `{name}`")]
    UnknownExport {
        /// The export's name.
        name: String,
    },
    /// The linker failed, which is a bug in Fusebox.
    #[error("the modules cannot be linked because of a bug in Fusebox: {message}")]
    Internal {
        /// The failed step.
        message: String,
    },
}

impl Error {
    /// An error of the linker itself.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::Internal {
            message: message.into(),
        }
    }

    /// An error of the parser or the validator at a place.
    pub(crate) fn invalid(place: &str, error: &wasmparser::BinaryReaderError) -> Self {
        Self::Invalid {
            place: place.to_owned(),
            message: error.message().to_owned(),
            offset: error.offset(),
        }
    }
}

/// Modules are validated before they are read again.
impl From<wasmparser::BinaryReaderError> for Error {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::internal(error.message())
    }
}

impl From<wasm_encoder::reencode::Error<Error>> for Error {
    fn from(error: wasm_encoder::reencode::Error<Error>) -> Self {
        match error {
            wasm_encoder::reencode::Error::UserError(error) => error,
            other => Self::internal(other.to_string()),
        }
    }
}
