//! Statements that would change the schema of Fusebox's own tables.

use datafusion::common::{SchemaReference, TableReference};
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use fusebox_definition::{StatementError, Subject};
use fusebox_runtime::{Error, Result};

use crate::session::introspection::SCHEMA;

/// Refuses a statement that changes the schema or its tables, in any catalog.
pub(super) fn check(plan: &LogicalPlan, default_schema: &str) -> Result<()> {
    let is_ours = |name: &TableReference| name.schema().unwrap_or(default_schema) == SCHEMA;
    let changes = match plan {
        LogicalPlan::Dml(dml) => is_ours(&dml.table_name),
        LogicalPlan::Ddl(ddl) => match ddl {
            DdlStatement::CreateExternalTable(create) => is_ours(&create.name),
            DdlStatement::CreateMemoryTable(create) => is_ours(&create.name),
            DdlStatement::CreateView(create) => is_ours(&create.name),
            DdlStatement::CreateIndex(create) => is_ours(&create.table),
            DdlStatement::DropTable(drop) => is_ours(&drop.name),
            DdlStatement::DropView(drop) => is_ours(&drop.name),
            DdlStatement::CreateCatalogSchema(create) => {
                let name = create.schema_name.rsplit('.').next();
                name == Some(SCHEMA)
            }
            DdlStatement::DropCatalogSchema(drop) => match &drop.name {
                SchemaReference::Bare { schema } | SchemaReference::Full { schema, .. } => {
                    schema.as_ref() == SCHEMA
                }
            },
            _ => false,
        },
        _ => false,
    };
    match changes {
        true => {
            let subject = Subject::Schema(SCHEMA.to_owned());
            Err(Error::refused(subject, StatementError::ReadOnly))
        }
        false => Ok(()),
    }
}
