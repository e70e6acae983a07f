//! Configuration: one TOML file, and flags that replace parts of it.

// Values that are refused.
mod check;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Configuration of a server. Each field has a default, and a time or a number of 0 seconds or
/// megabytes stands for none where its documentation says so.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Address of PostgreSQL's protocol; port 0 for any that is free.
    pub postgres: Option<SocketAddr>,
    /// Address of HTTP.
    pub http: Option<SocketAddr>,
    /// Address of Arrow Flight SQL.
    pub flight: Option<SocketAddr>,
    /// Maximum connections of PostgreSQL's protocol, and as many of HTTP and of Flight SQL.
    pub connections_max: usize,
    /// Maximum size of a message or of the body of a request in megabytes.
    pub message_megabytes_max: usize,
    /// Time to log in, in seconds.
    pub login_seconds_max: u64,
    /// Time for a client to read what was sent, in seconds.
    pub write_seconds_max: u64,
    /// Time between statements in seconds; 0 for any.
    pub idle_seconds_max: u64,
    /// Time in which a token of Flight SQL and a prepared statement are kept after their last use,
    /// in seconds.
    pub token_seconds_max: u64,
    /// Time of a statement in seconds, which `SET statement_timeout` lowers; 0 for any.
    pub statement_seconds_max: u64,
    /// Time in which statements may end after a request to stop, in seconds.
    pub drain_seconds_max: u64,
    /// Memory of all queries together in megabytes.
    pub memory_megabytes_max: usize,
    /// Threads that execute queries; 0 for one for each processor.
    pub query_threads: usize,
    /// Directory of the files that every user may read, where relative paths start. Users have
    /// their own besides.
    pub root: Option<PathBuf>,
    /// Certificate and key. Without them, nothing is encrypted.
    pub tls: Option<TlsConfig>,
    /// Users, beside those of the catalog; without either, everyone is trusted, which only loopback
    /// addresses can.
    pub users: Vec<UserConfig>,
}

/// Files of TLS in the PEM format.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Certificate of the server, and those between it and its authority.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// User with a password and privileges.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct UserConfig {
    /// Name.
    pub name: String,
    /// Password, or its verifier as PostgreSQL stores it: `SCRAM-SHA-256$4096:…`.
    #[serde(skip_serializing)]
    pub password: String,
    /// False to refuse `CREATE`, `IMPORT`, `ALTER` and `DROP` of functions and modules.
    pub create: Option<bool>,
    /// True to allow `VOLATILE` functions.
    pub volatile_functions: bool,
    /// True to allow the replacement of built-in functions.
    pub replace_built_ins: bool,
    /// True to allow settings of the process.
    pub settings: bool,
    /// True to allow the management of users of the catalog, their grants and the audit.
    pub superuser: bool,
    /// Directory of the files that the user may read.
    pub root: Option<PathBuf>,
    /// True to write files below `root` too.
    pub writable: bool,
    /// Time of a statement in seconds, in place of that of all users.
    pub statement_seconds_max: Option<u64>,
}

/// Error in a configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason, which the message states.
        source: io::Error,
    },
    /// A file is no configuration.
    #[error("`{}` is no configuration: {message}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Place and reason.
        message: String,
    },
    /// A line of a file of passwords.
    #[error(
        "expected `user:password` or `user:SCRAM-SHA-256$…` in line {line} of `{}`, found another \
         text",
        path.display()
    )]
    Password {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
    },
    /// A value is refused.
    #[error("{0}")]
    Value(String),
    /// Certificate or key cannot be used.
    #[error("cannot use TLS: {0}")]
    Tls(String),
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            postgres: None,
            http: None,
            flight: None,
            connections_max: 100,
            message_megabytes_max: 64,
            login_seconds_max: 10,
            write_seconds_max: 60,
            idle_seconds_max: 0,
            token_seconds_max: 3_600,
            statement_seconds_max: 0,
            drain_seconds_max: 30,
            memory_megabytes_max: 2_048,
            query_threads: 0,
            root: None,
            tls: None,
            users: Vec::new(),
        }
    }
}

