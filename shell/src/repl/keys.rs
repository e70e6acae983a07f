//! Keys with a meaning of their own: Ctrl-D on an empty line of a statement, and a tab in a paste.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustyline::{Cmd, ConditionalEventHandler, Event, EventContext, EventHandler, RepeatCount};

use super::typing::Typing;

/// Ctrl-D: leaves the shell where the cursor is on an empty last line.
#[derive(Clone, Default)]
pub(super) struct EndKey(Arc<AtomicBool>);

impl EndKey {
    /// Returns the handler of the key.
    pub(super) fn handler(&self) -> EventHandler {
        EventHandler::Conditional(Box::new(self.clone()))
    }

    /// Returns true if the key was pressed, rather than Ctrl-C, and forgets it.
    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl ConditionalEventHandler for EndKey {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext) -> Option<Cmd> {
        let line = context.line();
        let is_end = is_empty_last_line(line) && context.pos() == line.len();
        // The editor ends by itself only where there is no text at all.
        is_end.then(|| {
            self.0.store(true, Ordering::Relaxed);
            Cmd::Interrupt
        })
    }
}

/// Returns true if the last of several lines is empty.
fn is_empty_last_line(text: &str) -> bool {
    let last = text.rsplit_once('\n').map(|(_, last)| last);
    last.is_some_and(|last| last.trim().is_empty())
}

/// Tab: text where it comes at once after another key.
pub(super) struct TabKey(pub(super) Typing);

impl TabKey {
    /// Returns the handler of the key.
    pub(super) fn handler(self) -> EventHandler {
        EventHandler::Conditional(Box::new(self))
    }
}

impl ConditionalEventHandler for TabKey {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext) -> Option<Cmd> {
        // Not a self-insertion, which would repeat what was typed before.
        self.0.begin().then(|| Cmd::Insert(1, "\t".to_owned()))
    }
}
