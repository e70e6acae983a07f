//! Statement of a table that ALTER TABLE changes.

use datafusion::sql::parser::Statement as DfStatement;
use fusebox_definition::Identifier;
use sqlparser::ast::{
    ColumnDef, CreateTable, Expr, Ident, IndexColumn, Statement, TableConstraint,
};

use super::relation_text::parsed;
use super::select_lists::name_of;

/// Parses a statement that creates a table and states its columns.
pub(super) fn create_table(sql: &str) -> Option<CreateTable> {
    let DfStatement::Statement(statement) = parsed(sql).ok()? else {
        return None;
    };
    match *statement {
        Statement::CreateTable(table) if !table.columns.is_empty() => Some(table),
        _ => None,
    }
}

/// Makes an identifier of a name, in quotes where it has to be.
pub(super) fn ident(name: &str) -> Ident {
    match Identifier(name).to_string().starts_with('"') {
        true => Ident::with_quote('"', name),
        false => Ident::new(name),
    }
}

/// Returns the column of a name.
pub(super) fn stated_column<'a>(
    table: &'a mut CreateTable,
    name: &str,
) -> Option<&'a mut ColumnDef> {
    let mut columns = table.columns.iter_mut();
    columns.find(|column| name_of(&column.name, true) == name)
}

/// Renames a column, in keys too.
pub(super) fn rename_stated(table: &mut CreateTable, from: &str, to: &str) {
    if let Some(column) = stated_column(table, from) {
        column.name = ident(to);
    }
    for column in table.constraints.iter_mut().flat_map(key_columns) {
        if let Expr::Identifier(name) = &mut column.column.expr
            && name_of(name, true) == from
        {
            *name = ident(to);
        }
    }
}

/// Drops a column, and the keys that have it.
pub(super) fn drop_stated(table: &mut CreateTable, name: &str) {
    table
        .columns
        .retain(|column| name_of(&column.name, true) != name);
    table.constraints.retain_mut(|constraint| {
        let mut columns = key_columns(constraint).iter();
        !columns.any(|column| match &column.column.expr {
            Expr::Identifier(stated) => name_of(stated, true) == name,
            _ => false,
        })
    });
}

/// Returns the columns of a key.
fn key_columns(constraint: &mut TableConstraint) -> &mut [IndexColumn] {
    match constraint {
        TableConstraint::PrimaryKey(key) => &mut key.columns,
        TableConstraint::Unique(key) => &mut key.columns,
        _ => &mut [],
    }
}
