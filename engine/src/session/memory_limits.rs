//! Limits of the tables, views and rows that a session keeps in memory.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::catalog::information_schema::INFORMATION_SCHEMA;
use datafusion::common::TableReference;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::{MemTable, source_as_provider};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{DdlStatement, DmlStatement, LogicalPlan, WriteOp};
use fusebox_definition::{StatementError, Subject};
use fusebox_runtime::{Error, Result};

use super::introspection::SCHEMA;
use super::{Session, query};
use crate::memory_tables::{CollectedRows, Creation, ReservedPlan, relation_bytes};
use crate::scope::{KeptRows, QueryScope};

/// Table or view that a statement creates, whose plan is counted.
pub(super) struct CreatedRelation {
    name: TableReference,
    plan: ReservedPlan,
}

impl Session {
    /// Counts the rows that a statement puts into a table in memory against the limit of the
    /// session: those of `CREATE TABLE … AS` and of `INSERT`, also below EXPLAIN ANALYZE.
    pub(super) fn count_kept_rows(
        &self,
        plan: &LogicalPlan,
        state: &mut SessionState,
    ) -> Result<()> {
        let (table, collected, target) = match plan {
            LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(create)) => {
                (&create.name, Some(Arc::default()), None)
            }
            plan => match insert_of(plan).map_err(query)? {
                Some((dml, target)) => {
                    self.memory_tables.watch(&target);
                    (&dml.table_name, None, Some(target))
                }
                None => return Ok(()),
            },
        };
        self.memory_tables.update();
        let rows = KeptRows {
            table: self.short_name(table),
            collected,
            target,
            tables: Arc::clone(&self.memory_tables),
        };
        QueryScope::set_kept_rows(state.config_mut().options_mut(), Some(rows));
        Ok(())
    }

    /// Refuses to create one more table, view or schema than a session may have, and plans above
    /// the limit. Returns the relation that a statement creates, and its place among those of
    /// the session, which is to be kept until it is created.
    pub(super) fn check_relation(
        &self,
        plan: &LogicalPlan,
    ) -> Result<(Option<CreatedRelation>, Option<Creation>)> {
        let LogicalPlan::Ddl(statement) = plan else {
            return Ok((None, None));
        };
        let (subject, replaced) = match statement {
            DdlStatement::CreateMemoryTable(create) => {
                let subject = Subject::Table(self.short_name(&create.name));
                (subject, Some(&create.name))
            }
            DdlStatement::CreateExternalTable(create) => {
                let subject = Subject::Table(self.short_name(&create.name));
                (subject, Some(&create.name))
            }
            DdlStatement::CreateView(create) => {
                let subject = Subject::View(self.short_name(&create.name));
                (subject, Some(&create.name))
            }
            DdlStatement::CreateCatalogSchema(create) => {
                (Subject::Schema(create.schema_name.clone()), None)
            }
            DdlStatement::CreateCatalog(create) => {
                (Subject::Schema(create.catalog_name.clone()), None)
            }
            _ => return Ok((None, None)),
        };
        let created = self.reserve_relation(plan);
        let created = created.map_err(|reason| Error::refused(subject.clone(), reason))?;
        let exists = |name: &TableReference| self.context.table_exist(name.clone());
        if replaced.is_some_and(|name| exists(name).unwrap_or(false)) {
            return Ok((created, None));
        }
        let max = self.loader.options.catalog.relations_max;
        // This one is counted before those that exist are: of two statements that run at once,
        // one sees the other.
        let (creation, creations) = self.memory_tables.begin_creation();
        let found = self.relation_count() + creations;
        match found > max {
            true => Err(Error::refused(
                subject,
                StatementError::CatalogFull {
                    contents: format!("{found} tables, views and schemas"),
                    limit: "relations_max",
                    max: max.to_string(),
                },
            )),
            false => Ok((created, Some(creation))),
        }
    }

    /// Counts the plan of the relation that a statement creates.
    ///
    /// # Errors
    ///
    /// A refusal above the limit.
    pub(super) fn reserve_relation(
        &self,
        plan: &LogicalPlan,
    ) -> std::result::Result<Option<CreatedRelation>, StatementError> {
        let LogicalPlan::Ddl(statement) = plan else {
            return Ok(None);
        };
        let name = match statement {
            DdlStatement::CreateMemoryTable(create) => &create.name,
            DdlStatement::CreateExternalTable(create) => &create.name,
            DdlStatement::CreateView(create) => &create.name,
            _ => return Ok(None),
        };
        let plans = self.memory_tables.plans();
        Ok(Some(CreatedRelation {
            name: name.clone(),
            plan: plans.reserve(relation_bytes(statement))?,
        }))
    }

    /// Returns the number of tables, views and schemas that the session knows, but for those of
    /// introspection.
    fn relation_count(&self) -> u64 {
        let catalogs = self.context.catalog_names();
        let mut count = catalogs.len().saturating_sub(1);
        for catalog in catalogs {
            let Some(catalog) = self.context.catalog(&catalog) else {
                continue;
            };
            for name in catalog.schema_names() {
                let is_counted = name != INFORMATION_SCHEMA && name != SCHEMA;
                if let Some(schema) = catalog.schema(&name).filter(|_| is_counted) {
                    count += 1 + schema.table_names().len();
                }
            }
        }
        count as u64
    }

    /// Counts the rows and the plan of a relation that was created, in place of the rows that were
    /// collected for it.
    pub(super) async fn watch_relation(
        &self,
        created: CreatedRelation,
        collected: Option<&CollectedRows>,
    ) {
        // One that is gone again has none.
        let table = self.context.table_provider(created.name).await.ok();
        if let Some(table) = &table {
            created.plan.watch(table);
        }
        self.memory_tables.watch_created(table.as_ref(), collected);
    }
}

/// Returns the rows that a statement of this state collects for a new table.
pub(super) fn collected_rows(state: &SessionState) -> Option<Arc<CollectedRows>> {
    let rows = QueryScope::kept_rows(state.config_options())?;
    rows.collected.clone()
}

/// Returns the first statement of a plan that inserts rows into a table in memory, and the table.
fn insert_of(
    plan: &LogicalPlan,
) -> datafusion::common::Result<Option<(&DmlStatement, Arc<dyn TableProvider>)>> {
    let mut found = None;
    plan.apply(|plan| {
        if let LogicalPlan::Dml(dml) = plan
            && matches!(dml.op, WriteOp::Insert(_))
            && let Ok(target) = source_as_provider(&dml.target)
            && target.is::<MemTable>()
        {
            found = Some((dml, target));
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}
