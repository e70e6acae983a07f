//! Outcomes of queries.

use std::fmt;

use fusebox::{Error, LimitExceeded};

/// The outcome of a query, in a form that can be compared between execution configs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum QueryOutcome<R> {
    /// The result.
    Result(R),
    /// The error, without the row: its number depends on the batch.
    Error(String),
    /// The guest violated the ABI.
    AbiViolation,
}

impl<R> QueryOutcome<R> {
    /// Classifies the result of a query.
    pub(super) fn new(result: Result<R, Error>) -> Self {
        match result {
            Ok(result) => Self::Result(result),
            Err(error) => match Error::find_in(&error) {
                Some(Error::Abi { .. }) => Self::AbiViolation,
                _ => Self::Error(error_without_row(&error)),
            },
        }
    }

    /// Tests whether the query succeeded.
    pub(super) fn is_result(&self) -> bool {
        matches!(self, Self::Result(_))
    }
}

impl<R: fmt::Debug> fmt::Display for QueryOutcome<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Result(result) => {
                let printed = format!("{result:x?}");
                write!(f, "{printed:.200}")
            }
            Self::Error(error) => write!(f, "{error}"),
            Self::AbiViolation => write!(f, "an ABI violation"),
        }
    }
}

/// Prints an error without the row and the sizes of the batch. The message of the
/// guest is left out too: it is that of whichever failing row came first.
fn error_without_row(error: &Error) -> String {
    let Some(Error::Limit {
        function, limit, ..
    }) = Error::find_in(error)
    else {
        return match Error::find_in(error) {
            Some(Error::Failed { function, .. }) => format!("{function} failed"),
            Some(Error::Trap { function, .. }) => format!("{function} trapped"),
            Some(Error::Argument {
                function, position, ..
            }) => format!("{function} refused argument {position}"),
            _ => error.to_string(),
        };
    };
    let limit = match limit {
        LimitExceeded::RowFuel { fuel_per_row, .. }
        | LimitExceeded::GroupFuel { fuel_per_row, .. } => format!("fuel_per_row = {fuel_per_row}"),
        LimitExceeded::BatchFuel {
            fuel_per_row,
            fuel_per_call,
            ..
        } => format!("fuel_per_row = {fuel_per_row}, fuel_per_call = {fuel_per_call}"),
        LimitExceeded::Memory {
            memory_bytes_max: bytes,
            ..
        }
        | LimitExceeded::GroupMemory {
            memory_bytes_max: bytes,
            ..
        }
        | LimitExceeded::Arguments {
            memory_bytes_max: bytes,
            ..
        } => format!("memory = {bytes}"),
        LimitExceeded::Result {
            result_bytes_max: bytes,
            ..
        } => format!("result_bytes = {bytes}"),
        limit => limit.to_string(),
    };
    format!("{function} exceeded {limit}")
}
