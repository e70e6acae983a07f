//! Settings that SQL changes with `SET fusebox.…`.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::common::{DataFusionError, Result};
use fusebox_definition::{Reuse, Size};
use fusebox_runtime::Scope;

/// Settings of a session, among its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Maximum bytes of the results of one batch.
    pub(crate) batch_bytes_max: u64,
    /// Time after which a statement is cancelled.
    pub(crate) statement_timeout: Option<Duration>,
    /// Use of earlier answers by all functions; `Auto` is that of each function.
    pub(crate) reuse: Reuse,
}

const BATCH_BYTES: &str = "batch_bytes";
const STATEMENT_TIMEOUT: &str = "statement_timeout";
const REUSE: &str = "reuse";

/// Longest timeout, as in PostgreSQL.
const TIMEOUT_MAX: Duration = Duration::from_millis(i32::MAX as u64);

/// Smallest maximum of a batch, in bytes.
const BATCH_BYTES_MIN: u64 = 64 << 10;

impl Default for Settings {
    fn default() -> Self {
        Self {
            batch_bytes_max: Scope::BATCH_BYTES_MAX,
            statement_timeout: None,
            reuse: Reuse::Auto,
        }
    }
}

impl Settings {
    /// Finds the settings among the options of a session.
    pub(crate) fn find(options: &ConfigOptions) -> Self {
        options.extensions.get().copied().unwrap_or_default()
    }

    /// Resets the setting `key` to that of `defaults`.
    ///
    /// # Errors
    ///
    /// An error of configuration if there is no such setting.
    pub(crate) fn reset(&mut self, key: &str, defaults: Self) -> Result<()> {
        match key {
            BATCH_BYTES => self.batch_bytes_max = defaults.batch_bytes_max,
            STATEMENT_TIMEOUT => self.statement_timeout = defaults.statement_timeout,
            REUSE => self.reuse = defaults.reuse,
            _ => return Err(unknown(key)),
        }
        Ok(())
    }

    /// Returns true if the settings are in their ranges.
    pub(crate) fn are_in_range(self) -> bool {
        let timeout = self.statement_timeout.unwrap_or(TIMEOUT_MAX);
        self.batch_bytes_max >= BATCH_BYTES_MIN && timeout <= TIMEOUT_MAX && !timeout.is_zero()
    }
}

fn unknown(key: &str) -> DataFusionError {
    let message = format!(
        "there is no setting fusebox.{key}, expected fusebox.{BATCH_BYTES}, fusebox.{REUSE} or fusebox.{STATEMENT_TIMEOUT}"
    );
    DataFusionError::Configuration(message)
}

/// Duration, printed in the largest unit that is exact, as in PostgreSQL.
pub(crate) struct Timeout(pub(crate) Duration);

/// Units of durations in microseconds, the largest first.
const UNITS: [(&str, u64); 6] = [
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("min", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros() as u64;
        if micros == 0 {
            return f.write_str("0");
        }
        let is_exact = |(_, unit): &&(&str, u64)| micros.is_multiple_of(*unit);
        let (name, unit) = UNITS.iter().find(is_exact).unwrap_or(&("us", 1));
        write!(f, "{}{name}", micros / unit)
    }
}

/// Parses a duration: a number of milliseconds, or a number with a unit. Zero is none.
fn parse_timeout(text: &str) -> Option<Option<Duration>> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim_start() {
        "" => "ms",
        unit => unit,
    };
    let (_, micros) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let micros = number.parse::<u64>().ok()?.checked_mul(*micros)?;
    let timeout = Duration::from_micros(micros);
    let is_in_range = timeout <= TIMEOUT_MAX;
    is_in_range.then(|| (!timeout.is_zero()).then_some(timeout))
}

impl Settings {
    /// Returns the value of these settings that another one would exceed, given its name with the
    /// prefix: a larger batch, or a later timeout.
    pub(crate) fn exceeded_ceiling(&self, setting: &str, value: &str) -> Option<String> {
        let key = setting.strip_prefix(Self::PREFIX)?.strip_prefix('.')?;
        let mut asked = *self;
        // A value that cannot be read is refused when it is set.
        asked.set(key, value).ok()?;
        let has_larger_batches = asked.batch_bytes_max > self.batch_bytes_max;
        let is_later = |timeout: Duration| asked.statement_timeout.is_none_or(|t| t > timeout);
        match self.statement_timeout {
            _ if has_larger_batches => Some(Size(self.batch_bytes_max).to_string()),
            Some(timeout) if is_later(timeout) => Some(Timeout(timeout).to_string()),
            _ => None,
        }
    }
}

