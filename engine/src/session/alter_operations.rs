//! Operations of ALTER TABLE.

use datafusion::sql::parser::Statement as DfStatement;
use fusebox_runtime::{Error, Result};
use sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation, ColumnDef, DataType, DropBehavior, Expr,
    Ident, RenameTableNameKind, Statement,
};

/// Change of a table.
pub(super) enum Operation {
    RenameTable(Ident),
    RenameColumn {
        from: Ident,
        to: Ident,
    },
    AddColumn {
        column: Box<ColumnDef>,
        if_not_exists: bool,
    },
    DropColumn {
        name: Ident,
        if_exists: bool,
    },
    SetType {
        name: Ident,
        data_type: DataType,
        using: Option<Box<Expr>>,
    },
}

/// Returns the statement if it is ALTER TABLE.
pub(super) fn altered_table(statement: &DfStatement) -> Option<&AlterTable> {
    let DfStatement::Statement(statement) = statement else {
        return None;
    };
    match statement.as_ref() {
        Statement::AlterTable(alter) => Some(alter),
        _ => None,
    }
}

/// Returns the operations of a statement.
///
/// # Errors
///
/// [`Error::Syntax`] for one that is not supported.
pub(super) fn operations(alter: &AlterTable) -> Result<Vec<Operation>> {
    let is_plain =
        alter.location.is_none() && alter.on_cluster.is_none() && alter.table_type.is_none();
    if !is_plain {
        return Err(unsupported(&alter.to_string()));
    }
    let mut operations = Vec::new();
    for operation in &alter.operations {
        match operation {
            AlterTableOperation::RenameTable {
                table_name: RenameTableNameKind::To(name) | RenameTableNameKind::As(name),
            } => match (&name.0[..], alter.operations.len()) {
                ([name], 1) if name.as_ident().is_some() => {
                    operations.extend(name.as_ident().cloned().map(Operation::RenameTable));
                }
                _ => {
                    return Err(Error::Syntax(format!(
                        "expected RENAME TO alone with a name in the same schema, found {name}"
                    )));
                }
            },
            AlterTableOperation::RenameColumn {
                old_column_name,
                new_column_name,
            } => operations.push(Operation::RenameColumn {
                from: old_column_name.clone(),
                to: new_column_name.clone(),
            }),
            AlterTableOperation::AddColumn {
                if_not_exists,
                column_def,
                column_position: None,
                ..
            } => operations.push(Operation::AddColumn {
                column: Box::new(column_def.clone()),
                if_not_exists: *if_not_exists,
            }),
            AlterTableOperation::DropColumn {
                column_names,
                if_exists,
                drop_behavior,
                ..
            } if !matches!(drop_behavior, Some(DropBehavior::Cascade)) => {
                let names = column_names.iter().cloned();
                operations.extend(names.map(|name| Operation::DropColumn {
                    name,
                    if_exists: *if_exists,
                }));
            }
            AlterTableOperation::AlterColumn {
                column_name,
                op:
                    AlterColumnOperation::SetDataType {
                        data_type, using, ..
                    },
            } => operations.push(Operation::SetType {
                name: column_name.clone(),
                data_type: data_type.clone(),
                using: using.clone().map(Box::new),
            }),
            other => return Err(unsupported(&other.to_string())),
        }
    }
    Ok(operations)
}

fn unsupported(found: &str) -> Error {
    Error::Syntax(format!(
        "expected RENAME TO, RENAME COLUMN, ADD COLUMN, DROP COLUMN or ALTER COLUMN … TYPE of \
         ALTER TABLE, found {found}: create the table again with CREATE OR REPLACE TABLE t \
         (columns) AS SELECT * FROM t"
    ))
}
