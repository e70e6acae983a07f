//! Rights of the user of a session, as its catalog has them when a statement starts.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use fusebox_definition::{
    Definition, Grantee, ModuleSource, PrivilegeObject, RolePrivilege, StatementError, Subject,
};
use fusebox_runtime::{Error, Result};

use crate::catalog::{Access, CatalogContents};
use crate::privileges::Privileges;
use crate::role_settings::{RoleSettings, UserQuotas};
use crate::settings::Settings;

/// User of the catalog, of one session and its clones.
#[derive(Debug)]
pub(crate) struct SessionUser {
    name: String,
    /// None before the first statement, and after the user is gone: nothing is granted then.
    rights: RwLock<Option<Arc<Rights>>>,
}

#[derive(Debug)]
struct Rights {
    version: u64,
    access: Arc<Access>,
    /// Names whose privileges the user has.
    names: BTreeSet<String>,
    is_superuser: bool,
    settings: RoleSettings,
}

impl SessionUser {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            rights: RwLock::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Takes the rights from the contents that a statement sees.
    ///
    /// # Errors
    ///
    /// [`StatementError::RoleGone`] if the user may not log in any more, and another refusal for
    /// settings that cannot be read. The session has no rights then.
    pub(crate) fn refresh(&self, contents: &CatalogContents) -> Result<()> {
        let (version, access) = (contents.version(), contents.access());
        let is_newer = |known: &Rights| known.version >= version;
        if self.rights().as_deref().is_some_and(is_newer) {
            return Ok(());
        }
        let read = self.read(version, access);
        let mut rights = self.rights.write().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(read) => {
                // A clone of the session may have seen a later version meanwhile.
                if rights
                    .as_deref()
                    .is_none_or(|known| known.version < version)
                {
                    *rights = Some(Arc::new(read));
                }
                Ok(())
            }
            Err(reason) => {
                *rights = None;
                let subject = Subject::Role(self.name.clone());
                Err(Error::refused(subject, reason))
            }
        }
    }

    fn read(&self, version: u64, access: &Arc<Access>) -> Result<Rights, StatementError> {
        let role = access.role(&self.name).filter(|role| role.can_login);
        let role = role.ok_or(StatementError::RoleGone)?;
        Ok(Rights {
            version,
            names: access.names_of(&self.name),
            is_superuser: role.is_superuser,
            settings: RoleSettings::read(&role.settings)?,
            access: Arc::clone(access),
        })
    }

    fn rights(&self) -> Option<Arc<Rights>> {
        let rights = self.rights.read().unwrap_or_else(PoisonError::into_inner);
        rights.clone()
    }

    /// Returns the privileges of the user, which do not exceed those of the embedder.
    pub(crate) fn privileges(&self, embedder: &Privileges) -> Privileges {
        let mut privileges = embedder.clone();
        match self.rights().as_deref() {
            Some(Rights {
                is_superuser,
                settings,
                ..
            }) => {
                let all = *is_superuser;
                privileges.limits_max = privileges.limits_max.at_most(settings.limits_max);
                privileges.volatile_functions &= all || settings.volatile_functions;
                privileges.replace_built_ins &= all || settings.replace_built_ins;
                privileges.settings &= all || settings.settings;
                privileges.users &= all;
            }
            None => {
                privileges.create = false;
                privileges.volatile_functions = false;
                privileges.replace_built_ins = false;
                privileges.settings = false;
                privileges.users = false;
            }
        }
        privileges
    }

    /// Lowers settings to the ceilings of the user.
    pub(crate) fn limited(&self, mut settings: Settings) -> Settings {
        let Some(rights) = self.rights() else {
            return settings;
        };
        if let Some(bytes) = rights.settings.batch_bytes_max {
            settings.batch_bytes_max = settings.batch_bytes_max.min(bytes);
        }
        if let Some(ceiling) = rights.settings.statement_timeout {
            let timeout = settings.statement_timeout.unwrap_or(ceiling);
            settings.statement_timeout = Some(timeout.min(ceiling));
        }
        settings
    }

    /// Returns the quotas of the user.
    pub(crate) fn quotas(&self) -> UserQuotas {
        let rights = self.rights();
        rights.map_or_else(UserQuotas::default, |rights| rights.settings.quotas)
    }

    fn has(&self, privilege: RolePrivilege, object: &PrivilegeObject) -> bool {
        self.rights().is_some_and(|rights| {
            rights.is_superuser || rights.access.has(&rights.names, privilege, object)
        })
    }

    /// Returns true if the user may call a function: with a privilege on its name or its module,
    /// or if it is one of the session.
    pub(crate) fn may_call(&self, definition: &Definition) -> bool {
        let usage = |object| self.has(RolePrivilege::Usage, &object);
        definition.temporary
            || usage(PrivilegeObject::Function(definition.name.clone()))
            || match &definition.source {
                ModuleSource::Module(name) => usage(PrivilegeObject::Module(name.clone())),
                _ => false,
            }
    }

    /// Refuses the call of a function without a privilege.
    pub(crate) fn check_call(&self, definition: &Definition) -> Result<()> {
        let object = PrivilegeObject::Function(definition.name.clone());
        match self.may_call(definition) {
            true => Ok(()),
            false => Err(self.refused(RolePrivilege::Usage, &object, "cannot be called")),
        }
    }

    /// Refuses what a user without a privilege on an object would do to it.
    pub(crate) fn check(
        &self,
        privilege: RolePrivilege,
        object: &PrivilegeObject,
        refusal: &'static str,
    ) -> Result<()> {
        match self.has(privilege, object) {
            true => Ok(()),
            false => Err(self.refused(privilege, object, refusal)),
        }
    }

    fn refused(
        &self,
        privilege: RolePrivilege,
        object: &PrivilegeObject,
        refusal: &'static str,
    ) -> Error {
        let (_, name) = object.parts();
        let subject = match object {
            PrivilegeObject::Module(_) => Subject::Module(name.to_owned()),
            _ => Subject::Function(name.to_owned()),
        };
        let reason = StatementError::NotGranted {
            refusal,
            privilege: privilege.name(),
            object: object.to_string(),
            grantee: Grantee(&self.name).to_string(),
        };
        Error::refused(subject, reason)
    }
}
