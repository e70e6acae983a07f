//! Linker of Wasm modules, and a deterministic WASI to link.
//!
//! [`Linker`] takes a module and others that provide its imports, and returns one module that
//! behaves the same: fuel, NaNs and reset then hold for all of its code alike, and the host
//! provides next to nothing. [`wasi`] describes the providers of this crate, [`component`] makes
//! one module of a component, and [`plain`] and [`lifted`] add loops over columns to functions.
//!
//! Modules are untrusted: each is validated before it is read, with the features that
//! [`fusebox_instrument`] permits, and the work is linear in the size of all modules.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use fusebox_linker::Linker;
//!
//! let module = wat::parse_str(
//!     r#"(module
//!         (import "wasi_snapshot_preview1" "clock_time_get"
//!           (func $clock (param i32 i64 i32) (result i32)))
//!         (import "text" "length" (func $length (param i32) (result i32)))
//!         (memory (export "memory") 1)
//!         (func (export "now") (result i64)
//!           (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 8)))
//!           (i64.load (i32.const 8)))
//!         (func (export "length") (param i32) (result i32) (call $length (local.get 0))))"#,
//! )?;
//! let linker = Linker::new("main", &module)?.provide_wasi()?;
//!
//! let [missing] = &linker.missing_imports()?[..] else { panic!() };
//! assert_eq!(missing.name, "length");
//! assert!(linker.ambient_inputs("now")?.clock);
//! assert!(!linker.ambient_inputs("length")?.clock);
//! let linked = linker.link()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Files
//!
//! A file imports only files below it in this list.
#![forbid(unsafe_code)]

// Plain functions, linked to a loop over columns.
pub mod plain;

// Functions of components, linked to a loop over columns.
pub mod lifted;

// Components, flattened to one core module.
pub mod component;

// Parts of drivers.
mod driver;

// Modules, linked into one.
mod linker;

// The linked module, section by section.
mod emit;

// Items of the linked module, and their indices.
mod layout;

// Items that exports, start functions and active segments reach.
mod reach;

// Items that the body of a function refers to.
mod references;

// Segments of elements and data.
mod segments;

// Constant expressions, with the values of other modules' globals.
mod constants;

// Imports, resolved to the items that serve them.
mod resolve;

// The modules to link, with one numbering for the items of all.
mod modules;

// A module, validated and taken apart.
mod parsed;

// Types of what modules import and export.
mod types;

// Index spaces of a module.
mod space;

// Providers of this crate.
pub mod wasi;

// Names and bytes as strings of the text format.
mod quoted;

// Reasons for not linking.
mod error;

pub use error::Error;
pub use linker::{AmbientInputs, BYTES_MAX, ITEMS_MAX, Import, Linker, MODULES_MAX};
