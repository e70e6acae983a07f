//! States of single groups, in few instances.
//!
//! DataFusion may hold one accumulator for each partition of a window, thousands at once,
//! and call them in turn. One instance for each would exceed the memory of the machine.
//! So few have one; when another needs one, the least recently called state is evicted
//! from its instance, serialised as for another partition, and kept here until it is
//! needed again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use arrow_array::ArrayRef;

use super::stateful::StatefulInstance;
use crate::error::{Error, Result};

/// Maximum states with an instance, besides those that are being called.
const RESIDENT_MAX: usize = 8;

/// States of an aggregate function's single groups.
#[derive(Default)]
pub struct StateCache {
    next_id: AtomicU64,
    states: Mutex<States>,
    /// Notified when a state has been evicted.
    evicted: Condvar,
}

/// Identity of a state in its cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StateId(u64);

#[derive(Default)]
struct States {
    /// States in an instance, the most recently called one last.
    resident: Vec<(StateId, Box<StatefulInstance>)>,
    /// States without an instance.
    evicted: HashMap<StateId, Eviction>,
}

/// State without an instance.
enum Eviction {
    /// Its serialisation is in progress.
    InProgress,
    /// The serialised state, or the error of serialising it.
    Done(Result<ArrayRef>),
}

/// Eviction in progress. Completes it when dropped, so that waiting threads wake up
/// whatever happens.
struct EvictionGuard<'a> {
    cache: &'a StateCache,
    id: StateId,
    state: Result<ArrayRef>,
}

impl Drop for EvictionGuard<'_> {
    fn drop(&mut self) {
        let lost = Err(Error::Internal("a state was taken twice".to_owned()));
        let state = std::mem::replace(&mut self.state, lost);
        // The state may have been removed meanwhile.
        if let Some(eviction) = self.cache.states().evicted.get_mut(&self.id) {
            *eviction = Eviction::Done(state);
        }
        self.cache.evicted.notify_all();
    }
}

/// Place of a state.
#[derive(Debug)]
pub enum StatePlace {
    /// In this instance.
    Resident(Box<StatefulInstance>),
    /// Serialised, to be merged into an instance.
    Evicted(ArrayRef),
    /// The state is the initial one.
    Initial,
}

impl StateCache {
    /// Creates the identity of a new state.
    pub fn new_id(&self) -> StateId {
        StateId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Takes a state out of the cache, to call it. Waits if it is being evicted.
    ///
    /// # Errors
    ///
    /// The error of its eviction.
    pub fn take(&self, id: StateId) -> Result<StatePlace> {
        let mut states = self.states();
        let found = states.resident.iter().rposition(|(other, _)| *other == id);
        if let Some(position) = found {
            return Ok(StatePlace::Resident(states.resident.remove(position).1));
        }
        while let Some(Eviction::InProgress) = states.evicted.get(&id) {
            let waited = self.evicted.wait(states);
            states = waited.unwrap_or_else(PoisonError::into_inner);
        }
        match states.evicted.remove(&id) {
            Some(Eviction::Done(state)) => state.map(StatePlace::Evicted),
            Some(Eviction::InProgress) | None => Ok(StatePlace::Initial),
        }
    }

    /// Returns the instance of a state to the cache. `serialize` takes another state out
    /// of its instance if there are too many.
    pub fn put(
        &self,
        id: StateId,
        instance: Box<StatefulInstance>,
        serialize: impl FnOnce(&mut StatefulInstance) -> Result<ArrayRef>,
    ) {
        let mut states = self.states();
        states.resident.push((id, instance));
        if states.resident.len() > RESIDENT_MAX {
            self.evict_oldest(states, serialize);
        }
    }

    /// Evicts the least recently called state; returns false if none has an instance.
    pub fn evict(&self, serialize: impl FnOnce(&mut StatefulInstance) -> Result<ArrayRef>) -> bool {
        let states = self.states();
        let is_any = !states.resident.is_empty();
        if is_any {
            self.evict_oldest(states, serialize);
        }
        is_any
    }

    /// Evicts the oldest of at least one resident state. The guest runs without the lock:
    /// only callers of that state wait.
    fn evict_oldest(
        &self,
        mut states: MutexGuard<'_, States>,
        serialize: impl FnOnce(&mut StatefulInstance) -> Result<ArrayRef>,
    ) {
        let (id, mut instance) = states.resident.remove(0);
        states.evicted.insert(id, Eviction::InProgress);
        drop(states);
        tracing::trace!(?id, "evict a state");
        let mut guard = EvictionGuard {
            cache: self,
            id,
            state: Err(Error::Internal("a state was lost".to_owned())),
        };
        let state = serialize(&mut instance);
        // Whoever waits for the state may need the permits of the instance.
        drop(instance);
        guard.state = state;
    }

    /// Removes a state.
    pub fn remove(&self, id: StateId) {
        let mut states = self.states();
        states.resident.retain(|(other, _)| *other != id);
        states.evicted.remove(&id);
    }

    fn states(&self) -> MutexGuard<'_, States> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for StateCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateCache").finish_non_exhaustive()
    }
}
