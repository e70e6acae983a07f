//! Where guests run: the machine, instances with memory of their own, and the
//! pool that lends them.
//!
//! Knows nothing about SQL. A call goes in as Arrow columns and a budget and
//! comes out as a column or a [`Stop`]; only the function that called knows
//! its name, and makes an error of it.

mod instance;
mod machine;
mod pool;

pub(crate) use instance::{Budget, Call, Guard, Stop};
pub(crate) use machine::Machine;
pub(crate) use pool::Pool;
pub use pool::ProcessLimits;
