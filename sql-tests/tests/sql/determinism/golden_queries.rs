//! The queries of the golden files, in every execution config and with the rows of
//! `range` in every order.
//!
//! Outcomes must be equal for every query that calls a guest, unless a function in
//! it may keep state. Rows may come in any order unless the query states one.
//!
//! Each query runs in a third of the execution configs, the next query in the next
//! third, so that every run covers all of them; with `FUSEBOX_EXHAUSTIVE=1` each query
//! runs in all.
//!
//! In one partition, each query also runs with answers that are used again wherever they
//! can be, and nowhere: with the same rows, or the same error, its row and its message
//! included.

use std::collections::HashSet;
use std::env;
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::row::{RowConverter, SortField};
use datafusion::catalog::{MemTable, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::Expr;
use fusebox::{Error, Session};
use fusebox_sql_tests::{ExecutionConfig, expand_workspace, session};
use sqllogictest::harness::{Failed, Trial};
use sqllogictest::{DefaultColumnType, QueryExpect, Record, StatementExpect};
use tokio::runtime::Runtime;

use super::outcome::QueryOutcome;
use super::random_table::split;
use crate::golden_files::name;
use crate::rng::Rng;
use crate::sessions::TestResult;

/// Returns a test for each file.
pub(super) fn trials(runtime: &Arc<Runtime>, files: &[PathBuf]) -> Vec<Trial> {
    let trial = |path: &PathBuf| {
        let (runtime, path) = (Arc::clone(runtime), path.clone());
        let test = format!("{} in every execution config", name(&path));
        Trial::test(test, move || runtime.block_on(check_file(&path)))
    };
    let files = files.iter().filter(|path| !path.ends_with(RESOURCES));
    files.map(trial).collect()
}

/// File of refusals by resources, which depend on the size of batches.
const RESOURCES: &str = "slt/settings.slt";

/// Execution configs and row orders; outcomes are compared with that of the first.
///
/// Every number of partitions meets every batch size, and each of both meets every
/// row order. The last variant is the first again, on instances that were called by
/// all others.
const VARIANTS: [(ExecutionConfig, RowOrder); 13] = {
    use RowOrder::{Ascending, Descending, Shuffled};
    [
        (ExecutionConfig::new(2, 8192), Ascending),
        (ExecutionConfig::new(1, 8192), Descending),
        (ExecutionConfig::new(8, 8192), Shuffled),
        (ExecutionConfig::new(1, 1024), Ascending),
        (ExecutionConfig::new(2, 1024), Shuffled),
        (ExecutionConfig::new(8, 1024), Descending),
        (ExecutionConfig::new(1, 7), Shuffled),
        (ExecutionConfig::new(2, 7), Descending),
        (ExecutionConfig::new(8, 7), Ascending),
        (ExecutionConfig::new(1, 1), Ascending),
        (ExecutionConfig::new(2, 1), Descending),
        (ExecutionConfig::new(8, 1), Shuffled),
        (ExecutionConfig::new(2, 8192), Ascending),
    ]
};

/// The order of the rows of `range`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RowOrder {
    Ascending,
    Descending,
    Shuffled,
}

/// The outcome of a query, its rows encoded.
type EncodedOutcome = QueryOutcome<Vec<Vec<u8>>>;

async fn check_file(path: &Path) -> TestResult {
    let session = session(ExecutionConfig::new(1, 8192));
    let variant = Arc::new(AtomicUsize::new(0));
    let range = VariantRange(Arc::clone(&variant));
    session.context().register_udtf("range", Arc::new(range));
    let mut queries = 0;
    let mut mismatches = Vec::new();
    for record in sqllogictest::parse_file::<DefaultColumnType>(path)? {
        match record {
            Record::Statement { sql, expected, .. } => {
                let result = collect(&session, &sql).await;
                // Queries without their functions would fail in every variant alike.
                if matches!(expected, StatementExpect::Ok) {
                    result?;
                }
            }
            Record::Query { sql, expected, .. } => {
                if !is_comparable(&session, &sql).await? {
                    continue;
                }
                queries += 1;
                let succeeds = matches!(expected, QueryExpect::Results { .. });
                let variants = variants_of(queries);
                let mismatch =
                    compare_variants(&session, &variant, &sql, succeeds, &variants).await?;
                mismatches.extend(mismatch);
                for number in single_partitions_of(queries) {
                    let mismatch = compare_reuse(&session, &variant, &sql, number).await?;
                    mismatches.extend(mismatch);
                }
            }
            _ => {}
        }
    }
    let text = std::fs::read_to_string(path)?;
    assert!(
        queries > 0 || !text.contains("FROM range("),
        "no query was compared"
    );
    match mismatches.as_slice() {
        [] => Ok(()),
        mismatches => Err(mismatches.join("\n").into()),
    }
}

