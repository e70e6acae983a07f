//! Table functions: a guest that yields rows, as long as somebody wants them.

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
use datafusion::logical_expr::{ColumnarValue, Expr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};

use super::QueryContext;
use super::calls::{Calls, Room};
use super::external;
use super::guest::Guest;
use super::overloads::Overloads;
use crate::error::{Error, Refusal, Subject};
use crate::module::Operation;

impl TableFunctionImpl for Overloads {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let values = args.exprs().iter();
        let values = values.map(|expr| self.constant(expr, args.session()));
        let values: Vec<ScalarValue> = values.collect::<Result<_>>()?;
        let given: Vec<_> = values.iter().map(ScalarValue::data_type).collect();
        let takes = self.coerced(&given);
        let overload = self.of(&takes)?;
        let arguments = values.into_iter().zip(&takes);
        let arguments = arguments.map(|(value, ty)| value.cast_to(ty)?.to_array_of_size(1));
        let DataType::Struct(columns) = overload.returns(&takes) else {
            return Err(external(Error::Internal(
                "a table that is no struct".to_owned(),
            )));
        };
        Ok(Arc::new(Table {
            guest: Arc::clone(&overload.function),
            arguments: arguments.collect::<Result<_>>()?,
            schema: Arc::new(Schema::new(columns)),
        }))
    }
}

impl Overloads {
    /// The value of an argument, which must not depend on rows.
    fn constant(&self, expr: &Expr, session: &dyn Session) -> Result<ScalarValue> {
        let none = RecordBatch::try_new_with_options(
            Arc::new(Schema::empty()),
            vec![],
            &RecordBatchOptions::new().with_row_count(Some(1)),
        )?;
        let value = session
            .create_physical_expr(expr.clone(), &DFSchema::empty())
            .and_then(|expr| expr.evaluate(&none));
        match value {
            Ok(ColumnarValue::Scalar(value)) => Ok(value),
            Ok(ColumnarValue::Array(array)) => ScalarValue::try_from_array(&array, 0),
            Err(_) if !expr.column_refs().is_empty() => {
                let subject = Subject::Function(self.name().to_owned());
                let argument = expr.to_string();
                let error = Error::refused(subject, Refusal::Varies { argument });
                Err(external(error))
            }
            Err(error) => Err(error),
        }
    }
}

/// What a call of a table function yields.
#[derive(Clone, Debug)]
struct Table {
    guest: Arc<Guest>,
    /// One row each.
    arguments: Vec<ArrayRef>,
    /// All columns.
    schema: SchemaRef,
}

#[async_trait]
impl TableProvider for Table {
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
        let wanted = projection.cloned().unwrap_or(all);
        let schema = Arc::new(self.schema.project(&wanted)?);
        let scan = Scan {
            table: self.clone(),
            wanted,
            limit,
            schema: Arc::clone(&schema),
        };
        // Whether there is an end, nobody knows; what must have all rows first
        // may try.
        let plan =
            StreamingTableExec::try_new(schema, vec![Arc::new(scan)], None, [], false, limit)?;
        Ok(Arc::new(plan))
    }
}

/// The columns and the rows of a table that are wanted.
#[derive(Debug)]
struct Scan {
    table: Table,
    wanted: Vec<usize>,
    limit: Option<usize>,
    schema: SchemaRef,
}

impl PartitionStream for Scan {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let config = context.session_config();
        let guest = Arc::clone(&self.table.guest);
        let query =
            QueryContext::of(config.options()).unwrap_or_else(|| Arc::clone(&guest.outside));
        let columns = self.table.schema.fields().clone();
        let batches = Batches {
            query,
            arguments: self.arguments(),
            returns: DataType::Struct(columns),
            calls: None,
            wanted: self.wanted.clone(),
            schema: Arc::clone(&self.schema),
            batch_rows: config.batch_size(),
            left: self.limit,
            guest,
        };
        let batches = futures::stream::iter(batches);
        Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            batches,
        ))
    }
}

impl Scan {
    /// Which columns are wanted, and the arguments.
    fn arguments(&self) -> Vec<ArrayRef> {
        let columns = 0..self.table.schema.fields().len();
        let wanted: BooleanArray = columns.map(|c| Some(self.wanted.contains(&c))).collect();
        let wanted = ListArray::new(
            Arc::new(Field::new_list_field(DataType::Boolean, true)),
            OffsetBuffer::from_lengths([self.table.schema.fields().len()]),
            Arc::new(wanted),
            None,
        );
        let mut arguments: Vec<ArrayRef> = vec![Arc::new(wanted)];
        arguments.extend(self.table.arguments.iter().cloned());
        arguments
    }
}

/// The batches of a table, each made when it is asked for.
struct Batches {
    guest: Arc<Guest>,
    query: Arc<QueryContext>,
    arguments: Vec<ArrayRef>,
    /// All columns, as the guest returns them.
    returns: DataType,
    /// None before the first batch.
    calls: Option<Calls>,
    wanted: Vec<usize>,
    schema: SchemaRef,
    batch_rows: usize,
    /// How many more rows are wanted; none after the end.
    left: Option<usize>,
}

impl Batches {
    fn batch(&mut self) -> Result<Option<RecordBatch>, Error> {
        let rows = self.left.unwrap_or(usize::MAX).min(self.batch_rows);
        if rows == 0 {
            return Ok(None);
        }
        if self.query.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let calls = match &mut self.calls {
            Some(calls) => calls,
            none => {
                let (guest, query) = (&self.guest, &self.query);
                let room = Room {
                    rows,
                    arguments: &self.arguments,
                    returns: &self.returns,
                };
                let account = || Some(query.account(&guest.definition.name));
                none.insert(Calls::begin(guest, Some(room), account)?)
            }
        };
        let table = calls.run_once(Operation::Generate, &self.arguments, rows, &self.returns)?;
        let table: &StructArray = table.as_any().downcast_ref().expect("a table is a struct");
        let rows = arrow::array::Array::len(table);
        if rows == 0 {
            return Ok(None);
        }
        self.left = self.left.map(|left| left - rows);
        let columns = self
            .wanted
            .iter()
            .map(|column| Arc::clone(table.column(*column)));
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::clone(&self.schema);
        let batch = RecordBatch::try_new_with_options(schema, columns.collect(), &options);
        batch.map(Some).map_err(super::arrow)
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, DataFusionError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.batch();
        if !matches!(batch, Ok(Some(_))) {
            self.left = Some(0);
            self.calls = None;
        }
        batch.map_err(external).transpose()
    }
}
