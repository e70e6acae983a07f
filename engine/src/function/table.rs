//! Table functions: rows that a guest produces on demand.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, ListArray, RecordBatch, RecordBatchOptions, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{DFSchema, DataFusionError, Result, ScalarValue};
use datafusion::datasource::TableType;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{ColumnarValue, Expr, Volatility};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};

use fusebox_definition::{StatementError, Subject};
use fusebox_runtime::{
    Accounting, Error, Operation, Scope, StateCall, StatefulInstance, WasmFunction,
};

use super::arguments::ArgumentCasts;
use super::checked_cast::CastContext;
use super::expansion::expand_expr;
use super::external;
use super::lazy::{FindFunction, LazyFunction};
use super::overload_set::OverloadSet;
use crate::scope::{FunctionScope, ScopeExec, run_guest};

/// Table function.
#[derive(Debug)]
pub(crate) struct WasmTableFunction {
    overloads: OverloadSet,
    scope: FunctionScope,
}

impl WasmTableFunction {
    pub(super) fn new(overloads: OverloadSet, scope: FunctionScope) -> Self {
        Self { overloads, scope }
    }

    /// Returns the volatility of the most volatile overload.
    pub(super) fn volatility(&self) -> Volatility {
        self.overloads.signature().volatility
    }

    /// Returns the overloads.
    pub(super) fn overloads(&self) -> &OverloadSet {
        &self.overloads
    }
}

impl TableFunctionImpl for WasmTableFunction {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let values = args.exprs().iter();
        let values = values.map(|expr| self.constant(expr, args.session()));
        let options = args.session().config_options();
        let given = values.collect::<Result<_>>()?;
        let table = self.table(given, options.execution.time_zone.clone())?;
        Ok(Arc::new(table))
    }
}

impl WasmTableFunction {
    /// Makes the table of a call with constant arguments.
    fn table(&self, given: Vec<ScalarValue>, time_zone: Option<String>) -> Result<WasmTable> {
        let types: Vec<_> = given.iter().map(ScalarValue::data_type).collect();
        let call = self.overloads.resolved(&self.overloads.coerced(&types))?;
        let casts = ArgumentCasts::new(call.overload, &call.types);
        let context = CastContext {
            time_zone: time_zone.as_deref(),
            is_constant: true,
        };
        let values = match &call.candidate {
            Some(candidate) => candidate.constants(&given)?,
            None => given.clone(),
        };
        let arguments = values.into_iter().zip(&call.types).enumerate();
        let arguments = arguments.map(|(index, (value, ty))| {
            let column = value.cast_to(ty)?.to_array_of_size(1)?;
            casts.column(index, &column, context).map_err(external)
        });
        let arguments = arguments.collect::<Result<_>>()?;
        let DataType::Struct(columns) = call.overload.returns(&call.types) else {
            return Err(external(Error::Internal(
                "a table type that is not a struct".to_owned(),
            )));
        };
        Ok(WasmTable {
            function: Arc::clone(&call.overload.function),
            scope: self.scope.clone(),
            schema: Arc::new(Schema::new(columns)),
            given,
            time_zone,
            arguments,
        })
    }

    /// Evaluates an argument, which must be constant.
    fn constant(&self, expr: &Expr, session: &dyn Session) -> Result<ScalarValue> {
        let none = RecordBatch::try_new_with_options(
            Arc::new(Schema::empty()),
            vec![],
            &RecordBatchOptions::new().with_row_count(Some(1)),
        )?;
        let schema = DFSchema::empty();
        let expanded = expand_expr(expr.clone(), &schema)?.data;
        let value = session
            .create_physical_expr(expanded, &schema)
            .and_then(|expr| expr.evaluate(&none));
        match value {
            Ok(ColumnarValue::Scalar(value)) => Ok(value),
            Ok(ColumnarValue::Array(array)) => ScalarValue::try_from_array(&array, 0),
            Err(_) if !expr.column_refs().is_empty() => {
                let subject = Subject::Function(self.overloads.name().to_owned());
                let argument = expr.to_string();
                let error = Error::refused(subject, StatementError::NotConstant { argument });
                Err(external(error))
            }
            Err(error) => Err(error),
        }
    }
}

/// Result of one call of a table function.
#[derive(Clone, Debug)]
pub(super) struct WasmTable {
    function: Arc<LazyFunction>,
    scope: FunctionScope,
    /// Arguments of the call.
    given: Vec<ScalarValue>,
    /// Time zone of the session that planned it.
    time_zone: Option<String>,
    /// Values of all parameters, of one row each.
    arguments: Vec<ArrayRef>,
    /// All columns.
    schema: SchemaRef,
}

impl WasmTable {
    /// Returns the function.
    pub(super) fn function(&self) -> &Arc<LazyFunction> {
        &self.function
    }

    /// Returns the source of the scopes of calls.
    pub(super) fn scope(&self) -> &FunctionScope {
        &self.scope
    }

    /// Returns the same call of a function without code, for a plan that is kept.
    pub(super) fn kept(&self, find: &Arc<FindFunction>) -> Self {
        let function = LazyFunction::of_session(self.function.definition(), find);
        Self {
            function: Arc::new(function),
            ..self.clone()
        }
    }

