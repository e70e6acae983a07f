//! Settings of a connection by the names of PostgreSQL: those that clients read and set.
//!
//! Names with a dot, such as `datafusion.execution.batch_size` and `fusebox.batch_bytes`, are the
//! session's own. The others have one value or have no effect, apart from the time zone and the
//! timeout of statements.

use std::collections::BTreeMap;

use crate::report::{INVALID_PARAMETER, NOT_SUPPORTED, Report, UNDEFINED_OBJECT};

/// Version of PostgreSQL whose behaviour clients find.
pub(crate) const SERVER_VERSION: &str = "16.0";

/// Values that a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Values {
    /// Any, without effect.
    Any,
    /// Those that begin with one of these words, in lower case; each means the default.
    Only(&'static [&'static str]),
    /// None: it is read only.
    Fixed,
    /// Those of the session's time zone.
    TimeZone,
    /// Those of the session's timeout.
    Timeout,
}

/// Setting by its name, with its default.
struct Setting {
    name: &'static str,
    default: &'static str,
    values: Values,
    /// True if clients are told of changes.
    is_reported: bool,
}

const fn setting(name: &'static str, default: &'static str, values: Values) -> Setting {
    Setting {
        name,
        default,
        values,
        is_reported: false,
    }
}

const fn reported(name: &'static str, default: &'static str, values: Values) -> Setting {
    Setting {
        is_reported: true,
        ..setting(name, default, values)
    }
}

const SETTINGS: [Setting; 38] = [
    reported("application_name", "", Values::Any),
    reported(
        "client_encoding",
        "UTF8",
        Values::Only(&["utf8", "unicode"]),
    ),
    reported("DateStyle", "ISO, MDY", Values::Only(&["iso"])),
    reported("default_transaction_read_only", "off", Values::Any),
    reported("in_hot_standby", "off", Values::Fixed),
    reported("integer_datetimes", "on", Values::Fixed),
    reported("IntervalStyle", "postgres", Values::Only(&["postgres"])),
    reported("is_superuser", "off", Values::Fixed),
    reported("scram_iterations", "4096", Values::Fixed),
    reported("search_path", "\"$user\", public", Values::Any),
    reported("server_encoding", "UTF8", Values::Fixed),
    reported("server_version", SERVER_VERSION, Values::Fixed),
    reported("session_authorization", "", Values::Fixed),
    reported(
        "standard_conforming_strings",
        "on",
        Values::Only(&["on", "true", "1"]),
    ),
    reported("TimeZone", "UTC", Values::TimeZone),
    setting("backslash_quote", "safe_encoding", Values::Any),
    setting("bytea_output", "hex", Values::Only(&["hex"])),
    setting("check_function_bodies", "on", Values::Any),
    setting("client_min_messages", "notice", Values::Any),
    setting("default_table_access_method", "heap", Values::Any),
    setting(
        "default_transaction_isolation",
        "read committed",
        Values::Any,
    ),
    setting("extra_float_digits", "1", Values::Any),
    setting("idle_in_transaction_session_timeout", "0", Values::Any),
    setting("jit", "off", Values::Any),
    setting("lock_timeout", "0", Values::Any),
    setting("max_identifier_length", "63", Values::Fixed),
    setting("max_index_keys", "32", Values::Fixed),
    setting("password_encryption", "scram-sha-256", Values::Fixed),
    setting("role", "none", Values::Only(&["none"])),
    setting("row_security", "on", Values::Any),
    setting("server_version_num", "160000", Values::Fixed),
    setting("statement_timeout", "0", Values::Timeout),
    setting("synchronous_commit", "on", Values::Any),
    setting("transaction_deferrable", "off", Values::Any),
    setting("transaction_isolation", "read committed", Values::Any),
    setting("transaction_read_only", "off", Values::Any),
    setting("wal_level", "minimal", Values::Fixed),
    setting("xmloption", "content", Values::Any),
];

/// Values of the settings of a connection that are not their defaults.
#[derive(Debug, Default)]
pub(crate) struct ClientSettings(BTreeMap<&'static str, String>);

/// Change of a setting, to be made if the session accepts it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    name: &'static str,
    value: String,
    /// Statement of the session that has the effect.
    pub(crate) sql: Option<String>,
    /// True if the client is to be told.
    pub(crate) is_reported: bool,
}

impl ClientSettings {
    /// Sets a value that clients cannot set.
    pub(crate) fn fix(&mut self, name: &str, value: &str) {
        if let Some(setting) = find(name) {
            self.0.insert(setting.name, value.to_owned());
        }
    }

    /// Returns name and value of a setting; `None` for one of the session.
    pub(crate) fn get(&self, name: &str) -> Option<(&'static str, &str)> {
        let setting = find(name)?;
        let value = self.0.get(setting.name).map(String::as_str);
        Some((setting.name, value.unwrap_or(setting.default)))
    }

    /// Returns names and values of the settings that clients are told of.
    pub(crate) fn reported(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = SETTINGS.iter().filter(|setting| setting.is_reported);
        all.filter_map(|setting| self.get(setting.name))
    }

