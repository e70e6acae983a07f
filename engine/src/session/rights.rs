//! Rights of a session's user: what a statement may change, and the record of what it changed.
//!
//! Every change of functions and modules passes [`Session::check_changes`], whatever statement it
//! is of; the checks before it refuse early, before something is read and compiled.

use std::collections::BTreeSet;

use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use fusebox_definition::statement::FuseboxStatement;
use fusebox_definition::{
    Definition, ModuleSource, PrivilegeGrant, PrivilegeObject, RolePrivilege, StatementError,
    Subject,
};
use fusebox_runtime::{Error, Result};

use super::Session;
use super::contents::{Changes, Contents};
use crate::catalog::{AccessChange, AuditRecord, CatalogChange, CatalogContents};
use crate::role_settings::UserQuotas;

/// Refusal of a statement that creates or changes something.
const UNCHANGED: &str = "cannot be created, altered or dropped";

impl Session {
    /// Takes the rights of the user from the catalog, as each statement does.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the user was dropped or may not log in any more, and
    /// [`Error::Catalog`] if the catalog cannot be read.
    pub fn refresh_user(&self) -> Result<()> {
        match &self.loader.options.user {
            Some(_) => self.contents().map(drop),
            None => Ok(()),
        }
    }

    /// Returns the quotas of the user, as of the last statement.
    pub fn user_quotas(&self) -> UserQuotas {
        let user = self.loader.options.user.as_ref();
        user.map_or_else(UserQuotas::default, |user| user.quotas())
    }

    /// Checks the privilege to define a function or a module.
    pub(super) fn check_define(&self, subject: &Subject) -> Result<()> {
        self.refresh_user()?;
        let options = &self.loader.options;
        options.current_privileges().check_create(subject)?;
        let (object, user) = (object(subject), &options.user);
        match (user, object) {
            (Some(user), Some(object)) => user.check(RolePrivilege::Create, &object, UNCHANGED),
            _ => Ok(()),
        }
    }

    /// Checks a statement that defines functions or modules.
    pub(super) fn check_create(&self, statement: &FuseboxStatement) -> Result<()> {
        let function = |name: &str| self.check_define(&Subject::Function(name.to_owned()));
        let module = |name: &str| self.check_define(&Subject::Module(name.to_owned()));
        match statement {
            FuseboxStatement::CreateModule(create) => module(&create.name),
            FuseboxStatement::CreateFunction(create) => function(&create.name),
            FuseboxStatement::ImportFunctions(import) => self.check_import(&import.module),
            FuseboxStatement::AlterFunction { function: name, .. }
            | FuseboxStatement::CommentOnFunction { function: name, .. } => function(&name.name),
            FuseboxStatement::RenameFunction { function: name, to } => {
                function(&name.name)?;
                function(to)
            }
            FuseboxStatement::DropFunctions { functions, .. } => {
                functions.iter().try_for_each(|name| function(&name.name))
            }
            FuseboxStatement::DropModules { modules, .. } => {
                modules.iter().try_for_each(|name| module(name))
            }
            _ => Ok(()),
        }
    }

    /// Checks a node of DataFusion's that defines a function: a context may have a factory of them,
    /// and sqlparser has more spellings than Fusebox.
    pub(super) fn check_planned_function(&self, node: &LogicalPlan) -> Result<()> {
        let LogicalPlan::Ddl(ddl) = node else {
            return Ok(());
        };
        let name = match ddl {
            // Our factory folds names.
            DdlStatement::CreateFunction(create) => create.name.to_ascii_lowercase(),
            DdlStatement::DropFunction(drop) => drop.name.clone(),
            _ => return Ok(()),
        };
        self.check_define(&Subject::Function(name))
    }

    /// Checks the privilege to import functions from a module. Those that it creates are known
    /// later.
    pub(super) fn check_import(&self, module: &str) -> Result<()> {
        self.refresh_user()?;
        let privileges = self.loader.options.current_privileges();
        privileges.check_create(&Subject::Module(module.to_owned()))
    }

    /// Checks the privilege to create functions from a module.
    pub(super) fn check_use(&self, module: &str) -> Result<()> {
        let object = PrivilegeObject::Module(module.to_owned());
        match &self.loader.options.user {
            Some(user) => user.check(RolePrivilege::Usage, &object, "cannot be used"),
            None => Ok(()),
        }
    }

