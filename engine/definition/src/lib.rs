//! Definitions of functions: plain data, with no engine inside.
//!
//! A [`Definition`] states everything that decides the result of a function: its
//! signature, volatility, null handling, limits, and the digest of its module.
//! It is JSON where it is kept, so that catalogs and plans can carry it, and two equal
//! definitions give equal results. The DDL that states definitions is parsed
//! here too, because a module carries its own.
//!
//! # Map
//!
//! A file imports only files below it in this list.
#![forbid(unsafe_code)]

// DDL, parsed and printed.
pub mod statement;

// Definitions as JSON, as catalogs keep them.
mod stored;

// One function.
mod definition;

// Argument types and result type.
mod signature;

// Arrow types as SQL text, and the types that a signature accepts.
mod type_display;

// Arrow types from their text.
mod arrow_parser;

// The text of Arrow types, which is stored.
mod arrow_printer;

// Fuel, memory, stack, result and instance limits.
mod limits;

// The result of a row that fails.
mod on_error;

// The scope of a reset.
mod reset;

// Answers that are used again.
mod reuse;

// SHA-256 of a module.
mod digest;

// Privileges on functions and modules.
mod roles;

// Names and literals as SQL text.
mod quoting;

// Errors of statements and of modules.
mod module_error;
mod parse_error;
mod statement_error;

mod file_access_error;

// The convention of a plain function.
mod plain_abi;

// Constants that a module may read.
mod grants;

// Scalar, aggregate, window, table.
mod kind;

pub use arrow_printer::{ANY_DECIMAL, ArrowText};
pub use definition::{Definition, FunctionKey, ModuleSource, NullHandling, Volatility};
pub use digest::{Digest, ParseDigestError};
pub use file_access_error::FileAccessError;
pub use grants::{GrantedFile, StatedGrants};
pub use kind::Kind;
pub use limits::{Limits, Size};
pub use module_error::ModuleError;
pub use on_error::OnError;
pub use parse_error::{ParseError, Subject};
pub use plain_abi::PlainAbi;
pub use quoting::{Identifier, Literal};
pub use reset::Reset;
pub use reuse::Reuse;
pub use roles::{Grantee, PUBLIC, PrivilegeGrant, PrivilegeObject, RolePrivilege};
pub use signature::{Argument, Arguments, Signature, check_parameters};
pub use statement_error::StatementError;
pub use stored::{DEFINITION_FORMAT, StoredDefinitionError};
pub use type_display::{SqlType, argument_lists, canonical_type, check_type, sql_types};
