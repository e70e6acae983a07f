//! Events of the audit: logins that were refused, and statements that were stopped.
//!
//! They are logged at once, and added to the catalog shortly after, together: a transaction for
//! each would let strangers write to the disk as often as they knock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fusebox::{AuditRecord, Catalog};
use tokio::sync::Notify;
use tokio::task::block_in_place;

use crate::report::Report;

/// Records that wait for the catalog. Others are counted.
const WAITING_MAX: usize = 1_000;

/// Time in which records are collected.
const COLLECTED_TIME: Duration = Duration::from_millis(200);

/// Events on their way to the catalog.
pub(crate) struct Audit {
    catalog: Arc<dyn Catalog>,
    waiting: Mutex<Waiting>,
    added: Notify,
}

#[derive(Default)]
struct Waiting {
    records: Vec<AuditRecord>,
    /// Records that were left out.
    others: u64,
}

impl Audit {
    pub(crate) fn new(catalog: Arc<dyn Catalog>) -> Self {
        Self {
            catalog,
            waiting: Mutex::default(),
            added: Notify::new(),
        }
    }

    /// Notes a login that was refused. The name is that which the client states.
    pub(crate) fn login_refused(&self, name: &str, peer: std::net::IpAddr, reason: &str) {
        let name: String = name.chars().take(64).collect();
        let record = AuditRecord::event(None, "LOGIN REFUSED").on(name);
        self.add(record.with_detail(&format!("{reason}, from {peer}")));
    }

    /// Notes a statement of a user that was stopped: cancelled, beyond a limit or trapped. Other
    /// errors are answers, which are not of the audit; their messages may have data.
    pub(crate) fn stopped(&self, user: Option<&str>, report: &Report) {
        let (code, class) = (report.code, report.code.get(..2));
        let why = match class {
            Some("53" | "54" | "57") => &report.message,
            // A guest may have written the message.
            Some("39") => match &report.detail {
                Some(detail) => detail,
                None => return,
            },
            _ => return,
        };
        let record = AuditRecord::event(user, "STOP");
        self.add(record.with_detail(&format!("{code}: {why}")));
    }

    fn add(&self, record: AuditRecord) {
        record.log();
        let mut waiting = self.waiting();
        match waiting.records.len() < WAITING_MAX {
            true => waiting.records.push(record),
            false => waiting.others += 1,
        }
        drop(waiting);
        self.added.notify_one();
    }

    /// Adds what waits to the catalog. Blocks meanwhile.
    pub(crate) fn flush(&self) {
        let Waiting {
            mut records,
            others,
        } = std::mem::take(&mut *self.waiting());
        if others > 0 {
            let record = AuditRecord::event(None, "EVENTS LEFT OUT");
            records.push(record.with_detail(&format!("{others} more events")));
        }
        if records.is_empty() {
            return;
        }
        if let Err(error) = self.catalog.note(records) {
            tracing::warn!(%error, "cannot add events to the audit");
        }
    }

    /// Adds events to the catalog as they come, on a thread of queries.
    pub(crate) async fn run(&self) {
        loop {
            self.added.notified().await;
            tokio::time::sleep(COLLECTED_TIME).await;
            block_in_place(|| self.flush());
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use fusebox::MemoryCatalog;

    use super::*;

    #[test]
    fn events_are_collected_and_bounded() {
        let catalog = Arc::<MemoryCatalog>::default();
        let audit = Audit::new(Arc::clone(&catalog) as Arc<dyn Catalog>);
        for _ in 0..WAITING_MAX + 3 {
            audit.login_refused("ada", [127, 0, 0, 1].into(), "wrong password");
        }
        audit.flush();
        let records = catalog.audit().unwrap();
        assert_eq!(records.len(), WAITING_MAX + 1);
        assert_eq!(records[0].object.as_deref(), Some("ada"));
        let detail = records[0].detail.as_deref();
        assert_eq!(detail, Some("wrong password, from 127.0.0.1"));
        let last = records[WAITING_MAX].detail.as_deref();
        assert_eq!(last, Some("3 more events"));
    }

    #[test]
    fn answers_are_no_events() {
        let catalog = Arc::<MemoryCatalog>::default();
        let audit = Audit::new(Arc::clone(&catalog) as Arc<dyn Catalog>);
        audit.stopped(Some("ada"), &Report::error("22012", "division by zero"));
        audit.stopped(Some("ada"), &Report::error("38000", "no pencil"));
        audit.stopped(Some("ada"), &Report::error("39000", "pencil"));
        audit.stopped(Some("ada"), &Report::cancelled());
        audit.flush();
        let records = catalog.audit().unwrap();
        assert_eq!(records.len(), 1);
        let expected = "57014: canceling statement due to user request";
        assert_eq!(records[0].detail.as_deref(), Some(expected));
        assert_eq!(records[0].user.as_deref(), Some("ada"));
    }
}
