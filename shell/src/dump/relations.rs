//! Relations of a session, and the statements that create them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{Field, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::{Constraint, TableReference};
use datafusion::logical_expr::TableType;
use datafusion::sql::parser::{DFParser, Statement as DfStatement};
use datafusion::sql::sqlparser::ast::Statement;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::unparser::expr_to_sql;
use fusebox::{CatalogContents, Identifier, Literal, RelationKind, Session, TableRows};

use super::rows;
use crate::failure::Failure;
use crate::runner::Runner;
use crate::sql_types::exact_type;

/// Relation that can be created again.
pub(super) struct Described {
    /// Qualified name.
    pub(super) name: String,
    /// Statement that creates it, without a semicolon.
    sql: String,
    rows: Rows,
    is_view: bool,
    /// Qualified names of the relations that a view reads.
    needs: BTreeSet<String>,
}

/// Rows of a relation.
enum Rows {
    /// None that can be read.
    Unknown,
    /// Those of other relations, or of files.
    Elsewhere,
    /// Those of a table of the catalog.
    Kept(TableRows),
    /// Those of a table in memory.
    InMemory(SchemaRef),
}

impl Described {
    /// Returns the kind of the relation.
    pub(super) fn kind(&self) -> &'static str {
        if self.is_view { "view" } else { "table" }
    }

    /// Returns the statement that creates it.
    pub(super) fn create(&self) -> String {
        format!("{};", self.sql)
    }

    /// Returns why its statement would fail: a file, a function or a relation that it needs is
    /// gone.
    pub(super) fn check(&self, runner: &Runner) -> Result<Option<Failure>, Failure> {
        if !matches!(self.rows, Rows::Elsewhere) {
            return Ok(None);
        }
        let session = Arc::clone(runner.session());
        let query = format!("SELECT * FROM {} LIMIT 0", self.name);
        let planned = runner.wait(async move { session.sql(&query).await.map(drop) })?;
        Ok(planned.err().map(Failure::from))
    }

    /// Adds the statements that create it, and insert its rows.
    pub(super) fn dump(
        &self,
        runner: &Runner,
        statements: &mut Vec<String>,
    ) -> Result<(), Failure> {
        statements.push(self.create());
        let (schema, batches) = match &self.rows {
            Rows::Elsewhere | Rows::Unknown => return Ok(()),
            Rows::Kept(rows) => (rows.schema(), rows.load().map_err(Failure::Catalog)?),
            Rows::InMemory(schema) => {
                let context = runner.session().context().clone();
                let table = TableReference::parse_str(&self.name);
                let rows =
                    runner.wait(async move { context.table(table).await?.collect().await })?;
                (schema, rows?)
            }
        };
        rows::dump(&self.name, schema, &batches, statements)
    }
}

/// Returns the relations that a catalog keeps.
pub(super) fn of_catalog(session: &Session, contents: &CatalogContents) -> Vec<Described> {
    let relations = contents.relations().map(|relation| {
        let sql = match &relation.rows {
            Some(rows) => created(&relation.sql, rows.schema()),
            None => relation.sql.clone(),
        };
        Described {
            name: relation.name.clone(),
            rows: match &relation.rows {
                Some(rows) => Rows::Kept(rows.clone()),
                None if relation.kind == RelationKind::ColumnDefaults => Rows::Unknown,
                None => Rows::Elsewhere,
            },
            is_view: relation.kind == RelationKind::View,
            needs: needs(session, &sql),
            sql,
        }
    });
    relations.collect()
}

/// Returns the relations of a session alone.
pub(super) fn of_session(
    runner: &Runner,
    contents: &CatalogContents,
) -> Result<Vec<Described>, Failure> {
    let context = runner.session().context();
    let mut relations = Vec::new();
    for catalog_name in context.catalog_names() {
        let Some(catalog) = context.catalog(&catalog_name) else {
            continue;
        };
        let is_of_users = |schema: &String| !["information_schema", "fusebox"].contains(&&**schema);
        for schema_name in catalog.schema_names().into_iter().filter(is_of_users) {
            let Some(schema) = catalog.schema(&schema_name) else {
                continue;
            };
            for table in schema.table_names() {
                let name = TableReference::full(&*catalog_name, &*schema_name, &*table);
                let name = name.to_quoted_string();
                if contents.relation(&name).is_some() {
                    continue;
                }
                let schema = Arc::clone(&schema);
                let found = runner.wait(async move { schema.table(&table).await })?;
                if let Some(provider) = found? {
                    relations.extend(described(runner.session(), name, provider.as_ref()));
                }
            }
        }
    }
    relations.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(relations)
}

/// Describes a table or a view in memory; `None` for one that no statement creates.
fn described(session: &Session, name: String, provider: &dyn TableProvider) -> Option<Described> {
    let is_view = provider.table_type() == TableType::View;
    let (sql, rows) = match provider.get_table_definition() {
        Some(sql) => (sql.to_owned(), Rows::Elsewhere),
        None if provider.table_type() == TableType::Base => {
            let sql = create_table(&name, provider);
            (sql, Rows::InMemory(provider.schema()))
        }
        None => return None,
    };
    Some(Described {
        name,
        rows,
        is_view,
        needs: needs(session, &sql),
        sql,
    })
}

