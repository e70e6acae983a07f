//! Messages that guests log, for people.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Maximum messages that a log holds until they are taken.
const MESSAGES_MAX: usize = 1_000;

/// Maximum messages that a log passes to `tracing` in one [`INTERVAL`].
const EVENTS_MAX: u32 = 1_000;

/// Time after which a log passes on as many messages again.
const INTERVAL: Duration = Duration::from_secs(1);

/// Message of a guest, with its control characters escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuestMessage {
    /// SQL name of the function.
    pub function: String,
    /// Row of the batch, from 0, if one had begun.
    pub row: Option<u64>,
    /// Text, cut to 1 KiB.
    pub text: String,
}

/// Messages of guests, in the order in which their calls ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuestMessages {
    /// Messages that were kept.
    pub messages: Vec<GuestMessage>,
    /// Number of messages that were dropped because they were too many.
    pub dropped: u64,
}

impl GuestMessage {
    pub(crate) fn new(function: &str, row: Option<u64>, text: String) -> Self {
        Self {
            function: function.to_owned(),
            row,
            text,
        }
    }
}

/// The message with function and row.
impl fmt::Display for GuestMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function `{}`", self.function)?;
        if let Some(row) = self.row {
            write!(f, " at row {row}")?;
        }
        write!(f, ": {}", self.text)
    }
}

/// Messages until they are taken.
#[derive(Debug, Default)]
pub(super) struct MessageLog(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    kept: GuestMessages,
    /// Begin of the interval whose events are counted.
    since: Option<Instant>,
    events: u32,
}

impl MessageLog {
    pub(super) fn take(&self) -> GuestMessages {
        std::mem::take(&mut self.state().kept)
    }

    /// Keeps a message and passes it to `tracing`, unless there are too many.
    pub(super) fn add(&self, message: GuestMessage) {
        let mut state = self.state();
        if state.has_event_left(Instant::now()) {
            let GuestMessage {
                function,
                row,
                text,
            } = &message;
            tracing::info!(target: "fusebox::guest", function, row, "{text}");
        }
        match state.kept.messages.len() < MESSAGES_MAX {
            true => state.kept.messages.push(message),
            false => state.kept.dropped = state.kept.dropped.saturating_add(1),
        }
    }

    /// Counts messages that were dropped.
    pub(super) fn count_dropped(&self, messages: u64) {
        if messages > 0 {
            let mut state = self.state();
            state.kept.dropped = state.kept.dropped.saturating_add(messages);
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts an event; false if there were too many in the interval.
    fn has_event_left(&mut self, now: Instant) -> bool {
        let is_over = |since: Instant| now.duration_since(since) >= INTERVAL;
        if self.since.is_none_or(is_over) {
            (self.since, self.events) = (Some(now), 0);
        }
        self.events = self.events.saturating_add(1);
        self.events <= EVENTS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_keeps_the_first_messages_and_counts_the_others() {
        let log = MessageLog::default();
        for row in 0..MESSAGES_MAX as u64 + 7 {
            log.add(GuestMessage::new("f", Some(row), "x".to_owned()));
        }
        log.count_dropped(3);
        let taken = log.take();
        assert_eq!(taken.messages.len(), MESSAGES_MAX);
        assert_eq!(taken.messages[2].to_string(), "function `f` at row 2: x");
        assert_eq!(taken.dropped, 10);
        assert_eq!(log.take(), GuestMessages::default());
    }

    #[test]
    fn events_are_limited_in_an_interval() {
        let (mut state, start) = (State::default(), Instant::now());
        let events = |state: &mut State, now| {
            (0..EVENTS_MAX * 2)
                .filter(|_| state.has_event_left(now))
                .count()
        };
        assert_eq!(events(&mut state, start), EVENTS_MAX as usize);
        assert_eq!(events(&mut state, start + INTERVAL / 2), 0);
        assert_eq!(events(&mut state, start + INTERVAL), EVENTS_MAX as usize);
    }
}
