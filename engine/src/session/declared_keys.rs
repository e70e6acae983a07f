//! Keys that `CREATE TABLE` declares: primary keys and unique columns.

use arrow::datatypes::Schema;
use datafusion::common::{Constraint, Constraints, TableReference};
use datafusion::datasource::MemTable;
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use datafusion::sql::parser::Statement as DfStatement;
use fusebox_runtime::{Error, Result};
use sqlparser::ast::{
    ColumnDef, ColumnOption, ColumnOptionDef, CreateTable, Expr, IndexColumn, NullsDistinctOption,
    Statement, TableConstraint, UniqueConstraint,
};

use super::calls::normalized;
use super::{Session, query};
use crate::table_keys::TableKeys;

/// Checks the columns and keys of a table that a statement creates, and makes the columns of its
/// primary key NOT NULL.
///
/// # Errors
///
/// [`Error::Syntax`] for a clause that would have no effect.
pub(super) fn declare_keys(statement: &mut DfStatement) -> Result<()> {
    let Some(table) = created_table(statement) else {
        return Ok(());
    };
    let syntax = |message: &str| Err(Error::Syntax(message.to_owned()));
    if table.columns.is_empty() && !table.constraints.is_empty() {
        return syntax("expected the columns of the table beside its keys, found keys alone");
    }
    check_options(&table.columns)?;
    let constraints = table.constraints.iter();
    let constraints = constraints.filter_map(|constraint| match constraint {
        TableConstraint::Unique(unique) => Some(check_unique(unique)),
        TableConstraint::PrimaryKey(key) if key.characteristics.is_some() => {
            Some(Err(deferred("PRIMARY KEY")))
        }
        _ => None,
    });
    constraints.collect::<Result<()>>()?;
    let primary = primary_columns(table);
    if primary.len() > 1 {
        return syntax("expected one PRIMARY KEY, found several: write UNIQUE for the others");
    }
    let names: Vec<String> = primary.into_iter().flatten().collect();
    for column in &mut table.columns {
        let is_not_null = |stated: &ColumnOptionDef| matches!(stated.option, ColumnOption::NotNull);
        if names.contains(&normalized(&column.name)) && !column.options.iter().any(is_not_null) {
            column.options.push(ColumnOptionDef {
                name: None,
                option: ColumnOption::NotNull,
            });
        }
    }
    Ok(())
}

/// Returns the constraints of a table of a schema that a statement declares, as far as the schema
/// has their columns.
pub(super) fn declared_constraints(statement: &DfStatement, schema: &Schema) -> Constraints {
    let DfStatement::Statement(statement) = statement else {
        return Constraints::default();
    };
    let Statement::CreateTable(table) = statement.as_ref() else {
        return Constraints::default();
    };
    let indices = |names: Vec<String>| -> Option<Vec<usize>> {
        let indices = names.iter().map(|name| schema.index_of(name).ok());
        indices.collect()
    };
    let of_columns = table.columns.iter().flat_map(|column| {
        let name = vec![normalized(&column.name)];
        let options = column.options.iter();
        options.filter_map(move |stated| match stated.option {
            ColumnOption::PrimaryKey(_) => Some((true, name.clone())),
            ColumnOption::Unique(_) => Some((false, name.clone())),
            _ => None,
        })
    });
    let of_table = table.constraints.iter();
    let of_table = of_table.filter_map(|constraint| match constraint {
        TableConstraint::PrimaryKey(key) => Some((true, names(&key.columns))),
        TableConstraint::Unique(key) => Some((false, names(&key.columns))),
        _ => None,
    });
    let constraints = of_columns.chain(of_table);
    let constraints = constraints.filter_map(|(is_primary, names)| {
        let indices = indices(names)?;
        Some(match is_primary {
            true => Constraint::PrimaryKey(indices),
            false => Constraint::Unique(indices),
        })
    });
    Constraints::new_unverified(constraints.collect())
}

