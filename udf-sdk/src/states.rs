//! The states of an aggregate's groups.
//!
//! They are kept in blocks, so that growing moves no state and costs the same
//! whenever it happens, and so that forgetting the first groups gives memory
//! back. Nothing here panics or goes on for long but growing and forgetting,
//! which are the book's: to get at a state leaves a row bounded.

/// The states of one block.
const BLOCK_STATES: usize = 1024;

/// The states of groups, those that were never touched being the initial one.
#[derive(Debug)]
pub struct States<S> {
    /// All are full but the last, and all have their room from the start but the
    /// first, since most often there is but one group, or a few.
    blocks: Vec<Vec<Option<S>>>,
    /// How many groups of the first block are forgotten.
    forgotten: usize,
}

impl<S> States<S> {
    /// No group was touched.
    pub const fn new() -> Self {
        Self {
            blocks: Vec::new(),
            forgotten: 0,
        }
    }

    /// The block of a group, and its place there.
    #[inline]
    fn place(&self, group: u32) -> (usize, usize) {
        let index = self.forgotten.wrapping_add(group as usize);
        (index / BLOCK_STATES, index % BLOCK_STATES)
    }

    /// Makes room for all groups up to that one.
    pub(crate) fn ensure(&mut self, group: u32) {
        let (block, place) = self.place(group);
        while self.blocks.len() <= block {
            let next = match self.blocks.last_mut() {
                Some(last) => {
                    last.resize_with(BLOCK_STATES, || None);
                    Vec::with_capacity(BLOCK_STATES)
                }
                None => Vec::new(),
            };
            self.blocks.push(next);
        }
        if let Some(last) = self.blocks.get_mut(block)
            && last.len() <= place
        {
            last.resize_with(place + 1, || None);
        }
    }

    /// Where the state of a group is, for which there is room.
    #[inline]
    pub(crate) fn slot(&mut self, group: u32) -> &mut Option<S> {
        let (block, place) = self.place(group);
        let block = self.blocks.get_mut(block);
        match block.and_then(|block| block.get_mut(place)) {
            Some(slot) => slot,
            None => trap(),
        }
    }

    /// The state of a group, unless it is the initial one.
    #[inline]
    pub(crate) fn get(&self, group: u32) -> Option<&S> {
        let (block, place) = self.place(group);
        self.blocks.get(block)?.get(place)?.as_ref()
    }

    /// Forgets the first groups; the next one has the number 0 from now on.
    pub(crate) fn forget(&mut self, groups: usize) {
        let forgotten = self.forgotten.saturating_add(groups);
        let blocks = forgotten / BLOCK_STATES;
        if blocks >= self.blocks.len() {
            *self = Self::new();
            return;
        }
        self.blocks.drain(..blocks);
        self.forgotten = forgotten % BLOCK_STATES;
        let first = self.blocks.first_mut();
        let slots = first.into_iter().flatten().take(self.forgotten);
        slots.for_each(|slot| *slot = None);
    }
}

impl<S> Default for States<S> {
    fn default() -> Self {
        Self::new()
    }
}

/// Ends a call that named a group for which no room was made, without the code
/// that words a panic takes.
#[cold]
fn trap() -> ! {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    unreachable!("room was made for every group of the batch")
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::rc::Rc;

    /// Around one block, and around several.
    const GROUPS: [u32; 7] = [0, 1, 1022, 1023, 1024, 2047, 5000];

    #[test]
    fn every_group_has_a_state_of_its_own() {
        let mut states = States::new();
        for group in GROUPS {
            states.ensure(group);
            *states.slot(group) = Some(group);
        }
        for group in 0..6000 {
            let expected = GROUPS.contains(&group).then_some(group);
            assert_eq!(states.get(group), expected.as_ref());
        }
    }

    #[test]
    fn growing_moves_no_state_but_in_the_first_block() {
        let mut states = States::new();
        states.ensure(1024);
        let place = |states: &mut States<u64>| std::ptr::from_ref(states.slot(1024));
        let before = place(&mut states);
        states.ensure(100_000);
        assert_eq!(place(&mut states), before);
    }

    #[test]
    fn what_is_forgotten_is_dropped_and_what_follows_moves_down() {
        for forgotten in [1, 1023, 1024, 1025, 3000, 4999] {
            let mut states = States::new();
            states.ensure(4999);
            let all: Vec<Rc<u32>> = (0..5000).map(Rc::new).collect();
            for (group, state) in (0..).zip(&all) {
                *states.slot(group) = Some(Rc::clone(state));
            }
            // Bit by bit, or at once.
            states.forget(forgotten / 2);
            states.forget(forgotten - forgotten / 2);
            for (group, state) in all.iter().enumerate() {
                let is_known = group >= forgotten;
                assert_eq!(Rc::strong_count(state), 1 + usize::from(is_known));
                let moved = group.checked_sub(forgotten);
                let found = moved.and_then(|group| states.get(group as u32));
                assert_eq!(found, is_known.then_some(state));
            }
            // Groups that come behind begin anew.
            let next = 5000 - forgotten as u32;
            assert_eq!(states.get(next), None);
            states.ensure(next);
            assert_eq!(*states.slot(next), None);
        }
    }

    #[test]
    fn more_groups_can_be_forgotten_than_there_are() {
        let mut states = States::new();
        states.ensure(10);
        *states.slot(10) = Some(1);
        states.forget(i32::MAX as usize);
        states.forget(i32::MAX as usize);
        assert_eq!(states.get(10), None);
        states.ensure(0);
        assert_eq!(*states.slot(0), None);
    }
}
