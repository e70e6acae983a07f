//! Retry policy: the error of a call and the attempt give the next step.
//!
//! Limits apply to rows, but a call has many rows. So a call that failed for a reason
//! that might not apply to each of its rows alone is repeated, with fewer rows, with
//! each row metered, or in a fresh instance, until the outcome no longer depends on the
//! batch. Rows and repeatability are in [`Attempt`]; sizes follow from the
//! [`BatchSizer`](super::calibration::BatchSizer).

use arrow_buffer::NullBuffer;

use super::budget::RowMetering;
use super::call_error::CallError;

/// One attempt to call an operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// Rows of the call.
    pub(crate) rows: usize,
    /// Granularity of metering.
    pub(crate) metering: RowMetering,
    /// True if the fuel of a row is statically bounded; in `Auto` mode such rows are not
    /// begun.
    pub(crate) is_bounded: bool,
    /// True if the instance was instantiated for this call.
    pub(crate) is_fresh: bool,
    /// Effect of repeating the call.
    pub(crate) repeat: Repeat,
}

/// Effect of repeating a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Results do not depend on earlier calls.
    Always,
    /// The operation reads state without changing it.
    ReadsState,
    /// The call may have changed state.
    Never,
}

/// Next step after a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextStep {
    /// Fail with the error.
    Fail,
    /// Repeat with each row metered, to learn which one fails.
    MeterPerRow,
    /// Repeat in a fresh instance, without preallocation.
    FreshInstance,
    /// Repeat with half of the rows, then the other half.
    Halve,
    /// Repeat in chunks of the size that the sizer gives after shrinking.
    Shrink,
}

/// Decides the next step after `error` ended `attempt`.
pub(crate) fn next_step(error: &CallError, attempt: Attempt) -> NextStep {
    let is_repeatable = attempt.repeat == Repeat::Always;
    let has_many = attempt.rows > 1;
    match error {
        CallError::Fuel { .. } | CallError::Trap { .. } | CallError::Stack { .. }
            if attempt.metering == RowMetering::Grouped =>
        {
            NextStep::MeterPerRow
        }
        CallError::Trap { row: None, .. }
            if attempt.metering == RowMetering::Auto
                && attempt.is_bounded
                && is_repeatable
                && !attempt.is_fresh =>
        {
            NextStep::MeterPerRow
        }
        CallError::BatchTooLarge if is_repeatable && has_many => NextStep::Shrink,
        CallError::Memory { .. } if is_repeatable && has_many => NextStep::Halve,
        CallError::Memory { .. } | CallError::Arena { .. }
            if is_repeatable && !has_many && !attempt.is_fresh =>
        {
            NextStep::FreshInstance
        }
        // Only the allocator was called, so even a call that changes state may be halved.
        CallError::Arena { .. } if has_many => NextStep::Halve,
        CallError::Result { .. } if has_many && attempt.repeat != Repeat::Never => NextStep::Halve,
        _ => NextStep::Fail,
    }
}

/// Returns true if a null row of a strict function may have ended a call, because the guest did not
/// leave it out: the row is not to decide anything.
pub(crate) fn may_be_of_null(error: &CallError, nulls: &NullBuffer) -> bool {
    let is_of_row = matches!(
        error,
        CallError::Failed { .. }
            | CallError::Fuel { .. }
            | CallError::Trap { .. }
            | CallError::Stack { .. }
    );
    let is_null = |row: u64| {
        let row = usize::try_from(row).ok();
        row.is_some_and(|row| row < nulls.len() && nulls.is_null(row))
    };
    is_of_row && error.row().is_none_or(is_null)
}

/// Decides the next step after preallocation in an instance failed.
pub(super) fn after_preallocation(error: &CallError) -> NextStep {
    match error {
        CallError::MemoryPool { .. } | CallError::System(_) | CallError::AddressSpace(_) => {
            NextStep::Fail
        }
        // The call may need less than was preallocated.
        _ => NextStep::FreshInstance,
    }
}

