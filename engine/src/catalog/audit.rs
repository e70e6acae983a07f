//! Records of the audit: changes of a catalog, logins that were refused, and what was stopped.

use std::time::SystemTime;

use fusebox_definition::Digest;

/// Record of the audit. It has no text of a statement, which may have secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditRecord {
    /// Time, at which a change was applied or an event was seen.
    pub time: SystemTime,
    /// Name of the user; `None` of a session without one.
    pub user: Option<String>,
    /// Words of the action, such as `CREATE FUNCTION` or `LOGIN REFUSED`.
    pub action: String,
    /// Object of the action, such as the name of a function with its argument types.
    pub object: Option<String>,
    /// Digest of the module of a function or a module that was created, replaced or dropped.
    pub digest: Option<Digest>,
    /// Reason or value, without secrets.
    pub detail: Option<String>,
    /// True for a change of the catalog, false for an event.
    pub is_change: bool,
}

impl AuditRecord {
    /// Maximum records of changes that a catalog keeps, and as many of events: those who provoke
    /// events, such as strangers with wrong passwords, displace no change.
    pub const RECORDS_MAX: usize = 10_000;

    /// Maximum characters of a detail that is kept.
    const DETAIL_CHARACTERS_MAX: usize = 300;

    /// Creates the record of a change.
    pub fn change(user: Option<&str>, action: &str) -> Self {
        Self {
            time: SystemTime::now(),
            user: user.map(str::to_owned),
            action: action.to_owned(),
            object: None,
            digest: None,
            detail: None,
            is_change: true,
        }
    }

    /// Creates the record of an event.
    pub fn event(user: Option<&str>, action: &str) -> Self {
        Self {
            is_change: false,
            ..Self::change(user, action)
        }
    }

    /// Sets the object.
    #[must_use]
    pub fn on(mut self, object: impl Into<String>) -> Self {
        self.object = Some(object.into());
        self
    }

    /// Sets the digest.
    #[must_use]
    pub fn with_digest(mut self, digest: Digest) -> Self {
        self.digest = Some(digest);
        self
    }

    /// Sets the detail, of which the first characters are kept.
    #[must_use]
    pub fn with_detail(mut self, detail: &str) -> Self {
        let characters = detail.chars().take(Self::DETAIL_CHARACTERS_MAX);
        self.detail = Some(characters.collect());
        self
    }

    /// Emits the record as an event of `tracing`, with the target `fusebox::audit`.
    pub fn log(&self) {
        tracing::info!(
            target: "fusebox::audit",
            user = self.user,
            action = self.action,
            object = self.object,
            digest = self.digest.map(|digest| digest.to_string()),
            detail = self.detail,
        );
    }
}
