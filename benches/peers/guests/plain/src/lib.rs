//! The bundled functions that the suite measures: the very same source, without
//! the SDK.
//!
//! Those over decimals, dates and lists are left out, since their arguments are
//! the SDK's types.
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
