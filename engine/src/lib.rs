//! User-defined functions compiled to WebAssembly inside Apache DataFusion.
//!
//! A [`Session`] is a DataFusion `SessionContext` that also knows modules and functions of
//! Wasm:
//!
//! ```
//! use fusebox::{Engine, FileAccess};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let udfs = concat!(env!("CARGO_MANIFEST_DIR"), "/../udfs/wat");
//! let engine = Engine::builder().files(FileAccess::under(udfs)?).build()?;
//! let session = engine.session().build()?;
//! session.sql("CREATE MODULE clamp LANGUAGE WASM FROM 'clamp.wat'").await?;
//! session.sql("IMPORT FUNCTIONS FROM MODULE clamp").await?;
//! session.sql("SELECT clamp_to(7, 1, 5)").await?.show().await?;
//! # Ok(())
//! # }
//! ```
//!
//! An [`Engine`] is made once per process; its sessions share compiled modules, pools and the
//! catalog. A program that has a `SessionContext` of its own calls [`Engine::install`] and
//! [`Engine::register_all`] instead. The crate `fusebox-sdk` is for authors of functions, and
//! `fusebox-abi` specifies what crosses into a guest.
//!
//! # Map
//!
//! A file imports only files below it in this list.
#![forbid(unsafe_code)]

// Sessions: SQL text in, record batches out.
mod session;

// What sessions share.
mod engine;

// DataFusion's own CREATE FUNCTION, for contexts that are not sessions.
mod function_factory;

// From statements to bound functions.
mod loader;

// Options and privileges of sessions, and their access to files.
mod options;

// Users of a catalog: rights of their sessions, and settings.
mod session_user;

mod role_settings;

mod privileges;

mod file_access;

// Native stack of planning.
mod native_stack;

// Parameters of statements.
mod statement_parameters;

// Statements of Fusebox and of DataFusion.
mod statement_list;

// `COPY` as other systems write it.
mod copy_options;

// Tables whose rows the catalog keeps.
mod stored_table;

// Modules, functions and relations.
mod catalog;

// The planner that gives constants a scope, and the optimizer rule that inserts scope nodes.
mod query_planner;

mod scope_rule;

// Joins that can be cancelled.
mod yielding_joins;

mod plan_children;

// Files that statements write, which get their names at the end.
mod file_commit;

// The optimizer rules that evaluate volatile calls once.
mod volatile;

// Integers that are out of range.
mod overflow;

// Casts to integers, which round.
mod rounding;

// Correlated subqueries that are values.
mod single_values;

// Texts of timestamps as PostgreSQL reads them.
mod short_times;

// Primary keys and unique columns of tables.
mod table_keys;

// DataFusion's traits over Wasm functions.
mod function;

// Scopes of executions: cancellation and memory of the calls of a query.
mod scope;

// Limit of the rows of tables in memory.
mod memory_tables;

// Statements of sessions, and statistics of their calls.
mod activity;

// Settings that SET changes.
mod settings;

// Changes of a context's state that only its builder makes.
mod session_state;

// Verifiers of passwords.
mod password;

pub use catalog::{
    Access, AccessChange, AuditRecord, BlobStore, Catalog, CatalogChange, CatalogContents,
    CatalogError, CatalogFunction, CatalogLimits, CatalogModule, MemoryCatalog, Relation,
    RelationKind, Role, RowChunk, TableRows, UnreadableFunction,
};
pub use engine::{Engine, EngineBuilder};
pub use file_access::FileAccess;
pub use function_factory::WasmFunctionFactory;
pub use fusebox_definition::statement;
pub use fusebox_definition::{
    Argument, DEFINITION_FORMAT, Definition, Digest, FileAccessError, FunctionKey, Identifier,
    Kind, Limits, Literal, ModuleError, ModuleSource, NullHandling, OnError, PUBLIC,
    ParseDigestError, PlainAbi, PrivilegeGrant, PrivilegeObject, Reset, Reuse, RolePrivilege,
    Signature, StatementError, StoredDefinitionError, Subject, Volatility,
};
#[cfg(feature = "disable-protections")]
pub use fusebox_runtime::DisabledProtections;
pub use fusebox_runtime::{
    ABI_VERSION, AbiViolation, Cancellation, CompileBudget, CompileHelper, Error, FailedRows,
    Failures, FunctionMetrics, FunctionStatistics, GuestMessage, GuestMessages, Hot, IdleLimits,
    IdleMetrics, LimitExceeded, LoadedModule, ModuleReport, PlainExport, ProcessLimits, Profile,
    Result, Runtime, RuntimeOptions, Sample, Scope, Trap, TrapKind, WEIGHTS_VERSION,
    run_compile_helper,
};
pub use password::PasswordVerifier;
pub use privileges::Privileges;
pub use role_settings::UserQuotas;
pub use scope::with_scope;
pub use session::{Description, Function, Session, SessionBuilder};
pub use statement_list::{Statement, Statements};
pub use stored_table::declared_keys;

/// Compiles the Rust code of the page for embedders.
#[cfg(doctest)]
#[doc = include_str!("../../docs/embedding.md")]
struct EmbeddingDocument;
