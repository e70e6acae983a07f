//! Users, roles and grants as statements: data, and SQL text.

use std::fmt;

use crate::quoting::{Identifier, Literal};
use crate::roles::{Grantee, PrivilegeObject, RolePrivilege};

/// Password, or the verifier of one, as a statement states it. It is never displayed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// Clause `PASSWORD` of a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PasswordClause {
    /// There is none.
    #[default]
    Absent,
    /// `PASSWORD NULL`.
    Null,
    /// `PASSWORD '…'`.
    Stated(Password),
}

/// Options of `CREATE USER`, `CREATE ROLE` and `ALTER USER`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleOptions {
    /// `LOGIN` or `NOLOGIN`.
    pub login: Option<bool>,
    /// `SUPERUSER` or `NOSUPERUSER`.
    pub superuser: Option<bool>,
    /// `PASSWORD`.
    pub password: PasswordClause,
}

/// Privileges on objects, and the roles that get or lose them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivilegeChange {
    /// Privileges, at least one.
    pub privileges: Vec<RolePrivilege>,
    /// Objects, at least one.
    pub objects: Vec<PrivilegeObject>,
    /// Names of roles; [`PUBLIC`](crate::PUBLIC) for everyone.
    pub grantees: Vec<String>,
}

/// Roles, and those that become or cease to be their members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipChange {
    /// Names of roles, at least one.
    pub roles: Vec<String>,
    /// Names of users and roles, at least one.
    pub members: Vec<String>,
}

/// Statement about users, roles and grants. A user is a role that may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoleStatement {
    /// `CREATE USER` and `CREATE ROLE`.
    Create {
        /// Name.
        name: String,
        /// True for `IF NOT EXISTS`.
        if_not_exists: bool,
        /// Options; `login` is always stated.
        options: RoleOptions,
    },
    /// `ALTER USER` and `ALTER ROLE` with options.
    Alter {
        /// Name.
        name: String,
        /// Options.
        options: RoleOptions,
    },
    /// `ALTER USER … SET` and `RESET`.
    Set {
        /// Name.
        name: String,
        /// Setting, in lower case.
        setting: String,
        /// Value; none for `RESET`.
        value: Option<String>,
    },
    /// `ALTER USER … RESET ALL`.
    ResetAll {
        /// Name.
        name: String,
    },
    /// `DROP USER` and `DROP ROLE`.
    Drop {
        /// True for `IF EXISTS`.
        if_exists: bool,
        /// Names.
        names: Vec<String>,
    },
    /// `GRANT … ON … TO`.
    Grant(PrivilegeChange),
    /// `REVOKE … ON … FROM`.
    Revoke(PrivilegeChange),
    /// `GRANT role TO`.
    GrantRoles(MembershipChange),
    /// `REVOKE role FROM`.
    RevokeRoles(MembershipChange),
    /// `SHOW USERS`.
    ShowUsers,
    /// `SHOW GRANTS`.
    ShowGrants,
}

impl RoleStatement {
    /// Formats the statement, its password included: a text of this is as secret as the password.
    /// There is no `Display`, so that none gets into a message.
    pub fn to_sql(&self) -> String {
        match self {
            Self::Create {
                name,
                if_not_exists,
                options,
            } => {
                let kind = match options.login {
                    Some(false) => "ROLE",
                    _ => "USER",
                };
                let condition = if *if_not_exists { "IF NOT EXISTS " } else { "" };
                let mut options = options.clone();
                options.login = None;
                format!(
                    "CREATE {kind} {condition}{}{}",
                    Identifier(name),
                    options.to_sql()
                )
            }
            Self::Alter { name, options } => {
                format!("ALTER USER {}{}", Identifier(name), options.to_sql())
            }
            Self::Set {
                name,
                setting,
                value,
            } => {
                let name = Identifier(name);
                match value {
                    Some(value) => format!("ALTER USER {name} SET {setting} = {}", Literal(value)),
                    None => format!("ALTER USER {name} RESET {setting}"),
                }
            }
            Self::ResetAll { name } => format!("ALTER USER {} RESET ALL", Identifier(name)),
            Self::Drop { if_exists, names } => {
                let condition = if *if_exists { "IF EXISTS " } else { "" };
                format!("DROP USER {condition}{}", roles(names))
            }
            Self::Grant(change) => format!("GRANT {}", change.to_sql("TO")),
            Self::Revoke(change) => format!("REVOKE {}", change.to_sql("FROM")),
            Self::GrantRoles(change) => {
                format!(
                    "GRANT {} TO {}",
                    roles(&change.roles),
                    roles(&change.members)
                )
            }
            Self::RevokeRoles(change) => {
                format!(
                    "REVOKE {} FROM {}",
                    roles(&change.roles),
                    roles(&change.members)
                )
            }
            Self::ShowUsers => "SHOW USERS".to_owned(),
            Self::ShowGrants => "SHOW GRANTS".to_owned(),
        }
    }
}

impl RoleOptions {
    fn to_sql(&self) -> String {
        let flag = |value: Option<bool>, yes, no| match value {
            Some(true) => yes,
            Some(false) => no,
            None => "",
        };
        let password = match &self.password {
            PasswordClause::Absent => String::new(),
            PasswordClause::Null => " PASSWORD NULL".to_owned(),
            PasswordClause::Stated(Password(text)) => format!(" PASSWORD {}", Literal(text)),
        };
        let login = flag(self.login, " LOGIN", " NOLOGIN");
        let superuser = flag(self.superuser, " SUPERUSER", " NOSUPERUSER");
        format!("{login}{superuser}{password}")
    }
}

impl PrivilegeChange {
    fn to_sql(&self, direction: &str) -> String {
        let privileges = self.privileges.iter().map(|privilege| privilege.name());
        let grantees = self.grantees.iter().map(|name| Grantee(name).to_string());
        // A list is of one kind: the kind is printed once, before the first.
        let mut objects = String::new();
        for (index, object) in self.objects.iter().enumerate() {
            let text = object.to_string();
            match (index, object) {
                (0, _) => objects += &text,
                (_, PrivilegeObject::Function(name) | PrivilegeObject::Module(name)) => {
                    objects += &format!(", {}", Identifier(name));
                }
                _ => objects += &format!(", {text}"),
            }
        }
        format!(
            "{} ON {objects} {direction} {}",
            privileges.collect::<Vec<_>>().join(", "),
            grantees.collect::<Vec<_>>().join(", ")
        )
    }
}

/// Formats names of roles as a list.
fn roles(names: &[String]) -> String {
    let quoted = names.iter().map(|name| Identifier(name).to_string());
    quoted.collect::<Vec<_>>().join(", ")
}
