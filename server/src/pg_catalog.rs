//! The schema `pg_catalog`, as far as clients read it to list tables and functions.
//!
//! A query of its tables is planned in a context of its own, whose tables hold what the session sees
//! at that moment: it can read nothing else, and its functions are not the session's. The queries of
//! clients have clauses that DataFusion lacks, which are rewritten. Other statements that call its
//! functions are the session's, which borrows these.

// Functions that a session borrows.
mod lent;

// Statements that name tables and functions.
mod usage;

// Clauses that DataFusion lacks.
mod parameter_types;
mod rewrite;

mod clauses;
mod empty_tables;

mod expressions;

// Functions.
mod functions;
mod type_names;

// Tables.
mod tables;

mod rows;

mod cells;

// Columns of the tables.
mod columns;

// What the session sees.
mod snapshot;

// Identifiers of objects.
mod oids;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::dataframe::DataFrame;
use datafusion::execution::context::SessionContext;
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::{DFParser, Statement as DfStatement};
use datafusion::sql::sqlparser::ast::{Query, Statement};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use fusebox::{Error, Session};

use crate::report::{NOT_SUPPORTED, Report};

pub(crate) use lent::LentFunctions;
pub(crate) use parameter_types::parameter_oids;
pub(crate) use usage::{CalledFunctions, CatalogUse};

use empty_tables::names_empty_tables;
use functions::register_functions;
use rewrite::{Rewriter, Subqueries};
use snapshot::Snapshot;
use tables::register_tables;

/// Name of the schema.
const SCHEMA: &str = "pg_catalog";

/// Names of a connection that functions and tables return.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) users: Vec<String>,
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) process: i32,
}

/// Plans a query, with values for its parameters.
///
/// # Errors
///
/// The report of a query that is none of the catalog, or has clauses that are not supported.
pub(crate) async fn plan(
    session: &Session,
    names: &Names,
    sql: &str,
    values: &[Option<ScalarValue>],
) -> Result<DataFrame, Report> {
    let dialect = PostgreSqlDialect {};
    let mut statements = DFParser::parse_sql_with_dialect(sql, &dialect)?;
    let statement = statements.pop_front().filter(|_| statements.is_empty());
    let Some(DfStatement::Statement(statement)) = statement else {
        return Err(not_a_query());
    };
    let Statement::Query(query) = statement.as_ref() else {
        return Err(not_a_query());
    };
    let snapshot = Arc::new(Snapshot::of(session, names).await?);
    let empty = names_empty_tables(query);
    let context = context(session, &snapshot)?;
    let mut failed = None;
    for subqueries in [Subqueries::Aggregated, Subqueries::Null] {
        let mut query = query.clone();
        Rewriter::new(&snapshot, values, subqueries).rewrite(&mut query)?;
        match planned(&context, query).await {
            Ok(frame) => return Ok(frame),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    match (failed, empty) {
        // The planner lacks a clause of a query of tables that have no rows here.
        (_, Some(columns)) => {
            let mut seen = HashSet::new();
            let columns = columns.iter().enumerate().map(|(index, name)| {
                let name = name.replace('"', "");
                match seen.insert(name.clone()) {
                    true => format!("'' AS \"{name}\""),
                    false => format!("'' AS \"{name} {index}\""),
                }
            });
            let columns: Vec<_> = columns.collect();
            let nothing = format!("SELECT {} WHERE false", columns.join(", "));
            Ok(context.sql(&nothing).await?)
        }
        (Some(error), None) => Err(error.into()),
        (None, None) => Err(not_a_query()),
    }
}

/// Plans a query up to its operators: subqueries are planned last.
async fn planned(context: &SessionContext, query: Box<Query>) -> DfResult<DataFrame> {
    let state = context.state();
    let statement = DfStatement::Statement(Box::new(Statement::Query(query)));
    let plan = state.statement_to_plan(statement).await?;
    state.create_physical_plan(&plan).await?;
    Ok(DataFrame::new(state, plan))
}

fn not_a_query() -> Report {
    let message = "expected one query of pg_catalog, found another statement";
    Report::error(NOT_SUPPORTED, message)
}

/// Makes a context that has the catalog alone.
fn context(session: &Session, snapshot: &Arc<Snapshot>) -> Result<SessionContext, Report> {
    let config = SessionConfig::new()
        .with_default_catalog_and_schema("datafusion", SCHEMA)
        .with_target_partitions(1);
    // Files and memory are those of the session.
    let context = SessionContext::new_with_config_rt(config, session.context().runtime_env());
    register_tables(&context, snapshot)?;
    register_functions(&context, snapshot);
    Ok(context)
}

/// Wraps an error of the session.
fn of_session(error: Error) -> Report {
    Report::from(error)
}
