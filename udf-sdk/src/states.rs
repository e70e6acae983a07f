//! The states of an aggregate's groups.
//!
//! States are kept in blocks, which are allocated when an operation first names
//! one of their groups: so that growing moves no state and always costs the
//! same, and releasing the first groups frees memory. Locating a state consumes
//! overhead fuel, since it may allocate a block.

use std::mem::needs_drop;

use crate::fuel::{begin_stateful_row, end_metered_row};

/// Number of states in a block.
const BLOCK_STATES: usize = 1024;

/// A block of states.
type Block<T> = Box<[T; BLOCK_STATES]>;

/// The states of groups; a group that was never named is in the initial state.
///
/// States that own no memory are initialised with their block. States that may
/// own memory are initialised within the first row of their group, since that
/// may take more than the overhead fuel of the call.
#[derive(Debug)]
pub struct States<S> {
    /// States of a type that owns no memory.
    small: Vec<Option<Block<S>>>,
    /// States of other types.
    owning: Vec<Option<Block<Option<S>>>>,
    /// Number of released groups in the first block.
    released: usize,
}

/// The location of a group's state.
#[derive(Debug)]
pub(crate) enum Slot<'s, S> {
    Small(&'s mut S),
    Owning(&'s mut Option<S>),
}

impl<'s, S: Default> Slot<'s, S> {
    /// Returns the state, initialised if the group was not named before.
    #[inline]
    pub(crate) fn state(self) -> &'s mut S {
        match self {
            Self::Small(state) => state,
            Self::Owning(state) => state.get_or_insert_with(S::default),
        }
    }
}

impl<S> States<S> {
    const NEEDS_DROP: bool = needs_drop::<S>();

    /// Creates states without groups.
    pub const fn new() -> Self {
        Self {
            small: Vec::new(),
            owning: Vec::new(),
            released: 0,
        }
    }

    fn place(&self, group: u32) -> (usize, usize) {
        place(self.released, group)
    }

    /// Returns the state of a group; none if it is the initial one.
    #[inline]
    pub(crate) fn get(&self, group: u32) -> Option<&S> {
        let (block, place) = self.place(group);
        match Self::NEEDS_DROP {
            true => self.owning.get(block)?.as_ref()?.get(place)?.as_ref(),
            false => self.small.get(block)?.as_ref()?.get(place),
        }
    }
}

impl<S: Default> States<S> {
    /// Makes the states of all groups up to `last` accessible.
    #[inline]
    pub(crate) fn grow_to(&mut self, last: u32) -> StatesMut<'_, S> {
        let (last, _) = self.place(last);
        match Self::NEEDS_DROP {
            true => extend_blocks(&mut self.owning, last),
            false => extend_blocks(&mut self.small, last),
        }
        StatesMut {
            small: &mut self.small,
            owning: &mut self.owning,
            released: self.released,
        }
    }

    /// Releases the first groups; the next group then has the number 0.
    pub(crate) fn release(&mut self, groups: usize) {
        let released = self.released.saturating_add(groups);
        self.released = match Self::NEEDS_DROP {
            true => {
                drop_states(&mut self.owning, self.released, groups);
                release(&mut self.owning, released)
            }
            false => release(&mut self.small, released),
        };
    }
}

impl<S> Default for States<S> {
    fn default() -> Self {
        Self::new()
    }
}

/// The states of the groups up to a last one.
#[derive(Debug)]
pub(crate) struct StatesMut<'s, S> {
    small: &'s mut [Option<Block<S>>],
    owning: &'s mut [Option<Block<Option<S>>>],
    released: usize,
}

impl<S: Default> StatesMut<'_, S> {
    /// Returns the location of a group's state.
    #[inline]
    pub(crate) fn slot(&mut self, group: u32) -> Slot<'_, S> {
        let (block, place) = place(self.released, group);
        match States::<S>::NEEDS_DROP {
            true => Slot::Owning(state_at(self.owning, block, place)),
            false => Slot::Small(state_at(self.small, block, place)),
        }
    }
}

/// Returns a state of a block, which is allocated if need be.
#[inline]
fn state_at<T: Default>(blocks: &mut [Option<Block<T>>], block: usize, place: usize) -> &mut T {
    let Some(block) = blocks.get_mut(block) else {
        trap();
    };
    match block.get_or_insert_with(new_block).get_mut(place) {
        Some(state) => state,
        None => trap(),
    }
}

/// Extends the list of blocks up to `last`, without allocating blocks.
fn extend_blocks<T>(blocks: &mut Vec<Option<Block<T>>>, last: usize) {
    if last >= blocks.len() {
        blocks.resize_with(last + 1, || None);
    }
}

#[cold]
#[inline(never)]
fn new_block<T: Default>() -> Block<T> {
    let states: Box<[T]> = (0..BLOCK_STATES).map(|_| T::default()).collect();
    states.try_into().unwrap_or_else(|_| trap())
}