impl Session {
    /// Returns the keys of a table in memory that a plan creates, with its name.
    ///
    /// # Errors
    ///
    /// A refusal of a key whose values cannot be compared.
    pub(super) fn created_keys(
        &self,
        plan: &LogicalPlan,
    ) -> Result<Option<(TableReference, TableKeys)>> {
        let LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(create)) = plan else {
            return Ok(None);
        };
        let keys = TableKeys::new(self.short_name(&create.name), Some(&create.constraints));
        keys.check_types(create.input.schema().as_arrow())?;
        let exists = self.context.table_exist(create.name.clone());
        let is_left = create.if_not_exists && exists.map_err(query)?;
        Ok((!keys.is_empty() && !is_left).then(|| (create.name.clone(), keys)))
    }

    /// Checks the keys of the rows of a table in memory that was created, and drops it if they are
    /// not different.
    pub(super) async fn check_created(
        &self,
        created: Option<(TableReference, TableKeys)>,
    ) -> Result<()> {
        let Some((name, keys)) = created else {
            return Ok(());
        };
        let table = self.context.table_provider(name.clone()).await;
        let table = table.map_err(query)?;
        let mut batches = Vec::new();
        for partition in table
            .downcast_ref::<MemTable>()
            .iter()
            .flat_map(|t| &t.batches)
        {
            batches.extend(partition.read().await.iter().cloned());
        }
        let (schema, pool) = (table.schema(), self.memory_pool());
        if let Err(error) = keys.of_added(&schema, &batches, &pool).await {
            self.context.deregister_table(name).map_err(query)?;
            return Err(query(error));
        }
        Ok(())
    }
}

/// Returns the table that a statement creates.
fn created_table(statement: &mut DfStatement) -> Option<&mut CreateTable> {
    let DfStatement::Statement(statement) = statement else {
        return None;
    };
    match statement.as_mut() {
        Statement::CreateTable(table) => Some(table),
        _ => None,
    }
}

/// Refuses options of columns that DataFusion would leave out, though they change values.
fn check_options(columns: &[ColumnDef]) -> Result<()> {
    for stated in columns.iter().flat_map(|column| &column.options) {
        match &stated.option {
            ColumnOption::Generated { .. }
            | ColumnOption::Identity(_)
            | ColumnOption::DialectSpecific(_)
            | ColumnOption::Materialized(_)
            | ColumnOption::Ephemeral(_)
            | ColumnOption::Alias(_)
            | ColumnOption::OnConflict(_)
            | ColumnOption::OnUpdate(_) => {
                return Err(Error::Syntax(format!(
                    "expected DEFAULT, NULL, NOT NULL, UNIQUE or PRIMARY KEY of a column, found \
                     {}: leave it out",
                    stated.option
                )));
            }
            ColumnOption::Unique(unique) => check_unique(unique)?,
            ColumnOption::PrimaryKey(key) if key.characteristics.is_some() => {
                return Err(deferred("PRIMARY KEY"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_unique(unique: &UniqueConstraint) -> Result<()> {
    if matches!(unique.nulls_distinct, NullsDistinctOption::NotDistinct) {
        return Err(Error::Syntax(
            "expected UNIQUE, whose nulls are distinct, found NULLS NOT DISTINCT: leave it out, \
             and declare the columns NOT NULL"
                .to_owned(),
        ));
    }
    match unique.characteristics {
        Some(_) => Err(deferred("UNIQUE")),
        None => Ok(()),
    }
}

/// Refuses a key that is checked at another time, or never.
fn deferred(kind: &str) -> Error {
    Error::Syntax(format!(
        "expected {kind} without DEFERRABLE and ENFORCED, which each statement checks at its end: \
         leave them out"
    ))
}

/// Returns the columns of each primary key.
fn primary_columns(table: &CreateTable) -> Vec<Vec<String>> {
    let of_columns = table.columns.iter().flat_map(|column| {
        let options = column.options.iter();
        let keys = options.filter(|stated| matches!(stated.option, ColumnOption::PrimaryKey(_)));
        keys.map(|_| vec![normalized(&column.name)])
    });
    let of_table = table.constraints.iter();
    let of_table = of_table.filter_map(|constraint| match constraint {
        TableConstraint::PrimaryKey(key) => Some(names(&key.columns)),
        _ => None,
    });
    of_columns.chain(of_table).collect()
}

/// Returns the names of the columns of a key.
fn names(columns: &[IndexColumn]) -> Vec<String> {
    let names = columns.iter().map(|column| match &column.column.expr {
        Expr::Identifier(name) => normalized(name),
        other => other.to_string(),
    });
    names.collect()
}
