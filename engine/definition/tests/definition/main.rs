//! Definitions as their users see them.

mod defaults;
mod parser_steps;
mod printing;
mod stored;
mod types;
