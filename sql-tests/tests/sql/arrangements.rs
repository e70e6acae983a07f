//! The queries of the golden files again: in batches of every size, over every
//! number of partitions, with the rows of `range` in every order.
//!
//! A query that calls a function of ours must give the same rows, to the bit,
//! or be stopped by the same limit of the same function. Rows come in any order
//! unless the query states one.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::row::{RowConverter, SortField};
use datafusion::catalog::{MemTable, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::Expr;
use fusebox::{Error, Session};
use fusebox_sql_tests::{located, session};
use sqllogictest::harness::{Failed, Trial};
use sqllogictest::{DefaultColumnType, Record};
use tokio::runtime::Runtime;

use crate::invariance::{Random, deal, stopped};

/// A test for each file.
pub(crate) fn trials(runtime: &Arc<Runtime>, files: &[PathBuf]) -> Vec<Trial> {
    let trial = |path: &PathBuf| {
        let (runtime, path) = (Arc::clone(runtime), path.clone());
        let name = format!("{} in every arrangement", crate::name(&path));
        Trial::test(name, move || runtime.block_on(check(&path)))
    };
    files.iter().map(trial).collect()
}

/// Partitions, rows of a batch, and the order of rows. The first is what the
/// others are compared with. Each two meet with each order or each number.
const ARRANGEMENTS: [(usize, usize, Order); 12] = {
    use Order::{Backwards, Forwards, Shuffled};
    [
        (2, 8192, Forwards),
        (1, 8192, Backwards),
        (8, 8192, Shuffled),
        (1, 1024, Forwards),
        (2, 1024, Shuffled),
        (8, 1024, Backwards),
        (1, 7, Shuffled),
        (2, 7, Backwards),
        (8, 7, Forwards),
        (1, 1, Forwards),
        (2, 1, Backwards),
        (8, 1, Shuffled),
    ]
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
enum Order {
    Forwards,
    Backwards,
    Shuffled,
}

/// How a query ended: with rows, each as bytes that no other row has, or by what
/// stopped it.
#[derive(Clone, PartialEq, Eq)]
enum Ending {
    Rows(Vec<Vec<u8>>),
    Stopped(String),
}

async fn check(path: &Path) -> Result<(), Failed> {
    let session = session(1, 8192);
    let arrangement = Arc::new(AtomicUsize::new(0));
    let range = Range(Arc::clone(&arrangement));
    session.context().register_udtf("range", Arc::new(range));
    let mut queries = 0;
    let mut wrong = Vec::new();
    for record in sqllogictest::parse_file::<DefaultColumnType>(path)? {
        let sql = match record {
            Record::Statement { sql, .. } => {
                // Some are there to be refused.
                let _ = collect(&session, &sql).await;
                continue;
            }
            Record::Query { sql, .. } => sql,
            _ => continue,
        };
        if !depends_on_guests_alone(&session, &sql).await? {
            continue;
        }
        queries += 1;
        let mut first = None;
        for (number, (partitions, batch_size, order)) in ARRANGEMENTS.into_iter().enumerate() {
            arrangement.store(number, Ordering::Relaxed);
            for (option, value) in [
                ("target_partitions", partitions),
                ("batch_size", batch_size),
            ] {
                let set = format!("SET datafusion.execution.{option} = {value}");
                collect(&session, &set).await?;
            }
            let ending = ending(&session, &sql).await;
            // A guest that lies promises nothing.
            if first.is_none() && ending.is_a_lie() {
                break;
            }
            if *first.get_or_insert_with(|| ending.clone()) != ending {
                let expected = first.as_ref().map(Ending::to_string).unwrap_or_default();
                wrong.push(format!(
                    "{sql}: {expected}, but {ending} in {partitions} partitions of batches of \
                     {batch_size}, {order:?}"
                ));
                break;
            }
        }
    }
    let text = std::fs::read_to_string(path)?;
    assert!(queries > 0 || !text.contains("FROM range("), "none was run");
    match wrong.as_slice() {
        [] => Ok(()),
        wrong => Err(wrong.join("\n").into()),
    }
}

/// Whether a query calls a function of ours, and none that may remember.
async fn depends_on_guests_alone(session: &Session, sql: &str) -> Result<bool, Failed> {
    let words: HashSet<String> = sql
        .split(|c: char| c != '_' && !c.is_alphanumeric())
        .map(str::to_ascii_lowercase)
        .collect();
    if ["explain", "show", "describe"]
        .iter()
        .any(|word| words.contains(*word))
    {
        return Ok(false);
    }
    let mut calls = false;
    for batch in collect(session, "SHOW USER FUNCTIONS").await? {
        let text = |name: &str| {
            batch
                .column_by_name(name)
                .map(|column| column.as_string::<i32>())
        };
        let (Some(names), Some(volatilities)) = (text("name"), text("volatility")) else {
            return Err("SHOW USER FUNCTIONS has other columns".into());
        };
        for (name, volatility) in names.iter().zip(volatilities).map(|(n, v)| (n.unwrap(), v)) {
            if !words.contains(&name.to_ascii_lowercase()) {
                continue;
            }
            calls = true;
            if volatility == Some("VOLATILE") && !resets_rows(session, name).await? {
                return Ok(false);
            }
        }
    }
    Ok(calls)
}

async fn resets_rows(session: &Session, name: &str) -> Result<bool, Failed> {
    let shown = collect(session, &format!("SHOW CREATE FUNCTION \"{name}\"")).await?;
    let statement = shown[0].column(1).as_string::<i32>().value(0);
    Ok(statement.ends_with("reset = 'row')"))
}

async fn collect(session: &Session, sql: &str) -> Result<Vec<RecordBatch>, Error> {
    let batches = session.sql(&located(sql)).await?.collect().await;
    batches.map_err(|error| Error::Query(Box::new(error)))
}

async fn ending(session: &Session, sql: &str) -> Ending {
    let batches = match collect(session, sql).await {
        Ok(batches) => batches,
        Err(error) => return Ending::Stopped(stopped(&error)),
    };
    let mut rows: Vec<_> = batches.iter().flat_map(bytes).collect();
    // The last ORDER BY is the query's own if no parenthesis closes behind it.
    let is_ordered = sql
        .rfind("ORDER BY")
        .is_some_and(|at| !sql[at..].contains(')'));
    if !is_ordered {
        rows.sort();
    }
    Ending::Rows(rows)
}

/// The rows of a batch as Arrow's row format has them, which keeps every bit of
/// a float.
fn bytes(batch: &RecordBatch) -> Vec<Vec<u8>> {
    let fields = batch.schema();
    let fields = fields.fields().iter();
    let fields = fields.map(|field| SortField::new(field.data_type().clone()));
    let converter = RowConverter::new(fields.collect()).expect("every type has an order");
    let rows = converter.convert_columns(batch.columns());
    let rows = rows.expect("the columns are of those types");
    rows.iter().map(|row| row.as_ref().to_vec()).collect()
}

impl Ending {
    fn is_a_lie(&self) -> bool {
        matches!(self, Self::Stopped(reason) if reason.contains("broke the contract"))
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rows(rows) => write!(f, "{} rows: {:x?}", rows.len(), rows.first()),
            Self::Stopped(reason) => write!(f, "{reason}"),
        }
    }
}

/// `range(first, end)`, its rows in the order of an arrangement and dealt out
/// as that says.
#[derive(Debug)]
struct Range(Arc<AtomicUsize>);

impl TableFunctionImpl for Range {
    fn call_with_args(&self, args: TableFunctionArgs) -> DfResult<Arc<dyn TableProvider>> {
        let numbers = args.exprs().iter().map(|argument| match argument {
            Expr::Literal(ScalarValue::Int64(Some(number)), _) => *number,
            other => panic!("{other} is no number"),
        });
        let numbers: Vec<_> = numbers.collect();
        let [first, end] = numbers[..] else {
            panic!("{numbers:?} are not the ends of a range");
        };
        let (partitions, batch_size, order) = ARRANGEMENTS[self.0.load(Ordering::Relaxed)];
        let mut values: Vec<_> = (first..end).collect();
        match order {
            Order::Forwards => {}
            Order::Backwards => values.reverse(),
            Order::Shuffled => {
                let mut random = Random(11);
                for last in (1..values.len()).rev() {
                    values.swap(last, random.below(last as u64 + 1) as usize);
                }
            }
        }
        let values: ArrayRef = Arc::new(Int64Array::from(values));
        let rows = RecordBatch::try_from_iter([("value", values)])?;
        let (schema, batches) = deal(&rows, (partitions, batch_size));
        Ok(Arc::new(MemTable::try_new(schema, batches)?))
    }
}
