//! Cancellation of calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Token that cancels calls. Clones share it; a [child](Self::child) is cancelled
/// with its parent, but not the reverse.
///
/// Calls look at the token between calls into the guest, and where a row begins and
/// fuel is low; a watchdog does for guests that poll.
#[derive(Clone, Debug, Default)]
pub struct Cancellation(Arc<Token>);

#[derive(Debug, Default)]
struct Token {
    is_cancelled: AtomicBool,
    deadline: Option<Instant>,
    parent: Option<Cancellation>,
}

impl Cancellation {
    /// Creates a token that is cancelled with this one, or alone.
    #[must_use]
    pub fn child(&self) -> Self {
        self.child_until(None)
    }

    /// Creates a child that is also cancelled at `deadline`.
    #[must_use]
    pub fn child_until(&self, deadline: Option<Instant>) -> Self {
        Self(Arc::new(Token {
            is_cancelled: AtomicBool::new(false),
            deadline,
            parent: Some(self.clone()),
        }))
    }

    /// Cancels the calls that share this token or a child of it.
    pub fn cancel(&self) {
        self.0.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// Returns true once the token, a parent, or a deadline has cancelled it.
    pub fn is_cancelled(&self) -> bool {
        let mut next = Some(self);
        while let Some(Self(token)) = next {
            let is_late = || token.deadline.is_some_and(|at| Instant::now() >= at);
            if token.is_cancelled.load(Ordering::Relaxed) || is_late() {
                return true;
            }
            next = token.parent.as_ref();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn child_is_cancelled_with_its_parent_and_not_the_reverse() {
        let parent = Cancellation::default();
        let (one, other) = (parent.child(), parent.child());
        one.cancel();
        assert!(one.is_cancelled() && !other.is_cancelled() && !parent.is_cancelled());
        parent.cancel();
        assert!(other.child().is_cancelled());
    }

    #[test]
    fn deadline_cancels_a_child_alone() {
        let parent = Cancellation::default();
        let now = Instant::now();
        assert!(parent.child_until(Some(now)).is_cancelled());
        let later = now + Duration::from_secs(3_600);
        assert!(!parent.child_until(Some(later)).is_cancelled());
        assert!(!parent.is_cancelled());
    }
}
