//! Version 3.0 of PostgreSQL's protocol: frames and messages.
//!
//! Bytes of a client are untrusted. A length is checked against a maximum before any byte of its
//! message is kept, each message is decoded from the bytes of its own frame, and malformed bytes
//! become a [`ProtocolError`], never a panic.

// Messages of the server.
pub(crate) mod backend;

// Messages of clients.
pub(crate) mod frontend;

// Division of bytes into messages.
pub(crate) mod frame;

// Fields of a message.
pub(crate) mod fields;

/// Representation of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    Text,
    Binary,
}

/// State of a connection between statements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TransactionStatus {
    /// Outside of a transaction block.
    #[default]
    Idle,
    /// In a transaction block.
    Open,
    /// In a transaction block that has failed.
    Failed,
}

/// Bytes of a client that are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProtocolError {
    #[error(
        "expected a message of at most {max} bytes, found {found}; send less, or raise message_megabytes_max"
    )]
    TooLarge { max: usize, found: usize },
    #[error("expected a length of at least {min} bytes, found {found}")]
    Length { min: usize, found: i64 },
    #[error("expected protocol 3, found {0}.{1}; use a client of PostgreSQL 7.4 or later")]
    Version(u16, u16),
    #[error("expected a message of a known type, found type {0}")]
    UnknownType(u8),
    #[error("expected {expected} in a message of type {message}, found its end or another value")]
    Malformed {
        message: char,
        expected: &'static str,
    },
    #[error("expected text in UTF-8, found other bytes")]
    Encoding,
}
