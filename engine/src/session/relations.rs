//! Views, external tables and column defaults, recorded in the catalog.
//!
//! DataFusion creates them. Their SQL is recorded because it may use functions, and because
//! it is all that a durable catalog needs to create them again.

use std::sync::PoisonError;

use datafusion::common::TableReference;
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use datafusion::sql::parser::Statement as DfStatement;
use fusebox_runtime::Result;

use super::Session;
use super::contents::catalog_error;
use crate::catalog::{Catalog, CatalogChange, Relation, RelationKind};

/// Formats a statement that may create a relation; `None` for others, whose text may be
/// large.
pub(super) fn relation_sql(statement: &DfStatement) -> Option<String> {
    use datafusion::sql::sqlparser::ast::Statement;
    let may_create = match statement {
        DfStatement::CreateExternalTable(_) => true,
        DfStatement::Statement(statement) => matches!(
            statement.as_ref(),
            Statement::CreateView { .. } | Statement::CreateTable(_)
        ),
        _ => false,
    };
    may_create.then(|| statement.to_string())
}

/// Change that reverts a recorded one.
pub(super) struct Revert(Option<CatalogChange>);

impl Session {
    /// Records the relation that a statement creates or drops, before it is registered.
    pub(super) fn record_relation(
        &self,
        plan: &LogicalPlan,
        sql: Option<String>,
    ) -> Result<Revert> {
        let LogicalPlan::Ddl(ddl) = plan else {
            return Ok(Revert(None));
        };
        let sql = sql.unwrap_or_default();
        let options = self.context.state().config_options().catalog.clone();
        let resolved = |name: &TableReference| {
            let (catalog, schema) = (&options.default_catalog, &options.default_schema);
            name.clone().resolve(catalog, schema).to_string()
        };
        let exists =
            |name: &TableReference| self.context.table_exist(name.clone()).unwrap_or(false);
        let relation =
            |name: String, kind, sql| CatalogChange::PutRelation(Relation { name, kind, sql });
        let (name, change) = match ddl {
            DdlStatement::CreateView(view) => {
                let name = resolved(&view.name);
                (name.clone(), relation(name, RelationKind::View, sql))
            }
            DdlStatement::CreateExternalTable(table) => {
                if table.if_not_exists && exists(&table.name) {
                    return Ok(Revert(None));
                }
                let name = resolved(&table.name);
                (
                    name.clone(),
                    relation(name, RelationKind::ExternalTable, sql),
                )
            }
            DdlStatement::CreateMemoryTable(table) if !table.column_defaults.is_empty() => {
                if table.if_not_exists && exists(&table.name) {
                    return Ok(Revert(None));
                }
                let name = resolved(&table.name);
                (
                    name.clone(),
                    relation(name, RelationKind::ColumnDefaults, sql),
                )
            }
            DdlStatement::DropView(view) => {
                let name = resolved(&view.name);
                (name.clone(), CatalogChange::DropRelation(name))
            }
            DdlStatement::DropTable(table) => {
                let name = resolved(&table.name);
                (name.clone(), CatalogChange::DropRelation(name))
            }
            _ => return Ok(Revert(None)),
        };
        let before = self.temporary.contents().map_err(catalog_error)?;
        let revert = match before.relation(&name) {
            Some(before) => CatalogChange::PutRelation(before.clone()),
            None => CatalogChange::DropRelation(name),
        };
        self.change_relation(change)?;
        Ok(Revert(Some(revert)))
    }

    /// Reverts a recorded change whose statement failed.
    pub(super) fn revert_relation(&self, revert: Revert) -> Result<()> {
        revert
            .0
            .map_or(Ok(()), |change| self.change_relation(change))
    }

    fn change_relation(&self, change: CatalogChange) -> Result<()> {
        let own = self.own_catalog.lock();
        let _own = own.unwrap_or_else(PoisonError::into_inner);
        let contents = self.temporary.contents().map_err(catalog_error)?;
        let applied = self.temporary.apply(contents.version(), vec![change]);
        applied.map(drop).map_err(catalog_error)
    }
}
