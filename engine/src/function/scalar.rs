//! A guest function as DataFusion's scalar function.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, new_empty_array, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::type_coercion::functions::{UDFCoercionExt, fields_with_udf};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility as DfVolatility,
};

use super::{QueryContext, budget};
use crate::definition::{Argument, Definition, NullHandling, Volatility, sql_types};
use crate::error::{Error, Exhausted, Refusal, Subject};
use crate::marshal::lower::{Lowering, flatten};
use crate::marshal::same_values;
use crate::module::Compiled;
use crate::sandbox::{Call, Pool, Stop};

/// A function over a pool of instances.
///
/// Two are equal when their definitions are: digest and limits are part of
/// those, so a plan never mixes up a function and its replacement.
pub(super) struct WasmScalar {
    definition: Definition,
    signature: Signature,
    pool: Pool,
    /// Keeps the compiled module alive for the next function made of it.
    _compiled: Arc<Compiled>,
}

impl WasmScalar {
    pub(super) fn new(definition: Definition, compiled: Arc<Compiled>, pool: Pool) -> Self {
        let volatility = match definition.volatility {
            Volatility::Immutable => DfVolatility::Immutable,
            Volatility::Stable => DfVolatility::Stable,
            Volatility::Volatile => DfVolatility::Volatile,
        };
        Self {
            definition,
            // Ours to coerce: an argument in another layout needs no cast.
            signature: Signature::user_defined(volatility),
            pool,
            _compiled: compiled,
        }
    }

    fn is_strict(&self) -> bool {
        self.definition.nulls == NullHandling::Strict
    }

    /// The error of a call whose batch begins at row `first` of what
    /// DataFusion passed.
    fn error(&self, stop: Stop, first: usize, rows: usize) -> Error {
        let function = self.definition.name.clone();
        let limits = self.definition.limits;
        let limit = |limit| Error::Limit {
            function: function.clone(),
            limit,
        };
        match stop {
            Stop::Failed { row, message } => Error::Failed {
                function,
                row: row.map(|row| row.saturating_add(first as u64)),
                message,
            },
            Stop::Breach(breach) => Error::guest(&function, breach),
            Stop::Trap(trap) => Error::Trap { function, trap },
            Stop::Fuel => limit(Exhausted::Fuel {
                rows: rows as u64,
                fuel_per_row: limits.fuel_per_row,
                fuel_per_call: limits.fuel_per_call,
            }),
            Stop::Stack => limit(Exhausted::Stack {
                stack_bytes_max: limits.stack_bytes_max,
            }),
            Stop::Result { bytes } => limit(Exhausted::Result {
                row: first as u64,
                bytes,
                result_bytes_max: limits.result_bytes_max,
            }),
            Stop::Arena { bytes } => limit(Exhausted::Arguments {
                row: first as u64,
                bytes,
                memory_bytes_max: limits.memory_bytes_max,
            }),
            Stop::Instances { instances_max } => limit(Exhausted::Instances { instances_max }),
            Stop::ProcessInstances { instances_max } => {
                limit(Exhausted::ProcessInstances { instances_max })
            }
            Stop::Instantiate(cause) => Error::Internal(format!(
                "function `{function}` cannot be instantiated again: {cause}"
            )),
        }
    }

    /// Calls the guest for the rows `first..first + rows`; a batch that does
    /// not fit into its memory goes in halves.
    fn call(&self, arguments: &Arguments, first: usize, rows: usize) -> Result<ArrayRef, Error> {
        let returns = &self.definition.signature.returns;
        let columns = arguments.slice(first, rows);
        let nulls = if self.is_strict() {
            match strict_nulls(&columns, rows) {
                Nulls::All => return Ok(new_null_array(returns, rows)),
                Nulls::Some(nulls) => nulls,
            }
        } else {
            None
        };
        match self.run(&columns, rows, nulls.as_ref()) {
            Err(Stop::Arena { .. }) if rows > 1 => {}
            done => return done.map_err(|stop| self.error(stop, first, rows)),
        }
        let half = rows / 2;
        let front = self.call(arguments, first, half)?;
        let back = self.call(arguments, first + half, rows - half)?;
        concat(&[&front, &back]).map_err(|error| Error::Query(Box::new(error)))
    }

    fn run(
        &self,
        columns: &[ArrayRef],
        rows: usize,
        nulls: Option<&NullBuffer>,
    ) -> Result<ArrayRef, Stop> {
        let limits = self.definition.limits;
        let arguments = Lowering::measure(columns, rows as u32)?;
        if arguments.bytes() > limits.memory_bytes_max {
            return Err(Stop::Arena {
                bytes: arguments.bytes(),
            });
        }
        self.pool.call(Call {
            arguments: &arguments,
            budget: budget(limits),
            returns: &self.definition.signature.returns,
            nulls,
        })
    }
}

impl std::fmt::Debug for WasmScalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.definition.fmt(f)
    }
}

impl PartialEq for WasmScalar {
    fn eq(&self, other: &Self) -> bool {
        self.definition == other.definition
    }
}

impl Eq for WasmScalar {}

