//! Settings of a user: ceilings of limits, privileges and quotas.

use std::collections::BTreeMap;
use std::time::Duration;

use datafusion::common::config::ExtensionOptions;
use fusebox_definition::statement::Options;
use fusebox_definition::{Limits, Size, StatementError};

use crate::catalog::Role;
use crate::settings::Settings;

/// Quotas of a user; `None` for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserQuotas {
    /// Maximum sessions at a time.
    pub sessions: Option<u64>,
    /// Maximum queries of all sessions that run at a time.
    pub queries: Option<u64>,
    /// Maximum memory of all these queries in bytes.
    pub memory_bytes: Option<u64>,
    /// Maximum functions of the catalog whose names the user owns.
    pub functions: Option<u64>,
}

/// Settings of a user, read.
#[derive(Clone, Debug)]
pub(crate) struct RoleSettings {
    pub(crate) limits_max: Limits,
    pub(crate) batch_bytes_max: Option<u64>,
    pub(crate) statement_timeout: Option<Duration>,
    pub(crate) volatile_functions: bool,
    pub(crate) replace_built_ins: bool,
    /// The privilege to change settings of the process.
    pub(crate) settings: bool,
    pub(crate) quotas: UserQuotas,
}

/// Prefix of the ceilings of limits, before the name of an option.
const LIMITS: &str = "fusebox.limits.";
const BATCH_BYTES: &str = "fusebox.batch_bytes";
const STATEMENT_TIMEOUT: &str = "fusebox.statement_timeout";
const VOLATILE_FUNCTIONS: &str = "fusebox.privileges.volatile_functions";
const REPLACE_BUILT_INS: &str = "fusebox.privileges.replace_built_ins";
const SETTINGS: &str = "fusebox.privileges.settings";
const SESSIONS: &str = "fusebox.quota.sessions";
const QUERIES: &str = "fusebox.quota.queries";
const MEMORY: &str = "fusebox.quota.memory";
const FUNCTIONS: &str = "fusebox.quota.functions";

/// Settings other than ceilings of limits.
const NAMES: [&str; 9] = [
    BATCH_BYTES,
    STATEMENT_TIMEOUT,
    VOLATILE_FUNCTIONS,
    REPLACE_BUILT_INS,
    SETTINGS,
    SESSIONS,
    QUERIES,
    MEMORY,
    FUNCTIONS,
];

impl Default for RoleSettings {
    fn default() -> Self {
        Self {
            limits_max: Limits::MAX,
            batch_bytes_max: None,
            statement_timeout: None,
            volatile_functions: false,
            replace_built_ins: false,
            settings: false,
            quotas: UserQuotas::default(),
        }
    }
}

impl RoleSettings {
    /// Reads settings.
    ///
    /// # Errors
    ///
    /// [`StatementError::RoleSetting`] for an unknown one, and [`StatementError::OptionValue`] for
    /// a bad value.
    pub(crate) fn read(settings: &BTreeMap<String, String>) -> Result<Self, StatementError> {
        let mut read = Self::default();
        for (name, value) in settings {
            read.set(name, value)?;
        }
        Ok(read)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), StatementError> {
        if let Some(option) = name.strip_prefix(LIMITS) {
            let mut options = Limits::MAX.values();
            if options.any(|(known, ..)| known == option) {
                let options = Options(vec![(option.to_owned(), value.to_owned())]);
                self.limits_max = options.apply(self.limits_max)?;
                return Ok(());
            }
        }
        let bad = |expected: &str| StatementError::OptionValue {
            name: name.to_owned(),
            expected: expected.to_owned(),
            found: format!("'{value}'"),
        };
        let number = || -> Result<Option<u64>, StatementError> {
            let expected = "a number from 0 to 18446744073709551615";
            value.parse().map(Some).map_err(|_| bad(expected))
        };
        let size = || Size::parse(value).ok_or_else(|| bad("a size such as '64MB'"));
        let flag = || match value {
            "true" | "on" | "1" => Ok(true),
            "false" | "off" | "0" => Ok(false),
            _ => Err(bad("true or false")),
        };
        match name {
            BATCH_BYTES => {
                let set = of_session("batch_bytes", value);
                let set = set.ok_or_else(|| bad("a size of at least 64kB"))?;
                self.batch_bytes_max = Some(set.batch_bytes_max);
            }
            STATEMENT_TIMEOUT => {
                let set = of_session("statement_timeout", value);
                let set = set.ok_or_else(|| bad("a time such as '10s', or 0 for none"))?;
                self.statement_timeout = set.statement_timeout;
            }
            VOLATILE_FUNCTIONS => self.volatile_functions = flag()?,
            REPLACE_BUILT_INS => self.replace_built_ins = flag()?,
            SETTINGS => self.settings = flag()?,
            SESSIONS => self.quotas.sessions = number()?,
            QUERIES => self.quotas.queries = number()?,
            MEMORY => self.quotas.memory_bytes = Some(size()?.0),
            FUNCTIONS => self.quotas.functions = number()?,
            _ => {
                return Err(StatementError::RoleSetting {
                    name: name.to_owned(),
                    known: known(),
                });
            }
        }
        Ok(())
    }
}

/// Reads a setting of sessions; `None` for a bad value.
fn of_session(key: &str, value: &str) -> Option<Settings> {
    let mut settings = Settings::default();
    settings.set(key, value).ok()?;
    Some(settings)
}

/// Formats the names of all settings.
fn known() -> String {
    let limits = Limits::MAX.values();
    let limits = limits.map(|(option, ..)| format!("{LIMITS}{option}"));
    let names = NAMES.iter().map(|name| (*name).to_owned());
    limits.chain(names).collect::<Vec<_>>().join(", ")
}

impl Role {
    /// Returns the quotas among the settings.
    ///
    /// # Errors
    ///
    /// [`StatementError`] for settings that cannot be read.
    pub fn quotas(&self) -> Result<UserQuotas, StatementError> {
        RoleSettings::read(&self.settings).map(|settings| settings.quotas)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<RoleSettings, StatementError> {
        RoleSettings::read(&BTreeMap::from([(name.to_owned(), value.to_owned())]))
    }

    #[test]
    fn settings_are_read() {
        let memory = read("fusebox.limits.memory", "1MB").unwrap();
        assert_eq!(memory.limits_max.memory_bytes_max, 1 << 20);
        let timeout = read(STATEMENT_TIMEOUT, "2s").unwrap().statement_timeout;
        assert_eq!(timeout, Some(Duration::from_secs(2)));
        let quotas = read(MEMORY, "64MB").unwrap().quotas;
        assert_eq!(quotas.memory_bytes, Some(64 << 20));
        assert_eq!(read(SESSIONS, "3").unwrap().quotas.sessions, Some(3));
        assert!(read(VOLATILE_FUNCTIONS, "on").unwrap().volatile_functions);
        for (name, value) in [
            ("fusebox.limits.reset", "row"),
            ("fusebox.limits.memory", "much"),
            ("fusebox.limits", "1"),
            ("password", "x"),
            (SESSIONS, "-1"),
            (MEMORY, ""),
            (SETTINGS, "maybe"),
            (STATEMENT_TIMEOUT, "soon"),
            (BATCH_BYTES, "1"),
        ] {
            assert!(read(name, value).is_err(), "{name}");
        }
    }

    #[test]
    fn unknown_settings_are_refused_without_their_values() {
        let message = read("password", "pencil").unwrap_err().to_string();
        assert!(!message.contains("pencil"), "{message}");
        assert!(message.contains("fusebox.limits.fuel_per_row, "));
        assert!(message.ends_with("fusebox.quota.functions"));
    }
}
