//! Answers that are used again.

/// Use of the answers of earlier rows for rows that are equal to them.
///
/// Changes neither a result nor an error: only functions whose rows are independent of each
/// other are asked once for equal rows. Answers are kept for one execution and partition.
///
/// Option `reuse` of `WITH (…)` and `ALTER FUNCTION … SET (…)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reuse {
    /// Answers are kept while that is expected to be faster than asking again.
    ///
    /// `reuse = 'auto'`, the default.
    #[default]
    Auto,
    /// Each row is asked, but for those that a dictionary or runs show to be equal.
    ///
    /// `reuse = 'off'`.
    Off,
    /// Answers are kept, whatever that costs, as long as there is memory for them.
    ///
    /// `reuse = 'always'`.
    Always,
}

impl Reuse {
    /// Name of the option.
    pub const OPTION: &'static str = "reuse";

    /// All values.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Off, Self::Always];

    /// Returns its name in statements.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Off => "off",
            Self::Always => "always",
        }
    }

    /// Parses the value of the option.
    ///
    /// # Errors
    ///
    /// A description of the expected values.
    pub fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|reuse| reuse.name() == text);
        found.ok_or_else(|| "'auto', 'off' or 'always'".to_owned())
    }
}
