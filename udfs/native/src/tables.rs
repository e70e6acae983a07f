//! Table functions.

use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, plan_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;

/// `native_series(start, stop, step)`.
#[derive(Debug)]
pub(crate) struct SeriesFunction;

impl TableFunctionImpl for SeriesFunction {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        let [start, stop, step] = args.exprs() else {
            return plan_err!("native_series takes a start, a stop and a step");
        };
        let (start, stop, step) = (literal(start)?, literal(stop)?, literal(step)?);
        // An error is reported by the call, not by the first batch.
        let _ = values(start, stop, step)?;
        let field = Field::new("value", DataType::Int64, false);
        let series = Series {
            schema: Arc::new(Schema::new(vec![field])),
            start,
            stop,
            step,
        };
        let schema = Arc::clone(&series.schema);
        let table = StreamingTable::try_new(schema, vec![Arc::new(series)])?;
        Ok(Arc::new(table))
    }
}

/// Iterates over the numbers, computed as they are read.
fn values(start: i64, stop: i64, step: i64) -> Result<impl Iterator<Item = i64> + Send> {
    let series = stats::series(start, stop, step);
    let rows = series.map_err(|message| exec_datafusion_err!("{message}"))?;
    Ok(rows.map(|row| row.value))
}

fn literal(argument: &Expr) -> Result<i64> {
    match argument {
        Expr::Literal(ScalarValue::Int64(Some(number)), _) => Ok(*number),
        _ => plan_err!("native_series takes whole numbers, not {argument}"),
    }
}

#[derive(Debug)]
struct Series {
    schema: SchemaRef,
    start: i64,
    stop: i64,
    step: i64,
}

impl PartitionStream for Series {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.schema);
        let rows = context.session_config().batch_size();
        let batches = values(self.start, self.stop, self.step).map(|mut values| {
            let next = move || {
                let column = Int64Array::from_iter_values(values.by_ref().take(rows));
                let is_some = !column.values().is_empty();
                let batch = || RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(column)]);
                is_some.then(|| batch().map_err(Into::into))
            };
            futures::stream::iter(std::iter::from_fn(next))
        });
        let schema = Arc::clone(&self.schema);
        match batches {
            Ok(batches) => Box::pin(RecordBatchStreamAdapter::new(schema, batches)),
            Err(error) => {
                let failure = futures::stream::iter([Err(error)]);
                Box::pin(RecordBatchStreamAdapter::new(schema, failure))
            }
        }
    }
}
