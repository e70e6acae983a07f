//! Scopes of executions: DataFusion tells functions nothing of their query.
//!
//! A scalar function sees the session's options, and an accumulator nothing of the query. A
//! physical optimizer rule therefore puts a [`ScopeExec`](node::ScopeExec) above each operator
//! that evaluates Wasm functions. Each execution of it makes a
//! [`Scope`](fusebox_runtime::Scope), polls its input in a task of its own with the scope in
//! a thread-local, and cancels it when the receiver is dropped. Functions take the scope
//! from there; hash keys evaluated inside of DataFusion's own tasks take it from the options
//! of the query; and a context without the rule has a default scope for each function.

// The node that makes scopes.
mod node;

// Statistics of a function among the metrics of a node.
mod function_metric;

// The scope of the current thread.
mod current;

// Optimizer rules that end with their statement.
mod optimizing;

// The scope of a query among its options.
mod query_options;

// The node that ends a statement at its deadline.
mod timeout;

// Memory pools of DataFusion as memory brokers.
mod memory;

pub use current::with_scope;
pub(crate) use current::{FunctionScope, run_guest, run_long, with_scope_in_task};
pub(crate) use node::ScopeExec;
pub(crate) use optimizing::add_scopes_to_rules;
pub(crate) use query_options::{CancelOnDrop, KeptRows, QueryScope, SessionCancellation};
pub(crate) use timeout::{Deadline, TimeoutExec};
