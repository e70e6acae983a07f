//! What a function is: plain data, with no engine inside.
//!
//! A definition travels: into a catalog, a distributed plan, another process.
//! So it says everything that decides a function's answers, its limits too,
//! and two equal definitions give equal answers.

mod limits;
mod reset;

use std::fmt;
use std::str::FromStr;

use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub(crate) use limits::LIMITS;
pub use limits::Limits;
pub use reset::Reset;

/// A function: its SQL name, its signature, its module and its export.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Definition {
    /// The SQL name, in the case in which it is looked up.
    pub name: String,
    /// What goes in and what comes out.
    pub signature: Signature,
    /// Whether equal arguments give equal answers.
    pub volatility: Volatility,
    /// What a null argument does.
    pub nulls: NullHandling,
    /// What a call may use.
    pub limits: Limits,
    /// Behind what the guest has forgotten everything.
    #[serde(default)]
    pub reset: Reset,
    /// The module's bytes.
    pub digest: Digest,
    /// The symbol: the export's name without the prefix of the ABI.
    pub symbol: String,
    /// Where the SQL user took the module from.
    pub origin: Origin,
    /// Whether it goes with the session.
    pub temporary: bool,
}

/// Argument types and the return type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Signature {
    /// The arguments, in order.
    pub arguments: Vec<Argument>,
    /// The type of the result.
    #[serde(with = "arrow_spelling")]
    pub returns: DataType,
}

/// One argument of a signature.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Argument {
    /// The name, which only people read.
    pub name: Option<String>,
    /// The type, as Arrow has it.
    #[serde(with = "arrow_spelling")]
    pub data_type: DataType,
}

impl Signature {
    /// The argument types as SQL writes them, separated by commas.
    pub fn argument_types(&self) -> String {
        sql_types(self.arguments.iter().map(|argument| &argument.data_type))
    }
}

/// Prints as the signature stands in a statement:
/// `(lat DOUBLE, lon DOUBLE) RETURNS VARCHAR`.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} RETURNS {}", Arguments(self), SqlType(&self.returns))
    }
}

/// Prints the arguments as they stand in a statement: `(lat DOUBLE, lon DOUBLE)`.
pub(crate) struct Arguments<'a>(pub(crate) &'a Signature);

impl fmt::Display for Arguments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (position, argument) in self.0.arguments.iter().enumerate() {
            if position > 0 {
                f.write_str(", ")?;
            }
            if let Some(name) = &argument.name {
                write!(f, "{} ", Identifier(name))?;
            }
            write!(f, "{}", SqlType(&argument.data_type))?;
        }
        f.write_str(")")
    }
}

/// Types as SQL writes them, separated by commas.
pub(crate) fn sql_types<'a>(types: impl IntoIterator<Item = &'a DataType>) -> String {
    let types: Vec<_> = types.into_iter().map(|t| SqlType(t).to_string()).collect();
    types.join(", ")
}

/// The one layout in which a definition has a type that Arrow has in several.
pub(crate) fn canonical(data_type: DataType) -> DataType {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        other => other,
    }
}

/// Prints an Arrow type under its SQL name, whatever its layout, or under
/// Arrow's own where SQL has none.
pub(crate) struct SqlType<'a>(pub(crate) &'a DataType);

impl fmt::Display for SqlType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            DataType::Boolean => "BOOLEAN",
            DataType::Int8 => "TINYINT",
            DataType::Int16 => "SMALLINT",
            DataType::Int32 => "INT",
            DataType::Int64 => "BIGINT",
            DataType::UInt8 => "TINYINT UNSIGNED",
            DataType::UInt16 => "SMALLINT UNSIGNED",
            DataType::UInt32 => "INT UNSIGNED",
            DataType::UInt64 => "BIGINT UNSIGNED",
            DataType::Float32 => "FLOAT",
            DataType::Float64 => "DOUBLE",
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR",
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "BYTEA",
            DataType::Date32 => "DATE",
            DataType::Time64(TimeUnit::Nanosecond) => "TIME",
            DataType::Timestamp(TimeUnit::Nanosecond, None) => "TIMESTAMP",
            DataType::Interval(IntervalUnit::MonthDayNano) => "INTERVAL",
            other => return write!(f, "{other}"),
        };
        f.write_str(name)
    }
}

