//! Statements about users, roles and grants.

use datafusion::dataframe::DataFrame;
use fusebox_definition::statement::{
    MembershipChange, Password, PasswordClause, PrivilegeChange, RoleOptions, RoleStatement,
};
use fusebox_definition::{
    PUBLIC, PrivilegeGrant, PrivilegeObject, RolePrivilege, StatementError, Subject,
};
use fusebox_runtime::{Error, Result};

use super::Session;
use super::contents::Changes;
use super::introspection::access;
use super::role_limits::{
    GRANTS_MAX, MEMBERSHIPS_MAX, NAME_BYTES_MAX, ROLES_MAX, check_count, refused,
};
use super::transaction::Applied;
use crate::catalog::{Access, AccessChange, AuditRecord, CatalogChange, CatalogContents, Role};
use crate::password::PasswordVerifier;
use crate::role_settings::RoleSettings;

/// Changes of a statement, with the records of the audit.
struct RoleChanges<'a> {
    contents: &'a CatalogContents,
    /// Name of the session's user in the audit.
    actor: Option<&'a str>,
    /// Verifier of the password that the statement states.
    verifier: Option<&'a PasswordVerifier>,
    changes: Vec<CatalogChange>,
}

impl Session {
    /// Executes a statement about users, roles and grants.
    pub(super) fn execute_role(&self, statement: RoleStatement) -> Result<DataFrame> {
        let options = &self.loader.options;
        match &statement {
            RoleStatement::ShowUsers => {
                let contents = self.contents()?;
                let roles = access::visible_roles(contents.shared.access(), options);
                return self.table(access::users(&roles));
            }
            RoleStatement::ShowGrants => {
                let contents = self.contents()?;
                let grants = access::visible_grants(contents.shared.access(), options);
                return self.table(access::grants(&grants));
            }
            _ => {}
        }
        self.check_role_statement(&statement)?;
        let verifier = stated_verifier(&statement)?;
        loop {
            let contents = self.contents()?;
            // The user may have lost the privilege meanwhile.
            self.check_role_statement(&statement)?;
            let mut changes = RoleChanges {
                contents: &contents.shared,
                actor: options.audit_name(),
                verifier: verifier.as_ref(),
                changes: Vec::new(),
            };
            changes.add(&statement, |name| {
                options
                    .user
                    .as_ref()
                    .is_some_and(|user| user.name() == name)
            })?;
            let changes = Changes {
                shared: changes.changes,
                ..Changes::default()
            };
            if changes.shared.is_empty() {
                return self.no_result();
            }
            if let Applied::Done = self.apply(&contents, changes)? {
                return self.no_result();
            }
        }
    }

    /// Checks the privilege for a statement: users change their own passwords, and superusers the
    /// rest. That is to state another one: without passwords, a server may trust everyone.
    fn check_role_statement(&self, statement: &RoleStatement) -> Result<()> {
        let options = &self.loader.options;
        if let RoleStatement::Alter {
            name,
            options: stated,
        } = statement
            && let Some(user) = &options.user
            && user.name() == name
            && (stated.login, stated.superuser) == (None, None)
            && matches!(stated.password, PasswordClause::Stated(_))
        {
            return Ok(());
        }
        let subject = match statement {
            RoleStatement::Create { name, .. }
            | RoleStatement::Alter { name, .. }
            | RoleStatement::Set { name, .. }
            | RoleStatement::ResetAll { name } => Some(name),
            RoleStatement::Drop { names, .. } => names.first(),
            RoleStatement::Grant(change) | RoleStatement::Revoke(change) => change.grantees.first(),
            RoleStatement::GrantRoles(change) | RoleStatement::RevokeRoles(change) => {
                change.members.first()
            }
            _ => None,
        };
        let subject = Subject::Role(subject.cloned().unwrap_or_default());
        options.current_privileges().check_users(&subject)
    }
}