/// Returns the numbers of the variants that a query runs in, given the number of the query
/// in its file: the first, the last, and between them all or a third.
fn variants_of(query: usize) -> Vec<usize> {
    let is_complete = env::var_os("FUSEBOX_EXHAUSTIVE").is_some();
    let last = VARIANTS.len() - 1;
    // A diagonal of three by four: each third has every number of partitions and batch size.
    let third = |variant: usize| (variant + variant / 3) % 3;
    let between = (1..last).filter(|variant| is_complete || third(*variant) == query % 3);
    iter::once(0).chain(between).chain([last]).collect()
}

/// Variants of one partition: with several, it depends on threads which of two errors is
/// reported.
const SINGLE_PARTITIONS: [usize; 4] = [1, 3, 6, 9];

/// Returns the numbers of the variants in which a query runs with and without answers that are
/// used again.
fn single_partitions_of(query: usize) -> Vec<usize> {
    match env::var_os("FUSEBOX_EXHAUSTIVE") {
        Some(_) => SINGLE_PARTITIONS.to_vec(),
        None => vec![SINGLE_PARTITIONS[query % SINGLE_PARTITIONS.len()]],
    }
}

/// Runs a query in a variant with answers that are used again nowhere, and wherever they can
/// be; describes the difference.
async fn compare_reuse(
    session: &Session,
    variant: &AtomicUsize,
    sql: &str,
    number: usize,
) -> Result<Option<String>, Failed> {
    let (config, order) = VARIANTS[number];
    variant.store(number, Ordering::Relaxed);
    config.apply(session).await?;
    let mut outcomes = Vec::new();
    for reuse in ["off", "always"] {
        let set = format!("SET fusebox.reuse = '{reuse}'");
        session.sql(&set).await?;
        outcomes.push(rows(session, sql).await);
    }
    session.sql("SET fusebox.reuse = 'auto'").await?;
    let is_violation = |error: &Error| matches!(Error::find_in(error), Some(Error::Abi { .. }));
    let described = outcomes.into_iter().map(|outcome| match outcome {
        Err(error) if is_violation(&error) => Err(String::new()),
        outcome => outcome.map_err(|error| error.to_string()),
    });
    let described: Vec<_> = described.collect();
    Ok((described[0] != described[1]).then(|| {
        let [off, always] = [0, 1].map(|index| match &described[index] {
            Ok(rows) => format!("{} rows", rows.len()),
            Err(error) => error.clone(),
        });
        format!("{sql}: {off} where each row is asked, but {always} with {config}, rows {order:?}")
    }))
}

/// Runs a query in these variants; describes the first outcome that differs, or that
/// is not a result where one is expected.
async fn compare_variants(
    session: &Session,
    variant: &AtomicUsize,
    sql: &str,
    succeeds: bool,
    variants: &[usize],
) -> Result<Option<String>, Failed> {
    let mut first: Option<EncodedOutcome> = None;
    for &number in variants {
        let (config, order) = VARIANTS[number];
        variant.store(number, Ordering::Relaxed);
        config.apply(session).await?;
        let outcome = outcome(session, sql).await;
        if first.is_none() {
            // A guest that violates the ABI may do so differently in each variant.
            if outcome == QueryOutcome::AbiViolation {
                return Ok(None);
            }
            // An expected error may depend on the plan, and that on the built-in `range`.
            if succeeds && !outcome.is_result() {
                return Ok(Some(format!("{sql}: expected a result, found {outcome}")));
            }
        }
        let first = first.get_or_insert_with(|| outcome.clone());
        if *first != outcome {
            return Ok(Some(format!(
                "{sql}: {first}, but {outcome} with {config}, rows {order:?}"
            )));
        }
    }
    Ok(None)
}

