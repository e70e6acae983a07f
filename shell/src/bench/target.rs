//! Calls of a function as DataFusion makes them, without a query.
//!
//! A run depends on the kind of the function. For `n` rows it is:
//!
//! - for a scalar function, one call with a batch of `n` rows;
//! - for an aggregate, accumulation of `n` rows in groups of eight, from new
//!   accumulators to the results;
//! - for a window function, one partition of `n` rows;
//! - for a table function, one table of up to `n` rows.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::catalog::{TableFunction, TableFunctionArgs, TableProvider};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::config::ConfigOptions;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::function::{AccumulatorArgs, PartitionEvaluatorArgs};
use datafusion::logical_expr::{
    AggregateUDF, ColumnarValue, EmitTo, Expr, ScalarFunctionArgs, ScalarUDF, WindowUDF,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::execute_stream;
use fusebox::{Definition, Kind, Session};
use futures::StreamExt;
use tokio::runtime::{Builder, Runtime};

type Result<T> = std::result::Result<T, DataFusionError>;

/// Rows of a group, and number of groups whose rows alternate.
const GROUP_ROWS: usize = 8;
const GROUPS_INTERLEAVED: usize = 8;

/// Rows with equal sort keys, for window functions that use ranks.
const PEER_ROWS: usize = 4;

/// Maximum number of rows of arguments that are tried with a table function.
const TABLE_TRIES: usize = 16;

/// A function and everything that a run needs besides arguments.
pub(super) struct Target {
    fields: Vec<FieldRef>,
    returns: FieldRef,
    function: Function,
}

enum Function {
    Scalar(Arc<ScalarUDF>, Arc<ConfigOptions>),
    Aggregate(Aggregate),
    Window(Arc<WindowUDF>),
    Table(Box<Table>),
}

struct Aggregate {
    function: Arc<AggregateUDF>,
    schema: Schema,
    arguments: Vec<Arc<dyn PhysicalExpr>>,
    /// Group number of each row.
    groups: Vec<usize>,
}

struct Table {
    function: Arc<TableFunction>,
    state: SessionState,
    runtime: Runtime,
}

/// Arguments of one run.
#[derive(Clone, Debug)]
pub(super) struct RunArguments {
    columns: Vec<ArrayRef>,
    rows: usize,
    /// Ranges of rows with equal sort keys.
    peers: Vec<Range<usize>>,
}

/// Returns the argument types of a call.
pub(super) fn argument_types(definition: &Definition) -> Vec<DataType> {
    // A parameter of any precision and scale gets a fixed one.
    let any = DataType::Decimal128(0, 0);
    let fixed = DataType::Decimal128(12, 2);
    let arguments = definition.signature.arguments.iter();
    let types = arguments.map(|argument| match argument.data_type == any {
        true => fixed.clone(),
        false => argument.data_type.clone(),
    });
    types.collect()
}

impl Target {
    /// Looks up the function of a definition in a session, for runs of up to `rows`
    /// rows.
    pub(super) fn new(
        session: &Session,
        definition: &Definition,
        types: &[DataType],
        rows: usize,
    ) -> Result<Self> {
        let state = session.context().state();
        let name = &definition.name;
        let missing = || DataFusionError::Internal(format!("`{name}` is not registered"));
        let numbered = types.iter().zip(0..);
        let fields: Vec<FieldRef> = numbered
            .map(|(ty, n)| Arc::new(Field::new(format!("a{n}"), ty.clone(), true)))
            .collect();
        let (returns, function) = match definition.kind {
            Kind::Scalar => {
                let function = Arc::clone(state.scalar_functions().get(name).ok_or_else(missing)?);
                let options = Arc::clone(state.config_options());
                let returns = function.return_type(types)?;
                (returns, Function::Scalar(function, options))
            }
            Kind::Aggregate => {
                let function =
                    Arc::clone(state.aggregate_functions().get(name).ok_or_else(missing)?);
                let returns = function.return_type(types)?;
                let aggregate = Aggregate::new(function, &fields, rows);
                (returns, Function::Aggregate(aggregate))
            }
            Kind::Window => {
                let function = Arc::clone(state.window_functions().get(name).ok_or_else(missing)?);
                (DataType::Null, Function::Window(function))
            }
            Kind::Table => {
                let function = Arc::clone(state.table_functions().get(name).ok_or_else(missing)?);
                let table = Table {
                    function,
                    runtime: Builder::new_current_thread().build()?,
                    state,
                };
                (DataType::Null, Function::Table(Box::new(table)))
            }
        };
        Ok(Self {
            fields,
            returns: Arc::new(Field::new(name, returns, true)),
            function,
        })
    }

    /// Returns arguments of runs of `rows` rows: slices from all parts of `columns`. For
    /// a table function, returns the arguments with the most rows.
    pub(super) fn arguments(&self, columns: &[ArrayRef], rows: usize) -> Result<Vec<RunArguments>> {
        if let Function::Table(table) = &self.function {
            return table.arguments(columns, rows);
        }
        let slices = starts(columns, rows).map(|start| RunArguments {
            columns: columns.iter().map(|c| c.slice(start, rows)).collect(),
            rows,
            peers: (0..rows)
                .step_by(PEER_ROWS)
                .map(|first| first..rows.min(first + PEER_ROWS))
                .collect(),
        });
        Ok(slices.collect())
    }

    /// Runs the function once; returns the number of rows.
    pub(super) fn run(&self, arguments: &RunArguments) -> Result<usize> {
        let RunArguments {
            columns,
            rows,
            peers,
        } = arguments;
        match &self.function {
            Function::Scalar(function, options) => {
                let arguments = columns.iter().cloned().map(ColumnarValue::Array);
                function.invoke_with_args(ScalarFunctionArgs {
                    args: arguments.collect(),
                    arg_fields: self.fields.clone(),
                    number_rows: *rows,
                    return_field: Arc::clone(&self.returns),
                    config_options: Arc::clone(options),
                })?;
            }
            Function::Aggregate(aggregate) => {
                aggregate.run(columns, *rows, &self.fields, &self.returns)?;
            }
            Function::Window(function) => {
                let arguments = PartitionEvaluatorArgs::new(&[], &self.fields, false, false);
                let mut evaluator = function.partition_evaluator_factory(arguments)?;
                match evaluator.include_rank() {
                    true => evaluator.evaluate_all_with_rank(*rows, peers)?,
                    false => evaluator.evaluate_all(columns, *rows)?,
                };
            }
            Function::Table(table) => return table.run(columns, *rows),
        }
        Ok(*rows)
    }
}

/// Returns the starts of slices of `rows` rows, distributed over the columns and at
/// multiples of 8, so that bitmaps start at a byte. A slice of one row has no nulls, so
/// that strict functions are called.
fn starts(columns: &[ArrayRef], rows: usize) -> impl Iterator<Item = usize> {
    const STARTS_MAX: usize = 64;
    let total = columns.first().map_or(rows, |column| column.len());
    let last = total.saturating_sub(rows);
    let is_whole = |row: &usize| columns.iter().all(|column| column.is_valid(*row));
    let fitting: Vec<usize> = match rows {
        1 => (0..=last).filter(is_whole).collect(),
        _ => (0..=last).step_by(8).collect(),
    };
    let step = (fitting.len() / STARTS_MAX).max(1);
    fitting.into_iter().step_by(step).take(STARTS_MAX)
}

impl Aggregate {
    fn new(function: Arc<AggregateUDF>, fields: &[FieldRef], rows: usize) -> Self {
        let arguments = fields.iter().zip(0..);
        let arguments = arguments.map(|(field, index)| -> Arc<dyn PhysicalExpr> {
            Arc::new(Column::new(field.name(), index))
        });
        let block = GROUP_ROWS * GROUPS_INTERLEAVED;
        let group = |row: usize| row / block * GROUPS_INTERLEAVED + row % GROUPS_INTERLEAVED;
        Self {
            function,
            schema: Schema::new(fields.to_vec()),
            arguments: arguments.collect(),
            groups: (0..rows).map(group).collect(),
        }
    }

    fn run(
        &self,
        columns: &[ArrayRef],
        rows: usize,
        fields: &[FieldRef],
        returns: &FieldRef,
    ) -> Result<()> {
        let mut groups = self.function.create_groups_accumulator(AccumulatorArgs {
            return_field: Arc::clone(returns),
            schema: &self.schema,
            ignore_nulls: false,
            order_bys: &[],
            is_reversed: false,
            name: returns.name(),
            is_distinct: false,
            exprs: &self.arguments,
            expr_fields: fields,
        })?;
        let group_indices = &self.groups[..rows];
        // Groups are interleaved, so that the largest number is among the last rows.
        let last_rows = &group_indices[rows.saturating_sub(GROUPS_INTERLEAVED)..];
        let count = last_rows.iter().max().map_or(0, |last| last + 1);
        groups.update_batch(columns, group_indices, None, count)?;
        groups.evaluate(EmitTo::All)?;
        Ok(())
    }
}

impl Table {
    /// Returns the row of arguments for which the table has the most rows, up to `rows`.
    fn arguments(&self, columns: &[ArrayRef], rows: usize) -> Result<Vec<RunArguments>> {
        let mut best: Option<RunArguments> = None;
        let mut failure = None;
        let tries = columns.first().map_or(1, |column| column.len());
        for row in 0..tries.min(TABLE_TRIES) {
            let columns: Vec<_> = columns.iter().map(|column| column.slice(row, 1)).collect();
            match self.run(&columns, rows) {
                Ok(found) if best.as_ref().is_none_or(|best| best.rows < found) => {
                    best = Some(RunArguments {
                        columns,
                        rows: found,
                        peers: vec![],
                    });
                }
                Ok(_) => {}
                Err(error) => failure = Some(error),
            }
        }
        match (best, failure) {
            (Some(best), _) if best.rows > 0 => Ok(vec![best]),
            (_, Some(failure)) => Err(failure),
            _ => Ok(vec![]),
        }
    }

    fn run(&self, columns: &[ArrayRef], rows: usize) -> Result<usize> {
        let arguments = columns.iter().map(|column| {
            let value = ScalarValue::try_from_array(column, 0)?;
            Ok(Expr::Literal(value, None))
        });
        let arguments: Vec<Expr> = arguments.collect::<Result<_>>()?;
        let arguments = TableFunctionArgs::new(&arguments, &self.state);
        let table = self.function.create_table_provider_with_args(arguments)?;
        self.runtime.block_on(self.count_rows(table, rows))
    }

    async fn count_rows(&self, table: Arc<dyn TableProvider>, rows: usize) -> Result<usize> {
        let plan = table.scan(&self.state, None, &[], Some(rows)).await?;
        let mut batches = execute_stream(plan, self.state.task_ctx())?;
        let mut found = 0;
        while let Some(batch) = batches.next().await {
            found += batch?.num_rows();
        }
        Ok(found)
    }
}
