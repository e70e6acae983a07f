//! Linked modules, executed by Wasmtime: they behave as their parts do.

mod guest;
mod linking;

use guest::{Guest, link};
