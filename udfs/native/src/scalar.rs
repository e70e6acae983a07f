//! A scalar function for DataFusion.

use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::answers::Answer;
use crate::columns::Columns;
use crate::rows;

/// The arguments of a row.
pub(crate) type RowOf<'a, S> = <<S as Scalar>::Columns<'a> as Columns<'a>>::Row;

/// The trait of Rust functions that are scalar functions, whose result is null
/// if an argument is.
pub(crate) trait Scalar: 'static {
    /// The SQL name.
    const NAME: &'static str;

    /// True if a call costs less than testing a row for null, and may be made
    /// for the values under nulls.
    const IS_CHEAP: bool;

    /// The columns of its arguments.
    type Columns<'a>: Columns<'a>;

    /// The type of the result.
    type Answer: Answer;

    /// Calls the function for a row.
    fn call<'a>(row: RowOf<'a, Self>) -> Self::Answer;
}

/// Creates the scalar function of a Rust function.
pub(crate) fn twin<S: Scalar>() -> ScalarUDF {
    ScalarUDF::from(Function::<S> {
        signature: Signature::exact(S::Columns::types(), Volatility::Immutable),
        scalar: PhantomData,
    })
}

struct Function<S> {
    signature: Signature,
    scalar: PhantomData<fn() -> S>,
}

impl<S: Scalar> Debug for Function<S> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(S::NAME)
    }
}

// There is one instance of each type.

impl<S> PartialEq for Function<S> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<S> Eq for Function<S> {}

impl<S: Scalar> Hash for Function<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        S::NAME.hash(state);
    }
}

impl<S: Scalar> ScalarUDFImpl for Function<S> {
    fn name(&self) -> &str {
        S::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(S::Answer::data_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let arrays = args
            .args
            .into_iter()
            .map(|argument| argument.into_array(rows))
            .collect::<Result<Vec<_>>>()?;
        let called = rows::called(&arrays, None);
        let columns = S::Columns::read(&arrays)?.first(rows);
        let call = |row| S::call(columns.row(row));
        let answers = match called {
            None => S::Answer::all(rows, None, call),
            Some(called) if S::IS_CHEAP => S::Answer::all(rows, Some(called), call),
            Some(called) => S::Answer::some(rows, called, call),
        };
        answers.map(ColumnarValue::Array)
    }
}