/// Returns the statement that creates a table in memory.
fn create_table(name: &str, provider: &dyn TableProvider) -> String {
    let schema = provider.schema();
    let create = format!("CREATE TABLE {name}");
    let columns = columns(&schema, |field| {
        let default = provider.get_column_default(field.name())?;
        let default = expr_to_sql(default).ok()?;
        Some(format!(" DEFAULT {default}"))
    });
    let Some(mut columns) = columns else {
        return created(&format!("{create} ()"), &schema);
    };
    let constraints = provider
        .constraints()
        .into_iter()
        .flat_map(|all| all.iter());
    for constraint in constraints {
        let (kind, indices) = match constraint {
            Constraint::PrimaryKey(indices) => ("PRIMARY KEY", indices),
            Constraint::Unique(indices) => ("UNIQUE", indices),
        };
        let names = indices
            .iter()
            .filter_map(|index| schema.fields().get(*index));
        let names = names.map(|field| Identifier(field.name()).to_string());
        columns.push(format!("{kind} ({})", names.collect::<Vec<_>>().join(", ")));
    }
    format!("{create} ({})", columns.join(", "))
}

/// Returns the statement that creates a table without rows: that of the user, or one of the types
/// of a query, whose statement has no columns.
fn created(sql: &str, schema: &SchemaRef) -> String {
    let Some(without_columns) = sql.strip_suffix(" ()") else {
        return sql.to_owned();
    };
    if schema.fields().is_empty() {
        return sql.to_owned();
    }
    if let Some(columns) = columns(schema, |_| None) {
        return format!("{without_columns} ({})", columns.join(", "));
    }
    let columns = schema.fields().iter().map(|field| {
        let (data_type, name) = (field.data_type().to_string(), Identifier(field.name()));
        format!("arrow_cast(NULL, {}) AS {name}", Literal(&data_type))
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    format!("{without_columns} AS SELECT {columns} LIMIT 0")
}

/// Writes columns as in `CREATE TABLE`, with what `after` returns after their types; `None` if SQL
/// has no name of a type.
fn columns(schema: &SchemaRef, after: impl Fn(&Field) -> Option<String>) -> Option<Vec<String>> {
    let columns = schema.fields().iter().map(|field| {
        let (name, data_type) = (Identifier(field.name()), exact_type(field.data_type())?);
        let not_null = if field.is_nullable() { "" } else { " NOT NULL" };
        let after = after(field).unwrap_or_default();
        Some(format!("{name} {data_type}{not_null}{after}"))
    });
    columns.collect()
}

/// Returns the qualified names of the relations that the query of a view reads.
fn needs(session: &Session, sql: &str) -> BTreeSet<String> {
    let parsed = DFParser::parse_sql_with_dialect(sql, &GenericDialect {});
    let Some(DfStatement::Statement(statement)) = parsed.ok().and_then(|mut all| all.pop_front())
    else {
        return BTreeSet::new();
    };
    let Statement::CreateView(view) = *statement else {
        return BTreeSet::new();
    };
    let query = DfStatement::Statement(Box::new(Statement::Query(view.query)));
    let state = session.context().state();
    let options = &state.config_options().catalog;
    let names = state.resolve_table_references(&query).unwrap_or_default();
    let names = names.into_iter().map(|name| {
        let name = name.resolve(&options.default_catalog, &options.default_schema);
        TableReference::from(name).to_quoted_string()
    });
    names.collect()
}

/// Orders relations so that views come after tables, and after the views that they read.
pub(super) fn ordered(relations: Vec<Described>) -> Vec<Described> {
    let (mut left, mut ordered): (Vec<_>, Vec<_>) =
        relations.into_iter().partition(|relation| relation.is_view);
    while !left.is_empty() {
        let names: BTreeSet<String> = left.iter().map(|view| view.name.clone()).collect();
        let is_ready = |view: &Described| view.needs.is_disjoint(&names);
        let (ready, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(is_ready);
        // Views that need each other cannot be created: their order does not matter.
        let is_circle = ready.is_empty();
        ordered.extend(ready);
        left = rest;
        if is_circle {
            ordered.append(&mut left);
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_come_after_tables_and_views_that_they_read() {
        let relation = |name: &str, is_view, needs: &[&str]| Described {
            name: name.to_owned(),
            sql: String::new(),
            rows: Rows::Elsewhere,
            is_view,
            needs: needs.iter().map(|&name| name.to_owned()).collect(),
        };
        let relations = vec![
            relation("d.p.a", true, &["d.p.c", "d.s.a", "d.t.b"]),
            relation("d.p.c", true, &["d.t.b"]),
            relation("d.p.x", true, &["d.p.y"]),
            relation("d.p.y", true, &["d.p.x"]),
            relation("d.s.a", true, &[]),
            relation("d.t.b", false, &[]),
        ];
        let names: Vec<_> = ordered(relations)
            .into_iter()
            .map(|found| found.name)
            .collect();
        assert_eq!(
            names,
            ["d.t.b", "d.p.c", "d.s.a", "d.p.a", "d.p.x", "d.p.y"].map(str::to_owned)
        );
    }
}
