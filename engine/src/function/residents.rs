//! States of single groups, in few instances.
//!
//! DataFusion may hold an accumulator for each partition of a window, thousands
//! at once, and call them in turns. An instance for each would be more than the
//! machine has. So few have one, and when another needs one, the state of the
//! one that was called longest ago is taken out of its instance, as it would be
//! to travel to another partition, and kept here until it is needed again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow::array::ArrayRef;

use super::calls::Calls;
use crate::error::Error;

/// How many states have an instance, besides those that are called right now.
const RESIDENTS_MAX: usize = 8;

/// The states of a function's single groups.
#[derive(Default)]
pub(super) struct Residents {
    next: AtomicU64,
    states: Mutex<States>,
}

#[derive(Default)]
struct States {
    /// Those in an instance, the one that was called last at the end.
    resident: Vec<(u64, Box<Calls>)>,
    /// Those without, and what went wrong when they lost theirs.
    away: HashMap<u64, Result<ArrayRef, Error>>,
}

/// Where a state is.
pub(super) enum Place {
    /// In this instance.
    Resident(Box<Calls>),
    /// Here, to be put into an instance.
    Away(ArrayRef),
    /// It is the initial one.
    Nowhere,
}

impl Residents {
    /// A name for a new state.
    pub(super) fn name(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes a state, to call it.
    pub(super) fn take(&self, name: u64) -> Result<Place, Error> {
        let mut states = self.states();
        let found = states
            .resident
            .iter()
            .rposition(|(other, _)| *other == name);
        if let Some(position) = found {
            return Ok(Place::Resident(states.resident.remove(position).1));
        }
        match states.away.remove(&name) {
            Some(state) => state.map(Place::Away),
            None => Ok(Place::Nowhere),
        }
    }

    /// Gives the instance back in which a state is. `save` takes the state of
    /// another out of its instance, where there are too many.
    pub(super) fn put(
        &self,
        name: u64,
        calls: Box<Calls>,
        save: impl FnOnce(&mut Calls) -> Result<ArrayRef, Error>,
    ) {
        let mut states = self.states();
        states.resident.push((name, calls));
        if states.resident.len() > RESIDENTS_MAX {
            // Under the lock, so that nobody looks for it meanwhile.
            let (name, mut calls) = states.resident.remove(0);
            let state = save(&mut calls);
            states.away.insert(name, state);
        }
    }

    /// Takes the state that was called longest ago out of its instance, if one is
    /// in any.
    pub(super) fn evict(&self, save: impl FnOnce(&mut Calls) -> Result<ArrayRef, Error>) -> bool {
        let mut states = self.states();
        if states.resident.is_empty() {
            return false;
        }
        let (name, mut calls) = states.resident.remove(0);
        let state = save(&mut calls);
        states.away.insert(name, state);
        true
    }

    /// Forgets a state.
    pub(super) fn forget(&self, name: u64) {
        let mut states = self.states();
        states.resident.retain(|(other, _)| *other != name);
        states.away.remove(&name);
    }

    fn states(&self) -> MutexGuard<'_, States> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
