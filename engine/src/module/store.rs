//! Compiled modules, one for each digest that is in use.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use fusebox_instrument::{Error as Unmetered, Options, Rows, instrument, lookouts};

use super::inspect::Inspection;
use crate::definition::Digest;
use crate::error::ModuleFault;
use crate::measure::{Parts, Profile};
use crate::sandbox::{Exports, Guard, Machine, Sampler};

/// A module that was inspected and compiled.
pub(crate) struct Compiled {
    pub(crate) inspection: Inspection,
    /// How the fuel of each export's rows is granted.
    rows: HashMap<String, Rows>,
    /// How many globals an instance must be given back to be as good as new,
    /// if that can be done.
    globals: Option<usize>,
    pub(crate) code: Arc<wasmtime::InstancePre<Guard>>,
    sampler: Option<Arc<Sampler>>,
}

impl Compiled {
    /// The operations that are exported under these names, which were found.
    pub(crate) fn exports(&self, names: impl IntoIterator<Item = String>) -> Exports {
        let operations = names.into_iter().map(|name| {
            let rows = self.rows.get(&name).copied().unwrap_or(Rows::Shared);
            (name, rows)
        });
        Exports {
            operations: operations.collect(),
            globals: self.globals,
            sampler: self.sampler.clone(),
        }
    }
}

/// The compiled modules of a session. One that nothing uses any more is gone.
pub(crate) struct Modules {
    machine: Machine,
    /// What all of them lack. Wasmtime's cache tells them from others, since it
    /// goes by what the instrumentation has made of a module.
    left_out: Parts,
    compiled: Mutex<HashMap<Digest, Weak<Compiled>>>,
}

impl Modules {
    pub(crate) fn new(machine: Machine, left_out: Parts) -> Self {
        Self {
            machine,
            left_out,
            compiled: Mutex::default(),
        }
    }

    /// The compiled form of `binary`, from before where it is still in use.
    pub(crate) fn compile(&self, binary: &[u8]) -> Result<Arc<Compiled>, ModuleFault> {
        let digest = Digest::of(binary);
        if let Some(compiled) = self.lookup(&digest) {
            return Ok(compiled);
        }
        // Not under the lock: two that compile the same module at once waste
        // some work, but nobody waits.
        let inspection = Inspection::of(binary)?;
        let options = Options {
            metered: !self.left_out.fuel,
            canonical_nans: !self.left_out.canonical_nans,
            ..Options::default()
        };
        let metered = instrument(binary, options).map_err(|error| match error {
            Unmetered::Import { module, name } => ModuleFault::Import { module, name },
            error => ModuleFault::Metering(error),
        })?;
        let module = match self.machine.sampler() {
            None => metered.module,
            Some(_) => lookouts(&metered.module).map_err(ModuleFault::Metering)?,
        };
        let code = self
            .machine
            .compile(&module, metered.functions)
            .map_err(ModuleFault::Compile)?;
        let compiled = Arc::new(Compiled {
            inspection,
            rows: metered.rows,
            globals: metered.globals,
            code,
            sampler: self.machine.sampler().cloned(),
        });
        let mut known = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, compiled| compiled.strong_count() > 0);
        known.insert(digest, Arc::downgrade(&compiled));
        Ok(compiled)
    }

    /// What the instances of all modules were seen to do since this was last
    /// asked.
    pub(crate) fn take_profile(&self) -> Profile {
        let taken = self.machine.sampler().map(|sampler| sampler.take());
        taken.unwrap_or_default()
    }

    fn lookup(&self, digest: &Digest) -> Option<Arc<Compiled>> {
        let known = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(digest)?.upgrade()
    }
}
