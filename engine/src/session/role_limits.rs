//! Maxima of users, roles and grants: each session reads all of them.

use fusebox_definition::{StatementError, Subject};
use fusebox_runtime::{Error, Result};

/// Maximum roles of a catalog.
pub(super) const ROLES_MAX: usize = 10_000;

/// Maximum grants of a catalog.
pub(super) const GRANTS_MAX: usize = 100_000;

/// Maximum memberships of a catalog.
pub(super) const MEMBERSHIPS_MAX: usize = 100_000;

/// Maximum bytes of the name of a role, as in PostgreSQL.
pub(super) const NAME_BYTES_MAX: usize = 63;

/// Refuses more than a maximum of roles, memberships or grants in a catalog.
pub(super) fn check_count(role: &str, what: &str, found: usize, max: usize) -> Result<()> {
    if found <= max {
        return Ok(());
    }
    let reason = StatementError::CatalogFull {
        contents: format!("{found} {what}"),
        max: max.to_string(),
        limit: "a fixed limit",
    };
    Err(refused(role, reason))
}

/// Refuses a statement about a role.
pub(super) fn refused(role: &str, reason: StatementError) -> Error {
    Error::refused(Subject::Role(role.to_owned()), reason)
}