/// Tests whether a query calls a guest, and only functions that keep no state.
async fn is_comparable(session: &Session, sql: &str) -> Result<bool, Failed> {
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
    let mut calls_guest = false;
    for batch in collect(session, "SHOW USER FUNCTIONS").await? {
        let text = |name: &str| {
            batch
                .column_by_name(name)
                .map(|column| column.as_string::<i32>())
        };
        let (Some(names), Some(volatilities)) = (text("name"), text("volatility")) else {
            return Err("SHOW USER FUNCTIONS has no columns name and volatility".into());
        };
        for (name, volatility) in names.iter().zip(volatilities).map(|(n, v)| (n.unwrap(), v)) {
            if !words.contains(&name.to_ascii_lowercase()) {
                continue;
            }
            calls_guest = true;
            if volatility == Some("VOLATILE") && !resets_each_row(session, name).await? {
                return Ok(false);
            }
        }
    }
    Ok(calls_guest)
}

async fn resets_each_row(session: &Session, name: &str) -> Result<bool, Failed> {
    let shown = collect(session, &format!("SHOW CREATE FUNCTION \"{name}\"")).await?;
    let statement = shown[0].column(1).as_string::<i32>().value(0);
    Ok(statement.contains("reset = 'row'"))
}

async fn collect(session: &Session, sql: &str) -> Result<Vec<RecordBatch>, Error> {
    let batches = session.sql(&expand_workspace(sql)).await?.collect().await;
    batches.map_err(|error| Error::Query(Box::new(error)))
}

async fn outcome(session: &Session, sql: &str) -> EncodedOutcome {
    QueryOutcome::new(rows(session, sql).await)
}

/// Runs a query; returns its rows, encoded, in an order that is stated or else sorted.
async fn rows(session: &Session, sql: &str) -> Result<Vec<Vec<u8>>, Error> {
    let batches = collect(session, sql).await?;
    let mut rows: Vec<_> = batches.iter().flat_map(encoded_rows).collect();
    // The last ORDER BY is that of the query itself if no parenthesis closes after it.
    let is_ordered = sql
        .rfind("ORDER BY")
        .is_some_and(|at| !sql[at..].contains(')'));
    if !is_ordered {
        rows.sort();
    }
    Ok(rows)
}

/// Encodes rows in Arrow's row format, which keeps every bit of a float.
fn encoded_rows(batch: &RecordBatch) -> Vec<Vec<u8>> {
    let schema = batch.schema();
    let fields = schema.fields().iter();
    let fields = fields.map(|field| SortField::new(field.data_type().clone()));
    let converter = RowConverter::new(fields.collect()).expect("every type can be encoded");
    let rows = converter.convert_columns(batch.columns());
    let rows = rows.expect("the columns have the types of the schema");
    rows.iter().map(|row| row.as_ref().to_vec()).collect()
}

/// The table function `range(start, end)`, whose rows have the order, batches and
/// partitions of the variant of this number.
#[derive(Debug)]
struct VariantRange(Arc<AtomicUsize>);

impl TableFunctionImpl for VariantRange {
    fn call_with_args(&self, args: TableFunctionArgs) -> DfResult<Arc<dyn TableProvider>> {
        let numbers = args.exprs().iter().map(|argument| match argument {
            Expr::Literal(ScalarValue::Int64(Some(number)), _) => *number,
            other => panic!("expected a BIGINT, found {other}"),
        });
        let numbers: Vec<_> = numbers.collect();
        let [start, end] = numbers[..] else {
            panic!("expected a start and an end, found {numbers:?}");
        };
        let (config, order) = VARIANTS[self.0.load(Ordering::Relaxed)];
        let mut values: Vec<_> = (start..end).collect();
        match order {
            RowOrder::Ascending => {}
            RowOrder::Descending => values.reverse(),
            RowOrder::Shuffled => {
                let mut rng = Rng(11);
                for last in (1..values.len()).rev() {
                    values.swap(last, rng.below(last as u64 + 1) as usize);
                }
            }
        }
        let values: ArrayRef = Arc::new(Int64Array::from(values));
        let rows = RecordBatch::try_from_iter([("value", values)])?;
        let (schema, partitions) = split(&rows, config);
        Ok(Arc::new(MemTable::try_new(schema, partitions)?))
    }
}
