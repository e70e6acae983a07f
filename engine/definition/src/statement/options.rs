//! Options of `WITH (…)` and `ALTER FUNCTION … SET (…)`.

use std::collections::HashSet;

use crate::grants::StatedGrants;
use crate::limits::{LIMITS, Limits};
use crate::on_error::OnError;
use crate::plain_abi::PlainAbi;
use crate::reset::Reset;
use crate::reuse::Reuse;
use crate::statement_error::StatementError;

/// Options of a statement: names in lower case, and values as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options(pub Vec<(String, String)>);

impl Options {
    /// Returns `limits` with the options applied.
    ///
    /// # Errors
    ///
    /// [`StatementError::Option`] for an unknown name and
    /// [`StatementError::OptionValue`] for a bad value.
    pub fn apply(&self, mut limits: Limits) -> Result<Limits, StatementError> {
        for (name, value) in &self.0 {
            if OTHERS.contains(&name.as_str()) || is_grant(name) {
                continue;
            }
            let named = LIMITS.iter().find(|limit| limit.option == name);
            let limit = named.ok_or_else(|| StatementError::Option {
                name: name.clone(),
                known: known(),
            })?;
            limit
                .set(&mut limits, value)
                .map_err(|expected| bad_value(name, value, expected))?;
        }
        Ok(limits)
    }

    /// Returns the reset scope, if the options give one.
    ///
    /// # Errors
    ///
    /// [`StatementError::OptionValue`] for a bad value.
    pub fn reset(&self) -> Result<Option<Reset>, StatementError> {
        self.parsed(Reset::OPTION, Reset::parse)
    }

    /// Returns the result of a row that fails, if the options give one.
    ///
    /// # Errors
    ///
    /// [`StatementError::OptionValue`] for a bad value.
    pub fn on_error(&self) -> Result<Option<OnError>, StatementError> {
        self.parsed(OnError::OPTION, OnError::parse)
    }

    /// Returns the use of earlier answers, if the options give one.
    ///
    /// # Errors
    ///
    /// [`StatementError::OptionValue`] for a bad value.
    pub fn reuse(&self) -> Result<Option<Reuse>, StatementError> {
        self.parsed(Reuse::OPTION, Reuse::parse)
    }

    /// Returns the convention of a plain function, if the options give one.
    ///
    /// # Errors
    ///
    /// [`StatementError::OptionValue`] for a bad value.
    pub fn abi(&self) -> Result<Option<PlainAbi>, StatementError> {
        self.parsed(PlainAbi::OPTION, PlainAbi::parse)
    }

    /// Returns the constants that the options let a module read.
    ///
    /// # Errors
    ///
    /// [`StatementError::OptionValue`] for a bad value.
    pub fn grants(&self) -> Result<StatedGrants, StatementError> {
        let mut grants = StatedGrants::default();
        for (name, value) in self.0.iter().filter(|(name, _)| is_grant(name)) {
            let added = grants.add(name, value);
            added.map_err(|expected| bad_value(name, value, expected))?;
        }
        Ok(grants)
    }

    /// Refuses options that only a statement that creates can have.
    ///
    /// # Errors
    ///
    /// [`StatementError::GrantOption`] for one that lets a module read constants.
    pub fn refuse_grants(&self) -> Result<(), StatementError> {
        match self.0.iter().find(|(name, _)| is_grant(name)) {
            None => Ok(()),
            Some((name, _)) => Err(StatementError::GrantOption(name.clone())),
        }
    }

    /// Refuses options that CREATE MODULE does not take: all but those that let the module read
    /// constants.
    ///
    /// # Errors
    ///
    /// [`StatementError::Option`] for another.
    pub fn check_of_module(&self) -> Result<(), StatementError> {
        match self.0.iter().find(|(name, _)| !is_grant(name)) {
            None => Ok(()),
            Some((name, _)) => Err(StatementError::Option {
                name: name.clone(),
                known: format!(
                    "{} and {}",
                    StatedGrants::OPTIONS[..2].join(", "),
                    StatedGrants::OPTIONS[2]
                ),
            }),
        }
    }

    /// Returns the name of an option that is given twice and has one value.
    pub(super) fn repeated(&self) -> Option<&str> {
        let mut names = HashSet::new();
        let mut single = self.0.iter().map(|(name, _)| name.as_str());
        single.find(|name| !StatedGrants::LISTS.contains(name) && !names.insert(*name))
    }

