//! The measured bundled functions, compiled from their source without the SDK.
//!
//! Functions of decimals, dates and lists are not included, since their arguments have
//! types of the SDK.
#![forbid(unsafe_code)]

#[path = "../../../../../udfs/kernels/src/crates.rs"]
mod crates;
#[path = "../../../../../udfs/kernels/src/finance.rs"]
mod finance;
#[path = "../../../../../udfs/geo/src/lib.rs"]
mod geo;
#[path = "../../../../../udfs/math/src/lib.rs"]
mod math;
#[path = "../../../../../udfs/kernels/src/plain.rs"]
mod plain;
#[path = "../../../../../udfs/text/src/lib.rs"]
mod text;

pub use crates::*;
pub use finance::*;
pub use geo::*;
pub use math::*;
pub use plain::*;
pub use text::*;
