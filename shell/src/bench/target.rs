//! A function, called as DataFusion calls it, without a query around it.
//!
//! What is run for so many rows is for each kind what its fixed cost is of:
//!
//! - a scalar function: one call with a batch of them;
//! - an aggregate: all that becomes of them in groups of eight rows, from no
//!   state at all to the answers;
//! - a window function: one partition of them;
//! - a table function: as many rows of one table.

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

/// How many rows a group has, and how many groups take turns.
const GROUP_ROWS: usize = 8;
const GROUPS_IN_TURN: usize = 8;

/// How many rows are peers to a window function that looks at those.
const PEER_ROWS: usize = 4;

/// How many rows of arguments a table function is tried with.
const TABLE_TRIES: usize = 16;

/// A function and all that a run needs besides its arguments.
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
    /// Of each row.
    groups: Vec<usize>,
}

struct Table {
    function: Arc<TableFunction>,
    state: SessionState,
    runtime: Runtime,
}

/// The arguments of one run.
#[derive(Clone, Debug)]
pub(super) struct Arguments {
    columns: Vec<ArrayRef>,
    rows: usize,
    /// The rows that are peers.
    peers: Vec<Range<usize>>,
}

/// The types of arguments that a call of a function has.
pub(super) fn argument_types(definition: &Definition) -> Vec<DataType> {
    // A decimal of any digits has some in a call.
    let any = DataType::Decimal128(0, 0);
    let some = DataType::Decimal128(12, 2);
    let arguments = definition.signature.arguments.iter();
    let types = arguments.map(|argument| match argument.data_type == any {
        true => some.clone(),
        false => argument.data_type.clone(),
    });
    types.collect()
}

impl Target {
    /// The function of a session that a definition is of, for runs of up to
    /// `rows` rows.
    pub(super) fn new(
        session: &Session,
        definition: &Definition,
        types: &[DataType],
        rows: usize,
    ) -> Result<Self> {
        let state = session.context().state();
        let name = &definition.name;
        let gone = || DataFusionError::Internal(format!("`{name}` is not registered"));
        let numbered = types.iter().zip(0..);
        let fields: Vec<FieldRef> = numbered
            .map(|(ty, n)| Arc::new(Field::new(format!("a{n}"), ty.clone(), true)))
            .collect();
        let (returns, function) = match definition.kind {
            Kind::Scalar => {
                let function = Arc::clone(state.scalar_functions().get(name).ok_or_else(gone)?);
                let options = Arc::clone(state.config_options());
                let returns = function.return_type(types)?;
                (returns, Function::Scalar(function, options))
            }
            Kind::Aggregate => {
                let function = Arc::clone(state.aggregate_functions().get(name).ok_or_else(gone)?);
                let returns = function.return_type(types)?;
                let aggregate = Aggregate::new(function, &fields, rows);
                (returns, Function::Aggregate(aggregate))
            }
            Kind::Window => {
                let function = Arc::clone(state.window_functions().get(name).ok_or_else(gone)?);
                (DataType::Null, Function::Window(function))
            }
            Kind::Table => {
                let function = Arc::clone(state.table_functions().get(name).ok_or_else(gone)?);
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

    /// The arguments of runs of `rows` rows, several for few rows: all of `columns`
    /// should have a part. A table has those with which it yields most.
    pub(super) fn arguments(&self, columns: &[ArrayRef], rows: usize) -> Result<Vec<Arguments>> {
        if let Function::Table(table) = &self.function {
            return table.arguments(columns, rows);
        }
        let slices = starts(columns, rows).map(|start| Arguments {
            columns: columns.iter().map(|c| c.slice(start, rows)).collect(),
            rows,
            peers: (0..rows)
                .step_by(PEER_ROWS)
                .map(|first| first..rows.min(first + PEER_ROWS))
                .collect(),
        });
        Ok(slices.collect())
    }

    /// Runs the function once; returns of how many rows it was.
    pub(super) fn run(&self, arguments: &Arguments) -> Result<usize> {
        let Arguments {
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

/// Where slices of so many rows begin: some of them, spread over all columns,
/// each at a whole byte of bits. A single row is one without nulls, for which a
/// function is certain to be called.
fn starts(columns: &[ArrayRef], rows: usize) -> impl Iterator<Item = usize> {
    const STARTS_MAX: usize = 64;
    let all = columns.first().map_or(rows, |column| column.len());
    let last = all.saturating_sub(rows);
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
        let block = GROUP_ROWS * GROUPS_IN_TURN;
        let group = |row: usize| row / block * GROUPS_IN_TURN + row % GROUPS_IN_TURN;
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
        let of_rows = &self.groups[..rows];
        // Numbers of groups come in turns, so the last rows have the largest.
        let last_turn = &of_rows[rows.saturating_sub(GROUPS_IN_TURN)..];
        let count = last_turn.iter().max().map_or(0, |last| last + 1);
        groups.update_batch(columns, of_rows, None, count)?;
        groups.evaluate(EmitTo::All)?;
        Ok(())
    }
}

impl Table {
    /// The row of arguments with which the table has most of `rows` rows.
    fn arguments(&self, columns: &[ArrayRef], rows: usize) -> Result<Vec<Arguments>> {
        let mut best: Option<Arguments> = None;
        let mut failure = None;
        let tries = columns.first().map_or(1, |column| column.len());
        for row in 0..tries.min(TABLE_TRIES) {
            let columns: Vec<_> = columns.iter().map(|column| column.slice(row, 1)).collect();
            match self.run(&columns, rows) {
                Ok(found) if best.as_ref().is_none_or(|best| best.rows < found) => {
                    best = Some(Arguments {
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
        self.runtime.block_on(self.yields(table, rows))
    }

    async fn yields(&self, table: Arc<dyn TableProvider>, rows: usize) -> Result<usize> {
        let plan = table.scan(&self.state, None, &[], Some(rows)).await?;
        let mut batches = execute_stream(plan, self.state.task_ctx())?;
        let mut found = 0;
        while let Some(batch) = batches.next().await {
            found += batch?.num_rows();
        }
        Ok(found)
    }
}
