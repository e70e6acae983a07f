//! Scope after which guest state is reset.

/// Scope after which the state of a guest is reset.
///
/// Option `reset` of `WITH (…)` and `ALTER FUNCTION … SET (…)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reset {
    /// One call: a batch or a part of one. `VOLATILE` functions are not reset.
    ///
    /// `reset = 'call'`, the default.
    #[default]
    Call,
    /// One row, for `VOLATILE` functions too, so that no row's result depends on
    /// another row. Costs some microseconds per row.
    ///
    /// `reset = 'row'`.
    Row,
}

impl Reset {
    /// Name of the option.
    pub const OPTION: &'static str = "reset";

    /// Parses the value of the option.
    ///
    /// # Errors
    ///
    /// A description of the expected values.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "call" => Ok(Self::Call),
            "row" => Ok(Self::Row),
            _ => Err("'call' or 'row'".to_owned()),
        }
    }
}
