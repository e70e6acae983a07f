//! Definitions as JSON: the format that catalogs keep.
//!
//! The names of fields and values are stated here, apart from those in Rust. A field that is
//! added later is left out where it has its default: older programs read the definitions that do
//! not use it, and refuse those that do, because they refuse unknown fields.

use std::sync::Arc;

use arrow_schema::DataType;
use serde::{Deserialize, Serialize};

use crate::arrow_parser::parse_arrow_type;
use crate::arrow_printer::ArrowText;
use crate::definition::{Definition, ModuleSource, NullHandling, Volatility};
use crate::digest::Digest;
use crate::kind::Kind;
use crate::limits::Limits;
use crate::on_error::OnError;
use crate::plain_abi::PlainAbi;
use crate::reset::Reset;
use crate::reuse::Reuse;
use crate::signature::{Argument, Signature, check_parameters};
use crate::type_display::check_type;

/// Version of the format of stored definitions.
pub const DEFINITION_FORMAT: u32 = 1;

/// Version of this program.
const FUSEBOX: &str = env!("CARGO_PKG_VERSION");

/// Reason for which a stored definition cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoredDefinitionError {
    /// The text is not JSON, or has no format.
    #[error(
        "expected a definition in JSON with its format and version, found another text ({0}): \
         create the function again"
    )]
    Envelope(String),
    /// The format is unknown.
    #[error(
        "expected format {DEFINITION_FORMAT}, found format {format}, written by Fusebox \
         {fusebox}; this is Fusebox {FUSEBOX}: use Fusebox {fusebox}"
    )]
    Format {
        /// Format of the definition.
        format: u32,
        /// Version of the program that wrote it.
        fusebox: String,
    },
    /// A field or a value is unknown, missing or out of its range.
    #[error("{reason}; written by Fusebox {fusebox}, this is Fusebox {FUSEBOX}")]
    Content {
        /// Problem, with what was expected.
        reason: String,
        /// Version of the program that wrote it.
        fusebox: String,
    },
}

impl Definition {
    /// Returns the definition as a JSON object, in the newest format.
    pub fn to_json(&self) -> String {
        let stored = StoredDefinition::from(self);
        serde_json::to_string(&stored).expect("each key of the object is text")
    }

    /// Reads the JSON object of a definition.
    ///
    /// # Errors
    ///
    /// [`StoredDefinitionError`] if this version does not know all of it.
    pub fn from_json(text: &str) -> Result<Self, StoredDefinitionError> {
        let envelope: Envelope = serde_json::from_str(text)
            .map_err(|error| StoredDefinitionError::Envelope(error.to_string()))?;
        let Envelope { format, fusebox } = envelope;
        if format != DEFINITION_FORMAT {
            return Err(StoredDefinitionError::Format { format, fusebox });
        }
        let stored = serde_json::from_str::<StoredDefinition>(text);
        let definition = stored.map_err(|error| error.to_string());
        let definition = definition.and_then(Self::try_from);
        definition.map_err(|reason| StoredDefinitionError::Content { reason, fusebox })
    }
}

