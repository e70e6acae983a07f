//! Modules: inspect, instrument, compile. Nothing is run to learn what is inside.

mod inspect;
mod store;

pub(crate) use inspect::{Inspection, Operation, decode};
pub(crate) use store::{Compiled, Modules};
