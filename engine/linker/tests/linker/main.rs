//! Linked modules, executed by Wasmtime: they behave as their parts do.

mod ambient;
mod columns;
mod compilers;
mod component;
mod component_errors;
mod component_types;
mod component_wasi;
mod custom;
mod errors;
mod grants;
mod guest;
mod lifted;
mod lifted_errors;
mod lifted_hostile;
mod lifted_nested;
mod lifted_random;
mod lifted_rows;
mod lifted_types;
mod linking;
mod plain_numbers;
mod plain_text;
mod properties;
mod random;
mod split;
mod toolchains;
mod wasi;

use guest::{Guest, link, link_wasi};