    /// Checks the privilege to see the bytes of a function's module or of a module, which may have
    /// constants that are not for everyone.
    pub(super) fn check_shown(&self, object: PrivilegeObject) -> Result<()> {
        let Some(user) = &self.loader.options.user else {
            return Ok(());
        };
        let contents = self.contents()?;
        if let PrivilegeObject::Function(name) = &object {
            let functions = contents.functions_named(name);
            // What does not exist is refused as such.
            if functions.iter().all(|f| user.may_call(f.definition())) {
                return Ok(());
            }
        }
        user.check(RolePrivilege::Usage, &object, "cannot be shown")
    }

    /// Refuses changes that the user has no privileges for, and functions beyond the quota.
    pub(super) fn check_changes(&self, contents: &Contents, changes: &Changes) -> Result<()> {
        let Some(user) = &self.loader.options.user else {
            return Ok(());
        };
        let replaced = changes.shared.iter().filter_map(|change| match change {
            CatalogChange::PutModule(name, _) => Some(name.as_str()),
            _ => None,
        });
        let replaced: BTreeSet<_> = replaced.collect();
        // Whoever may replace a module changes the code of its functions, and nothing else of them.
        let is_moved = |definition: &Definition| match &definition.source {
            ModuleSource::Module(module) if replaced.contains(module.as_str()) => {
                contents.shared.function(&definition.key()).is_some()
                    || contents.temporary.function(&definition.key()).is_some()
            }
            _ => false,
        };
        for change in changes.shared.iter().chain(&changes.temporary) {
            if let CatalogChange::PutFunction(function) = change
                && is_moved(function.definition())
            {
                continue;
            }
            if let Some(object) = object_of_change(change) {
                user.check(RolePrivilege::Create, &object, UNCHANGED)?;
            }
        }
        Ok(())
    }

    /// Adds to changes of functions and modules those of their owners and grants, and the records
    /// of the audit, which are returned too.
    pub(super) fn complete_changes(
        &self,
        contents: &Contents,
        changes: &mut Changes,
    ) -> Result<Vec<AuditRecord>> {
        let actor = self.loader.options.audit_name();
        let before = &contents.shared;
        let mut records: Vec<_> = changes
            .shared
            .iter()
            .filter_map(|change| record(change, before, actor))
            .collect();
        if !records.is_empty() {
            let after = before.with(changes.shared.clone());
            let owned = self.owners(before, &after, &changes.shared);
            self.check_quota(before, &after, &owned)?;
            let owned = owned.into_iter().map(CatalogChange::Access);
            changes.shared.extend(owned);
        }
        // Those of statements about roles are here already.
        let stated = changes.shared.iter().filter_map(|change| match change {
            CatalogChange::Audit(record) => Some(record.clone()),
            _ => None,
        });
        let stated: Vec<_> = stated.collect();
        let added = records.iter().cloned().map(CatalogChange::Audit);
        changes.shared.extend(added);
        records.extend(stated);
        Ok(records)
    }

    /// Returns the changes of owners and grants: new names belong to the user of the session, and
    /// who comes to have the name of what was dropped inherits no one's calls.
    fn owners(
        &self,
        before: &CatalogContents,
        after: &CatalogContents,
        changes: &[CatalogChange],
    ) -> Vec<AccessChange> {
        let objects = changes.iter().filter_map(object_of_change);
        let objects: BTreeSet<PrivilegeObject> = objects.collect();
        let mut access = Vec::new();
        for object in objects {
            match (exists(before, &object), exists(after, &object)) {
                (false, true) => {
                    if let Some(user) = &self.loader.options.user {
                        access.push(AccessChange::PutOwner(object, user.name().to_owned()));
                    }
                }
                (true, false) => {
                    let known = before.access();
                    let is_of = |grant: &&PrivilegeGrant| {
                        grant.object == object && grant.privilege == RolePrivilege::Usage
                    };
                    let grants = known.grants().filter(is_of).cloned();
                    access.extend(grants.map(AccessChange::Revoke));
                    if known.owner(&object).is_some() {
                        access.push(AccessChange::DropOwner(object));
                    }
                }
                _ => {}
            }
        }
        access
    }

