//! Statements of relations as text, which is read as the same statement.

use std::fmt;
use std::ops::ControlFlow;

use datafusion::common::DataFusionError;
use datafusion::execution::context::SessionState;
use datafusion::sql::parser::{CreateExternalTable, DFParserBuilder, Statement as DfStatement};
use fusebox_definition::statement::{
    BoundedDialect, RECURSION_LIMIT_MAX, double_quotes, double_quotes_of_name, value_to_sql,
};
use fusebox_definition::{Identifier, Literal};
use fusebox_runtime::Result;
use sqlparser::ast::{
    ColumnDef, ObjectNamePart, Statement, Value, ValueWithSpan, Visit, VisitMut, Visitor,
};
use sqlparser::dialect::GenericDialect;

use super::query;
use super::quoted_names::{edit_names, quote_names};

/// Statement that may create a relation.
pub(super) struct RelationText {
    text: Text,
    /// True if the text is read as the same statement.
    is_faithful: bool,
    /// True for a view or a table of the session alone.
    pub(super) is_temporary: bool,
    /// True for a table whose columns are those of a query.
    pub(super) has_query_columns: bool,
}

enum Text {
    Other(String),
    ExternalTable(Box<CreateExternalTable>),
}

impl RelationText {
    /// Keeps the text of a statement that may create a relation; `None` for others, whose text
    /// may be large.
    ///
    /// TEMPORARY is removed from the statement, as DataFusion refuses it: all that it creates is
    /// the session's.
    pub(super) fn take(statement: &mut DfStatement, state: &SessionState) -> Option<Self> {
        if let DfStatement::CreateExternalTable(create) = statement {
            let is_temporary = create.temporary;
            let create = Box::new(create.clone());
            return Some(Self {
                is_faithful: is_same_table(&external_table_sql(&create), &create),
                text: Text::ExternalTable(create),
                is_temporary,
                has_query_columns: false,
            });
        }
        let DfStatement::Statement(statement) = statement else {
            return None;
        };
        let keeps_case = !state.config_options().sql_parser.enable_ident_normalization;
        if keeps_case
            && matches!(
                **statement,
                Statement::CreateView(_) | Statement::CreateTable(_)
            )
        {
            quote_names(statement);
        }
        let mut has_query_columns = false;
        let (sql, is_faithful, is_temporary) = match statement.as_mut() {
            Statement::CreateView(view) => {
                let is_temporary = std::mem::take(&mut view.temporary);
                let sql = statement_sql(&**statement);
                let is_faithful = is_same(&sql, statement);
                (sql, is_faithful, is_temporary)
            }
            Statement::CreateTable(table) => {
                let is_temporary = std::mem::take(&mut table.temporary);
                has_query_columns = table.columns.is_empty();
                // Its rows are kept, and not what computed them.
                let mut columns = table.clone();
                columns.query = None;
                columns.or_replace = false;
                columns.if_not_exists = false;
                let columns = Statement::CreateTable(columns);
                let sql = statement_sql(&columns);
                let is_faithful = has_query_columns || is_same(&sql, &columns);
                (sql, is_faithful, is_temporary)
            }
            _ => return None,
        };
        Some(Self {
            text: Text::Other(sql),
            is_faithful,
            is_temporary,
            has_query_columns,
        })
    }

    /// Returns true if the text is read as the same statement, by any session.
    pub(super) fn is_faithful(&self) -> bool {
        self.is_faithful
    }

    /// Formats the statement.
    pub(super) fn sql(&self) -> String {
        match &self.text {
            Text::Other(sql) => sql.clone(),
            Text::ExternalTable(create) => external_table_sql(create),
        }
    }

    /// Formats the statement with absolute paths, for sessions in other directories.
    pub(super) fn sql_with_absolute_paths(self) -> String {
        let Text::ExternalTable(mut create) = self.text else {
            return self.sql();
        };
        for location in &mut create.locations {
            let is_url = location.contains("://");
            if !is_url && let Ok(path) = std::path::absolute(&*location) {
                let slash = if location.ends_with('/') { "/" } else { "" };
                *location = format!("{}{slash}", path.display());
            }
        }
        external_table_sql(&create)
    }
}

/// Formats a statement, or a part of one.
pub(super) fn statement_sql(part: &(impl VisitMut + Clone + fmt::Display)) -> String {
    let mut part = part.clone();
    edit_names(&mut part, double_quotes_of_name);
    double_quotes(&mut part);
    part.to_string()
}

