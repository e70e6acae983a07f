//! Messages that a guest logs during a call.

/// Maximum messages of a call that are kept: more than anybody reads.
const MESSAGES_MAX: usize = 100;

/// Messages of a call.
#[derive(Debug, Default)]
pub(crate) struct CallLog {
    /// Messages that were kept.
    pub(crate) messages: Vec<LoggedMessage>,
    /// Number of messages that were dropped.
    pub(crate) dropped: u64,
}

/// Message of a call.
#[derive(Debug)]
pub(crate) struct LoggedMessage {
    /// Row of the call, if one had begun.
    pub(crate) row: Option<u64>,
    pub(crate) text: String,
}

impl CallLog {
    /// Returns true if further messages are dropped.
    pub(super) fn is_full(&self) -> bool {
        self.messages.len() >= MESSAGES_MAX
    }

    /// Adds a message; none, of a place outside of the memory or beyond the maximum, is dropped.
    pub(super) fn push(&mut self, row: Option<u64>, text: Option<String>) {
        match text {
            Some(text) => self.messages.push(LoggedMessage { row, text }),
            None => self.dropped = self.dropped.saturating_add(1),
        }
    }
}
