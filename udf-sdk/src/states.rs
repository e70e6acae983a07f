//! The states of an aggregate's groups.
//!
//! They are kept in blocks that are made when one of their groups is first
//! touched, so that growing moves no state and costs the same whenever it
//! happens, and so that forgetting the first groups gives memory back. To get at
//! a state burns the call's fuel, since it may have to make a block.

use std::mem::needs_drop;

/// The states of one block.
const BLOCK_STATES: usize = 1024;

/// A block.
type Block<T> = Box<[T; BLOCK_STATES]>;

/// The states of groups, those that were never touched being the initial one.
///
/// What owns nothing is small, and made by the block. What may own memory is
/// made when its group is touched, by a row: that may take more than the call has
/// fuel for.
#[derive(Debug)]
pub struct States<S> {
    /// Of states that own nothing.
    small: Vec<Option<Block<S>>>,
    /// Of all others.
    owning: Vec<Option<Block<Option<S>>>>,
    /// How many groups of the first block are forgotten.
    forgotten: usize,
}

/// Where the state of a group is.
#[derive(Debug)]
pub(crate) enum Slot<'s, S> {
    Small(&'s mut S),
    Owning(&'s mut Option<S>),
}

impl<'s, S: Default> Slot<'s, S> {
    /// The state, which is made if the group was not touched.
    #[inline]
    pub(crate) fn state(self) -> &'s mut S {
        match self {
            Self::Small(state) => state,
            Self::Owning(state) => state.get_or_insert_with(S::default),
        }
    }
}

impl<S> States<S> {
    const OWN: bool = needs_drop::<S>();

    /// No group was touched.
    pub const fn new() -> Self {
        Self {
            small: Vec::new(),
            owning: Vec::new(),
            forgotten: 0,
        }
    }

    fn place(&self, group: u32) -> (usize, usize) {
        place(self.forgotten, group)
    }

    /// The state of a group, unless it is the initial one.
    #[inline]
    pub(crate) fn get(&self, group: u32) -> Option<&S> {
        let (block, place) = self.place(group);
        match Self::OWN {
            true => self.owning.get(block)?.as_ref()?.get(place)?.as_ref(),
            false => self.small.get(block)?.as_ref()?.get(place),
        }
    }
}

impl<S: Default> States<S> {
    /// The states of all groups up to that one, to go from one to the other.
    #[inline]
    pub(crate) fn up_to(&mut self, last: u32) -> Reach<'_, S> {
        let (last, _) = self.place(last);
        match Self::OWN {
            true => list(&mut self.owning, last),
            false => list(&mut self.small, last),
        }
        Reach {
            small: &mut self.small,
            owning: &mut self.owning,
            forgotten: self.forgotten,
        }
    }

    /// Forgets the first groups; the next one has the number 0 from now on.
    pub(crate) fn forget(&mut self, groups: usize) {
        let forgotten = self.forgotten.saturating_add(groups);
        self.forgotten = match Self::OWN {
            true => forget(&mut self.owning, forgotten),
            false => forget(&mut self.small, forgotten),
        };
    }
}

impl<S> Default for States<S> {
    fn default() -> Self {
        Self::new()
    }
}

/// States that are within reach.
#[derive(Debug)]
pub(crate) struct Reach<'s, S> {
    small: &'s mut [Option<Block<S>>],
    owning: &'s mut [Option<Block<Option<S>>>],
    forgotten: usize,
}

impl<S: Default> Reach<'_, S> {
    /// Where the state of a group is.
    #[inline]
    pub(crate) fn slot(&mut self, group: u32) -> Slot<'_, S> {
        let (block, place) = place(self.forgotten, group);
        match States::<S>::OWN {
            true => Slot::Owning(at(self.owning, block, place)),
            false => Slot::Small(at(self.small, block, place)),
        }
    }
}

/// A place in a block, which is made if need be.
#[inline]
fn at<T: Default>(blocks: &mut [Option<Block<T>>], block: usize, place: usize) -> &mut T {
    let Some(block) = blocks.get_mut(block) else {
        trap();
    };
    match block.get_or_insert_with(make).get_mut(place) {
        Some(state) => state,
        None => trap(),
    }
}

/// Lists blocks up to that one, none of which is made yet.
fn list<T>(blocks: &mut Vec<Option<Block<T>>>, last: usize) {
    if last >= blocks.len() {
        blocks.resize_with(last + 1, || None);
    }
}

