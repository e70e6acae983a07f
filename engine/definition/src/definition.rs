//! One function: its name, signature, module and limits.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use arrow_schema::DataType;

use crate::arrow_printer::ArrowText;
use crate::digest::Digest;
use crate::kind::Kind;
use crate::limits::Limits;
use crate::on_error::OnError;
use crate::plain_abi::PlainAbi;
use crate::reset::Reset;
use crate::reuse::Reuse;
use crate::signature::{Argument, Signature};

/// Definition of one function.
///
/// Holds everything that decides the function's results, its limits included.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Definition {
    /// SQL name, in the case in which it is looked up.
    ///
    /// Several functions may share a name if their argument types differ in more
    /// than layout. A call resolves to the overload that takes exactly the given
    /// types; failing that, to the only one that the arguments coerce to, or to
    /// the most specific of several. Otherwise the call is refused.
    pub name: String,
    /// Scalar, aggregate, window or table function.
    pub kind: Kind,
    /// Argument types and result type. The result of a table function is a
    /// struct of its columns.
    pub signature: Signature,
    /// Columns of an aggregate's partial state, as it is exchanged between
    /// partitions and spilled to disk. Empty for other kinds.
    pub state: Vec<Argument>,
    /// Dependence of the result on anything but the arguments.
    pub volatility: Volatility,
    /// Treatment of null arguments.
    pub nulls: NullHandling,
    /// Resource limits.
    pub limits: Limits,
    /// Scope after which guest state is reset.
    pub reset: Reset,
    /// Result of a row for which a scalar function fails.
    pub on_error: OnError,
    /// Use of the answers of earlier rows. Decides no result.
    pub reuse: Reuse,
    /// Convention for text and bytes, if the export is a plain function over such.
    pub abi: Option<PlainAbi>,
    /// Digest of the module.
    pub digest: Digest,
    /// Symbol in the module: the name of the export without the ABI's prefix.
    pub symbol: String,
    /// Source that the statement took the module from.
    pub source: ModuleSource,
    /// True if the function is dropped with its session.
    pub temporary: bool,
    /// Description for people. Decides nothing.
    pub comment: Option<String>,
    /// Version of the weights of fuel with which the function was created, if it is known. Decides
    /// nothing: errors name it where a later version has other weights.
    pub weights: Option<u32>,
}

/// Identity of a function in a catalog: its name and argument types.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionKey {
    /// SQL name.
    pub name: String,
    /// Argument types.
    pub types: Vec<DataType>,
}

impl FunctionKey {
    /// Returns the text of each argument type, by which catalogs tell overloads apart.
    pub fn types_text(&self) -> Vec<String> {
        let texts = self.types.iter().map(|t| ArrowText(t).to_string());
        texts.collect()
    }
}

impl Definition {
    /// Creates the definition of an immutable scalar function that is called with nulls, with the
    /// default limits and the symbol of its name.
    pub fn new(name: String, signature: Signature, digest: Digest) -> Self {
        Self {
            symbol: name.clone(),
            name,
            kind: Kind::Scalar,
            signature,
            state: Vec::new(),
            volatility: Volatility::Immutable,
            nulls: NullHandling::Called,
            limits: Limits::default(),
            reset: Reset::default(),
            on_error: OnError::default(),
            reuse: Reuse::default(),
            abi: None,
            digest,
            source: ModuleSource::Base64,
            temporary: false,
            comment: None,
            weights: None,
        }
    }

    /// Returns the parts that decide calls, for comparisons: all but texts for people and the
    /// source of the module.
    pub fn decisive(&self) -> impl Hash + Eq {
        let Self {
            name,
            kind,
            signature,
            state,
            volatility,
            nulls,
            limits,
            reset,
            on_error,
            reuse,
            abi,
            digest,
            symbol,
            source: _,
            temporary,
            comment: _,
            weights: _,
        } = self;
        let declared = (name, kind, signature, state, volatility, nulls);
        let executed = (
            limits, reset, on_error, reuse, abi, digest, symbol, temporary,
        );
        (declared, executed)
    }

    /// Returns the bytes of the texts that the statement stated.
    pub fn text_bytes(&self) -> u64 {
        let source = match &self.source {
            ModuleSource::Text(text) => text.len(),
            ModuleSource::Module(text) | ModuleSource::Path(text) => text.len(),
            ModuleSource::Base64 => 0,
        };
        let arguments = self.signature.arguments.iter().chain(&self.state);
        let arguments = arguments.flat_map(|argument| [&argument.name, &argument.default]);
        let texts = arguments.chain([&self.comment]).flatten().map(String::len);
        (self.name.len() + self.symbol.len() + source + texts.sum::<usize>()) as u64
    }

    /// Returns the identity of the function.
    pub fn key(&self) -> FunctionKey {
        FunctionKey {
            name: self.name.clone(),
            types: self.signature.types(),
        }
    }
}

/// Volatility category, as in PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Volatility {
    /// Equal arguments always give equal results.
    Immutable,
    /// Equal arguments give equal results within a query.
    Stable,
    /// Results may differ from call to call.
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

/// Treatment of null arguments, as in PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NullHandling {
    /// A null argument gives a null result.
    Strict,
    /// The guest is called with null arguments.
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

/// Source that a statement took a function's module from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ModuleSource {
    /// `FROM MODULE name`.
    Module(String),
    /// `AS 'path'`: the bytes of that file when the statement ran.
    Path(String),
    /// `AS $$(module …)$$`: the text, which the sessions of a catalog share.
    Text(Arc<str>),
    /// `AS BASE64 '…'`, or bytes given through the library.
    Base64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn haversine() -> Definition {
        let double = |name: &str| Argument::new(Some(name.to_owned()), DataType::Float64);
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
            on_error: OnError::Null,
            reuse: Reuse::Off,
            abi: Some(PlainAbi::PtrLen),
            digest: Digest::of(b""),
            symbol: "haversine_km".to_owned(),
            source: ModuleSource::Base64,
            temporary: false,
            comment: Some("Distance\nover the ground".to_owned()),
            weights: None,
        }
    }

    #[test]
    fn signature_prints_as_sql_with_keywords_quoted() {
        assert_eq!(
            haversine().signature.to_string(),
            "(lat DOUBLE, \"from\" DOUBLE) RETURNS VARCHAR"
        );
    }
}
