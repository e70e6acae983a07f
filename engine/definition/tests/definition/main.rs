//! Definitions as their users see them.

mod types;
