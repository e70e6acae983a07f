//! Values of a configuration that are refused.

use std::net::SocketAddr;

use super::{ConfigError, ServerConfig, UserConfig};

impl ServerConfig {
    /// Checks the values that do not depend on files.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for users without a name or a password, and limits of zero.
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse = |message: String| Err(ConfigError::Value(message));
        let addresses = [self.postgres, self.http, self.flight];
        if addresses.iter().all(Option::is_none) {
            let message = "expected an address, found none; state --postgres, --http or --flight";
            return refuse(message.into());
        }
        for (index, user) in self.users.iter().enumerate() {
            let UserConfig { name, password, .. } = user;
            if name.is_empty() || password.is_empty() {
                return refuse(format!(
                    "expected a name and a password of user {} ({name}), found none",
                    index + 1
                ));
            }
            if self.users[..index].iter().any(|other| other.name == *name) {
                return refuse(format!("expected one user {name}, found two; remove one"));
            }
        }
        let limits = [
            ("connections_max", self.connections_max),
            ("message_megabytes_max", self.message_megabytes_max),
            ("memory_megabytes_max", self.memory_megabytes_max),
            ("login_seconds_max", self.login_seconds_max as usize),
            ("write_seconds_max", self.write_seconds_max as usize),
            ("token_seconds_max", self.token_seconds_max as usize),
        ];
        match limits.iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => refuse(format!("expected {name} of at least 1, found 0")),
            None if self.message_megabytes_max > 1_000 => refuse(format!(
                "expected message_megabytes_max of at most 1000, found {}",
                self.message_megabytes_max
            )),
            None => Ok(()),
        }
    }

    /// Refuses addresses that others could reach, unless there are users, here or in the catalog.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`].
    pub(crate) fn check_addresses(&self, has_users: bool) -> Result<(), ConfigError> {
        match self.reachable_address() {
            Some(address) if !has_users => Err(ConfigError::Value(format!(
                "expected users for {address}, which other machines can reach, found none; state \
                 [[users]] or --password-file, or CREATE USER … PASSWORD in the catalog, or listen \
                 on 127.0.0.1"
            ))),
            _ => Ok(()),
        }
    }

    /// Returns an address that other machines can reach, if there is one.
    pub(crate) fn reachable_address(&self) -> Option<SocketAddr> {
        let addresses = [self.postgres, self.http, self.flight];
        let mut addresses = addresses.into_iter().flatten();
        addresses.find(|address| !address.ip().is_loopback())
    }
}
