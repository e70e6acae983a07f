//! The attribute macro, from outside.

#[cfg(feature = "arrow")]
mod columns;
mod declared;
mod kinds;
mod refused;
