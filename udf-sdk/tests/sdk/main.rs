//! The attribute macro, from outside.

mod declared;
mod refused;
