//! Users, roles and grants as statements that create them again.

use fusebox_definition::Subject;
use fusebox_definition::statement::{
    MembershipChange, Password, PasswordClause, PrivilegeChange, RoleOptions, RoleStatement,
};
use fusebox_runtime::Result;

use super::Session;
use crate::catalog::Role;

impl Session {
    /// Returns the statements that create the users, roles and grants again, with the verifiers of
    /// passwords, which are secrets. Statements of the functions and modules that the grants are
    /// on go before them. Owners are not among them: what is created again belongs to its creator.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`](fusebox_runtime::Error::Refused) without the privilege
    /// [`users`](crate::Privileges::users).
    pub fn role_statements(&self) -> Result<Vec<RoleStatement>> {
        let contents = self.contents()?;
        let subject = Subject::Table("fusebox.users".to_owned());
        let privileges = self.loader.options.current_privileges();
        privileges.check_users(&subject)?;
        let known = contents.shared.access();
        let mut statements: Vec<_> = known.roles().map(create_statement).collect();
        for role in known.roles() {
            let settings = role.settings.iter();
            statements.extend(settings.map(|(setting, value)| RoleStatement::Set {
                name: role.name.clone(),
                setting: setting.clone(),
                value: Some(value.clone()),
            }));
            if !role.member_of.is_empty() {
                statements.push(RoleStatement::GrantRoles(MembershipChange {
                    roles: role.member_of.iter().cloned().collect(),
                    members: vec![role.name.clone()],
                }));
            }
        }
        statements.extend(known.grants().map(|grant| {
            RoleStatement::Grant(PrivilegeChange {
                privileges: vec![grant.privilege],
                objects: vec![grant.object.clone()],
                grantees: vec![grant.grantee.clone()],
            })
        }));
        Ok(statements)
    }
}

fn create_statement(role: &Role) -> RoleStatement {
    RoleStatement::Create {
        name: role.name.clone(),
        if_not_exists: false,
        options: RoleOptions {
            login: Some(role.can_login),
            superuser: role.is_superuser.then_some(true),
            password: match &role.verifier {
                Some(verifier) => PasswordClause::Stated(Password(verifier.to_text())),
                None => PasswordClause::Absent,
            },
        },
    }
}
