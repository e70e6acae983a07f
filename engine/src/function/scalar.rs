//! Scalar functions.

use std::hash::{Hash, Hasher};

use arrow::array::{Array, new_empty_array};
use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature};
use fusebox_definition::{NullHandling, Volatility};
use fusebox_runtime::{ArgumentColumn, Operation, WasmFunction};

use super::arguments::ArgumentCasts;
use super::checked_cast::CastContext;
use super::external;
use super::overload::Overload;
use super::overload_set::OverloadSet;
use super::values::LARGE_BYTES;
use crate::scope::{FunctionScope, run_guest};

/// Scalar function.
#[derive(Debug)]
pub(crate) struct WasmScalarUdf {
    overloads: OverloadSet,
    scope: FunctionScope,
}

impl WasmScalarUdf {
    pub(super) fn new(overloads: OverloadSet, scope: FunctionScope) -> Self {
        Self { overloads, scope }
    }

    /// Returns true if a call for one row may take long.
    pub(super) fn may_run_long(&self) -> bool {
        let mut functions = self.overloads.overloads().map(|o| o.function.get());
        // Binding may take long.
        functions.any(|function| function.is_none_or(|f| f.may_run_long(Operation::Call, 1)))
    }

    /// Returns the overloads.
    pub(super) fn overloads(&self) -> &OverloadSet {
        &self.overloads
    }

    /// Returns the source of the scopes of calls.
    pub(super) fn scope(&self) -> &FunctionScope {
        &self.scope
    }

    /// Calls an overload with arguments that it accepts; returns a column of the type
    /// `returns`.
    fn invoke(
        &self,
        overload: &Overload,
        args: ScalarFunctionArgs,
        returns: &DataType,
    ) -> Result<ColumnarValue> {
        if args.number_rows == 0 {
            return Ok(ColumnarValue::Array(new_empty_array(returns)));
        }
        // Equal arguments give equal results, so one row stands for all. A volatile function
        // is called for each.
        let scope = self.scope.current(Some(&args.config_options));
        let function = &overload.function.in_scope(&scope)?;
        let is_constant = |value: &ColumnarValue| matches!(value, ColumnarValue::Scalar(_));
        let is_volatile = function.definition().volatility == Volatility::Volatile;
        let folds = args.args.iter().all(is_constant) && (!is_volatile || args.number_rows == 1);
        let rows = if folds { 1 } else { args.number_rows };
        if folds {
            self.check_folding(function, &args.config_options)?;
        }
        let given: Vec<_> = args.args.iter().map(ColumnarValue::data_type).collect();
        let casts = ArgumentCasts::new(overload, &given);
        let time_zone = args.config_options.execution.time_zone.as_deref();
        let column = |(index, value)| {
            let is_constant = matches!(value, ColumnarValue::Scalar(_));
            let context = CastContext {
                time_zone,
                is_constant,
            };
            let array = value.into_array(1)?;
            let array = casts.column(index, &array, context).map_err(external)?;
            Ok(match is_constant {
                true => ArgumentColumn::Constant(array),
                false => ArgumentColumn::Array(array),
            })
        };
        let columns = args.args.into_iter().enumerate().map(column);
        let columns = columns.collect::<Result<_>>()?;
        let column = run_guest(function, Operation::Call, rows, || {
            function.call(columns, rows, returns, &scope)
        });
        let column = column.map_err(external)?;
        if !folds {
            return Ok(ColumnarValue::Array(column));
        }
        // The optimizer keeps a call that fails: a literal would be copied for each row, in no
        // account.
        let is_large = column.get_array_memory_size() > LARGE_BYTES;
        if is_large && FunctionScope::is_optimizing(&args.config_options) {
            return exec_err!(
                "expected a constant of at most {LARGE_BYTES} bytes, found a larger one: the call \
                 of `{}` is evaluated when the statement runs",
                self.name()
            );
        }
        let rows = args.number_rows;
        match ScalarValue::try_from_array(&column, 0) {
            // DataFusion would copy a scalar for each row, and has none of some types, such as
            // list views. One of a list has no metadata of the field.
            Ok(value) if !(is_large && rows > 1) && value.data_type() == *returns => {
                Ok(ColumnarValue::Scalar(value))
            }
            _ => {
                let repeated = function.take_rows(column, &vec![0; rows].into(), &scope);
                Ok(ColumnarValue::Array(repeated.map_err(external)?))
            }
        }
    }

    /// Checks that a call that is to be folded will soon return.
    fn check_folding(&self, function: &WasmFunction, options: &ConfigOptions) -> Result<()> {
        // The optimizer keeps a call that fails. It is evaluated when the query runs, in a task
        // that is cancelled with the query and for which no other task waits.
        match FunctionScope::is_optimizing(options) && function.may_run_long(Operation::Call, 1) {
            false => Ok(()),
            true => exec_err!(
                "expected a constant, found a call of `{}`, which may run too long to be \
                 evaluated before the statement runs: lower its fuel_per_row",
                self.name()
            ),
        }
    }
}

impl PartialEq for WasmScalarUdf {
    fn eq(&self, other: &Self) -> bool {
        self.overloads == other.overloads
    }
}

impl Eq for WasmScalarUdf {}

impl Hash for WasmScalarUdf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.overloads.hash(state);
    }
}

impl ScalarUDFImpl for WasmScalarUdf {
    fn name(&self) -> &str {
        self.overloads.name()
    }

    fn signature(&self) -> &Signature {
        self.overloads.signature()
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        self.overloads.return_type(given)
    }

    fn is_strict(&self) -> bool {
        self.overloads
            .overloads()
            .all(|o| o.function.definition().nulls == NullHandling::Strict)
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        Ok(self.overloads.coerced(given))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let given: Vec<_> = args.args.iter().map(ColumnarValue::data_type).collect();
        let overload = self.overloads.resolve(&given)?;
        self.invoke(overload, args, &overload.returns(&given))
    }
}