impl ConfigExtension for Settings {
    const PREFIX: &'static str = "fusebox";
}

impl ExtensionOptions for Settings {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(*self)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let refuse = |expected: &str| {
            let message = format!("fusebox.{key} is '{value}', expected {expected}");
            DataFusionError::Configuration(message)
        };
        match key {
            BATCH_BYTES => {
                let size = Size::parse(value).map(|Size(bytes)| bytes);
                let size = size.filter(|bytes| *bytes >= BATCH_BYTES_MIN);
                self.batch_bytes_max =
                    size.ok_or_else(|| refuse("a size of at least 64kB, such as '256MB'"))?;
            }
            STATEMENT_TIMEOUT => {
                let expected = "milliseconds or a number with a unit (us, ms, s, min, h, d) of at most 2147483647 ms, or 0 for none";
                self.statement_timeout = parse_timeout(value).ok_or_else(|| refuse(expected))?;
            }
            REUSE => {
                let reuse = Reuse::parse(&value.to_ascii_lowercase());
                self.reuse = reuse.map_err(|expected| refuse(&expected))?;
            }
            _ => return Err(unknown(key)),
        }
        Ok(())
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        let entry = |name, value: String, description| ConfigEntry {
            key: format!("{}.{name}", Self::PREFIX),
            value: Some(value),
            description,
        };
        let timeout = self.statement_timeout.unwrap_or_default();
        vec![
            entry(
                BATCH_BYTES,
                Size(self.batch_bytes_max).to_string(),
                "Maximum bytes of the results of one batch of a Wasm function",
            ),
            entry(
                REUSE,
                self.reuse.name().to_owned(),
                "Use of earlier answers by all Wasm functions; auto for that of each function",
            ),
            entry(
                STATEMENT_TIMEOUT,
                Timeout(timeout).to_string(),
                "Time after which a statement is cancelled; 0 for none",
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_have_the_units_of_postgresql() {
        for (text, micros, printed) in [
            ("250", 250_000, "250ms"),
            ("250ms", 250_000, "250ms"),
            (" 1500 ms ", 1_500_000, "1500ms"),
            ("60000", 60_000_000, "1min"),
            ("1s", 1_000_000, "1s"),
            ("7us", 7, "7us"),
            ("24h", 86_400_000_000, "1d"),
            ("2147483647", 2_147_483_647_000, "2147483647ms"),
        ] {
            let timeout = parse_timeout(text).unwrap().unwrap();
            assert_eq!(timeout, Duration::from_micros(micros), "{text}");
            assert_eq!(Timeout(timeout).to_string(), printed);
        }
        assert_eq!(parse_timeout("0"), Some(None));
        for text in [
            "",
            "-1",
            "1.5s",
            "1 S",
            "1x",
            "2147483648",
            "99999999999999999999",
        ] {
            assert_eq!(parse_timeout(text), None, "{text}");
        }
    }

    #[test]
    fn settings_are_set_and_displayed() {
        let mut options = ConfigOptions::new();
        options.extensions.insert(Settings::default());
        options.set("fusebox.batch_bytes", "1MB").unwrap();
        options.set("fusebox.statement_timeout", "2s").unwrap();
        options.set("fusebox.reuse", "off").unwrap();
        let settings = Settings::find(&options.clone());
        assert_eq!(settings.batch_bytes_max, 1 << 20);
        assert_eq!(settings.statement_timeout, Some(Duration::from_secs(2)));
        assert_eq!(settings.reuse, Reuse::Off);
        let entries = options.entries();
        let value = |key: &str| entries.iter().find(|e| e.key == key)?.value.clone();
        assert_eq!(value("fusebox.batch_bytes").as_deref(), Some("1MB"));
        assert_eq!(value("fusebox.statement_timeout").as_deref(), Some("2s"));
        assert_eq!(value("fusebox.reuse").as_deref(), Some("off"));
        for (key, value) in [
            ("fusebox.batch_bytes", "65535"),
            ("fusebox.batch_bytes", "much"),
            ("fusebox.statement_timeout", "soon"),
            ("fusebox.reuse", "never"),
            ("fusebox.other", "1"),
        ] {
            assert!(options.set(key, value).is_err(), "{key} {value}");
        }
        assert_eq!(Settings::find(&options), settings);
    }
}
