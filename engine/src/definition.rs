//! What a function is: plain data, with no engine inside.
//!
//! A definition travels: into a catalog, a distributed plan, another process.
//! So it says everything that decides a function's answers, its limits too,
//! and two equal definitions give equal answers.

mod kind;
mod limits;
mod reset;
mod spelling;

use std::fmt;
use std::str::FromStr;

use arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use kind::Kind;
pub(crate) use limits::LIMITS;
pub use limits::Limits;
pub use reset::Reset;
pub(crate) use spelling::{
    ANY_DECIMAL, Identifier, Literal, MAP_NAMES, SqlType, TYPE_DEPTH_MAX, UNSPELLABLE, ZONE,
    argument_lists, canonical, check_type, sql_types,
};

/// A function: its SQL name, its signature, its module and its export.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Definition {
    /// The SQL name, in the case in which it is looked up. Several functions may
    /// have one, if their arguments differ in more than layout.
    ///
    /// A call is to the one that takes exactly the arguments given. If there is
    /// none, it is to the one that they can be coerced to; of several, to the
    /// one whose arguments could in turn be coerced to those of all the others.
    /// If there is no such one, the call is refused.
    pub name: String,
    /// What it is called with, and how often.
    #[serde(default)]
    pub kind: Kind,
    /// What goes in and what comes out. A table comes out as a struct of its
    /// columns.
    pub signature: Signature,
    /// What an aggregate keeps of rows that it has seen: the columns of its
    /// state, in which it travels from one partition to another, and to disk.
    #[serde(default)]
    pub state: Vec<Argument>,
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

/// What tells a function from all others: several may have one name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FunctionKey {
    pub(crate) name: String,
    pub(crate) types: Vec<DataType>,
}

impl Definition {
    pub(crate) fn key(&self) -> FunctionKey {
        FunctionKey {
            name: self.name.clone(),
            types: self.signature.types(),
        }
    }
}

/// Argument types and the return type.
///
/// In a statement, a type has the name that it has elsewhere in DataFusion,
/// whatever the session: `DECIMAL(12, 2)` has 128 bits, and 256 where its
/// digits need them; `TIMESTAMP(6)` has microseconds; `T[]` is a list and
/// `T[3]` one of a fixed size; `STRUCT(a T, …)` and `MAP(K, V)` hold what can be
/// null, but for the keys. `TIMESTAMP WITH TIME ZONE` has the zone `+00:00`, not
/// the session's, so that a definition means the same everywhere. A type that
/// SQL has no name for is written as Arrow prints it: `ARROW('Float16')`,
/// `ARROW('Dictionary(Int8, Utf8)')`, `ARROW('Timestamp(s, "Europe/Paris")')`.
///
/// An argument that is `DECIMAL(*)` takes a decimal of up to 38 digits, with any
/// number of them behind the point; `DECIMAL` alone has 38 and 10, as elsewhere.
/// All such arguments of a call have one type, which holds the values of each.
/// It is also the type of a result that is `DECIMAL(*)`. The guest sees whole
/// numbers, and does not learn where the point is.
///
/// A type is nested at most 32 deep, is made of at most 1000 types, and has at
/// most 65,536 values of a fixed size in a row.
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

    /// The argument types.
    pub(crate) fn types(&self) -> Vec<DataType> {
        let types = self.arguments.iter().map(|a| a.data_type.clone());
        types.collect()
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

    use super::ANY_DECIMAL;

    const ANY: &str = "Decimal128(*)";

    pub(super) fn serialize<S: Serializer>(
        data_type: &DataType,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match *data_type == ANY_DECIMAL {
            true => serializer.serialize_str(ANY),
            false => serializer.collect_str(data_type),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<DataType, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text == ANY {
            true => Ok(ANY_DECIMAL),
            false => text.parse().map_err(D::Error::custom),
        }
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
            kind: Kind::Scalar,
            state: vec![double("sum")],
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
        let mut any = haversine();
        any.signature.returns = ANY_DECIMAL;
        for definition in [haversine(), any] {
            let text = serde_json::to_string(&definition).unwrap();
            assert_eq!(
                serde_json::from_str::<Definition>(&text).unwrap(),
                definition
            );
        }
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
