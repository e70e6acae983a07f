//! Users: passwords and privileges, of the configuration and of the catalog.

use std::collections::HashMap;
use std::time::Duration;

use fusebox::{Catalog, CatalogError, FileAccess, PasswordVerifier, Privileges, UserQuotas};

use crate::config::{ConfigError, ServerConfig, UserConfig, seconds};
use crate::scram::random;

const SECRET_BYTES: usize = 32;

/// Users of a server.
pub(crate) struct Users {
    users: HashMap<String, User>,
    /// Everyone, if there are no users, and no other machine reaches the server.
    everyone: Option<User>,
    /// Bounds of the privileges of the catalog's users, whose own the session knows.
    of_catalog: User,
    /// Decides the salts of names that are no users, which would otherwise change where those of
    /// users do not.
    secret: Vec<u8>,
}

/// Origin of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserKind {
    /// Whoever reaches the server.
    Everyone,
    Configured,
    OfCatalog,
}

/// Privileges of a user, and limits of the sessions.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) kind: UserKind,
    verifier: Option<PasswordVerifier>,
    pub(crate) privileges: Privileges,
    pub(crate) statement_timeout: Option<Duration>,
    /// Quotas at the time of the login.
    pub(crate) quotas: UserQuotas,
    pub(crate) is_superuser: bool,
}

/// Login of a name.
pub(crate) enum Login {
    /// No password is asked for.
    Trusted(Box<User>),
    /// The verifier of the password, which no password passes if there is no such user.
    Password(PasswordVerifier, Option<Box<User>>),
}

impl Users {
    /// Opens the directories of the users, and makes verifiers of passwords.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for a directory that cannot be opened, and a catalog that cannot be
    /// read.
    pub(crate) fn new(config: &ServerConfig, catalog: &dyn Catalog) -> Result<Self, ConfigError> {
        let secret = catalog.secret();
        let secret = secret.map_err(|error| ConfigError::Value(error.to_string()))?;
        let is_trusting = config.users.is_empty() && config.reachable_address().is_none();
        let unnamed = UserConfig::default();
        let everyone = is_trusting.then(|| User::new(&unnamed, UserKind::Everyone, config));
        let of_catalog = UserConfig {
            volatile_functions: true,
            replace_built_ins: true,
            settings: true,
            superuser: true,
            ..UserConfig::default()
        };
        let users = config.users.iter().map(|user| {
            let made = User::new(user, UserKind::Configured, config)?;
            Ok((user.name.clone(), made))
        });
        Ok(Self {
            users: users.collect::<Result<_, ConfigError>>()?,
            everyone: everyone.transpose()?,
            of_catalog: User::new(&of_catalog, UserKind::OfCatalog, config)?,
            secret: secret.unwrap_or_else(|| random::<SECRET_BYTES>().to_vec()),
        })
    }

    /// Returns what a login of a name needs. Those of the configuration go before those of the
    /// catalog, whom a superuser creates. May read a file.
    ///
    /// # Errors
    ///
    /// [`CatalogError`] if the catalog cannot be read.
    pub(crate) fn login(&self, name: &str, catalog: &dyn Catalog) -> Result<Login, CatalogError> {
        let contents = catalog.contents()?;
        let access = contents.access();
        let impossible = || PasswordVerifier::impossible(name, &self.secret);
        if let Some(user) = self.users.get(name) {
            let verifier = user.verifier.clone().unwrap_or_else(impossible);
            return Ok(Login::Password(verifier, Some(Box::new(user.clone()))));
        }
        if let Some(everyone) = &self.everyone
            && !access.has_users()
        {
            return Ok(Login::Trusted(Box::new(everyone.clone())));
        }
        let role = access.role(name).filter(|role| role.can_login);
        let verifier = role.and_then(|role| Some((role, role.verifier.clone()?)));
        Ok(match verifier {
            Some((role, verifier)) => {
                let mut user = self.of_catalog.clone();
                // Settings that cannot be read are refused by the session.
                user.quotas = role.quotas().unwrap_or_default();
                user.is_superuser = role.is_superuser;
                Login::Password(verifier, Some(Box::new(user)))
            }
            None => Login::Password(impossible(), None),
        })
    }
}

impl User {
    fn new(user: &UserConfig, kind: UserKind, config: &ServerConfig) -> Result<Self, ConfigError> {
        let verifier = match user.password.as_str() {
            "" => None,
            password => {
                let verifier = PasswordVerifier::of_text(password);
                Some(verifier.ok_or_else(|| unreadable(&user.name))?)
            }
        };
        let root = user.root.as_ref().or(config.root.as_ref());
        let files = match root {
            Some(root) => FileAccess::under(root).map_err(|error| {
                ConfigError::Value(format!(
                    "cannot open the root `{}`: {error}",
                    root.display()
                ))
            })?,
            None => FileAccess::denied(),
        };
        let files = if user.writable {
            files.writable()
        } else {
            files
        };
        let privileges = Privileges {
            files,
            create: user.create.unwrap_or(true),
            volatile_functions: user.volatile_functions,
            replace_built_ins: user.replace_built_ins,
            settings: user.settings,
            users: user.superuser,
            ..Privileges::default()
        };
        let timeout = user.statement_seconds_max;
        Ok(Self {
            kind,
            verifier,
            privileges,
            statement_timeout: seconds(timeout.unwrap_or(config.statement_seconds_max)),
            quotas: UserQuotas::default(),
            is_superuser: user.superuser,
        })
    }
}

/// Refuses the text of a verifier that is none.
fn unreadable(name: &str) -> ConfigError {
    let max = PasswordVerifier::ITERATIONS_MAX;
    ConfigError::Value(format!(
        "expected SCRAM-SHA-256$rounds:salt$key:key with at most {max} rounds, or a password, of \
         the user {name}, found another verifier"
    ))
}
