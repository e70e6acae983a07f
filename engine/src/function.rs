//! DataFusion's function traits over Wasm functions, one type for each trait.

// The trait of table functions, whose arguments are constants.
mod table;

// Calls in plans, with one argument for each parameter.
mod expansion;

// Functions of plans that are kept, without code.
mod kept;

// Functions that plans call, replaced by those of their names now.
mod called;

// The other traits, one kind after the other.
mod aggregate;
mod scalar;
mod window;

// Arguments, cast to the types of the overload.
mod arguments;

// Overloads of one name, the arrangement and coercion of arguments.
mod overload_set;

mod overload;

mod arrangement;
mod defaults;

mod named_argument;

mod coercion;

// Functions that are bound when they are first called.
mod lazy;

// Casts of columns, with values checked or in one form.
mod checked_cast;

mod values;

mod decimals;

use std::any::Any;
use std::sync::Arc;

use arrow::error::ArrowError;
use datafusion::catalog::TableFunction;
use datafusion::common::DataFusionError;
use datafusion::execution::context::{RegisterFunction, SessionContext, SessionState};
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, Volatility, WindowUDF};
use fusebox_definition::Kind;
use fusebox_runtime::Error;

use crate::scope::FunctionScope;
use aggregate::WasmAggregateUdf;
use overload_set::OverloadSet;
use scalar::WasmScalarUdf;
use table::{WasmTable, WasmTableFunction};
use window::WasmWindowUdf;

pub(crate) use called::{
    CurrentFunctions, called_by_expr, called_by_plan, functions_of_plan, rebind,
};
pub(crate) use coercion::are_alike;
pub(crate) use defaults::default_values;
pub(crate) use expansion::add_expansion;
pub(crate) use kept::KeptFunctions;
pub(crate) use lazy::LazyFunction;
pub(crate) use named_argument::dictionary_key;
pub(crate) use values::canonical_floats;

/// Makes DataFusion's function of the overloads of one name, at least one and all of one
/// kind.
pub(crate) fn datafusion_function(
    overloads: Vec<Arc<LazyFunction>>,
    scope: FunctionScope,
) -> DataFusionFunction {
    let kind = overloads[0].definition().kind;
    let overloads = OverloadSet::new(overloads);
    match kind {
        Kind::Scalar => {
            let udf = WasmScalarUdf::new(overloads, scope);
            DataFusionFunction::Scalar(Arc::new(ScalarUDF::new_from_impl(udf)))
        }
        Kind::Aggregate => {
            let udf = WasmAggregateUdf::new(overloads, scope);
            DataFusionFunction::Aggregate(Arc::new(AggregateUDF::new_from_impl(udf)))
        }
        Kind::Window => {
            let udf = WasmWindowUdf::new(overloads, scope);
            DataFusionFunction::Window(Arc::new(WindowUDF::new_from_impl(udf)))
        }
        Kind::Table => {
            let name = overloads.name().to_owned();
            let function = WasmTableFunction::new(overloads, scope);
            DataFusionFunction::Table(name, Arc::new(function))
        }
    }
}

/// Function of one of DataFusion's kinds.
#[derive(Clone, Debug)]
pub(crate) enum DataFusionFunction {
    Scalar(Arc<ScalarUDF>),
    Aggregate(Arc<AggregateUDF>),
    Window(Arc<WindowUDF>),
    Table(String, Arc<WasmTableFunction>),
}

impl DataFusionFunction {
    /// Registers the function with a context.
    pub(crate) fn register(self, context: &SessionContext) {
        match self {
            Self::Scalar(function) => context.register_udf(function.as_ref().clone()),
            Self::Aggregate(function) => context.register_udaf(function.as_ref().clone()),
            Self::Window(function) => context.register_udwf(function.as_ref().clone()),
            Self::Table(name, function) => context.register_udtf(&name, function),
        }
    }
}

impl From<DataFusionFunction> for RegisterFunction {
    fn from(function: DataFusionFunction) -> Self {
        match function {
            DataFusionFunction::Scalar(function) => Self::Scalar(function),
            DataFusionFunction::Aggregate(function) => Self::Aggregate(function),
            DataFusionFunction::Window(function) => Self::Window(function),
            DataFusionFunction::Table(name, function) => Self::Table(name, function),
        }
    }
}

/// Returns true if a scalar function is a Wasm function.
pub(crate) fn is_wasm_scalar(function: &ScalarUDF) -> bool {
    function.inner().downcast_ref::<WasmScalarUdf>().is_some()
}

/// Returns true if a scalar function is a Wasm function that may take long for one row.
pub(crate) fn may_run_long(function: &ScalarUDF) -> bool {
    let function = function.inner().downcast_ref::<WasmScalarUdf>();
    function.is_some_and(WasmScalarUdf::may_run_long)
}

/// Returns true if an aggregate function is a Wasm function.
pub(crate) fn is_wasm_aggregate(function: &AggregateUDF) -> bool {
    function
        .inner()
        .downcast_ref::<WasmAggregateUdf>()
        .is_some()
}

/// Returns true if a window function is a Wasm function.
pub(crate) fn is_wasm_window(function: &WindowUDF) -> bool {
    function.inner().downcast_ref::<WasmWindowUdf>().is_some()
}

/// Returns true if a table function is a Wasm function.
pub(crate) fn is_wasm_table(function: &TableFunction) -> bool {
    let function: &dyn Any = function.function().as_ref();
    function.is::<WasmTableFunction>()
}

/// Returns true if a table function is a volatile Wasm function.
pub(crate) fn is_volatile_table(function: &TableFunction) -> bool {
    let function: &dyn Any = function.function().as_ref();
    let function = function.downcast_ref::<WasmTableFunction>();
    function.is_some_and(|function| function.volatility() == Volatility::Volatile)
}

/// Returns true if a name is that of a function that is not a Wasm function.
pub(crate) fn is_built_in(state: &SessionState, name: &str) -> bool {
    let scalar = state.scalar_functions().get(name);
    let aggregate = state.aggregate_functions().get(name);
    let window = state.window_functions().get(name);
    let table = state.table_functions().get(name);
    scalar.is_some_and(|function| !is_wasm_scalar(function))
        || aggregate.is_some_and(|function| !is_wasm_aggregate(function))
        || window.is_some_and(|function| !is_wasm_window(function))
        || table.is_some_and(|function| !is_wasm_table(function))
}

/// Wraps an error of Arrow's kernels.
fn arrow(error: ArrowError) -> Error {
    Error::Query(Box::new(error))
}

/// Wraps an error for DataFusion.
pub(crate) fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
