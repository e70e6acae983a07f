//! Tables of users, grants and the audit. None has passwords or verifiers.

use fusebox_definition::{Grantee, PrivilegeGrant};

use crate::catalog::{Access, AuditRecord, Role};
use crate::options::SessionOptions;
use crate::session::cells::{Columns, booleans, text, times};

/// Returns the roles that a session may see: all of them, or that of its user.
pub(in crate::session) fn visible_roles<'a>(
    access: &'a Access,
    options: &SessionOptions,
) -> Vec<&'a Role> {
    let user = options.user.as_ref().map(|user| user.name());
    let is_all = options.current_privileges().users;
    let roles = access.roles();
    roles
        .filter(|role| is_all || user == Some(role.name.as_str()))
        .collect()
}

/// Returns the grants that a session may see: all of them, or those of its user.
pub(in crate::session) fn visible_grants<'a>(
    access: &'a Access,
    options: &SessionOptions,
) -> Vec<&'a PrivilegeGrant> {
    let user = options.user.as_ref();
    let names = user.map(|user| access.names_of(user.name()));
    let names = names.unwrap_or_default();
    let is_all = options.current_privileges().users;
    let grants = access.grants();
    grants
        .filter(|grant| is_all || names.contains(&grant.grantee))
        .collect()
}

/// Columns of `users`.
pub(in crate::session) fn users(roles: &[&Role]) -> Columns {
    let all = || roles.iter();
    let settings = |role: &Role| {
        let settings = role.settings.iter();
        let settings = settings.map(|(name, value)| format!("{name} = {value}"));
        settings.collect::<Vec<_>>().join(", ")
    };
    let member_of = |role: &Role| {
        let roles = role.member_of.iter().map(String::as_str);
        roles.collect::<Vec<_>>().join(", ")
    };
    vec![
        ("name", text(all().map(|role| Some(role.name.clone())))),
        ("can_login", booleans(all().map(|role| role.can_login))),
        (
            "is_superuser",
            booleans(all().map(|role| role.is_superuser)),
        ),
        (
            "has_password",
            booleans(all().map(|role| role.verifier.is_some())),
        ),
        ("member_of", text(all().map(|role| Some(member_of(role))))),
        ("settings", text(all().map(|role| Some(settings(role))))),
    ]
}

/// Columns of `grants`.
pub(in crate::session) fn grants(grants: &[&PrivilegeGrant]) -> Columns {
    let all = || grants.iter();
    let grantee = |grant: &PrivilegeGrant| Grantee(&grant.grantee).to_string();
    vec![
        ("grantee", text(all().map(|grant| Some(grantee(grant))))),
        (
            "privilege",
            text(all().map(|grant| Some(grant.privilege.to_string()))),
        ),
        (
            "object",
            text(all().map(|grant| Some(grant.object.to_string()))),
        ),
    ]
}

/// Columns of `audit`.
pub(super) fn audit(records: &[AuditRecord]) -> Columns {
    let all = || records.iter();
    let digest = |record: &AuditRecord| record.digest.map(|digest| digest.to_string());
    vec![
        ("time", times(all().map(|record| Some(record.time)))),
        ("user", text(all().map(|record| record.user.clone()))),
        (
            "action",
            text(all().map(|record| Some(record.action.clone()))),
        ),
        ("object", text(all().map(|record| record.object.clone()))),
        ("sha256", text(all().map(digest))),
        ("detail", text(all().map(|record| record.detail.clone()))),
    ]
}
