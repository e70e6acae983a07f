//! The attribute macro, from outside.

mod declared;
mod kinds;
mod refused;