/// Fields that all formats have, read before the others.
#[derive(Deserialize)]
struct Envelope {
    format: u32,
    fusebox: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredDefinition {
    format: u32,
    fusebox: String,
    name: String,
    #[serde(with = "StoredKind")]
    kind: Kind,
    signature: StoredSignature,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    state: Vec<StoredArgument>,
    #[serde(with = "StoredVolatility")]
    volatility: Volatility,
    #[serde(with = "StoredNullHandling")]
    nulls: NullHandling,
    #[serde(with = "StoredLimits")]
    limits: Limits,
    #[serde(with = "StoredReset")]
    reset: Reset,
    #[serde(with = "StoredOnError")]
    on_error: OnError,
    #[serde(with = "StoredReuse", default, skip_serializing_if = "is_auto")]
    reuse: Reuse,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    abi: Option<StoredAbi>,
    digest: Digest,
    symbol: String,
    #[serde(with = "StoredSource")]
    source: ModuleSource,
    temporary: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weights: Option<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSignature {
    arguments: Vec<StoredArgument>,
    returns: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredArgument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    variadic: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_auto(reuse: &Reuse) -> bool {
    *reuse == Reuse::Auto
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Limits", deny_unknown_fields)]
struct StoredLimits {
    fuel_per_row: u64,
    fuel_per_call: u64,
    fuel_init: u64,
    #[serde(rename = "memory")]
    memory_bytes_max: u64,
    #[serde(rename = "stack")]
    stack_bytes_max: u64,
    #[serde(rename = "result_bytes")]
    result_bytes_max: u64,
    #[serde(rename = "instances")]
    instances_max: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Kind")]
enum StoredKind {
    #[serde(rename = "scalar")]
    Scalar,
    #[serde(rename = "aggregate")]
    Aggregate,
    #[serde(rename = "window")]
    Window,
    #[serde(rename = "table")]
    Table,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Volatility")]
enum StoredVolatility {
    #[serde(rename = "immutable")]
    Immutable,
    #[serde(rename = "stable")]
    Stable,
    #[serde(rename = "volatile")]
    Volatile,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "NullHandling")]
enum StoredNullHandling {
    #[serde(rename = "strict")]
    Strict,
    #[serde(rename = "called")]
    Called,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Reset")]
enum StoredReset {
    #[serde(rename = "call")]
    Call,
    #[serde(rename = "row")]
    Row,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "OnError")]
enum StoredOnError {
    #[serde(rename = "fail")]
    Fail,
    #[serde(rename = "null")]
    Null,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Reuse")]
enum StoredReuse {
    #[serde(rename = "auto")]
    Auto,
    #[serde(rename = "off")]
    Off,
    #[serde(rename = "always")]
    Always,
}

/// Convention of a plain function, which a definition may lack.
#[derive(Serialize, Deserialize)]
struct StoredAbi(#[serde(with = "StoredPlainAbi")] PlainAbi);

#[derive(Serialize, Deserialize)]
#[serde(remote = "PlainAbi")]
enum StoredPlainAbi {
    #[serde(rename = "ptr_len")]
    PtrLen,
    #[serde(rename = "c_string")]
    CString,
    #[serde(rename = "assemblyscript")]
    AssemblyScript,
    #[serde(rename = "length_prefixed")]
    LengthPrefixed,
    #[serde(rename = "canonical")]
    Canonical,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ModuleSource")]
enum StoredSource {
    #[serde(rename = "module")]
    Module(String),
    #[serde(rename = "path")]
    Path(String),
    #[serde(rename = "text")]
    Text(#[serde(with = "shared_text")] Arc<str>),
    #[serde(rename = "base64")]
    Base64,
}

/// Text that is shared, as a string.
mod shared_text {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<str>, D::Error> {
        String::deserialize(from).map(Into::into)
    }
}

impl From<&Definition> for StoredDefinition {
    fn from(definition: &Definition) -> Self {
        let arguments = |arguments: &[Argument]| arguments.iter().map(Into::into).collect();
        Self {
            format: DEFINITION_FORMAT,
            fusebox: FUSEBOX.to_owned(),
            name: definition.name.clone(),
            kind: definition.kind,
            signature: StoredSignature {
                arguments: arguments(&definition.signature.arguments),
                returns: ArrowText(&definition.signature.returns).to_string(),
            },
            state: arguments(&definition.state),
            volatility: definition.volatility,
            nulls: definition.nulls,
            limits: definition.limits,
            reset: definition.reset,
            on_error: definition.on_error,
            reuse: definition.reuse,
            abi: definition.abi.map(StoredAbi),
            digest: definition.digest,
            symbol: definition.symbol.clone(),
            source: definition.source.clone(),
            temporary: definition.temporary,
            comment: definition.comment.clone(),
            weights: definition.weights,
        }
    }
}

impl From<&Argument> for StoredArgument {
    fn from(argument: &Argument) -> Self {
        Self {
            name: argument.name.clone(),
            data_type: ArrowText(&argument.data_type).to_string(),
            default: argument.default.clone(),
            variadic: argument.variadic,
        }
    }
}

/// Checks what the format alone does not: types, ranges and the order of arguments.
impl TryFrom<StoredDefinition> for Definition {
    type Error = String;

    fn try_from(stored: StoredDefinition) -> Result<Self, String> {
        let refused = |error| format!("it {error}");
        stored.limits.check_ranges().map_err(refused)?;
        let arguments = |stored: Vec<StoredArgument>| -> Result<Vec<_>, String> {
            stored.into_iter().map(Argument::try_from).collect()
        };
        let signature = Signature {
            arguments: arguments(stored.signature.arguments)?,
            returns: read_type(&stored.signature.returns)?,
        };
        check_parameters(&signature.arguments).map_err(refused)?;
        Ok(Self {
            name: stored.name,
            kind: stored.kind,
            signature,
            state: arguments(stored.state)?,
            volatility: stored.volatility,
            nulls: stored.nulls,
            limits: stored.limits,
            reset: stored.reset,
            on_error: stored.on_error,
            reuse: stored.reuse,
            abi: stored.abi.map(|StoredAbi(abi)| abi),
            digest: stored.digest,
            symbol: stored.symbol,
            source: stored.source,
            temporary: stored.temporary,
            comment: stored.comment,
            weights: stored.weights,
        })
    }
}

impl TryFrom<StoredArgument> for Argument {
    type Error = String;

    fn try_from(stored: StoredArgument) -> Result<Self, String> {
        Ok(Self {
            name: stored.name,
            data_type: read_type(&stored.data_type)?,
            default: stored.default,
            variadic: stored.variadic,
        })
    }
}

fn read_type(text: &str) -> Result<DataType, String> {
    let read = parse_arrow_type(text);
    let data_type = read.ok_or_else(|| format!("expected a type of Arrow, found `{text}`"))?;
    check_type(&data_type).map_err(|error| format!("it {error}: `{text}`"))?;
    Ok(data_type)
}

#[cfg(test)]
mod tests;