/// Makes the verifier of the password that a statement states, once for all rounds.
fn stated_verifier(statement: &RoleStatement) -> Result<Option<PasswordVerifier>> {
    let (RoleStatement::Create { name, options, .. } | RoleStatement::Alter { name, options }) =
        statement
    else {
        return Ok(None);
    };
    let PasswordClause::Stated(Password(text)) = &options.password else {
        return Ok(None);
    };
    if text.is_empty() {
        return Err(refused(name, StatementError::EmptyPassword));
    }
    let reason = StatementError::PasswordVerifier {
        rounds_max: PasswordVerifier::ITERATIONS_MAX,
    };
    let verifier = PasswordVerifier::of_text(text);
    verifier.map(Some).ok_or_else(|| refused(name, reason))
}

impl<'a> RoleChanges<'a> {
    fn access(&self) -> &'a Access {
        self.contents.access()
    }

    fn role(&self, name: &str) -> Result<&'a Role> {
        let role = self.access().role(name);
        role.ok_or_else(|| refused(name, StatementError::Missing))
    }

    fn change(&mut self, change: AccessChange) {
        self.changes.push(CatalogChange::Access(change));
    }

    fn record(&mut self, action: &str, role: &str, detail: &str) {
        let record = AuditRecord::change(self.actor, action).on(role);
        let record = match detail {
            "" => record,
            detail => record.with_detail(detail),
        };
        self.changes.push(CatalogChange::Audit(record));
    }

    /// Adds the changes of a statement; `is_own` tells the role of the session.
    fn add(&mut self, statement: &RoleStatement, is_own: impl Fn(&str) -> bool) -> Result<()> {
        match statement {
            RoleStatement::Create {
                name,
                if_not_exists,
                options,
            } => self.create(name, *if_not_exists, options),
            RoleStatement::Alter { name, options } => {
                let mut role = self.role(name)?.clone();
                let detail = self.set_options(&mut role, options);
                self.change(AccessChange::PutRole(role));
                self.record("ALTER USER", name, &detail);
                Ok(())
            }
            RoleStatement::Set {
                name,
                setting,
                value,
            } => self.set(name, setting, value.as_deref()),
            RoleStatement::ResetAll { name } => {
                let mut role = self.role(name)?.clone();
                role.settings.clear();
                self.change(AccessChange::PutRole(role));
                self.record("ALTER USER", name, "RESET ALL");
                Ok(())
            }
            RoleStatement::Drop { if_exists, names } => {
                for name in names {
                    if *if_exists && self.access().role(name).is_none() {
                        continue;
                    }
                    self.role(name)?;
                    if is_own(name) {
                        return Err(refused(name, StatementError::RoleInUse));
                    }
                    self.change(AccessChange::DropRole(name.clone()));
                    self.record("DROP USER", name, "");
                }
                Ok(())
            }
            RoleStatement::Grant(change) => self.grant(change, statement, true),
            RoleStatement::Revoke(change) => self.grant(change, statement, false),
            RoleStatement::GrantRoles(change) => self.grant_roles(change, statement, true),
            RoleStatement::RevokeRoles(change) => self.grant_roles(change, statement, false),
            other => Err(Error::Internal(format!("{other:?} is not implemented"))),
        }
    }

    fn create(&mut self, name: &str, if_not_exists: bool, options: &RoleOptions) -> Result<()> {
        if name == PUBLIC {
            return Err(refused(name, StatementError::ReservedRole));
        }
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            let (found, max) = (name.len(), NAME_BYTES_MAX);
            return Err(refused(name, StatementError::RoleName { found, max }));
        }
        if self.access().role(name).is_some() {
            return match if_not_exists {
                true => Ok(()),
                false => Err(refused(name, StatementError::NameTaken)),
            };
        }
        let roles = self.access().roles().count() + 1;
        check_count(name, "roles", roles, ROLES_MAX)?;
        let mut role = Role::new(name);
        let detail = self.set_options(&mut role, options);
        let action = match role.can_login {
            true => "CREATE USER",
            false => "CREATE ROLE",
        };
        self.change(AccessChange::PutRole(role));
        self.record(action, name, &detail);
        Ok(())
    }

    /// Sets options of a role; returns their words, without the password.
    fn set_options(&self, role: &mut Role, options: &RoleOptions) -> String {
        let mut words = Vec::new();
        if let Some(can_login) = options.login {
            role.can_login = can_login;
            words.push(if can_login { "LOGIN" } else { "NOLOGIN" });
        }
        if let Some(is_superuser) = options.superuser {
            role.is_superuser = is_superuser;
            words.push(if is_superuser {
                "SUPERUSER"
            } else {
                "NOSUPERUSER"
            });
        }
        if options.password != PasswordClause::Absent {
            role.verifier = self.verifier.cloned();
            words.push(match role.verifier {
                Some(_) => "PASSWORD",
                None => "PASSWORD NULL",
            });
        }
        words.join(" ")
    }

    fn set(&mut self, name: &str, setting: &str, value: Option<&str>) -> Result<()> {
        let mut role = self.role(name)?.clone();
        let detail = match value {
            Some(value) => {
                role.settings.insert(setting.to_owned(), value.to_owned());
                format!("SET {setting} = {value}")
            }
            None => {
                role.settings.remove(setting);
                format!("RESET {setting}")
            }
        };
        // What cannot be read would lock the user out; values of others get into no message.
        let read = RoleSettings::read(&role.settings);
        read.map_err(|reason| refused(name, reason))?;
        self.change(AccessChange::PutRole(role));
        self.record("ALTER USER", name, &detail);
        Ok(())
    }

    fn grant(
        &mut self,
        change: &PrivilegeChange,
        statement: &RoleStatement,
        is_grant: bool,
    ) -> Result<()> {
        let changed = change.privileges.len() * change.objects.len();
        let changed = changed.saturating_mul(change.grantees.len());
        let before = match is_grant {
            true => self.access().grants().count(),
            false => 0,
        };
        if let Some(grantee) = change.grantees.first() {
            let found = before.saturating_add(changed);
            check_count(grantee, "grants", found, GRANTS_MAX)?;
        }
        // It has no password.
        let text = statement.to_sql();
        for grantee in &change.grantees {
            if grantee != PUBLIC {
                self.role(grantee)?;
            }
            for (privilege, object) in change
                .privileges
                .iter()
                .flat_map(|privilege| change.objects.iter().map(move |object| (privilege, object)))
            {
                // A privilege to create may be given before there is anything of the name.
                if is_grant && *privilege == RolePrivilege::Usage {
                    self.check_exists(object)?;
                }
                let grant = PrivilegeGrant {
                    grantee: grantee.clone(),
                    privilege: *privilege,
                    object: object.clone(),
                };
                self.change(match is_grant {
                    true => AccessChange::Grant(grant),
                    false => AccessChange::Revoke(grant),
                });
            }
            let action = if is_grant { "GRANT" } else { "REVOKE" };
            self.record(action, grantee, &text);
        }
        Ok(())
    }

    fn check_exists(&self, object: &PrivilegeObject) -> Result<()> {
        let missing = |subject| Err(Error::refused(subject, StatementError::Missing));
        match object {
            PrivilegeObject::Function(name)
                if self.contents.functions_named(name).next().is_none() =>
            {
                missing(Subject::Function(name.clone()))
            }
            PrivilegeObject::Module(name) if self.contents.module(name).is_none() => {
                missing(Subject::Module(name.clone()))
            }
            _ => Ok(()),
        }
    }

    fn grant_roles(
        &mut self,
        change: &MembershipChange,
        statement: &RoleStatement,
        is_grant: bool,
    ) -> Result<()> {
        for name in change.roles.iter().chain(&change.members) {
            if name == PUBLIC {
                return Err(refused(name, StatementError::ReservedRole));
            }
            self.role(name)?;
        }
        let before = self.access().roles().map(|role| role.member_of.len());
        let before: usize = if is_grant { before.sum() } else { 0 };
        let changed = change.roles.len().saturating_mul(change.members.len());
        if let Some(member) = change.members.first() {
            let found = changed.saturating_add(before);
            check_count(member, "memberships", found, MEMBERSHIPS_MAX)?;
        }
        let text = statement.to_sql();
        for member in &change.members {
            let mut role = self.role(member)?.clone();
            for name in &change.roles {
                match is_grant {
                    true => role.member_of.insert(name.clone()),
                    false => role.member_of.remove(name),
                };
            }
            self.change(AccessChange::PutRole(role));
            let action = if is_grant { "GRANT" } else { "REVOKE" };
            self.record(action, member, &text);
        }
        Ok(())
    }
}