    /// Returns names and values of all settings.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &str)> {
        SETTINGS.iter().filter_map(|setting| self.get(setting.name))
    }

    /// Checks the change of a setting, to its default if there is no value; `None` for one of the
    /// session.
    ///
    /// # Errors
    ///
    /// A report for an unknown setting without a dot, and for a value that it does not take.
    pub(crate) fn change(&self, name: &str, value: Option<&str>) -> Result<Option<Change>, Report> {
        let Some(setting) = find(name) else {
            if name.contains('.') {
                return Ok(None);
            }
            let message = format!("unrecognized configuration parameter \"{name}\"");
            let hint = "Settings of DataFusion are named datafusion.…, those of Fusebox fusebox.…";
            return Err(Report::error(UNDEFINED_OBJECT, message).with_hint(hint));
        };
        let name = setting.name;
        let wanted = value.unwrap_or(setting.default);
        let mut change = Change {
            name,
            value: wanted.to_owned(),
            sql: None,
            is_reported: setting.is_reported,
        };
        match setting.values {
            Values::Any => {}
            Values::Fixed => {
                let message = format!("parameter \"{name}\" cannot be changed");
                return Err(Report::error("55P02", message));
            }
            Values::Only(accepted) => {
                // Names of encodings are compared without punctuation, as in PostgreSQL.
                let plain = wanted.chars().filter(char::is_ascii_alphanumeric);
                let lower = plain.collect::<String>().to_lowercase();
                let is_accepted = accepted.iter().any(|word| lower.starts_with(word));
                if value.is_some() && !is_accepted {
                    let message =
                        format!("expected {name} of {}, found \"{wanted}\"", setting.default);
                    return Err(Report::error(NOT_SUPPORTED, message));
                }
                setting.default.clone_into(&mut change.value);
            }
            Values::TimeZone => {
                let zone = time_zone(wanted);
                change.sql = Some(format!(
                    "SET datafusion.execution.time_zone = '{}'",
                    zone.replace('\'', "''")
                ));
            }
            Values::Timeout => {
                change.sql = Some(match value {
                    Some(value) => format!(
                        "SET fusebox.statement_timeout = '{}'",
                        value.replace('\'', "''")
                    ),
                    None => "RESET fusebox.statement_timeout".to_owned(),
                });
            }
        }
        if wanted.len() > 1_000 {
            let message = format!(
                "expected a value of at most 1000 bytes, found {}",
                wanted.len()
            );
            return Err(Report::error(INVALID_PARAMETER, message));
        }
        Ok(Some(change))
    }

    /// Makes a change that the session has accepted; returns the name of the setting.
    pub(crate) fn apply(&mut self, change: Change) -> &'static str {
        self.0.insert(change.name, change.value);
        change.name
    }

    /// Returns the names of the settings that were set.
    pub(crate) fn changed(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }
}

fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS
        .iter()
        .find(|setting| setting.name.eq_ignore_ascii_case(name))
}

/// Returns a time zone as DataFusion names it: an offset, or a name of the IANA database.
fn time_zone(zone: &str) -> String {
    let is_utc = ["UTC", "GMT", "Z", "ZULU", "ETC/UTC", "UCT"].contains(&&*zone.to_uppercase());
    match zone.parse::<i32>() {
        Ok(hours) if hours.abs() <= 14 => {
            let sign = if hours < 0 { '-' } else { '+' };
            format!("{sign}{:02}:00", hours.abs())
        }
        _ if is_utc => "+00:00".to_owned(),
        _ => zone.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_changed_and_reset() {
        let mut settings = ClientSettings::default();
        let change = settings
            .change("APPLICATION_NAME", Some("a"))
            .unwrap()
            .unwrap();
        assert!(change.is_reported && change.sql.is_none());
        settings.apply(change);
        assert_eq!(
            settings.get("application_name"),
            Some(("application_name", "a"))
        );
        let change = settings.change("application_name", None).unwrap().unwrap();
        settings.apply(change);
        assert_eq!(
            settings.get("application_name"),
            Some(("application_name", ""))
        );
        assert_eq!(settings.get("fusebox.batch_bytes"), None);
        assert_eq!(settings.change("fusebox.batch_bytes", Some("1")), Ok(None));
    }

    #[test]
    fn settings_of_the_session_have_statements() {
        let settings = ClientSettings::default();
        let sql = |name, value| settings.change(name, value).unwrap().unwrap().sql.unwrap();
        assert_eq!(
            sql("timezone", Some("-3")),
            "SET datafusion.execution.time_zone = '-03:00'"
        );
        assert_eq!(
            sql("statement_timeout", Some("1'")),
            "SET fusebox.statement_timeout = '1'''"
        );
        assert_eq!(
            sql("statement_timeout", None),
            "RESET fusebox.statement_timeout"
        );
    }

    #[test]
    fn other_values_are_refused() {
        let settings = ClientSettings::default();
        let code = |name, value| settings.change(name, Some(value)).unwrap_err().code;
        assert_eq!(code("client_encoding", "LATIN1"), NOT_SUPPORTED);
        assert_eq!(code("server_version", "9"), "55P02");
        assert_eq!(code("nonsense", "1"), UNDEFINED_OBJECT);
        let change = settings
            .change("datestyle", Some("ISO, DMY"))
            .unwrap()
            .unwrap();
        assert_eq!(change.value, "ISO, MDY");
    }
}
