//! Options of sessions.

use std::sync::Arc;

use fusebox_definition::{Kind, Limits};
use fusebox_runtime::{Error, Result};

use crate::catalog::CatalogLimits;
use crate::privileges::Privileges;
use crate::session_user::SessionUser;
use crate::settings::Settings;

/// Limits and privileges that hold in a session.
#[derive(Clone, Debug)]
pub(crate) struct SessionOptions {
    /// Privileges of the embedder, which those of a user of the catalog do not exceed.
    pub(crate) privileges: Privileges,
    /// User of the catalog, if the session has one.
    pub(crate) user: Option<Arc<SessionUser>>,
    /// Name in the audit of a user whom the embedder knows.
    pub(crate) actor: Option<Arc<str>>,
    pub(crate) limits: Limits,
    pub(crate) aggregate_memory_bytes_max: u64,
    pub(crate) module_bytes_max: u64,
    pub(crate) catalog: CatalogLimits,
    pub(crate) settings: Settings,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            privileges: Privileges::default(),
            user: None,
            actor: None,
            limits: Limits::default(),
            aggregate_memory_bytes_max: Limits::AGGREGATE_MEMORY_BYTES_MAX,
            module_bytes_max: 16 << 20,
            catalog: CatalogLimits::default(),
            settings: Settings::default(),
        }
    }
}

impl SessionOptions {
    /// Checks the options.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a limit out of range, or above its ceiling.
    pub(crate) fn check(&self) -> Result<()> {
        let (limits, limits_max) = (self.limits, self.privileges.limits_max);
        if !limits.are_in_range() || !limits_max.are_in_range() {
            return Err(Error::Config(
                "a limit is out of the range that `Limits` documents",
            ));
        }
        if limits.check(limits_max).is_err() {
            return Err(Error::Config("a limit exceeds the one in limits_max"));
        }
        let aggregate = Limits {
            memory_bytes_max: self.aggregate_memory_bytes_max,
            ..limits
        };
        if !aggregate.are_in_range() {
            return Err(Error::Config(
                "aggregate_memory_bytes_max is out of the range of a memory limit",
            ));
        }
        if self.module_bytes_max == 0 {
            return Err(Error::Config("module_bytes_max is zero"));
        }
        if !self.settings.are_in_range() {
            return Err(Error::Config(
                "batch_bytes_max or statement_timeout is out of its range",
            ));
        }
        Ok(())
    }

    /// Returns the privileges that hold for a statement that starts now.
    pub(crate) fn current_privileges(&self) -> Privileges {
        match &self.user {
            Some(user) => user.privileges(&self.privileges),
            None => self.privileges.clone(),
        }
    }

    /// Returns the name in the audit.
    pub(crate) fn audit_name(&self) -> Option<&str> {
        let user = self.user.as_ref().map(|user| user.name());
        user.or(self.actor.as_deref())
    }

    /// Returns the limits of a function whose statement states none.
    pub(crate) fn limits_of(&self, kind: Kind) -> Limits {
        let mut limits = self.limits;
        let limits_max = self.current_privileges().limits_max;
        if kind == Kind::Aggregate {
            let bytes_max = self.aggregate_memory_bytes_max;
            let bytes_max = bytes_max.min(limits_max.memory_bytes_max);
            limits.memory_bytes_max = bytes_max.max(limits.memory_bytes_max);
        }
        // The ceilings of a user may be lower than those with which the session was built.
        limits.at_most(limits_max)
    }
}
