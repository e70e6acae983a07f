//! Constants that are prepared once for a batch.

use std::fmt::Display;

use crate::argument::{Argument, ArgumentValue};
use crate::column::InputColumn;
use crate::output::Output;
use crate::raw::Call;
use crate::sql::{Parameter, SqlType};

/// A function that prepares a constant.
type Prepare<A, T, E> = fn(A) -> Result<T, E>;

/// Describes an argument of the type that `prepare` takes.
pub const fn prepared_parameter<'c, A: Argument<'c>, T, E: Display>(
    name: &'static str,
    _prepare: Prepare<A, T, E>,
) -> Parameter {
    Parameter::new(name, <A::Value as SqlType>::SQL, A::SEES_NULLS)
}

/// A constant of a batch, prepared, or the message of the failure; none if the
/// argument is not constant or null.
#[derive(Debug)]
pub struct Prepared<T>(Option<Result<T, String>>);

impl<T> Prepared<T> {
    /// Prepares an argument that is constant for the batch, on the fuel of the call.
    pub fn new<'c, A: Argument<'c>, E: Display>(
        call: &'c Call,
        argument: usize,
        prepare: Prepare<A, T, E>,
    ) -> Self {
        let mut arguments = call.arguments();
        for _ in 0..argument {
            arguments.next_array();
        }
        let column = A::Value::column(&mut arguments);
        Self::of_column::<A, E>(&column, prepare)
    }

    pub(crate) fn of_column<'c, A: Argument<'c>, E: Display>(
        column: &<A::Value as ArgumentValue<'c>>::Column,
        prepare: Prepare<A, T, E>,
    ) -> Self {
        let validity = column.validity();
        if !validity.is_constant() || !(A::SEES_NULLS || validity.is_valid(0)) {
            return Self(None);
        }
        let raw = A::at(column, 0);
        Self(A::with(
            raw,
            |constant| Some(prepare(constant).map_err(|error| error.to_string())),
            || None,
        ))
    }

    /// Calls `function` with what was prepared, or prepares the argument of the row,
    /// on the row's fuel.
    #[inline]
    pub fn with<A, E: Display, O>(
        &self,
        argument: A,
        prepare: Prepare<A, T, E>,
        function: impl FnOnce(&T) -> O,
    ) -> PreparedOutput<O> {
        match &self.0 {
            Some(Ok(prepared)) => PreparedOutput(Ok(function(prepared))),
            Some(Err(message)) => PreparedOutput(Err(message.clone())),
            None => match prepare(argument) {
                Ok(prepared) => PreparedOutput(Ok(function(&prepared))),
                Err(error) => PreparedOutput(Err(error.to_string())),
            },
        }
    }
}

/// The result of a function, or the message of a constant that cannot be prepared.
#[derive(Debug)]
pub struct PreparedOutput<O>(Result<O, String>);

#[diagnostic::do_not_recommend]
impl<O: Output> Output for PreparedOutput<O> {
    type Value = O::Value;

    const CAN_FAIL: bool = true;

    #[inline]
    fn into_row(self) -> Result<Option<Self::Value>, String> {
        self.0?.into_row()
    }
}