/// Prints a name so that it parses back to itself: quoted, unless it is lower
/// case and not a keyword.
pub(crate) struct Identifier<'a>(pub(crate) &'a str);

impl fmt::Display for Identifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use sqlparser::keywords::ALL_KEYWORDS;
        let mut characters = self.0.chars();
        let plain = characters
            .next()
            .is_some_and(|first| first.is_ascii_lowercase() || first == '_')
            && characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        let keyword = ALL_KEYWORDS
            .binary_search(&self.0.to_ascii_uppercase().as_str())
            .is_ok();
        if plain && !keyword {
            f.write_str(self.0)
        } else {
            write!(f, "\"{}\"", self.0.replace('"', "\"\""))
        }
    }
}

/// Whether equal arguments give equal answers, as in PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Volatility {
    /// Always.
    Immutable,
    /// Within a query.
    Stable,
    /// Not even that.
    Volatile,
}

impl fmt::Display for Volatility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Immutable => "IMMUTABLE",
            Self::Stable => "STABLE",
            Self::Volatile => "VOLATILE",
        })
    }
}

/// What a null argument does, as in PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NullHandling {
    /// The result is null, whatever the guest would say.
    Strict,
    /// The guest decides.
    Called,
}

impl fmt::Display for NullHandling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Strict => "STRICT",
            Self::Called => "CALLED ON NULL INPUT",
        })
    }
}

/// Where the SQL user took a function's module from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Origin {
    /// `FROM MODULE name`.
    Module(String),
    /// `AS 'path'`: the bytes that stood there at that time.
    Path(String),
    /// `AS $$(module …)$$`: the text.
    Text(String),
    /// `AS BASE64 '…'`: the bytes are in the statement.
    Base64,
}

/// The SHA-256 digest of a module's bytes, by which it is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// The text is not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 digest is 64 hexadecimal digits")]
pub struct NotADigest;

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let nibbles: Vec<u8> = text
            .chars()
            .map(|c| c.to_digit(16).map(|nibble| nibble as u8).ok_or(NotADigest))
            .collect::<Result<_, _>>()?;
        let bytes: Vec<u8> = nibbles
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, nibble| byte << 4 | nibble))
            .collect();
        match <[u8; 32]>::try_from(bytes) {
            Ok(bytes) if nibbles.len() == 64 => Ok(Self(bytes)),
            _ => Err(NotADigest),
        }
    }
}

impl TryFrom<String> for Digest {
    type Error = NotADigest;

    fn try_from(text: String) -> Result<Self, NotADigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// An Arrow type as text, in Arrow's own spelling, which parses back.
mod arrow_spelling {
    use arrow::datatypes::DataType;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        data_type: &DataType,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(data_type)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<DataType, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn haversine() -> Definition {
        let double = |name: &str| Argument {
            name: Some(name.to_owned()),
            data_type: DataType::Float64,
        };
        Definition {
            name: "haversine_km".to_owned(),
            signature: Signature {
                arguments: vec![double("lat"), double("from")],
                returns: DataType::Utf8View,
            },
            volatility: Volatility::Immutable,
            nulls: NullHandling::Strict,
            limits: Limits::default(),
            reset: Reset::Row,
            digest: Digest::of(b""),
            symbol: "haversine_km".to_owned(),
            origin: Origin::Base64,
            temporary: false,
        }
    }

    #[test]
    fn definition_survives_a_journey_as_json() {
        let text = serde_json::to_string(&haversine()).unwrap();
        assert_eq!(
            serde_json::from_str::<Definition>(&text).unwrap(),
            haversine()
        );
    }

    #[test]
    fn signature_prints_as_sql_with_keywords_quoted() {
        assert_eq!(
            haversine().signature.to_string(),
            "(lat DOUBLE, \"from\" DOUBLE) RETURNS VARCHAR"
        );
    }

    #[test]
    fn digest_is_64_hexadecimal_digits_and_nothing_else() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), empty);
        assert_eq!(empty.parse(), Ok(Digest::of(b"")));
        assert_eq!(empty.to_uppercase().parse(), Ok(Digest::of(b"")));
        for wrong in ["", &empty[1..], &empty[2..], &format!("{empty}0"), "é"] {
            assert_eq!(wrong.parse::<Digest>(), Err(NotADigest), "{wrong}");
        }
    }
}
