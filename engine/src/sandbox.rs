//! Where guests run: the machine, instances with memory of their own, and the
//! pool that lends them.
//!
//! Knows nothing about SQL. A call goes in as Arrow columns and a budget and
//! comes out as a column or a [`Stop`]; only the function that called knows
//! its name, and makes an error of it.

mod account;
mod budget;
mod cancellation;
mod guard;
mod instance;
mod machine;
mod meter;
mod pool;
mod reset;
mod sampler;
mod snapshot;
mod stop;
mod turns;

pub(crate) use account::Account;
pub(crate) use budget::Budget;
pub(crate) use cancellation::Cancellation;
pub(crate) use guard::Guard;
pub(crate) use instance::{Answer, Call, Exports};
pub(crate) use machine::Machine;
pub(crate) use pool::{Lent, Pool};
pub(crate) use sampler::Sampler;
pub(crate) use stop::Stop;
pub use turns::ProcessLimits;
