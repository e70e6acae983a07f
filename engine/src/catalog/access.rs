//! Users, roles and grants of a catalog, and owners of its functions and modules.

use std::collections::{BTreeMap, BTreeSet};

use fusebox_definition::{PUBLIC, PrivilegeGrant, PrivilegeObject, RolePrivilege};

use crate::password::PasswordVerifier;

/// User or role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Role {
    /// Name.
    pub name: String,
    /// True for a user, who may log in.
    pub can_login: bool,
    /// True for a user who has all privileges and manages the others.
    pub is_superuser: bool,
    /// Verifier of the password; a user without one cannot log in.
    pub verifier: Option<PasswordVerifier>,
    /// Settings: limits, privileges and quotas.
    pub settings: BTreeMap<String, String>,
    /// Roles whose privileges the user has too.
    pub member_of: BTreeSet<String>,
}

impl Role {
    /// Creates a role without rights, that may not log in.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }
}

/// Change of users, roles, grants and owners.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AccessChange {
    /// Adds a role, or replaces the one of that name.
    PutRole(Role),
    /// Removes a role, with its grants, its memberships and its ownership.
    DropRole(String),
    /// Adds a grant.
    Grant(PrivilegeGrant),
    /// Removes a grant.
    Revoke(PrivilegeGrant),
    /// Sets the owner of a function's name or of a module.
    PutOwner(PrivilegeObject, String),
    /// Removes the owner.
    DropOwner(PrivilegeObject),
}

/// Users, roles, grants and owners.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    roles: BTreeMap<String, Role>,
    grants: BTreeSet<PrivilegeGrant>,
    owners: BTreeMap<PrivilegeObject, String>,
}

impl Access {
    /// Returns the role of a name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.get(name)
    }

    /// Iterates over the roles, sorted by name.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values()
    }

    /// Returns true if there is a user with a password.
    pub fn has_users(&self) -> bool {
        let mut roles = self.roles();
        roles.any(|role| role.can_login && role.verifier.is_some())
    }

    /// Iterates over the grants, sorted by grantee.
    pub fn grants(&self) -> impl Iterator<Item = &PrivilegeGrant> {
        self.grants.iter()
    }

    /// Returns the owner of the functions of a name, or of a module.
    pub fn owner(&self, object: &PrivilegeObject) -> Option<&str> {
        self.owners.get(object).map(String::as_str)
    }

    /// Iterates over the functions and modules that have owners.
    pub fn owners(&self) -> impl Iterator<Item = (&PrivilegeObject, &str)> {
        let owners = self.owners.iter();
        owners.map(|(object, owner)| (object, owner.as_str()))
    }

    /// Returns the names whose privileges a user has: the own one, those of roles, directly or
    /// through others, and that of everyone.
    pub fn names_of(&self, user: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::from([PUBLIC.to_owned()]);
        let mut next = vec![user.to_owned()];
        while let Some(name) = next.pop() {
            if let Some(role) = self.roles.get(&name)
                && !names.contains(&name)
            {
                next.extend(role.member_of.iter().cloned());
            }
            names.insert(name);
        }
        names
    }

    /// Returns true if one of these names owns the object, or has the privilege on it or on all of
    /// its kind.
    pub fn has(
        &self,
        names: &BTreeSet<String>,
        privilege: RolePrivilege,
        object: &PrivilegeObject,
    ) -> bool {
        let owner = self.owners.get(object);
        if owner.is_some_and(|owner| names.contains(owner)) {
            return true;
        }
        let is_granted = |grantee: &String, object: PrivilegeObject| {
            self.grants.contains(&PrivilegeGrant {
                grantee: grantee.clone(),
                privilege,
                object,
            })
        };
        names
            .iter()
            .any(|name| is_granted(name, object.clone()) || is_granted(name, object.all_of_kind()))
    }

    /// Applies a change.
    pub(super) fn apply(&mut self, change: AccessChange) {
        match change {
            AccessChange::PutRole(role) => {
                self.roles.insert(role.name.clone(), role);
            }
            AccessChange::DropRole(name) => {
                self.roles.remove(&name);
                for role in self.roles.values_mut() {
                    role.member_of.remove(&name);
                }
                self.grants.retain(|grant| grant.grantee != name);
                self.owners.retain(|_, owner| *owner != name);
            }
            AccessChange::Grant(grant) => {
                self.grants.insert(grant);
            }
            AccessChange::Revoke(grant) => {
                self.grants.remove(&grant);
            }
            AccessChange::PutOwner(object, owner) => {
                self.owners.insert(object, owner);
            }
            AccessChange::DropOwner(object) => {
                self.owners.remove(&object);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, of: &[&str]) -> AccessChange {
        let mut role = Role::new(name);
        role.member_of = of.iter().map(|name| (*name).to_owned()).collect();
        AccessChange::PutRole(role)
    }

    fn granted(grantee: &str, object: PrivilegeObject) -> PrivilegeGrant {
        PrivilegeGrant {
            grantee: grantee.to_owned(),
            privilege: RolePrivilege::Usage,
            object,
        }
    }

    #[test]
    fn privileges_come_from_roles_and_everyone() {
        let mut access = Access::default();
        // A cycle ends.
        access.apply(member("ada", &["analysts"]));
        access.apply(member("analysts", &["staff"]));
        access.apply(member("staff", &["analysts"]));
        let names = access.names_of("ada");
        assert_eq!(names.len(), 4);
        let function = PrivilegeObject::Function("f".to_owned());
        let has = |access: &Access| access.has(&names, RolePrivilege::Usage, &function);
        assert!(!has(&access));
        for (grantee, object) in [
            ("staff", function.clone()),
            (PUBLIC, PrivilegeObject::AllFunctions),
        ] {
            let grant = granted(grantee, object);
            access.apply(AccessChange::Grant(grant.clone()));
            assert!(has(&access));
            assert!(!access.has(&names, RolePrivilege::Create, &function));
            access.apply(AccessChange::Revoke(grant));
            assert!(!has(&access));
        }
        access.apply(AccessChange::PutOwner(function.clone(), "ada".to_owned()));
        assert!(access.has(&names, RolePrivilege::Create, &function));
    }

    #[test]
    fn role_that_is_dropped_leaves_nothing() {
        let mut access = Access::default();
        access.apply(member("ada", &["analysts"]));
        access.apply(member("analysts", &[]));
        access.apply(AccessChange::Grant(granted(
            "analysts",
            PrivilegeObject::AllModules,
        )));
        let module = PrivilegeObject::Module("m".to_owned());
        access.apply(AccessChange::PutOwner(module, "analysts".to_owned()));
        access.apply(AccessChange::DropRole("analysts".to_owned()));
        assert_eq!((access.grants().count(), access.owners().count()), (0, 0));
        assert!(access.role("ada").unwrap().member_of.is_empty());
    }
}
