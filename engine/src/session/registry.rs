//! What DataFusion is told of our functions.
//!
//! DataFusion has one table of scalar functions, ours and its own. One of its
//! own that ours hides is kept here, to come back when ours is dropped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::ScalarUDF;

#[derive(Default)]
pub(super) struct Registry {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ours: HashMap<String, Arc<ScalarUDF>>,
    hidden: HashMap<String, Arc<ScalarUDF>>,
}

impl Registry {
    /// Registers a function, in place of whatever had its name.
    pub(super) fn put(&self, context: &SessionContext, function: Arc<ScalarUDF>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let name = function.name().to_owned();
        let before = context.state().scalar_functions().get(&name).cloned();
        let replaced = state.ours.insert(name.clone(), Arc::clone(&function));
        if let (Some(built_in), None) = (before, replaced) {
            state.hidden.insert(name, built_in);
        }
        context.register_udf(function.as_ref().clone());
    }

    /// Takes a function of ours away; a built-in one that it hid comes back.
    pub(super) fn remove(&self, context: &SessionContext, name: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.ours.remove(name).is_none() {
            return;
        }
        context.deregister_udf(name);
        let Some(built_in) = state.hidden.remove(name) else {
            return;
        };
        context.register_udf(built_in.as_ref().clone());
        // It came back under all its names: ours among them stay in front.
        for alias in built_in
            .aliases()
            .iter()
            .chain([&built_in.name().to_owned()])
        {
            if let Some(ours) = state.ours.get(alias) {
                context.register_udf(ours.as_ref().clone());
            }
        }
    }
}

/// Whether DataFusion has a function of that name, of any kind.
pub(super) fn is_registered(context: &SessionContext, name: &str) -> bool {
    let state = context.state();
    state.scalar_functions().contains_key(name)
        || state.aggregate_functions().contains_key(name)
        || state.window_functions().contains_key(name)
        || state.table_functions().contains_key(name)
}
