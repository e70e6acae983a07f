//! Failures of calls as fixtures record them: without texts for people, which may change.

use fusebox_runtime::{Error, LimitExceeded, TrapKind};
use serde::{Deserialize, Serialize};

/// Failure of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Failure {
    /// `reported`, `trap`, `limit` or `abi`; `error` for all that no fixture has.
    pub(crate) kind: String,
    /// Name of the limit: that of its option, or `fuel` of rows that share theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<String>,
    /// Kind of the trap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trap: Option<String>,
    /// Message that the guest reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// Row, from 0, where one is to blame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) row: Option<u64>,
}

impl Failure {
    /// Describes an error of a call.
    pub(crate) fn of(error: &Error) -> Self {
        let kind = |kind: &str| Self {
            kind: kind.to_owned(),
            ..Self::default()
        };
        match error {
            Error::Failed { row, message, .. } => Self {
                message: Some(message.clone()),
                row: *row,
                ..kind("reported")
            },
            Error::Trap { row, trap, .. } => Self {
                trap: Some(trap_name(trap.kind).to_owned()),
                row: *row,
                ..kind("trap")
            },
            Error::Limit { limit, .. } => {
                let (name, row) = limit_name(limit);
                Self {
                    limit: Some(name.to_owned()),
                    row,
                    ..kind("limit")
                }
            }
            Error::Abi { .. } => kind("abi"),
            other => Self {
                message: Some(other.to_string()),
                ..kind("error")
            },
        }
    }

    /// Returns the failure of a row `first` rows further on.
    pub(crate) fn shifted(mut self, first: usize) -> Self {
        self.row = self.row.map(|row| row.saturating_add(first as u64));
        self
    }

    /// Returns true if it is the same failure of a larger batch, where a guest that begins no
    /// rows leaves the row open.
    pub(crate) fn is_in_batch(&self, alone: &Self) -> bool {
        let row = self.row.or(alone.row);
        *self
            == Self {
                row: self.row,
                ..alone.clone()
            }
            && row == alone.row
    }
}

fn trap_name(kind: TrapKind) -> &'static str {
    match kind {
        TrapKind::Panic => "panic",
        TrapKind::Unreachable => "unreachable",
        TrapKind::MemoryOutOfBounds => "memory out of bounds",
        TrapKind::TableOutOfBounds => "table out of bounds",
        TrapKind::IndirectCall => "indirect call",
        TrapKind::IntegerOverflow => "integer overflow",
        TrapKind::IntegerDivisionByZero => "integer division by zero",
        _ => "other",
    }
}

/// Returns the name of a limit, and the row that exceeded it.
fn limit_name(limit: &LimitExceeded) -> (&'static str, Option<u64>) {
    use LimitExceeded as Limit;
    match limit {
        Limit::RowFuel { row, .. } => ("fuel_per_row", Some(*row)),
        Limit::GroupFuel { row, .. } => ("fuel_per_row", *row),
        Limit::CallFuel { .. } => ("fuel_per_call", None),
        Limit::InitFuel { .. } => ("fuel_init", None),
        Limit::BatchFuel { .. } => ("fuel", None),
        Limit::Memory { row, .. } | Limit::GroupMemory { row, .. } => ("memory", *row),
        Limit::Arguments { row, .. } => ("memory", Some(*row)),
        Limit::BatchArguments { .. } => ("memory", None),
        Limit::Stack { row, .. } => ("stack", *row),
        Limit::Result { row, .. } => ("result_bytes", Some(*row)),
        Limit::Instances { .. } | Limit::ProcessInstances { .. } => ("instances", None),
        Limit::BatchBytes { .. } => ("batch_bytes", None),
        _ => ("resources", None),
    }
}
