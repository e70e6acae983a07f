//! Write functions for Fusebox in Rust.
//!
//! ```
//! ```
#![deny(unsafe_code)]

extern crate self as fusebox_sdk;

mod argument;
mod batch;
mod column;
mod entry;
mod output;
mod results;
mod sql;

pub use fusebox_macros::udf;

#[doc(hidden)]
pub mod __private {
    pub use fusebox_abi::ArrowArray;

    pub use crate::batch::run;
    pub use crate::entry::Call;
    pub use crate::output::returns;
    pub use crate::sql::{Declaration, Parameter, text};
}
