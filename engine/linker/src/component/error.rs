//! Reasons for not flattening a component.

use super::LiftedName;
use super::unsupported::Unsupported;
use crate::error::Error;

/// Reason for which a component cannot be flattened to one core module.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComponentError {
    /// The bytes are not those of a component.
    #[error("expected a component, found {found}; encode it with `wasm-tools component new`")]
    NotAComponent {
        /// Description of the bytes.
        found: &'static str,
    },
    /// The component is not valid, or uses a feature that is not permitted.
    #[error("the component is not valid: {message} at offset {offset:#x}")]
    Invalid {
        /// The validator's message.
        message: String,
        /// The position in the component, in bytes.
        offset: usize,
    },
    /// Validating a core module of the component would take too long.
    #[error("core module {module} of the component is refused: {reason}")]
    Refused {
        /// Number of the core module, in the order of the bytes.
        module: usize,
        /// The reason.
        reason: fusebox_instrument::Error,
    },
    /// The component is too large.
    #[error("the component has {bytes} bytes, expected at most {bytes_max}")]
    TooLarge {
        /// Size of the component, in bytes.
        bytes: usize,
        /// Maximum, in bytes: [`BYTES_MAX`](crate::BYTES_MAX).
        bytes_max: usize,
    },
    /// Components are nested in each other, or instantiate each other, too deeply.
    #[error(
        "components are nested more than {depth_max} levels deep; compose them in fewer levels"
    )]
    TooDeep {
        /// Maximum: [`DEPTH_MAX`](super::DEPTH_MAX).
        depth_max: usize,
    },
    /// Instantiating the component makes too many items.
    #[error(
        "instantiating the component takes more than {definitions_max} definitions; instantiate \
         its parts fewer times"
    )]
    TooManyDefinitions {
        /// Maximum: [`DEFINITIONS_MAX`](super::DEFINITIONS_MAX).
        definitions_max: usize,
    },
    /// Instantiating the component makes too many instances of core modules.
    #[error(
        "the component makes more than {instances_max} instances of core modules; instantiate \
         its parts fewer times"
    )]
    TooManyInstances {
        /// Maximum: [`CORE_INSTANCES_MAX`](super::CORE_INSTANCES_MAX).
        instances_max: usize,
    },
    /// The instances of core modules are too large.
    #[error(
        "the instances of core modules have more than {bytes_max} bytes; instantiate large \
         modules fewer times"
    )]
    InstancesTooLarge {
        /// Maximum, in bytes: [`BYTES_MAX`](crate::BYTES_MAX).
        bytes_max: usize,
    },
    /// The names of imports and exports are too long.
    #[error(
        "names of imports and exports have more than {bytes_max} bytes, each written out; \
         shorten them"
    )]
    NamesTooLong {
        /// Maximum, in bytes: [`NAME_BYTES_MAX`](super::NAME_BYTES_MAX).
        bytes_max: usize,
    },
    /// The types of the exported functions are too large, written out.
    #[error("the types of exported functions have more than {types_max} parts, written out")]
    TypesTooLarge {
        /// Maximum: [`TYPES_MAX`](super::TYPES_MAX).
        types_max: usize,
    },
    /// The component imports code.
    #[error("it imports the {kind} `{name}`, expected functions only; compose the component first")]
    ImportsCode {
        /// The kind: a core module or a component.
        kind: &'static str,
        /// Name of the import.
        name: String,
    },
    /// Exported functions reach imports or intrinsics that nothing provides.
    #[error(
        "exported functions may call {}, expected imports of `wasi:cli`, `wasi:clocks`, \
         `wasi:filesystem`, `wasi:io`, `wasi:random` and `wasi:sockets` 0.2 alone; build the \
         component without them, or compose it with a component that provides them",
        listed(names)
    )]
    MissingImports {
        /// Names of all of them, sorted: `wasi:http/types@0.2.0#[constructor]fields`.
        names: Vec<String>,
    },
    /// Functions exchange values with memories of their own.
    #[error(
        "core instances {first} and {second} exchange values by memories of their own, expected \
         one memory; build the parts of the component as one module"
    )]
    MultipleMemories {
        /// Number of a core instance, in the order of instantiation.
        first: usize,
        /// Number of another.
        second: usize,
    },
    /// The component exports no function that can be called.
    #[error("it exports no function that can be called{}", refused(functions))]
    NoFunctions {
        /// The exported functions, each with the reason for its refusal.
        functions: Vec<(LiftedName, Unsupported)>,
    },
    /// The merged core instances cannot be linked.
    #[error(transparent)]
    Link(#[from] Error),
}

impl ComponentError {
    /// An error of the flattening itself.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::Link(Error::internal(message))
    }
}

/// Sections are validated before they are read again.
impl From<wasmparser::BinaryReaderError> for ComponentError {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Invalid {
            message: error.message().to_owned(),
            offset: error.offset(),
        }
    }
}

/// Names that a message has at most.
const LISTED_MAX: usize = 32;

fn listed(names: &[String]) -> String {
    let quoted = names.iter().take(LISTED_MAX);
    let quoted: Vec<_> = quoted.map(|name| format!("`{name}`")).collect();
    let mut text = quoted.join(", ");
    if names.len() > LISTED_MAX {
        text += &format!(" and {} more", names.len() - LISTED_MAX);
    }
    text
}

fn refused(functions: &[(LiftedName, Unsupported)]) -> String {
    let mut text = String::new();
    for (name, reason) in functions.iter().take(LISTED_MAX) {
        text += if text.is_empty() { ": " } else { "; " };
        text += &format!("`{name}` {reason}");
    }
    if functions.len() > LISTED_MAX {
        text += &format!("; and {} more", functions.len() - LISTED_MAX);
    }
    text
}
