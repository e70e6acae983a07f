//! Definitions as their users see them.

mod defaults;
mod stored;
mod types;