/// Formats `CREATE EXTERNAL TABLE` with all its clauses: DataFusion leaves out some.
pub(super) fn external_table_sql(create: &CreateExternalTable) -> String {
    let list = |items: Vec<String>| items.join(", ");
    let mut create = create.clone();
    double_quotes_of_table(&mut create);
    let mut sql = String::from("CREATE ");
    if create.unbounded {
        sql += "UNBOUNDED ";
    }
    sql += &format!("EXTERNAL TABLE {}", create.name);
    let columns = create.columns.iter().map(ToString::to_string);
    let constraints = create.constraints.iter().map(ToString::to_string);
    let columns: Vec<String> = columns.chain(constraints).collect();
    if !columns.is_empty() {
        sql += &format!(" ({})", list(columns));
    }
    sql += &format!(" STORED AS {}", create.file_type);
    if !create.table_partition_cols.is_empty() {
        let columns = create.table_partition_cols.iter();
        let columns = columns.map(|column| Identifier(column).to_string());
        sql += &format!(" PARTITIONED BY ({})", list(columns.collect()));
    }
    for order in &create.order_exprs {
        let keys = order.iter().map(ToString::to_string);
        sql += &format!(" WITH ORDER ({})", list(keys.collect()));
    }
    if !create.options.is_empty() {
        let options = create.options.iter();
        let options =
            options.map(|(name, value)| format!("{} {}", Literal(name), value_to_sql(value)));
        sql += &format!(" OPTIONS ({})", list(options.collect()));
    }
    let locations = create.locations.iter();
    let locations: Vec<_> = locations.map(|place| Literal(place).to_string()).collect();
    sql += &match &locations[..] {
        [location] => format!(" LOCATION {location}"),
        _ => format!(" LOCATION ({})", list(locations)),
    };
    sql
}

/// Doubles the quotes within names and literals of a table, for the printer, but for those of its
/// options.
fn double_quotes_of_table(create: &mut CreateExternalTable) {
    for part in &mut create.name.0 {
        if let ObjectNamePart::Identifier(name) = part {
            double_quotes_of_name(name);
        }
    }
    for column in &mut create.columns {
        double_quotes_of_name(&mut column.name);
    }
    edit_names(&mut create.columns, double_quotes_of_name);
    edit_names(&mut create.constraints, double_quotes_of_name);
    edit_names(&mut create.order_exprs, double_quotes_of_name);
    double_quotes(&mut create.columns);
    double_quotes(&mut create.constraints);
    double_quotes(&mut create.order_exprs);
}

/// Parses the statement of a relation.
///
/// # Errors
///
/// [`Error::Query`](fusebox_runtime::Error::Query) if the text is no statement.
pub(super) fn parsed(sql: &str) -> Result<DfStatement> {
    // As deep as any session could make it.
    // A text has no more tokens than bytes.
    let dialect = BoundedDialect::new(Box::new(GenericDialect {}), sql.len());
    let parser = DFParserBuilder::new(sql)
        .with_dialect(&dialect)
        .with_recursion_limit(RECURSION_LIMIT_MAX)
        .build();
    let parsed = parser.and_then(|mut parser| parser.parse_statements());
    let checked = dialect.check();
    checked.map_err(|error| query(DataFusionError::Plan(error.to_string())))?;
    let statement = parsed.map_err(query)?.pop_front();
    statement.ok_or_else(|| query(DataFusionError::Plan("its text is empty".to_owned())))
}

/// Returns true if a text is read as this statement. The parser of another dialect may make another
/// tree of it, with the same text and the same literals.
fn is_same(sql: &str, statement: &Statement) -> bool {
    match parsed(sql) {
        Ok(DfStatement::Statement(read)) => {
            *read == *statement
                || literals(&*read) == literals(statement) && statement_sql(&*read) == sql
        }
        _ => false,
    }
}

/// Returns true if a text is read as the statement of this external table.
fn is_same_table(sql: &str, create: &CreateExternalTable) -> bool {
    let Ok(DfStatement::CreateExternalTable(read)) = parsed(sql) else {
        return false;
    };
    let all = |create: &CreateExternalTable| {
        [
            literals(&create.columns),
            literals(&create.constraints),
            literals(&create.order_exprs),
            create
                .options
                .iter()
                .map(|(_, value)| value.clone())
                .collect(),
        ]
    };
    read.name == create.name && all(&read) == all(create)
}

/// Returns the literals in a part of a statement, in their order.
fn literals(part: &impl Visit) -> Vec<Value> {
    #[derive(Default)]
    struct Literals(Vec<Value>);

    impl Visitor for Literals {
        type Break = ();

        fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<()> {
            self.0.push(value.value.clone());
            ControlFlow::Continue(())
        }
    }

    let mut literals = Literals::default();
    // The visitor never breaks.
    let _ = part.visit(&mut literals);
    literals.0
}

/// Returns the columns that a statement states, if it creates a table.
pub(super) fn stated_columns(statement: &mut DfStatement) -> Option<&mut Vec<ColumnDef>> {
    match statement {
        DfStatement::CreateExternalTable(table) => Some(&mut table.columns),
        DfStatement::Statement(statement) => match statement.as_mut() {
            Statement::CreateTable(table) => Some(&mut table.columns),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests;
