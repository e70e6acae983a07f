//! Time between keys.
//!
//! Keys that come at once are of a paste without brackets, or were typed before the prompt: a tab
//! among them is text, and each of them is drawn alone, as drawing the whole line would take time
//! that grows with its square.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time between two keys, which is longer where a user types them.
const PAUSE: Duration = Duration::from_millis(20);

/// Time of the last key, shared by those that handle keys.
#[derive(Clone, Default)]
pub(super) struct Typing(Arc<Mutex<Keys>>);

#[derive(Default)]
struct Keys {
    /// End of the work for the last key.
    last: Option<Instant>,
    is_burst: bool,
}

impl Typing {
    /// Notes a key; returns true if it came at once after the last one.
    pub(super) fn begin(&self) -> bool {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.is_burst = keys.last.is_some_and(|last| last.elapsed() < PAUSE);
        keys.is_burst
    }

    /// Notes the end of the work for a key.
    pub(super) fn end(&self) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.last = Some(Instant::now());
    }

    /// Returns true if the last key came at once after the one before.
    pub(super) fn is_burst(&self) -> bool {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.is_burst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_without_a_pause_are_a_burst() {
        let typing = Typing::default();
        assert!(!typing.begin());
        typing.end();
        assert!(typing.begin() && typing.is_burst());
        typing.end();
        std::thread::sleep(PAUSE);
        assert!(!typing.begin() && !typing.is_burst());
    }
}
