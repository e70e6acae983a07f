//! PostgreSQL, Flight SQL and HTTP server: SQL with functions compiled to WebAssembly.
//!
//! ```no_run
//! use fusebox::Engine;
//! use fusebox_server::{Server, ServerConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut config = ServerConfig::default();
//! config.postgres = Some("127.0.0.1:5432".parse()?);
//! let server = Server::start(config, Engine::builder().build()?)?;
//! // …
//! server.stop();
//! # Ok(())
//! # }
//! ```
//!
//! Clients are untrusted. The protocol, its limits and passwords are handled here; statements are
//! executed by a [`fusebox::Session`] for each connection, on threads apart from those of
//! connections.
//!
//! # Map
//!
//! A file imports only files below it in this list.
#![forbid(unsafe_code)]

// Listeners and threads.
mod server;

// Clients of HTTP.
mod http;

// Clients of Arrow Flight SQL.
mod flight;

// Clients of PostgreSQL's protocol.
mod connection;

// Sessions of users: their places, and what is asked before each statement.
mod admission;

// What connections share.
mod shared;

// The catalog as clients of PostgreSQL read it.
mod pg_catalog;

// Execution of a statement.
mod execution;

// COPY: rows that arrive, and formats.
mod copy_table;

mod copy_format;

// Texts of statements.
mod statement_text;

// Settings by the names of PostgreSQL.
mod settings;

// Quotas of users.
mod quotas;

// Events of the audit.
mod audit;

// Errors with their codes.
mod report;

// Values.
mod encoding;

// Messages.
mod protocol;

// Users, passwords and certificates.
mod users;

mod scram;

// Connections of clients.
mod tls;

mod timed;

mod metrics;

// Events.
mod logs;

mod config;

pub use config::{ConfigError, ServerConfig, TlsConfig, UserConfig};
pub use logs::log_to_stderr;
pub use server::{Server, ServerError};