#[cold]
#[inline(never)]
fn make<T: Default>() -> Block<T> {
    let states: Box<[T]> = (0..BLOCK_STATES).map(|_| T::default()).collect();
    states.try_into().unwrap_or_else(|_| trap())
}

/// The block of a group, and its place there.
#[inline]
fn place(forgotten: usize, group: u32) -> (usize, usize) {
    let index = forgotten.wrapping_add(group as usize);
    (index / BLOCK_STATES, index % BLOCK_STATES)
}

/// Forgets so many states from the first block on. Returns how many of what is
/// then the first block are forgotten.
fn forget<T: Default>(blocks: &mut Vec<Option<Block<T>>>, forgotten: usize) -> usize {
    let whole = forgotten / BLOCK_STATES;
    if whole >= blocks.len() {
        // Whatever comes behind begins anew, wherever that is.
        blocks.clear();
        return 0;
    }
    blocks.drain(..whole);
    let rest = forgotten % BLOCK_STATES;
    let first = blocks.first_mut().and_then(Option::as_mut);
    let states = first.into_iter().flat_map(|block| block.iter_mut());
    states.take(rest).for_each(|state| *state = T::default());
    rest
}

/// Ends a call that found no state where there is one, without the code that words
/// a panic.
#[cold]
fn trap() -> ! {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    unreachable!("there is a state for every group in reach")
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::rc::Rc;

    /// Around one block, and around several.
    const GROUPS: [u32; 7] = [0, 1, 1022, 1023, 1024, 2047, 5000];

    #[test]
    fn every_group_has_a_state_of_its_own() {
        let (mut small, mut owning) = (States::new(), States::new());
        for group in GROUPS {
            *small.up_to(group).slot(group).state() = group;
            *owning.up_to(group).slot(group).state() = group.to_string();
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
        let place = |states: &mut States<u64>| std::ptr::from_ref(states.up_to(7).slot(7).state());
        let before = place(&mut states);
        states.up_to(100_000).slot(100_000);
        assert_eq!(place(&mut states), before);
    }

    #[test]
    fn blocks_are_made_where_a_group_was_touched() {
        let mut states: States<u64> = States::new();
        states.up_to(2).slot(2);
        states.up_to(1_000_000).slot(1_000_000);
        assert_eq!((states.small.len(), states.owning.len()), (977, 0));
        assert_eq!(states.small.iter().flatten().count(), 2);
    }

    #[test]
    fn what_is_forgotten_is_dropped_and_what_follows_moves_down() {
        let all = if cfg!(miri) { 1030 } else { 5000 };
        for forgotten in [1, 1023, 1024, 1025, all - 1] {
            let (mut small, mut owning) = (States::new(), States::new());
            let all: Vec<Rc<u32>> = (0..all as u32).map(Rc::new).collect();
            for (group, state) in (0..).zip(&all) {
                *small.up_to(group).slot(group).state() = group;
                *owning.up_to(group).slot(group).state() = Some(Rc::clone(state));
            }
            // Bit by bit, or at once.
            for groups in [forgotten / 2, forgotten - forgotten / 2] {
                small.forget(groups);
                owning.forget(groups);
            }
            for (group, state) in all.iter().enumerate() {
                let is_known = group >= forgotten;
                assert_eq!(Rc::strong_count(state), 1 + usize::from(is_known));
                if is_known {
                    let moved = (group - forgotten) as u32;
                    assert_eq!(owning.get(moved), Some(&Some(Rc::clone(state))));
                    assert_eq!(small.get(moved), Some(&(group as u32)));
                }
            }
            // Groups that come behind begin anew.
            let next = (all.len() - forgotten) as u32;
            assert_eq!(owning.get(next), None);
            assert_eq!(*owning.up_to(next).slot(next).state(), None);
            assert_eq!(*small.up_to(next).slot(next).state(), 0);
        }
    }

    #[test]
    fn more_groups_can_be_forgotten_than_there_are() {
        let mut states = States::new();
        *states.up_to(10).slot(10).state() = 1_i64;
        states.forget(i32::MAX as usize);
        states.forget(i32::MAX as usize);
        assert_eq!(states.get(10), None);
        assert_eq!(*states.up_to(10).slot(10).state(), 0);
    }
}
