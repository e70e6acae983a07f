//! Definitions as their users see them.

mod defaults;
mod parser_steps;
mod printing;
mod roles;
mod stored;
mod types;
