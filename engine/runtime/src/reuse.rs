//! Answers that are kept for rows that are equal.
//!
//! The answer of an immutable function whose rows are independent of each other is a fact
//! about the row alone, so a row that is equal to an earlier one need not be asked again. A
//! [`Site`] keeps the answers of one function with arguments of the same types and the same
//! constants, for one execution and partition: no other ever sees which rows are asked. Only
//! answers are kept: an error ends the query, and the first row that fails was never answered.
//!
//! Nothing here depends on time or on the seed of a process: equal batches have equal rows
//! asked.

// Sites of one function in one execution.
mod sites;

// One site.
mod site;

// Columns of kept answers.
mod answers;

// The choice between asking and looking up.
mod decision;
mod sample;

// Rows that were seen before.
mod map;

// Keys of rows, and the columns that they are made of.
mod key_columns;
mod row_keys;

// Hashes of keys.
mod hash;

pub(crate) use answers::can_keep;
pub(crate) use key_columns::is_key_type;
pub(crate) use map::Found;
pub(crate) use site::{Site, SiteArgument, SiteBatch, SiteKey};
pub(crate) use sites::Sites;

#[cfg(test)]
mod tests;
