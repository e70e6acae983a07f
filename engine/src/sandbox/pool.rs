//! The pool: instances of one function, lent to one call at a time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::ArrayRef;

use super::instance::{Budget, Call, Guard, Instance, Stop};
use super::machine::Machine;

/// Instances of one function of one module.
///
/// A call never waits for an instance: it gets an idle one or a new one, or
/// fails at the limit. The pool takes an instance back only after success, or
/// after a failure that the function itself reported.
pub(crate) struct Pool {
    machine: Machine,
    module: Arc<wasmtime::InstancePre<Guard>>,
    export: String,
    memory_bytes_max: u64,
    idle: Mutex<Vec<Instance>>,
    at_work: AtomicU64,
}

/// How many calls of one function may run at once. DataFusion runs as many as
/// it has partitions at work, which are as many as there are cores.
const INSTANCES_MAX: u64 = 1024;

/// How many idle instances are kept.
const IDLE_MAX: usize = 64;

impl Pool {
    pub(crate) fn new(
        machine: Machine,
        module: Arc<wasmtime::InstancePre<Guard>>,
        export: String,
        memory_bytes_max: u64,
    ) -> Self {
        Self {
            machine,
            module,
            export,
            memory_bytes_max,
            idle: Mutex::default(),
            at_work: AtomicU64::new(0),
        }
    }

    /// Runs `call` on an instance of its own.
    pub(crate) fn call(&self, call: Call<'_>) -> Result<ArrayRef, Stop> {
        let _turn = self.turn()?;
        let mut instance = self.lend(call.budget)?;
        let result = instance.call(call);
        if matches!(result, Ok(_) | Err(Stop::Failed { .. })) {
            self.take_back(instance);
        }
        result
    }

    /// Makes an instance and keeps it, so that what can go wrong in doing so
    /// goes wrong before any query.
    pub(crate) fn warm(&self, budget: Budget) -> Result<(), Stop> {
        let instance = self.lend(budget)?;
        self.take_back(instance);
        Ok(())
    }

    fn turn(&self) -> Result<Turn<'_>, Stop> {
        let turn = Turn(&self.at_work);
        if self.at_work.fetch_add(1, Ordering::Relaxed) >= INSTANCES_MAX {
            return Err(Stop::Instances {
                instances_max: INSTANCES_MAX,
            });
        }
        Ok(turn)
    }

    fn lend(&self, budget: Budget) -> Result<Instance, Stop> {
        // A statement of its own: the lock is free again before anything runs.
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        match idle {
            Some(instance) => Ok(instance),
            None => Instance::new(
                &self.machine,
                &self.module,
                &self.export,
                self.memory_bytes_max,
                budget,
            ),
        }
    }

    fn take_back(&self, instance: Instance) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(instance);
        }
    }
}

/// A place among the instances at work, given back when dropped.
struct Turn<'a>(&'a AtomicU64);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