    /// Refuses more functions than the quota of the user allows.
    fn check_quota(
        &self,
        before: &CatalogContents,
        after: &CatalogContents,
        owned: &[AccessChange],
    ) -> Result<()> {
        let (Some(user), Some(max)) = (&self.loader.options.user, self.user_quotas().functions)
        else {
            return Ok(());
        };
        let changes = owned.iter().cloned().map(CatalogChange::Access);
        let after = after.with(changes.collect());
        let count = |contents: &CatalogContents| {
            let functions = contents.functions().filter(|function| {
                let name = function.definition().name.clone();
                contents.access().owner(&PrivilegeObject::Function(name)) == Some(user.name())
            });
            functions.count() as u64
        };
        let found = count(before);
        if count(&after) > max && count(&after) > found {
            let subject = Subject::Role(user.name().to_owned());
            let reason = StatementError::FunctionQuota { found, max };
            return Err(Error::refused(subject, reason));
        }
        Ok(())
    }
}

/// Returns the object of privileges of a subject.
fn object(subject: &Subject) -> Option<PrivilegeObject> {
    match subject {
        Subject::Function(name) => Some(PrivilegeObject::Function(name.clone())),
        Subject::Module(name) => Some(PrivilegeObject::Module(name.clone())),
        _ => None,
    }
}

/// Returns the object that a change creates, replaces or drops.
fn object_of_change(change: &CatalogChange) -> Option<PrivilegeObject> {
    Some(match change {
        CatalogChange::PutFunction(function) => {
            PrivilegeObject::Function(function.definition().name.clone())
        }
        CatalogChange::DropFunction(key) => PrivilegeObject::Function(key.name.clone()),
        CatalogChange::DropUnreadable(function) => PrivilegeObject::Function(function.name.clone()),
        CatalogChange::PutModule(name, _) | CatalogChange::DropModule(name) => {
            PrivilegeObject::Module(name.clone())
        }
        _ => return None,
    })
}

/// Returns true if contents have a module, or a function of a name.
fn exists(contents: &CatalogContents, object: &PrivilegeObject) -> bool {
    match object {
        PrivilegeObject::Function(name) => {
            let is_unreadable = || contents.unreadable().any(|function| function.name == *name);
            contents.functions_named(name).next().is_some() || is_unreadable()
        }
        PrivilegeObject::Module(name) => contents.module(name).is_some(),
        _ => true,
    }
}

/// Returns the record of a change of a function or a module.
fn record(
    change: &CatalogChange,
    before: &CatalogContents,
    actor: Option<&str>,
) -> Option<AuditRecord> {
    let text = |name: &str, types: &[String]| {
        let object = PrivilegeObject::Function(name.to_owned());
        format!("{object}({})", types.join(", "))
    };
    Some(match change {
        CatalogChange::PutFunction(function) => {
            let key = function.definition().key();
            let action = match before.function(&key) {
                None => "CREATE FUNCTION",
                Some(old) if old.definition().digest == function.definition().digest => {
                    "ALTER FUNCTION"
                }
                Some(_) => "REPLACE FUNCTION",
            };
            AuditRecord::change(actor, action)
                .on(text(&key.name, &key.types_text()))
                .with_digest(function.definition().digest)
        }
        CatalogChange::DropFunction(key) => {
            let record = AuditRecord::change(actor, "DROP FUNCTION");
            let record = record.on(text(&key.name, &key.types_text()));
            match before.function(key) {
                Some(old) => record.with_digest(old.definition().digest),
                None => record,
            }
        }
        CatalogChange::DropUnreadable(function) => {
            let record = AuditRecord::change(actor, "DROP FUNCTION");
            record.on(text(&function.name, &function.types))
        }
        CatalogChange::PutModule(name, module) => {
            let action = match before.module(name) {
                None => "CREATE MODULE",
                Some(_) => "REPLACE MODULE",
            };
            let object = PrivilegeObject::Module(name.clone()).to_string();
            let record = AuditRecord::change(actor, action).on(object);
            record.with_digest(module.digest())
        }
        CatalogChange::DropModule(name) => {
            let record = AuditRecord::change(actor, "DROP MODULE");
            let record = record.on(PrivilegeObject::Module(name.clone()).to_string());
            match before.module(name) {
                Some(old) => record.with_digest(old.digest()),
                None => record,
            }
        }
        _ => return None,
    })
}
