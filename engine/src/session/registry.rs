//! What DataFusion is told of our functions.
//!
//! DataFusion has a table of functions for each kind, ours and its own. One of
//! its own that ours hides is kept here, to come back when ours is dropped.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::DataType;
use datafusion::catalog::TableFunction;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};

use crate::definition::{FunctionKey, Kind};
use crate::function::Function;

#[derive(Default)]
pub(super) struct Registry {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By name, and then by argument types.
    ours: HashMap<String, Functions>,
    hidden: HashMap<String, BuiltIn>,
}

/// Functions of one name, all of one kind.
struct Functions {
    kind: Kind,
    overloads: BTreeMap<Vec<DataType>, Function>,
}

/// A function of DataFusion's own.
enum BuiltIn {
    Scalar(Arc<ScalarUDF>),
    Aggregate(Arc<AggregateUDF>),
    Window(Arc<WindowUDF>),
    Table(Arc<TableFunction>),
}

impl Registry {
    /// Registers a function, in place of the one with its key. Of DataFusion's
    /// own, it hides the one of its name, which is of its kind.
    pub(super) fn put(&self, context: &SessionContext, function: Function) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = function.definition().kind;
        let FunctionKey { name, types } = function.definition().key();
        if !state.ours.contains_key(&name)
            && let Some(built_in) = BuiltIn::of(context, &name, kind)
        {
            state.hidden.insert(name.clone(), built_in);
        }
        let functions = state.ours.entry(name.clone()).or_insert(Functions {
            kind,
            overloads: BTreeMap::new(),
        });
        functions.overloads.insert(types, function);
        state.register(context, &name);
    }

    /// Takes a function of ours away; after the last of its name, a built-in one
    /// that they hid comes back.
    pub(super) fn remove(&self, context: &SessionContext, key: &FunctionKey) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let name = &key.name;
        let Some(functions) = state.ours.get_mut(name) else {
            return;
        };
        functions.overloads.remove(&key.types);
        if !functions.overloads.is_empty() {
            return state.register(context, name);
        }
        let kind = functions.kind;
        state.ours.remove(name);
        match kind {
            Kind::Scalar => context.deregister_udf(name),
            Kind::Aggregate => context.deregister_udaf(name),
            Kind::Window => context.deregister_udwf(name),
            Kind::Table => context.deregister_udtf(name),
        }
        let Some(built_in) = state.hidden.remove(name) else {
            return;
        };
        // It came back under all its names: ours among them stay in front.
        for name in built_in.register(context, name) {
            state.register(context, &name);
        }
    }
}

impl State {
    /// Tells DataFusion of our functions of one name, if there are any.
    fn register(&self, context: &SessionContext, name: &str) {
        let Some(functions) = self.ours.get(name) else {
            return;
        };
        let overloads = Function::overloaded(functions.overloads.values().cloned());
        match functions.kind {
            Kind::Scalar => context.register_udf(ScalarUDF::new_from_impl(overloads)),
            Kind::Aggregate => context.register_udaf(AggregateUDF::new_from_impl(overloads)),
            Kind::Window => context.register_udwf(WindowUDF::new_from_impl(overloads)),
            Kind::Table => context.register_udtf(name, Arc::new(overloads)),
        }
    }
}

impl BuiltIn {
    fn of(context: &SessionContext, name: &str, kind: Kind) -> Option<Self> {
        let state = context.state();
        match kind {
            Kind::Scalar => state
                .scalar_functions()
                .get(name)
                .cloned()
                .map(Self::Scalar),
            Kind::Aggregate => {
                let found = state.aggregate_functions().get(name).cloned();
                found.map(Self::Aggregate)
            }
            Kind::Window => state
                .window_functions()
                .get(name)
                .cloned()
                .map(Self::Window),
            Kind::Table => state.table_functions().get(name).cloned().map(Self::Table),
        }
    }

    /// Makes it known again, and returns its names.
    fn register(self, context: &SessionContext, name: &str) -> Vec<String> {
        let names = |own: &str, aliases: &[String]| {
            let aliases = aliases.iter().cloned();
            aliases.chain([own.to_owned()]).collect()
        };
        match self {
            Self::Scalar(function) => {
                context.register_udf(function.as_ref().clone());
                names(function.name(), function.aliases())
            }
            Self::Aggregate(function) => {
                context.register_udaf(function.as_ref().clone());
                names(function.name(), function.aliases())
            }
            Self::Window(function) => {
                context.register_udwf(function.as_ref().clone());
                names(function.name(), function.aliases())
            }
            Self::Table(function) => {
                context.register_udtf(name, Arc::clone(function.function()));
                vec![]
            }
        }
    }
}

/// The kind of the function that DataFusion has under a name, if it has one:
/// the first in the order in which a call looks for it.
pub(super) fn registered(context: &SessionContext, name: &str) -> Option<Kind> {
    let state = context.state();
    let kinds = [
        (Kind::Scalar, state.scalar_functions().contains_key(name)),
        (
            Kind::Aggregate,
            state.aggregate_functions().contains_key(name),
        ),
        (Kind::Window, state.window_functions().contains_key(name)),
        (Kind::Table, state.table_functions().contains_key(name)),
    ];
    let found = kinds.into_iter().find(|(_, found)| *found);
    found.map(|(kind, _)| kind)
}
