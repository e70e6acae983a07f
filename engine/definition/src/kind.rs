//! Kinds of functions.

use std::fmt;

/// Kind of a function.
///
/// Exhaustive: all that a program does with functions depends on their kind, so that a new one
/// should be an error of its compiler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `CREATE FUNCTION`: one result for each row.
    #[default]
    Scalar,
    /// `CREATE AGGREGATE FUNCTION`: one result for each group of rows.
    Aggregate,
    /// `CREATE WINDOW FUNCTION`: one result for each row of a partition.
    Window,
    /// `CREATE FUNCTION … RETURNS TABLE (…)`: rows for constant arguments.
    Table,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Scalar, Self::Aggregate, Self::Window, Self::Table];

    /// Returns the name of the kind, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Aggregate => "aggregate",
            Self::Window => "window",
            Self::Table => "table",
        }
    }

    /// Returns the statement that creates a function of the kind.
    pub fn statement(self) -> &'static str {
        match self {
            Self::Scalar => "CREATE FUNCTION",
            Self::Aggregate => "CREATE AGGREGATE FUNCTION",
            Self::Window => "CREATE WINDOW FUNCTION",
            Self::Table => "CREATE FUNCTION … RETURNS TABLE (…)",
        }
    }
}

/// Prints the name of the kind: `aggregate`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
