//! `SELECT … INTO t`, as `CREATE TABLE t AS SELECT …`: a statement of which a catalog keeps the
//! table.

use std::mem;

use datafusion::sql::parser::Statement as DfStatement;
use sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use sqlparser::ast::{SelectInto, SetExpr, Statement};

/// Replaces a query whose first select puts its rows into a table by the statement that creates
/// the table.
pub(super) fn replace_select_into(statement: &mut DfStatement) {
    let DfStatement::Statement(statement) = statement else {
        return;
    };
    let Statement::Query(query) = statement.as_mut() else {
        return;
    };
    let Some(into) = take_into(&mut query.body) else {
        return;
    };
    let table = CreateTableBuilder::new(into.name);
    let table = table.temporary(into.temporary).build();
    let query = mem::replace(statement.as_mut(), Statement::CreateTable(table));
    if let (Statement::Query(query), Statement::CreateTable(table)) = (query, statement.as_mut()) {
        table.query = Some(query);
    }
}

/// Takes the clause INTO of the first select, which is about the rows of all of them.
fn take_into(mut body: &mut SetExpr) -> Option<SelectInto> {
    loop {
        match body {
            SetExpr::Select(select) => return select.into.take(),
            SetExpr::SetOperation { left, .. } => body = left,
            _ => return None,
        }
    }
}
