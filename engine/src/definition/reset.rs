//! How long a guest may remember something, and the option that sets it.

use serde::{Deserialize, Serialize};

/// What a call is, behind which a guest has forgotten everything.
///
/// `reset`, an option of `WITH (…)` and `ALTER FUNCTION … SET (…)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reset {
    /// A batch, or a part of one. A `VOLATILE` function need not forget
    /// anything.
    ///
    /// `reset = 'call'`, the default.
    #[default]
    Call,
    /// A single row: so no row has a say in another's answer, in a `VOLATILE`
    /// function either. It costs some microseconds for each row.
    ///
    /// `reset = 'row'`.
    Row,
}

impl Reset {
    /// The option that sets it.
    pub(crate) const OPTION: &'static str = "reset";

    /// What `text` says; fails with what was expected.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "call" => Ok(Self::Call),
            "row" => Ok(Self::Row),
            _ => Err("'call' or 'row'".to_owned()),
        }
    }
}
