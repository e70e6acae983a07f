//! `DEFAULT` in INSERT and UPDATE, which DataFusion's planner takes for a column, and columns that
//! UPDATE assigns twice, of which it keeps the last.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::datasource::TableProvider;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::unparser::expr_to_sql;
use fusebox_runtime::{Error, Result};
use sqlparser::ast::{
    Assignment, AssignmentTarget, ColumnDef, ColumnOption, Expr, Ident, Insert, ObjectName, Query,
    SetExpr, Statement, TableFactor, TableObject, Update, Value, Values,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use super::calls::normalized;
use super::expansion::check_defaults;
use super::relation_text::{parsed, stated_columns};
use super::relations::resolved;
use super::{Session, query};
use crate::stored_table::StoredTable;

impl Session {
    /// Replaces each `DEFAULT` that a statement inserts or assigns by the default of its column,
    /// and `DEFAULT VALUES` by those of all columns.
    pub(super) async fn fill_defaults(&self, statement: &mut DfStatement) -> Result<()> {
        match inner(statement) {
            Some(Statement::Insert(insert)) => self.fill_insert(insert).await,
            Some(Statement::Update(update)) => self.fill_update(update).await,
            _ => Ok(()),
        }
    }

    async fn fill_insert(&self, insert: &mut Insert) -> Result<()> {
        let is_all = insert.source.is_none() && insert.assignments.is_empty();
        let values = insert.source.as_deref_mut().and_then(values_of);
        let has_default = values.is_some_and(|values| cells(values).any(|(_, e)| is_default(e)));
        let TableObject::TableName(name) = &insert.table else {
            return Ok(());
        };
        if !is_all && !has_default {
            return Ok(());
        }
        let table = self.table_of(name).await?;
        let schema = table.provider.schema();
        let columns: Vec<_> = match insert.columns.is_empty() {
            true => schema.fields().iter().map(|f| f.name().clone()).collect(),
            false => insert.columns.iter().filter_map(column_name).collect(),
        };
        let defaults = columns.iter().map(|column| table.default_of(column));
        let defaults = defaults.collect::<Result<Vec<_>>>()?;
        if is_all {
            insert.source = Some(row_of(defaults)?);
            return Ok(());
        }
        if let Some(values) = insert.source.as_deref_mut().and_then(values_of) {
            let omitted = cells(values).filter(|(_, cell)| is_default(cell));
            check_defaults(omitted.filter_map(|(column, _)| defaults.get(column)))?;
        }
        let values = insert.source.as_deref_mut().and_then(values_of);
        for (column, cell) in values.into_iter().flat_map(cells) {
            if is_default(cell)
                && let Some(default) = defaults.get(column)
            {
                *cell = default.clone();
            }
        }
        Ok(())
    }

    async fn fill_update(&self, update: &mut Update) -> Result<()> {
        let TableFactor::Table { name, .. } = &update.table.relation else {
            return Ok(());
        };
        let name = name.clone();
        let assignments = update.assignments.iter_mut();
        for assignment in assignments.filter(|assignment| is_default(&assignment.value)) {
            if let AssignmentTarget::ColumnName(column) = &assignment.target
                && let Some(column) = column_name(column)
            {
                assignment.value = self.table_of(&name).await?.default_of(&column)?;
            }
        }
        Ok(())
    }

    async fn table_of(&self, name: &ObjectName) -> Result<Defaults> {
        let state = self.context.state_ref();
        let options = state.read().config_options().clone();
        let is_folded = options.sql_parser.enable_ident_normalization;
        let name = object_name_to_table_reference(name.clone(), is_folded).map_err(query)?;
        let qualified = resolved(&name, &options.catalog);
        let contents = self.contents()?;
        let relation = contents.temporary.relation(&qualified);
        let relation = relation.or_else(|| contents.shared.relation(&qualified));
        let statement = relation.and_then(|relation| parsed(&relation.sql).ok());
        let stated = statement.and_then(|mut statement| stated_columns(&mut statement).cloned());
        Ok(Defaults {
            stated: stated.unwrap_or_default(),
            provider: self.context.table_provider(name).await.map_err(query)?,
        })
    }
}

/// Table, and its columns as its statement states them.
struct Defaults {
    provider: Arc<dyn TableProvider>,
    stated: Vec<ColumnDef>,
}

impl Defaults {
    /// Returns the default of a column as SQL: NULL if it states none.
    fn default_of(&self, column: &str) -> Result<Expr> {
        let stored = self.provider.downcast_ref::<StoredTable>();
        if let Some(reason) = stored.and_then(StoredTable::wrong_defaults) {
            return Err(Error::Catalog(reason.to_owned()));
        }
        let Some(planned) = self.provider.get_column_default(column) else {
            return Ok(Expr::Value(Value::Null.into()));
        };
        let mut stated = self.stated.iter();
        let stated = stated.find(|stated| normalized(&stated.name) == column);
        let options = stated.into_iter().flat_map(|stated| &stated.options);
        let mut defaults = options.filter_map(|option| match &option.option {
            ColumnOption::Default(default) => Some(default.clone()),
            _ => None,
        });
        // SQL that is made of a plan may not mean the same.
        match defaults.next() {
            Some(default) => Ok(Expr::Nested(Box::new(default))),
            None => expr_to_sql(planned).map_err(query),
        }
    }
}

/// Refuses a statement that assigns a column twice, as PostgreSQL does.
///
/// # Errors
///
/// [`Error::Syntax`] with the name of the column.
pub(super) fn check_assignments(statement: &mut DfStatement) -> Result<()> {
    let Some(Statement::Update(update)) = inner(statement) else {
        return Ok(());
    };
    let mut assigned = HashSet::new();
    for column in update.assignments.iter().flat_map(assigned_columns) {
        if !assigned.insert(column.clone()) {
            return Err(Error::Syntax(format!(
                "expected one assignment for each column, found several to `{column}`: leave all \
                 but one out"
            )));
        }
    }
    Ok(())
}

fn assigned_columns(assignment: &Assignment) -> Vec<String> {
    match &assignment.target {
        AssignmentTarget::ColumnName(name) => column_name(name).into_iter().collect(),
        AssignmentTarget::Tuple(names) => names.iter().filter_map(column_name).collect(),
    }
}

/// Returns the statement that a statement explains or prepares, or else itself.
fn inner(statement: &mut DfStatement) -> Option<&mut Statement> {
    match statement {
        DfStatement::Statement(statement) => match statement.as_mut() {
            Statement::Prepare { statement, .. } => Some(statement),
            statement => Some(statement),
        },
        DfStatement::Explain(explain) => inner(&mut explain.statement),
        _ => None,
    }
}

/// Returns the rows of `VALUES`, if a query is nothing else.
fn values_of(source: &mut Query) -> Option<&mut Values> {
    match source.body.as_mut() {
        SetExpr::Values(values) => Some(values),
        _ => None,
    }
}

/// Returns the expressions of all rows, each with the number of its column.
fn cells(values: &mut Values) -> impl Iterator<Item = (usize, &mut Expr)> {
    let rows = values.rows.iter_mut();
    rows.flat_map(|row| row.content.iter_mut().enumerate())
}

fn is_default(expr: &Expr) -> bool {
    match expr {
        Expr::Identifier(Ident {
            value,
            quote_style: None,
            ..
        }) => value.eq_ignore_ascii_case("default"),
        _ => false,
    }
}

/// Returns the name of a column, in the case in which it is looked up.
fn column_name(name: &ObjectName) -> Option<String> {
    name.0.last()?.as_ident().map(normalized)
}

/// Returns `VALUES` of one row.
fn row_of(cells: Vec<Expr>) -> Result<Box<Query>> {
    let parsed = Parser::new(&GenericDialect {}).try_with_sql("VALUES (NULL)");
    let parsed = parsed.and_then(|mut parser| parser.parse_query());
    let mut query = parsed.map_err(|error| Error::Syntax(error.to_string()))?;
    if let Some(row) = values_of(&mut query).and_then(|values| values.rows.first_mut()) {
        row.content = cells;
    }
    Ok(query)
}
