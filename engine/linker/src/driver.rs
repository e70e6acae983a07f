//! Parts of drivers: memory, text and failures of rows.

// Memory of a driver.
mod obtain;

// Messages of rows that fail.
mod messages;

// Functions that are short enough to be called at several places.
mod short;

// The memory of the module.
mod memory;

pub(crate) use memory::{Parts, with_open_memory};
pub(crate) use messages::{ADDRESS, FIRST, Messages, PLACE, SECOND, TEXT};
pub(crate) use obtain::blocks;
pub(crate) use short::is_short;

/// Functions over text in UTF-8.
pub(crate) const UTF8: &str = include_str!("driver/utf8.wat");

/// Functions over text in UTF-16.
pub(crate) const UTF16: &str = include_str!("driver/utf16.wat");
