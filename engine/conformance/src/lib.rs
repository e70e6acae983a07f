//! Conformance: a program gives the answers, the fuel and the failures that a release recorded.
//!
//! A folder of fixtures has modules, stored definitions, and for each function rows, answers, fuel
//! and failures. [`Fixtures`] reads it and compares; a fork, or another host, may read the same
//! files. Its format is described in `fixtures/README.md` of the repository.
//!
//! ```no_run
//! use fusebox_conformance::{Fixtures, Summary};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fixtures = Fixtures::open("fixtures/0.1.0".as_ref(), 3)?;
//! let mut summary = Summary::default();
//! fixtures.check(&[], &mut |report| {
//!     summary.add(&report);
//!     for difference in report.differences {
//!         println!("FAILED {difference}");
//!     }
//! })?;
//! assert_eq!(summary.failed, 0);
//! # Ok(())
//! # }
//! ```
//!
//! # Map
//!
//! A file imports only files below it in this list.
#![forbid(unsafe_code)]

// Recording, by the release that makes the fixtures.
mod record;

// A folder of fixtures, compared with this program.
mod check;

// Definition, linked module and cases of one function.
mod function_check;

// Names, layouts, options and types.
mod formats;

// Rows of one function.
mod case_check;

// Calls in batches of a given size.
mod execution;

// Lines about differences.
mod difference;

// Lines of the files of functions.
mod case;

// Failures without their texts.
mod failure;

// The manifest.
mod manifest;

// Files of a folder.
mod folder;

// Values of columns as JSON.
mod values;

// Fields of JSON objects.
mod json_path;

// Reasons for which fixtures cannot be checked.
mod error;

pub use check::{CaseReport, CatalogFixture, CatalogQuery, Fixtures, Summary};
pub use error::FixtureError;
pub use record::{MakeRows, RecordedFunction, Recording, record};
pub use values::encode;