impl Hash for WasmScalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.definition.hash(state);
    }
}

impl ScalarUDFImpl for WasmScalar {
    fn name(&self) -> &str {
        &self.definition.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The declared type, for arguments as [`coerce_types`](Self::coerce_types)
    /// leaves them.
    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        let declared = &self.definition.signature.arguments;
        let fits =
            |(argument, given): (&Argument, &DataType)| same_values(&argument.data_type, given);
        if declared.len() != given.len() || !declared.iter().zip(given).all(fits) {
            let subject = Subject::Function(self.definition.name.clone());
            let reason = Refusal::Call {
                declared: self.definition.signature.argument_types(),
                given: sql_types(given),
            };
            return Err(external(Error::refused(subject, reason)));
        }
        Ok(self.definition.signature.returns.clone())
    }

    fn is_strict(&self) -> bool {
        self.is_strict()
    }

    /// DataFusion's usual coercion to the one signature there is, except that
    /// an argument in another layout of its type stays as it is.
    ///
    /// What cannot be coerced stays as well: `return_type` refuses it in our
    /// words, while an error from here would be lost among DataFusion's.
    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let declared = &self.definition.signature.arguments;
        if declared.len() != given.len() {
            return Ok(given.to_vec());
        }
        let coerce = |(argument, given): (&Argument, &DataType)| {
            if same_values(&argument.data_type, given) {
                return given.clone();
            }
            let coerced = Coercion::to(&argument.data_type).from(given);
            coerced.unwrap_or_else(|| given.clone())
        };
        Ok(declared.iter().zip(given).map(coerce).collect())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let returns = &self.definition.signature.returns;
        let query = QueryContext::of(&args.config_options);
        if query.is_some_and(|query| query.is_cancelled()) {
            return Err(external(Error::Cancelled));
        }
        if args.number_rows == 0 {
            return Ok(ColumnarValue::Array(new_empty_array(returns)));
        }
        // Equal arguments give equal answers: one row speaks for all. A
        // volatile function is asked for each.
        let constant = |value: &ColumnarValue| matches!(value, ColumnarValue::Scalar(_));
        let folds = args.args.iter().all(constant)
            && (self.definition.volatility != Volatility::Volatile || args.number_rows == 1);
        let rows = if folds { 1 } else { args.number_rows };
        if u32::try_from(rows).is_err() {
            let error = Error::Internal(format!("a batch of {rows} rows"));
            return Err(external(error));
        }
        let types: Vec<_> = args.args.iter().map(ColumnarValue::data_type).collect();
        self.return_type(&types)?;
        let arguments = Arguments::new(args.args)?;
        let column = self.call(&arguments, 0, rows).map_err(external)?;
        if folds {
            ScalarValue::try_from_array(&column, 0).map(ColumnarValue::Scalar)
        } else {
            Ok(ColumnarValue::Array(column))
        }
    }
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// DataFusion's coercion to one type, which it offers only for functions.
struct Coercion(Signature);

impl Coercion {
    fn to(declared: &DataType) -> Self {
        let volatility = DfVolatility::Immutable; // has no part in it
        Self(Signature::exact(vec![declared.clone()], volatility))
    }

    fn from(&self, given: &DataType) -> Option<DataType> {
        let field = Arc::new(Field::new("", given.clone(), true));
        let coerced = fields_with_udf(&[field], self).ok()?;
        coerced.first().map(|field| field.data_type().clone())
    }
}

impl UDFCoercionExt for Coercion {
    fn name(&self) -> &str {
        ""
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        Ok(given.to_vec())
    }
}

/// The arguments of a call; a constant one has one row, whatever the others
/// have.
struct Arguments(Vec<(ArrayRef, bool)>);

impl Arguments {
    fn new(values: Vec<ColumnarValue>) -> Result<Self> {
        let column = |value| {
            let (array, constant) = match value {
                ColumnarValue::Array(array) => (array, false),
                ColumnarValue::Scalar(value) => (value.to_array_of_size(1)?, true),
            };
            Ok((flatten(&array)?, constant))
        };
        Ok(Self(values.into_iter().map(column).collect::<Result<_>>()?))
    }

    fn slice(&self, first: usize, rows: usize) -> Vec<ArrayRef> {
        let slice = |(array, constant): &(ArrayRef, bool)| {
            if *constant || (first == 0 && rows == array.len()) {
                Arc::clone(array)
            } else {
                array.slice(first, rows)
            }
        };
        self.0.iter().map(slice).collect()
    }
}

/// The rows of a strict function that are null before the guest is asked.
enum Nulls {
    All,
    Some(Option<NullBuffer>),
}

fn strict_nulls(columns: &[ArrayRef], rows: usize) -> Nulls {
    let mut nulls = None;
    for column in columns {
        if column.null_count() == column.len() {
            return Nulls::All;
        }
        // A constant that is not null leaves every row as it is.
        if column.len() == rows {
            nulls = NullBuffer::union(nulls.as_ref(), column.nulls());
        }
    }
    match &nulls {
        Some(all) if all.null_count() == rows => Nulls::All,
        _ => Nulls::Some(nulls),
    }
}
