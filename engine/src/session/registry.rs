//! What DataFusion is told of our functions.
//!
//! DataFusion has one table of scalar functions, ours and its own. One of its
//! own that ours hides is kept here, to come back when ours is dropped.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::DataType;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::ScalarUDF;

use crate::definition::FunctionKey;
use crate::function::Function;

#[derive(Default)]
pub(super) struct Registry {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By name, and then by argument types.
    ours: HashMap<String, BTreeMap<Vec<DataType>, Function>>,
    hidden: HashMap<String, Arc<ScalarUDF>>,
}

impl Registry {
    /// Registers a function, in place of the one with its key. Of DataFusion's
    /// own, it hides the one of its name.
    pub(super) fn put(&self, context: &SessionContext, function: Function) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let FunctionKey { name, types } = function.definition().key();
        if !state.ours.contains_key(&name)
            && let Some(built_in) = context.state().scalar_functions().get(&name)
        {
            state.hidden.insert(name.clone(), Arc::clone(built_in));
        }
        let overloads = state.ours.entry(name.clone()).or_default();
        overloads.insert(types, function);
        state.register(context, &name);
    }

    /// Takes a function of ours away; after the last of its name, a built-in one
    /// that they hid comes back.
    pub(super) fn remove(&self, context: &SessionContext, key: &FunctionKey) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let name = &key.name;
        let Some(overloads) = state.ours.get_mut(name) else {
            return;
        };
        overloads.remove(&key.types);
        if !overloads.is_empty() {
            return state.register(context, name);
        }
        state.ours.remove(name);
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
            state.register(context, alias);
        }
    }
}

impl State {
    /// Tells DataFusion of our functions of one name, if there are any.
    fn register(&self, context: &SessionContext, name: &str) {
        if let Some(ours) = self.ours.get(name) {
            context.register_udf(Function::overloaded(ours.values().cloned()));
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
