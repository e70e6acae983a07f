//! Functions registered with DataFusion.
//!
//! DataFusion has one table of functions for each kind. A function of its own that ours
//! replaces is kept here, and registered again when ours is dropped.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::DataType;
use datafusion::catalog::TableFunction;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use fusebox_definition::{Definition, FunctionKey, Kind};

use super::contents::Contents;
use crate::catalog::CatalogFunction;
use crate::function::{
    CurrentFunctions, DataFusionFunction, KeptFunctions, LazyFunction, datafusion_function,
};
use crate::scope::FunctionScope;

/// Functions of a session that are registered with its context.
#[derive(Default)]
pub(super) struct Registry {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Versions of the contents that are registered.
    versions: Option<(u64, u64)>,
    /// Our functions, by name and argument types.
    functions: HashMap<String, BTreeMap<Vec<DataType>, Registered>>,
    /// Built-in functions that ours replaced, by name.
    replaced: HashMap<String, BuiltIn>,
    /// DataFusion's functions of ours, by name.
    made: HashMap<String, DataFusionFunction>,
    /// A copy of them, for the plans of one query.
    current: Option<Arc<CurrentFunctions>>,
}

struct Registered {
    catalog: Arc<CatalogFunction>,
    function: Arc<LazyFunction>,
}

/// Function of DataFusion.
enum BuiltIn {
    Scalar(Arc<ScalarUDF>),
    Aggregate(Arc<AggregateUDF>),
    Window(Arc<WindowUDF>),
    Table(Arc<TableFunction>),
}

impl Registry {
    /// Returns true if `contents` are not registered yet.
    pub(super) fn is_behind(&self, contents: &Contents) -> bool {
        self.state().versions != Some(versions(contents))
    }

    /// Returns true if a name is that of a function of DataFusion.
    pub(super) fn is_built_in(&self, context: &SessionContext, name: &str) -> bool {
        let is_ours = self.state().functions.contains_key(name);
        !is_ours && registered_kind(context, name).is_some()
    }

    /// Returns the function that is registered for an unchanged catalog function.
    pub(super) fn function(&self, function: &Arc<CatalogFunction>) -> Option<Arc<LazyFunction>> {
        let key = function.definition().key();
        let state = self.state();
        let registered = state.functions.get(&key.name)?.get(&key.types)?;
        let is_same = Arc::ptr_eq(&registered.catalog, function);
        is_same.then(|| Arc::clone(&registered.function))
    }

    /// Returns the function of a name that has no other overloads.
    pub(super) fn only_function(&self, name: &str) -> Option<Arc<LazyFunction>> {
        let state = self.state();
        let mut overloads = state.functions.get(name)?.values();
        let first = overloads.next()?;
        let is_only = overloads.next().is_none();
        is_only.then(|| Arc::clone(&first.function))
    }

    /// Returns the functions of plans that the session keeps.
    pub(super) fn kept_functions(self: &Arc<Self>, scope: &FunctionScope) -> KeptFunctions {
        // A plan may outlive the session.
        let registry = Arc::downgrade(self);
        let find = move |key: &FunctionKey| registry.upgrade()?.find(key);
        KeptFunctions::new(scope.clone(), find)
    }

    fn find(&self, key: &FunctionKey) -> Option<Arc<LazyFunction>> {
        let state = self.state();
        let registered = state.functions.get(&key.name)?.get(&key.types)?;
        Some(Arc::clone(&registered.function))
    }