    /// Parses the last value of an option.
    fn parsed<T>(
        &self,
        option: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, StatementError> {
        let given = self.0.iter().rfind(|(name, _)| name == option);
        let parsed = given
            .map(|(name, value)| parse(value).map_err(|expected| bad_value(name, value, expected)));
        parsed.transpose()
    }

    /// Returns the options that `others` does not give.
    pub(super) fn without(&self, others: &Self) -> Self {
        let given = |name: &str| others.0.iter().any(|(other, _)| other == name);
        let mut options = self.clone();
        options.0.retain(|(name, _)| !given(name));
        options
    }
}

fn bad_value(name: &str, value: &str, expected: String) -> StatementError {
    StatementError::OptionValue {
        name: name.to_owned(),
        expected,
        found: format!("'{value}'"),
    }
}

/// Options that are no limits.
const OTHERS: [&str; 4] = [
    Reset::OPTION,
    OnError::OPTION,
    PlainAbi::OPTION,
    Reuse::OPTION,
];

fn is_grant(name: &str) -> bool {
    StatedGrants::OPTIONS.contains(&name)
}

/// Formats options that state all of `limits`, `reset`, `on_error`, `abi` and `reuse`.
pub(super) fn print(
    limits: Limits,
    reset: Reset,
    on_error: OnError,
    abi: Option<PlainAbi>,
    reuse: Reuse,
) -> String {
    let mut options: Vec<_> = LIMITS
        .iter()
        .map(|limit| format!("{} = {}", limit.option, limit.print(limits)))
        .collect();
    if reset == Reset::Row {
        options.push(format!("{} = 'row'", Reset::OPTION));
    }
    if on_error == OnError::Null {
        options.push(format!("{} = 'null'", OnError::OPTION));
    }
    if let Some(abi) = abi {
        options.push(format!("{} = '{abi}'", PlainAbi::OPTION));
    }
    if reuse != Reuse::Auto {
        options.push(format!("{} = '{}'", Reuse::OPTION, reuse.name()));
    }
    options.join(", ")
}

/// Formats the names of all options.
fn known() -> String {
    let limits = LIMITS.each_ref().map(|limit| limit.option);
    let [reset, on_error, abi, reuse] = OTHERS;
    let [seed, env, data] = StatedGrants::OPTIONS;
    let limits = limits.join(", ");
    format!("{limits}, {reset}, {on_error}, {abi}, {reuse}, {seed}, {env} and {data}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &[(&str, &str)]) -> Options {
        let owned = |(name, value): &(&str, &str)| (String::from(*name), String::from(*value));
        Options(text.iter().map(owned).collect())
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for option in [
            ("memory", "63kB"),
            ("memory", "MB"),
            ("stack", "1MB"),
            ("result_bytes", "0"),
            ("instances", "0"),
            ("fuel_per_row", "1.5"),
            ("fuel_per_call", "18446744073709551616"),
            ("fuel", "1"),
        ] {
            let set = options(&[option]).apply(Limits::default());
            assert!(set.is_err(), "{option:?}");
        }
        for value in ["", "never", "ROW", "1"] {
            assert!(options(&[("reset", value)]).reset().is_err(), "{value}");
            let on_error = options(&[("on_error", value)]).on_error();
            assert!(on_error.is_err(), "{value}");
            assert!(options(&[("abi", value)]).abi().is_err(), "{value}");
            let reuse = options(&[("reuse", value)]).reuse();
            assert!(reuse.is_err(), "{value}");
        }
    }

    #[test]
    fn printed_options_name_every_limit_once() {
        let abi = Some(PlainAbi::CString);
        for (reset, abi, reuse, options) in [
            (Reset::Call, None, Reuse::Auto, LIMITS.len()),
            (Reset::Row, None, Reuse::Auto, LIMITS.len() + 1),
            (Reset::Row, abi, Reuse::Auto, LIMITS.len() + 2),
            (Reset::Row, abi, Reuse::Always, LIMITS.len() + 3),
        ] {
            let printed = print(Limits::MAX, reset, OnError::Fail, abi, reuse);
            assert_eq!(printed.matches(" = ").count(), options);
        }
        assert_eq!(known().matches("_per_row, ").count(), 1);
    }

    #[test]
    fn conventions_are_listed_for_an_unknown_one() {
        for abi in PlainAbi::ALL {
            let given = options(&[("abi", abi.name())]);
            assert_eq!(given.abi().unwrap(), Some(abi));
            assert_eq!(given.apply(Limits::MAX).unwrap(), Limits::MAX);
        }
        assert_eq!(
            options(&[("abi", "pascal")]).abi().unwrap_err().to_string(),
            "has a bad value for abi: one of 'ptr_len', 'c_string', 'assemblyscript', \
             'length_prefixed', 'canonical', not 'pascal'"
        );
    }

    #[test]
    fn uses_of_answers_are_read_as_they_are_printed() {
        for reuse in Reuse::ALL {
            let given = options(&[("reuse", reuse.name())]);
            assert_eq!(given.reuse().unwrap(), Some(reuse));
            let printed = print(Limits::MAX, Reset::Call, OnError::Fail, None, reuse);
            let stated = printed.contains(&format!("reuse = '{}'", reuse.name()));
            assert_eq!(stated, reuse != Reuse::Auto);
        }
    }

    #[test]
    fn only_lists_are_given_twice() {
        let twice = options(&[("memory", "1MB"), ("stack", "8kB"), ("memory", "1MB")]);
        assert_eq!(twice.repeated(), Some("memory"));
        let seeds = options(&[("seed", "1"), ("seed", "2")]);
        assert_eq!(seeds.repeated(), Some("seed"));
        let lists = options(&[("env", "A=1"), ("data", "/a => 'a'"), ("env", "B=2")]);
        assert_eq!(lists.repeated(), None);
    }

    #[test]
    fn options_given_by_both_come_from_the_other() {
        let declared = options(&[("memory", "1GB"), ("stack", "8kB")]);
        let stated = options(&[("memory", "1MB")]);
        assert_eq!(declared.without(&stated), options(&[("stack", "8kB")]));
    }
}
