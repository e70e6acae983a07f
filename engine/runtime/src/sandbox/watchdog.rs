//! Cancellation of a guest that runs: a thread sets the flags of calls whose token is
//! cancelled.
//!
//! A polled module compares its fuel with a flag in a shared memory of its own: zero, or the
//! largest number once it is set. The thread looks at the tokens of running calls at an
//! interval, since a token may be cancelled by its parent or by a deadline too. It sleeps
//! while no polled call runs.
//!
//! The flag is set by a guest of the host's own, which imports the shared memory: that
//! needs no unsafe code.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::cancellation::Cancellation;

/// Interval at which tokens are looked at while calls run.
const INTERVAL: Duration = Duration::from_millis(5);

/// Sets the flag in the memory that it imports.
const SETTER: &str = r#"(module
    (import "" "" (memory 1 1 shared))
    (func (export "set") (i64.atomic.store (i32.const 0) (i64.const 0x7fffffffffffffff))))"#;

/// Watches the polled calls of all functions of a compiler.
pub(crate) struct Watchdog(Arc<Shared>);

struct Shared {
    calls: Mutex<Calls>,
    changed: Condvar,
    setter: wasmtime::Module,
}

#[derive(Default)]
struct Calls {
    running: HashMap<u64, Call>,
    next_id: u64,
    is_closed: bool,
}

struct Call {
    cancellation: Cancellation,
    flag: wasmtime::SharedMemory,
    /// True once the flag is set.
    is_stopped: bool,
}

impl Watchdog {
    /// Starts the thread, which ends when the watchdog is dropped.
    pub(super) fn start(engine: &wasmtime::Engine) -> wasmtime::Result<Self> {
        let setter = wat::parse_str(SETTER)?;
        let shared = Arc::new(Shared {
            calls: Mutex::default(),
            changed: Condvar::new(),
            setter: wasmtime::Module::new(engine, setter)?,
        });
        let watched = Arc::clone(&shared);
        thread::Builder::new()
            .name("fusebox-watchdog".to_owned())
            .spawn(move || watched.watch())?;
        Ok(Self(shared))
    }

    /// Watches a call until the guard is ended or dropped.
    fn watch(&self, cancellation: &Cancellation, flag: &wasmtime::SharedMemory) -> Watched<'_> {
        let mut calls = self.0.calls();
        let id = calls.next_id;
        calls.next_id += 1;
        let call = Call {
            cancellation: cancellation.clone(),
            flag: flag.clone(),
            is_stopped: false,
        };
        calls.running.insert(id, call);
        if calls.running.len() == 1 {
            self.0.changed.notify_one();
        }
        Watched {
            shared: &self.0,
            id,
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.calls().is_closed = true;
        self.0.changed.notify_one();
    }
}

impl Shared {
    fn watch(&self) {
        loop {
            let mut calls = self.calls();
            while calls.running.is_empty() && !calls.is_closed {
                let woken = self.changed.wait(calls);
                calls = woken.unwrap_or_else(PoisonError::into_inner);
            }
            if calls.is_closed {
                return;
            }
            for call in calls.running.values_mut() {
                if !call.is_stopped && call.cancellation.is_cancelled() {
                    call.is_stopped = true;
                    if let Err(error) = self.set(&call.flag) {
                        tracing::error!(%error, "a call cannot be cancelled");
                    }
                }
            }
            drop(calls);
            thread::sleep(INTERVAL);
        }
    }

    fn set(&self, flag: &wasmtime::SharedMemory) -> wasmtime::Result<()> {
        let mut store = wasmtime::Store::new(self.setter.engine(), ());
        let imports = [flag.clone().into()];
        let instance = wasmtime::Instance::new(&mut store, &self.setter, &imports)?;
        let set = instance.get_typed_func::<(), ()>(&mut store, "set")?;
        set.call(&mut store, ())
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Guard of a call that is watched.
struct Watched<'a> {
    shared: &'a Shared,
    id: u64,
}

impl Watched<'_> {
    /// Ends watching; returns true if the flag was set. It is not set afterwards.
    fn end(self) -> bool {
        let removed = self.shared.calls().running.remove(&self.id);
        removed.is_some_and(|call| call.is_stopped)
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.shared.calls().running.remove(&self.id);
    }
}

/// Flag of a polled instance, and the watchdog that sets it.
pub(super) struct Polling {
    pub(super) flag: wasmtime::SharedMemory,
    pub(super) watchdog: Arc<Watchdog>,
}

impl Polling {
    /// Runs guest code; returns its result, and true if it was stopped. A stopped instance
    /// must not be called again.
    pub(super) fn run<T>(
        &self,
        cancellation: &Cancellation,
        guest: impl FnOnce() -> T,
    ) -> (T, bool) {
        let watched = self.watchdog.watch(cancellation, &self.flag);
        let ended = guest();
        (ended, watched.end())
    }
}
