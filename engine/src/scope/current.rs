//! The scope of the current thread.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::execution::memory_pool::MemoryPool;
use fusebox_runtime::{Operation, Scope, WasmFunction};
use tokio::runtime::{Handle, RuntimeFlavor};

use super::memory::PoolBroker;
use super::query_options::QueryScope;

thread_local! {
    static CURRENT: RefCell<Option<Arc<Scope>>> = const { RefCell::new(None) };

    /// Options of the statement that is optimized.
    static OPTIMIZED: RefCell<Option<Arc<ConfigOptions>>> = const { RefCell::new(None) };

    /// True while a task of a scope node is polled.
    static IS_IN_TASK: Cell<bool> = const { Cell::new(false) };
}

/// Returns the scope of this thread.
pub(super) fn current_scope() -> Option<Arc<Scope>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Runs `work` with `scope` as the execution of the Wasm functions that it calls on this
/// thread.
///
/// For programs that evaluate expressions outside of plans. Calls of one execution adapt to
/// earlier ones; without a scope, each call is an execution of its own. In a plan, each
/// operator has a scope already.
pub fn with_scope<T>(scope: &Arc<Scope>, work: impl FnOnce() -> T) -> T {
    /// Restores the outer scope, after a panic too.
    struct Restore(Option<Arc<Scope>>);

    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }

    let _restore = Restore(CURRENT.replace(Some(Arc::clone(scope))));
    work()
}

/// As [`with_scope`], in a task that was spawned on the runtime.
pub(crate) fn with_scope_in_task<T>(scope: &Arc<Scope>, work: impl FnOnce() -> T) -> T {
    struct Restore(bool);

    impl Drop for Restore {
        fn drop(&mut self) {
            IS_IN_TASK.set(self.0);
        }
    }

    let _restore = Restore(IS_IN_TASK.replace(true));
    with_scope(scope, work)
}

/// Runs `work`, which optimizes a statement with these options: a rule may evaluate functions with
/// others.
pub(super) fn with_optimized_options<T>(
    options: Arc<ConfigOptions>,
    work: impl FnOnce() -> T,
) -> T {
    struct Restore(Option<Arc<ConfigOptions>>);

    impl Drop for Restore {
        fn drop(&mut self) {
            OPTIMIZED.set(self.0.take());
        }
    }

    let _restore = Restore(OPTIMIZED.replace(Some(options)));
    work()
}

/// Runs `work`, which calls an operation of `function` for `rows` rows.
///
/// Moves the other tasks of a multi-threaded runtime to another thread first if the calls
/// may run for long, so that they do not wait. This is possible in a task that was spawned;
/// elsewhere, and on a current-thread runtime, the thread is blocked.
pub(crate) fn run_guest<T>(
    function: &WasmFunction,
    operation: Operation,
    rows: usize,
    work: impl FnOnce() -> T,
) -> T {
    match function.may_run_long(operation, rows) {
        true => run_long(work),
        false => work(),
    }
}

/// Runs `work`, which may take long, as [`run_guest`] does.
pub(crate) fn run_long<T>(work: impl FnOnce() -> T) -> T {
    let can_move = || {
        let runtime = Handle::try_current();
        runtime.is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread)
    };
    match IS_IN_TASK.get() && can_move() {
        true => tokio::task::block_in_place(work),
        false => work(),
    }
}

/// Source of the scope of a function's calls.
#[derive(Clone)]
pub(crate) struct FunctionScope {
    /// Scope outside of any query that is known. Each call has a sibling of it.
    default: Arc<Scope>,
}

impl FunctionScope {
    /// Creates the source of functions in a context whose memory pool is `memory_pool`.
    pub(crate) fn new(memory_pool: Arc<dyn MemoryPool>) -> Self {
        let memory = Arc::new(PoolBroker(memory_pool));
        Self {
            default: Arc::new(Scope::detached(memory)),
        }
    }

    /// Returns true if both are of one context.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.default, &other.default)
    }

    /// Returns the scope of the current execution: that of the node on this thread, or that
    /// of the query among the options or of the statement that is optimized, or the default.
    pub(crate) fn current(&self, options: Option<&ConfigOptions>) -> Arc<Scope> {
        let found = current_scope().or_else(|| QueryScope::find(options?));
        let found =
            found.or_else(|| OPTIMIZED.with_borrow(|options| QueryScope::find(options.as_ref()?)));
        found.unwrap_or_else(|| Arc::new(self.default.sibling()))
    }

    /// Returns true if DataFusion evaluates a constant while it optimizes a statement: outside of
    /// any node, and before the planner of physical plans.
    pub(crate) fn is_optimizing(options: &ConfigOptions) -> bool {
        CURRENT.with_borrow(Option::is_none)
            && (QueryScope::is_in(options) || OPTIMIZED.with_borrow(Option::is_some))
    }
}

impl fmt::Debug for FunctionScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionScope").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;

    use datafusion::execution::memory_pool::UnboundedMemoryPool;
    use fusebox_runtime::Cancellation;

    use super::*;
    use crate::settings::Settings;

    #[test]
    fn scope_of_the_thread_precedes_that_of_the_options_and_the_default() {
        let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        let function = FunctionScope::new(Arc::clone(&pool));
        let cancellation = Cancellation::default();
        let mut options = ConfigOptions::new();
        let scope = QueryScope::new(
            cancellation.clone(),
            pool,
            Settings::default(),
            &Arc::default(),
        );
        scope.enter(&mut options);
        let query = function.current(Some(&options));
        let node = Arc::new(Scope::default());
        with_scope(&node, || {
            assert!(Arc::ptr_eq(&function.current(Some(&options)), &node));
            let inner = Arc::new(Scope::default());
            let panics = AssertUnwindSafe(|| with_scope(&inner, || panic!("inside")));
            assert!(std::panic::catch_unwind(panics).is_err());
            assert!(Arc::ptr_eq(&function.current(None), &node));
        });
        cancellation.cancel();
        assert!(query.is_cancelled() && function.current(Some(&options)).is_cancelled());
        assert!(!function.current(None).is_cancelled());
    }
}
