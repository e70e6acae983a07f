//! What a function is called with, and how often.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a function is called with, and how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// With each row: it answers one value.
    #[default]
    Scalar,
    /// `CREATE AGGREGATE FUNCTION`: with the rows of a group, for which it
    /// answers one value.
    Aggregate,
    /// `CREATE WINDOW FUNCTION`: with the rows of a partition, in order, for
    /// each of which it answers one value.
    Window,
    /// `RETURNS TABLE (…)`: with one row, for which it answers many.
    Table,
}

impl Kind {
    /// The word that people say for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Aggregate => "aggregate",
            Self::Window => "window",
            Self::Table => "table",
        }
    }
}

/// Prints as SQL people say it: `aggregate`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
