//! Users: passwords and privileges.

use std::collections::HashMap;
use std::time::Duration;

use fusebox::{FileAccess, Privileges};

use crate::config::{ConfigError, ServerConfig, UserConfig, seconds};
use crate::scram::{Verifier, random};

/// Users of a server.
pub(crate) struct Users {
    users: HashMap<String, User>,
    /// Everyone, if there are no users.
    everyone: Option<User>,
    /// Decides the salts of names that are no users.
    secret: [u8; 32],
}

/// Privileges of a user, and limits of the sessions.
#[derive(Clone)]
pub(crate) struct User {
    verifier: Option<Verifier>,
    pub(crate) privileges: Privileges,
    pub(crate) statement_timeout: Option<Duration>,
}

impl Users {
    /// Opens the directories of the users, and makes verifiers of passwords.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for a directory that cannot be opened.
    pub(crate) fn new(config: &ServerConfig) -> Result<Self, ConfigError> {
        let everyone = config.users.is_empty().then(UserConfig::default);
        let everyone = everyone.map(|user| User::new(&user, config)).transpose()?;
        let users = config.users.iter();
        let users = users.map(|user| Ok((user.name.clone(), User::new(user, config)?)));
        Ok(Self {
            users: users.collect::<Result<_, ConfigError>>()?,
            everyone,
            secret: random(),
        })
    }

    /// Returns the user that everyone is, if no passwords are asked for.
    pub(crate) fn everyone(&self) -> Option<&User> {
        self.everyone.as_ref()
    }

    /// Returns the verifier of a name; one that no password passes if there is no such user.
    pub(crate) fn verifier(&self, name: &str) -> Verifier {
        let user = self.users.get(name);
        let verifier = user.and_then(|user| user.verifier.clone());
        verifier.unwrap_or_else(|| Verifier::impossible(name, &self.secret))
    }

    /// Returns the user of a name whose password was verified.
    pub(crate) fn verified(&self, name: &str) -> Option<&User> {
        self.users.get(name)
    }
}

impl User {
    fn new(user: &UserConfig, config: &ServerConfig) -> Result<Self, ConfigError> {
        let verifier = match user.password.as_str() {
            "" => None,
            password => {
                let verifier = Verifier::parse(password);
                Some(verifier.unwrap_or_else(|| Verifier::new(password)))
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
            ..Privileges::default()
        };
        let timeout = user.statement_seconds_max;
        Ok(Self {
            verifier,
            privileges,
            statement_timeout: seconds(timeout.unwrap_or(config.statement_seconds_max)),
        })
    }
}