    /// Returns the same call of the overloads that the name has now.
    ///
    /// # Errors
    ///
    /// [`StatementError::TypeChanged`] if its columns are others.
    pub(super) fn rebind(&self, now: &WasmTableFunction) -> Result<Self> {
        let table = now.table(self.given.clone(), self.time_zone.clone())?;
        let columns = |table: &Self| DataType::Struct(table.schema.fields().clone());
        now.overloads.check_type(&columns(self), &columns(&table))?;
        Ok(Self {
            scope: self.scope.clone(),
            ..table
        })
    }
}

#[async_trait]
impl TableProvider for WasmTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all = (0..self.schema.fields().len()).collect();
        let projection = projection.cloned().unwrap_or(all);
        let schema = Arc::new(self.schema.project(&projection)?);
        let scan = TableScan {
            table: self.clone(),
            projection,
            limit,
            schema: Arc::clone(&schema),
        };
        // Declared finite, so that operators that need all rows accept it.
        let plan =
            StreamingTableExec::try_new(schema, vec![Arc::new(scan)], None, [], false, limit)?;
        Ok(Arc::new(ScopeExec::new(Arc::new(plan))))
    }
}

/// Scan of a table, with projection and limit.
#[derive(Debug)]
struct TableScan {
    table: WasmTable,
    projection: Vec<usize>,
    limit: Option<usize>,
    schema: SchemaRef,
}

impl PartitionStream for TableScan {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let config = context.session_config();
        let scope = self.table.scope.current(Some(config.options()));
        let columns = self.table.schema.fields().clone();
        let batches = TableBatches {
            scope,
            function: Arc::clone(&self.table.function),
            arguments: self.arguments(),
            returns: DataType::Struct(columns),
            instance: None,
            projection: self.projection.clone(),
            schema: Arc::clone(&self.schema),
            batch_rows: config.batch_size(),
            rows_left: self.limit,
        };
        let batches = futures::stream::iter(batches);
        Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            batches,
        ))
    }
}

impl TableScan {
    /// Returns the flags of projected columns, and the arguments.
    fn arguments(&self) -> Vec<ArrayRef> {
        let columns = 0..self.table.schema.fields().len();
        let flags = columns.map(|c| Some(self.projection.contains(&c)));
        let flags: BooleanArray = flags.collect();
        let flags = ListArray::new(
            Arc::new(Field::new_list_field(DataType::Boolean, true)),
            OffsetBuffer::from_lengths([self.table.schema.fields().len()]),
            Arc::new(flags),
            None,
        );
        let mut arguments: Vec<ArrayRef> = vec![Arc::new(flags)];
        arguments.extend(self.table.arguments.iter().cloned());
        arguments
    }
}

/// Batches of a table, each produced on demand.
struct TableBatches {
    function: Arc<LazyFunction>,
    scope: Arc<Scope>,
    arguments: Vec<ArrayRef>,
    /// Struct of all columns, as the guest returns them.
    returns: DataType,
    /// `None` before the first batch and after the last.
    instance: Option<StatefulInstance>,
    projection: Vec<usize>,
    schema: SchemaRef,
    batch_rows: usize,
    /// Rows left of the limit; zero after the end.
    rows_left: Option<usize>,
}

impl TableBatches {
    fn batch(&mut self, function: &Arc<WasmFunction>) -> Result<Option<RecordBatch>, Error> {
        let rows = self.rows_left.unwrap_or(usize::MAX).min(self.batch_rows);
        if rows == 0 {
            return Ok(None);
        }
        if self.scope.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let call = StateCall {
            operation: Operation::Generate,
            columns: &self.arguments,
            rows,
            returns: &self.returns,
        };
        let instance = match &mut self.instance {
            Some(instance) => instance,
            none => none.insert(StatefulInstance::begin(
                function,
                &self.scope,
                Some(call),
                Accounting::Scope,
            )?),
        };
        let table = instance.run_once(&call)?;
        let table: &StructArray = table
            .as_any()
            .downcast_ref()
            .expect("the type of a table is a struct");
        let rows = arrow::array::Array::len(table);
        if rows == 0 {
            return Ok(None);
        }
        self.rows_left = self.rows_left.map(|left| left - rows);
        let columns = self
            .projection
            .iter()
            .map(|column| Arc::clone(table.column(*column)));
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::clone(&self.schema);
        let batch = RecordBatch::try_new_with_options(schema, columns.collect(), &options);
        batch.map(Some).map_err(super::arrow)
    }
}

impl Iterator for TableBatches {
    type Item = Result<RecordBatch, DataFusionError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.function.in_scope(&self.scope).and_then(|function| {
            let rows = self.batch_rows;
            let batch = || self.batch(&function);
            run_guest(&function, Operation::Generate, rows, batch).map_err(external)
        });
        if !matches!(batch, Ok(Some(_))) {
            self.rows_left = Some(0);
            self.instance = None;
        }
        batch.transpose()
    }
}