    /// Registers exactly `functions`, which are those of `contents`.
    pub(super) fn update(
        &self,
        context: &SessionContext,
        scope: &FunctionScope,
        contents: &Contents,
        functions: Vec<(Arc<CatalogFunction>, Arc<LazyFunction>)>,
    ) {
        let mut state = self.state();
        // A clone of the session may have registered later contents meanwhile.
        let (shared, temporary) = versions(contents);
        let is_newer = |(s, t)| s >= shared && t >= temporary && (s, t) != (shared, temporary);
        if state.versions.is_some_and(is_newer) {
            return;
        }
        let mut next: HashMap<String, BTreeMap<Vec<DataType>, Registered>> = HashMap::new();
        for (catalog, function) in functions {
            let FunctionKey { name, types } = catalog.definition().key();
            let registered = Registered { catalog, function };
            next.entry(name).or_default().insert(types, registered);
        }
        let is_same = |old: &BTreeMap<_, Registered>, new: &BTreeMap<_, Registered>| {
            let pairs = old.iter().zip(new);
            old.len() == new.len()
                && pairs
                    .into_iter()
                    .all(|((old_types, old), (new_types, new))| {
                        // Another one of the same is not bound, and asks for the user's rights.
                        old_types == new_types
                            && Arc::ptr_eq(&old.catalog, &new.catalog)
                            && Arc::ptr_eq(&old.function, &new.function)
                    })
        };
        let mut before = std::mem::replace(&mut state.functions, next);
        let names: HashSet<String> = before
            .keys()
            .chain(state.functions.keys())
            .cloned()
            .collect();
        for name in names {
            let old = before.remove(&name);
            let new = state.functions.get(&name);
            if let (Some(old), Some(new)) = (&old, new)
                && is_same(old, new)
            {
                continue;
            }
            let old_kind = old.as_ref().map(kind_of);
            let new_kind = new.map(kind_of);
            if let Some(old_kind) = old_kind
                && new_kind != Some(old_kind)
            {
                state.deregister(context, scope, &name, old_kind);
            }
            if let Some(new_kind) = new_kind {
                if old_kind != Some(new_kind)
                    && let Some(built_in) = BuiltIn::find(context, &name, new_kind)
                {
                    state.replaced.insert(name.clone(), built_in);
                }
                state.register(context, scope, &name);
            }
        }
        state.versions = Some(versions(contents));
        let current = CurrentFunctions::new(state.made.clone(), scope.clone());
        state.current = Some(Arc::new(current));
    }

    /// Returns the functions that are registered now; `None` if none ever were.
    pub(super) fn current(&self) -> Option<Arc<CurrentFunctions>> {
        self.state().current.clone()
    }

    /// Returns the definitions of the functions that are registered now, by name and argument
    /// types.
    pub(super) fn definitions(&self) -> Vec<Definition> {
        let state = self.state();
        let functions = state.functions.values().flat_map(BTreeMap::values);
        let definitions = functions.map(|function| function.function.definition().clone());
        let mut definitions: Vec<_> = definitions.collect();
        definitions.sort_by(|one, other| one.name.cmp(&other.name));
        definitions
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn versions(contents: &Contents) -> (u64, u64) {
    (contents.shared.version(), contents.temporary.version())
}

fn kind_of(functions: &BTreeMap<Vec<DataType>, Registered>) -> Kind {
    let first = functions.values().next();
    let first = first.expect("a name has at least one function");
    first.catalog.definition().kind
}

impl State {
    /// Registers our functions of a name, if there are any.
    fn register(&mut self, context: &SessionContext, scope: &FunctionScope, name: &str) {
        let Some(functions) = self.functions.get(name) else {
            return;
        };
        let overloads = functions.values().map(|f| Arc::clone(&f.function));
        let function = datafusion_function(overloads.collect(), scope.clone());
        self.made.insert(name.to_owned(), function.clone());
        function.register(context);
    }

    /// Removes our function of a name; the built-in one that it replaced returns.
    fn deregister(
        &mut self,
        context: &SessionContext,
        scope: &FunctionScope,
        name: &str,
        kind: Kind,
    ) {
        self.made.remove(name);
        match kind {
            Kind::Scalar => context.deregister_udf(name),
            Kind::Aggregate => context.deregister_udaf(name),
            Kind::Window => context.deregister_udwf(name),
            Kind::Table => context.deregister_udtf(name),
        }
        let Some(built_in) = self.replaced.remove(name) else {
            return;
        };
        // It returns under all its names; ours among them stay in front.
        for name in built_in.register(context, name) {
            self.register(context, scope, &name);
        }
    }
}

impl BuiltIn {
    /// Finds the function of a name and kind.
    fn find(context: &SessionContext, name: &str, kind: Kind) -> Option<Self> {
        // A copy of the state has a copy of each table of functions.
        let state = context.state_ref();
        let state = state.read();
        match kind {
            Kind::Scalar => {
                let found = state.scalar_functions().get(name).cloned();
                found.map(Self::Scalar)
            }
            Kind::Aggregate => {
                let found = state.aggregate_functions().get(name).cloned();
                found.map(Self::Aggregate)
            }
            Kind::Window => {
                let found = state.window_functions().get(name).cloned();
                found.map(Self::Window)
            }
            Kind::Table => {
                let found = state.table_functions().get(name).cloned();
                found.map(Self::Table)
            }
        }
    }

    /// Registers it again, and returns its names.
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

/// Returns the kind of the function that DataFusion has under a name: the first in the order
/// in which a call is resolved.
pub(super) fn registered_kind(context: &SessionContext, name: &str) -> Option<Kind> {
    let state = context.state_ref();
    let state = state.read();
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