/// Returns the block of a group, and its index in the block.
#[inline]
fn place(released: usize, group: u32) -> (usize, usize) {
    let index = released.wrapping_add(group as usize);
    (index / BLOCK_STATES, index % BLOCK_STATES)
}

/// Drops states, each within a row: dropping may take long.
fn drop_states<S>(blocks: &mut [Option<Block<Option<S>>>], released: usize, groups: usize) {
    for row in 0..groups {
        let (block, place) = place(released, row as u32);
        let Some(block) = blocks.get_mut(block) else {
            return;
        };
        let state = block.as_mut().and_then(|block| block.get_mut(place));
        if let Some(state) = state.and_then(Option::take) {
            begin_stateful_row(row);
            drop(state);
            end_metered_row(0);
        }
    }
}

/// Releases states from the first block on. Returns the number of released
/// states in the new first block.
fn release<T: Default>(blocks: &mut Vec<Option<Block<T>>>, released: usize) -> usize {
    let blocks_released = released / BLOCK_STATES;
    if blocks_released >= blocks.len() {
        // All later groups are in the initial state, in any block.
        blocks.clear();
        return 0;
    }
    blocks.drain(..blocks_released);
    let rest = released % BLOCK_STATES;
    let first = blocks.first_mut().and_then(Option::as_mut);
    let states = first.into_iter().flat_map(|block| block.iter_mut());
    states.take(rest).for_each(|state| *state = T::default());
    rest
}

/// Traps on a missing state, without the code that formats a panic message.
#[cold]
fn trap() -> ! {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    unreachable!("there is a state for every group up to the last one")
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::rc::Rc;

    /// Around one block, and around several.
    const GROUPS: [u32; 7] = [0, 1, 1022, 1023, 1024, 2047, 5000];

    #[test]
    fn every_group_has_its_own_state() {
        let (mut small, mut owning) = (States::new(), States::new());
        for group in GROUPS {
            *small.grow_to(group).slot(group).state() = group;
            *owning.grow_to(group).slot(group).state() = group.to_string();
        }
        // Miri takes seconds for each thousand.
        for group in (0..6000).step_by(if cfg!(miri) { 341 } else { 1 }) {
            let touched = GROUPS.contains(&group);
            let expected = touched.then(|| group.to_string());
            assert_eq!(owning.get(group), expected.as_ref());
            let expected = if touched { group } else { 0 };
            assert_eq!(small.get(group).copied().unwrap_or_default(), expected);
        }
    }

    #[test]
    fn growing_moves_no_state() {
        let mut states: States<u64> = States::new();
        let place =
            |states: &mut States<u64>| std::ptr::from_ref(states.grow_to(7).slot(7).state());
        let before = place(&mut states);
        states.grow_to(100_000).slot(100_000);
        assert_eq!(place(&mut states), before);
    }

    #[test]
    fn blocks_are_allocated_only_for_named_groups() {
        let mut states: States<u64> = States::new();
        states.grow_to(2).slot(2);
        states.grow_to(1_000_000).slot(1_000_000);
        assert_eq!((states.small.len(), states.owning.len()), (977, 0));
        assert_eq!(states.small.iter().flatten().count(), 2);
    }

    #[test]
    fn released_states_are_dropped_and_later_groups_move_down() {
        let all = if cfg!(miri) { 1030 } else { 5000 };
        for released in [1, 1023, 1024, 1025, all - 1] {
            let (mut small, mut owning) = (States::new(), States::new());
            let all: Vec<Rc<u32>> = (0..all as u32).map(Rc::new).collect();
            for (group, state) in (0..).zip(&all) {
                *small.grow_to(group).slot(group).state() = group;
                *owning.grow_to(group).slot(group).state() = Some(Rc::clone(state));
            }
            // In two steps, or at once.
            for groups in [released / 2, released - released / 2] {
                small.release(groups);
                owning.release(groups);
            }
            for (group, state) in all.iter().enumerate() {
                let is_known = group >= released;
                assert_eq!(Rc::strong_count(state), 1 + usize::from(is_known));
                if is_known {
                    let moved = (group - released) as u32;
                    assert_eq!(owning.get(moved), Some(&Some(Rc::clone(state))));
                    assert_eq!(small.get(moved), Some(&(group as u32)));
                }
            }
            // Groups after the last one are in the initial state.
            let next = (all.len() - released) as u32;
            assert_eq!(owning.get(next), None);
            assert_eq!(*owning.grow_to(next).slot(next).state(), None);
            assert_eq!(*small.grow_to(next).slot(next).state(), 0);
        }
    }

    #[test]
    fn releasing_more_groups_than_exist_releases_all() {
        let mut states = States::new();
        *states.grow_to(10).slot(10).state() = 1_i64;
        states.release(i32::MAX as usize);
        states.release(i32::MAX as usize);
        assert_eq!(states.get(10), None);
        assert_eq!(*states.grow_to(10).slot(10).state(), 0);
    }
}