impl ServerConfig {
    /// Reads a configuration from a file.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if it cannot be read, or has an unknown field.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        toml::from_str(&read(path)?).map_err(|error| ConfigError::Parse {
            path: path.to_owned(),
            message: error.to_string().trim_end().replace('\n', " "),
        })
    }

    /// Adds the users of a file of lines `user:password`. Those of the configuration keep their
    /// privileges and get the password; others have the default ones. Blank lines and those that
    /// begin with `#` are skipped.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if it cannot be read or has another line.
    pub fn add_passwords(&mut self, path: &Path) -> Result<(), ConfigError> {
        for (index, line) in read(path)?.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let parts = line.split_once(':');
            let parts = parts.filter(|(name, password)| !name.is_empty() && !password.is_empty());
            let (name, password) = parts.ok_or_else(|| ConfigError::Password {
                path: path.to_owned(),
                line: index + 1,
            })?;
            let known = self.users.iter_mut().find(|user| user.name == name);
            match known {
                Some(user) => password.clone_into(&mut user.password),
                None => self.users.push(UserConfig {
                    name: name.to_owned(),
                    password: password.to_owned(),
                    ..UserConfig::default()
                }),
            }
        }
        Ok(())
    }

    /// Prints the configuration as TOML, without passwords.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|error| format!("# {error}\n"))
    }

    pub(crate) fn message_bytes_max(&self) -> usize {
        self.message_megabytes_max << 20
    }

    pub(crate) fn login_timeout(&self) -> Duration {
        Duration::from_secs(self.login_seconds_max)
    }

    pub(crate) fn write_timeout(&self) -> Duration {
        Duration::from_secs(self.write_seconds_max)
    }

    pub(crate) fn idle_timeout(&self) -> Option<Duration> {
        seconds(self.idle_seconds_max)
    }

    pub(crate) fn token_timeout(&self) -> Duration {
        Duration::from_secs(self.token_seconds_max)
    }

    pub(crate) fn drain_timeout(&self) -> Duration {
        Duration::from_secs(self.drain_seconds_max)
    }
}

/// Returns a time of seconds; none for 0.
pub(crate) fn seconds(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

fn read(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })
}

/// Without the password.
impl std::fmt::Debug for UserConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserConfig")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<ServerConfig, ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        ServerConfig::read(file.path())
    }

    #[test]
    fn configuration_is_printed_without_passwords_and_read_again() {
        let text = "postgres = '127.0.0.1:5432'\nidle_seconds_max = 60\n\
                    [tls]\ncertificate = 'a.crt'\nkey = 'a.key'\n\
                    [[users]]\nname = 'ada'\npassword = 'secret'\nsettings = true\n";
        let config = parsed(text).unwrap();
        config.check().unwrap();
        let printed = config.to_toml();
        assert!(!printed.contains("secret"), "{printed}");
        let mut again = parsed(&printed).unwrap();
        again.users[0].password = "secret".to_owned();
        assert_eq!(again, config);
    }

    #[test]
    fn unknown_fields_are_refused_with_their_place() {
        let error = parsed("postgres = '127.0.0.1:5432'\nport = 1\n").unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("port") && message.contains("line 2"),
            "{message}"
        );
        assert!(!message.contains('\n'));
    }

    #[test]
    fn addresses_of_others_need_users() {
        let config = |address: &str, users| ServerConfig {
            postgres: Some(address.parse().unwrap()),
            users,
            ..ServerConfig::default()
        };
        let ada = UserConfig {
            name: "ada".to_owned(),
            password: "x".to_owned(),
            ..UserConfig::default()
        };
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let config = config(address, vec![]);
            assert!(config.check().is_ok() && config.check_addresses(false).is_ok());
        }
        let reachable = config("0.0.0.0:5432", vec![]);
        let error = reachable.check_addresses(false).unwrap_err();
        assert!(error.to_string().contains("--password-file"), "{error}");
        assert!(reachable.check_addresses(true).is_ok());
        assert!(config("0.0.0.0:5432", vec![ada.clone()]).check().is_ok());
        assert!(
            config("127.0.0.1:0", vec![ada.clone(), ada])
                .check()
                .is_err()
        );
        assert!(
            config("127.0.0.1:0", vec![UserConfig::default()])
                .check()
                .is_err()
        );
        assert!(ServerConfig::default().check().is_err());
        let flight = ServerConfig {
            flight: Some("0.0.0.0:50051".parse().unwrap()),
            ..ServerConfig::default()
        };
        assert!(flight.check().is_ok() && flight.check_addresses(false).is_err());
    }

    #[test]
    fn files_of_passwords_have_a_user_in_each_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "# users\nada:se:cret\n\nbob:x\n").unwrap();
        let mut config = ServerConfig::default();
        config.users.push(UserConfig {
            name: "bob".to_owned(),
            settings: true,
            ..UserConfig::default()
        });
        config.add_passwords(file.path()).unwrap();
        let users = config.users.iter();
        let users: Vec<_> = users
            .map(|u| (&u.name[..], &u.password[..], u.settings))
            .collect();
        assert_eq!(users, [("bob", "x", true), ("ada", "se:cret", false)]);
        fs::write(file.path(), "ada\n").unwrap();
        let error = config.add_passwords(file.path()).unwrap_err();
        assert!(matches!(error, ConfigError::Password { line: 1, .. }));
    }
}