/// Returns true if an instance may be called again after `error`.
pub(super) fn keeps_instance(error: &CallError) -> bool {
    matches!(error, CallError::Failed { .. } | CallError::Result { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Trap, TrapKind};

    const MANY: Attempt = Attempt {
        rows: 2,
        metering: RowMetering::PerRow,
        is_bounded: false,
        is_fresh: false,
        repeat: Repeat::Always,
    };

    fn trap() -> CallError {
        let trap = Trap {
            kind: TrapKind::Unreachable,
            message: String::new(),
            functions: Vec::new(),
        };
        CallError::Trap { row: None, trap }
    }

    #[test]
    fn grouped_rows_are_metered_one_by_one_after_an_error() {
        let grouped = Attempt {
            metering: RowMetering::Grouped,
            ..MANY
        };
        for error in [
            CallError::Fuel { row: None },
            trap(),
            CallError::Stack { row: None },
        ] {
            assert_eq!(next_step(&error, grouped), NextStep::MeterPerRow);
            assert_eq!(next_step(&error, MANY), NextStep::Fail);
        }
    }

    #[test]
    fn trap_of_bounded_rows_is_attributed_to_a_row_if_the_call_is_repeatable() {
        let bounded = Attempt {
            metering: RowMetering::Auto,
            is_bounded: true,
            ..MANY
        };
        assert_eq!(next_step(&trap(), bounded), NextStep::MeterPerRow);
        let (fresh, once) = (
            Attempt {
                is_fresh: true,
                ..bounded
            },
            Attempt {
                repeat: Repeat::Never,
                ..bounded
            },
        );
        assert_eq!(next_step(&trap(), fresh), NextStep::Fail);
        assert_eq!(next_step(&trap(), once), NextStep::Fail);
    }

    #[test]
    fn null_row_decides_nothing() {
        let nulls = NullBuffer::from(vec![true, false]);
        let failed = |row| CallError::Failed {
            row,
            message: String::new(),
        };
        for (row, expected) in [
            (Some(0), false),
            (Some(1), true),
            // A guest that begins no rows, and one that names a row that is not there.
            (None, true),
            (Some(2), false),
            (Some(u64::MAX), false),
        ] {
            for error in [
                failed(row),
                CallError::Fuel { row },
                CallError::Stack { row },
            ] {
                assert_eq!(may_be_of_null(&error, &nulls), expected, "{error:?}");
            }
        }
        for error in [CallError::Cancelled, CallError::Result { bytes: 1 }] {
            assert!(!may_be_of_null(&error, &nulls), "{error:?}");
        }
    }

    #[test]
    fn resources_are_tried_with_fewer_rows_and_at_last_in_a_fresh_instance() {
        let memory = || CallError::Memory { row: None };
        let arena = || CallError::Arena { bytes: 1 };
        let result = || CallError::Result { bytes: 1 };
        let one = Attempt { rows: 1, ..MANY };
        let fresh = Attempt {
            is_fresh: true,
            ..one
        };
        for (error, many, single, last) in [
            (
                memory(),
                NextStep::Halve,
                NextStep::FreshInstance,
                NextStep::Fail,
            ),
            (
                arena(),
                NextStep::Halve,
                NextStep::FreshInstance,
                NextStep::Fail,
            ),
            (result(), NextStep::Halve, NextStep::Fail, NextStep::Fail),
            (
                CallError::BatchTooLarge,
                NextStep::Shrink,
                NextStep::Fail,
                NextStep::Fail,
            ),
        ] {
            let steps = [MANY, one, fresh].map(|attempt| next_step(&error, attempt));
            assert_eq!(steps, [many, single, last], "{error:?}");
        }
    }

    #[test]
    fn state_is_changed_once_and_may_be_read_again() {
        let changes = Attempt {
            repeat: Repeat::Never,
            ..MANY
        };
        let reads = Attempt {
            repeat: Repeat::ReadsState,
            ..MANY
        };
        let result = CallError::Result { bytes: 1 };
        assert_eq!(next_step(&result, changes), NextStep::Fail);
        assert_eq!(next_step(&result, reads), NextStep::Halve);
        let arena = CallError::Arena { bytes: 1 };
        assert_eq!(next_step(&arena, changes), NextStep::Halve);
        for error in [CallError::Memory { row: None }, CallError::BatchTooLarge] {
            assert_eq!(next_step(&error, changes), NextStep::Fail);
            assert_eq!(next_step(&error, reads), NextStep::Fail);
        }
    }
}
