//! Result of a row that fails.

/// Result of a row for which a scalar function fails.
///
/// Option `on_error` of `WITH (…)` and `ALTER FUNCTION … SET (…)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnError {
    /// The query fails.
    ///
    /// `on_error = 'fail'`, the default.
    #[default]
    Fail,
    /// The result is null, for an error that the guest reports, a trap, and a limit of the
    /// function that one row exceeds. The query warns of the number of such rows.
    ///
    /// `on_error = 'null'`.
    Null,
}

impl OnError {
    /// Name of the option.
    pub const OPTION: &'static str = "on_error";

    /// Parses the value of the option.
    ///
    /// # Errors
    ///
    /// A description of the expected values.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "fail" => Ok(Self::Fail),
            "null" => Ok(Self::Null),
            _ => Err("'fail' or 'null'".to_owned()),
        }
    }
}
