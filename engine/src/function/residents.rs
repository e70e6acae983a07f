//! States of single groups, in few instances.
//!
//! DataFusion may hold an accumulator for each partition of a window, thousands
//! at once, and call them in turns. An instance for each would be more than the
//! machine has. So few have one, and when another needs one, the state of the
//! one that was called longest ago is taken out of its instance, as it would be
//! to travel to another partition, and kept here until it is needed again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

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
    /// Rings when a state has left its instance.
    has_left: Condvar,
}

#[derive(Default)]
struct States {
    /// Those in an instance, the one that was called last at the end.
    resident: Vec<(u64, Box<Calls>)>,
    /// Those without.
    away: HashMap<u64, Away>,
}

/// A state without an instance.
enum Away {
    /// It is being taken out of its instance.
    Leaving,
    /// What it was then, or what went wrong.
    Left(Result<ArrayRef, Error>),
}

/// A state on its way out of its instance.
struct Leaving<'a> {
    residents: &'a Residents,
    name: u64,
    state: Result<ArrayRef, Error>,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        let lost = Err(Error::Internal("a state was taken twice".to_owned()));
        let state = std::mem::replace(&mut self.state, lost);
        // Unless nobody wants it any more.
        if let Some(away) = self.residents.states().away.get_mut(&self.name) {
            *away = Away::Left(state);
        }
        self.residents.has_left.notify_all();
    }
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
        while let Some(Away::Leaving) = states.away.get(&name) {
            let waited = self.has_left.wait(states);
            states = waited.unwrap_or_else(PoisonError::into_inner);
        }
        match states.away.remove(&name) {
            Some(Away::Left(state)) => state.map(Place::Away),
            Some(Away::Leaving) | None => Ok(Place::Nowhere),
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
            self.evict_of(states, save);
        }
    }

    /// Takes the state that was called longest ago out of its instance, if one is
    /// in any.
    pub(super) fn evict(&self, save: impl FnOnce(&mut Calls) -> Result<ArrayRef, Error>) -> bool {
        let states = self.states();
        let is_any = !states.resident.is_empty();
        if is_any {
            self.evict_of(states, save);
        }
        is_any
    }

    /// The same of states of which one is in an instance. The guest runs while
    /// others may look: only who wants that state waits.
    fn evict_of(
        &self,
        mut states: MutexGuard<'_, States>,
        save: impl FnOnce(&mut Calls) -> Result<ArrayRef, Error>,
    ) {
        let (name, mut calls) = states.resident.remove(0);
        states.away.insert(name, Away::Leaving);
        drop(states);
        // Told to those who wait whatever becomes of it.
        let mut leaving = Leaving {
            residents: self,
            name,
            state: Err(Error::Internal("a state was lost".to_owned())),
        };
        leaving.state = save(&mut calls);
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
