//! Schemas that the catalog keeps, also without relations.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::catalog::MemorySchemaProvider;
use datafusion::common::config::CatalogOptions;
use datafusion::common::{SchemaReference, TableReference};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use fusebox_definition::{StatementError, Subject};
use fusebox_runtime::{Error, Result};

use super::contents::{Contents, catalog_error};
use super::dependent_views::views_over;
use super::{Session, TRIES_MAX, query};
use crate::catalog::{Catalog as _, CatalogChange, CatalogContents, CatalogError};

/// Schema that a statement creates or drops.
pub(super) enum SchemaChange {
    Create(SchemaName),
    Drop(SchemaName),
}

/// Name of a schema, and of its catalog of DataFusion.
pub(super) struct SchemaName {
    catalog: String,
    schema: String,
}

impl SchemaName {
    /// Returns the name that a statement states.
    fn of(name: &SchemaReference, options: &CatalogOptions) -> Self {
        let catalog = match name {
            SchemaReference::Bare { .. } => &*options.default_catalog,
            SchemaReference::Full { catalog, .. } => &**catalog,
        };
        Self {
            catalog: catalog.to_owned(),
            schema: name.schema_name().to_owned(),
        }
    }

    /// Returns the qualified name.
    fn qualified(&self) -> String {
        TableReference::partial(&*self.catalog, &*self.schema).to_quoted_string()
    }
}

impl Session {
    /// Returns the schema that a statement creates or drops.
    pub(super) fn schema_change(&self, plan: &LogicalPlan) -> Option<SchemaChange> {
        let options = self.context.state_ref();
        let options = options.read().config_options().catalog.clone();
        match plan {
            // DataFusion splits the name in this way, too.
            LogicalPlan::Ddl(DdlStatement::CreateCatalogSchema(create)) => {
                let (catalog, schema) = match create.schema_name.split_once('.') {
                    Some((catalog, schema)) => (catalog, schema),
                    None => (&*options.default_catalog, &*create.schema_name),
                };
                Some(SchemaChange::Create(SchemaName {
                    catalog: catalog.to_owned(),
                    schema: schema.to_owned(),
                }))
            }
            LogicalPlan::Ddl(DdlStatement::DropCatalogSchema(drop)) => {
                Some(SchemaChange::Drop(SchemaName::of(&drop.name, &options)))
            }
            _ => None,
        }
    }

    /// Refuses to drop a schema that has relations, unless they are dropped too, and one that is
    /// needed.
    pub(super) fn check_dropped_schema(
        &self,
        plan: &LogicalPlan,
        contents: &Contents,
        state: &SessionState,
    ) -> Result<()> {
        let LogicalPlan::Ddl(DdlStatement::DropCatalogSchema(drop)) = plan else {
            return Ok(());
        };
        let options = &state.config_options().catalog;
        let name = SchemaName::of(&drop.name, options);
        let refused = |reason| {
            let subject = Subject::Schema(name.schema.clone());
            Err(Error::refused(subject, reason))
        };
        if (&name.catalog, &name.schema) == (&options.default_catalog, &options.default_schema) {
            return refused(StatementError::DefaultSchema);
        }
        let relations = self.relations_of(&name, contents);
        // The catalog of the context refuses its own tables; others are not in it yet.
        if !drop.cascade && !relations.is_empty() {
            let catalog = self.context.catalog(&name.catalog);
            let schema = catalog.and_then(|catalog| catalog.schema(&name.schema));
            return match schema.is_some_and(|schema| !schema.table_names().is_empty()) {
                true => Ok(()),
                false => refused(StatementError::SchemaNotEmpty {
                    relations: relations.len(),
                }),
            };
        }
        let mut by = BTreeSet::new();
        for relation in &relations {
            let is_temporary = contents.temporary.relation(relation).is_some();
            let views = views_over(relation, is_temporary, contents, state);
            let others = views.iter().map(|view| &view.name);
            by.extend(
                others
                    .filter(|view| !relations.contains(*view))
                    .map(|view| self.short_name(&TableReference::parse_str(view))),
            );
        }
        if by.is_empty() {
            return Ok(());
        }
        let by = by.iter().map(|view| format!("view `{view}`")).collect();
        refused(StatementError::SchemaNeeded { by })
    }

    /// Returns the qualified names of the relations of a schema.
    fn relations_of(&self, name: &SchemaName, contents: &Contents) -> BTreeSet<String> {
        let catalog = self.context.catalog(&name.catalog);
        let schema = catalog.and_then(|catalog| catalog.schema(&name.schema));
        let tables = schema.map(|schema| schema.table_names());
        let registered = tables.unwrap_or_default().into_iter().map(|table| {
            TableReference::full(&*name.catalog, &*name.schema, table).to_quoted_string()
        });
        let inner = format!("{}.", name.qualified());
        let recorded = contents.shared.relations();
        let recorded = recorded.chain(contents.temporary.relations());
        let recorded = recorded.map(|relation| relation.name.clone());
        let recorded = recorded.filter(|relation| relation.starts_with(&inner));
        registered.chain(recorded).collect()
    }

    /// Keeps a schema that a statement has created, or forgets one that it has dropped, with its
    /// relations.
    pub(super) fn keep_schema(&self, change: &SchemaChange) -> Result<()> {
        if let SchemaChange::Drop(name) = change {
            let inner = format!("{}.", name.qualified());
            let temporary = self.temporary.contents().map_err(catalog_error)?;
            let relations = temporary.relations().map(|relation| &relation.name);
            for relation in relations.filter(|relation| relation.starts_with(&inner)) {
                self.change_relation(CatalogChange::DropRelation(relation.clone()))?;
            }
        }
        if !self.catalog.keeps_relations() {
            return Ok(());
        }
        for _ in 0..TRIES_MAX {
            let contents = self.catalog.contents().map_err(catalog_error)?;
            let changes = changes_of(change, &contents);
            if changes.is_empty() {
                return Ok(());
            }
            match self.catalog.apply(contents.version(), changes) {
                Ok(_) => return Ok(()),
                Err(CatalogError::Conflict) => {}
                Err(error) => return Err(catalog_error(error)),
            }
        }
        Err(Error::Catalog(format!(
            "the schema was not kept, because others changed the catalog {TRIES_MAX} times \
             meanwhile: try again"
        )))
    }

    /// Creates the schemas of the catalog that this session has not.
    pub(super) fn register_schemas(&self, contents: &CatalogContents) -> Result<()> {
        for name in contents.schemas() {
            // The parts of a name, whatever they are of.
            if let TableReference::Partial { schema, table } = TableReference::parse_str(name) {
                self.create_schema(&schema, &table)?;
            }
        }
        Ok(())
    }

    /// Creates a schema, unless there is one.
    pub(super) fn create_schema(&self, catalog: &str, schema: &str) -> Result<()> {
        if let Some(catalog) = self.context.catalog(catalog)
            && catalog.schema(schema).is_none()
        {
            let empty = Arc::new(MemorySchemaProvider::new());
            catalog.register_schema(schema, empty).map_err(query)?;
        }
        Ok(())
    }
}

/// Returns the changes of the catalog for that of a schema.
fn changes_of(change: &SchemaChange, contents: &CatalogContents) -> Vec<CatalogChange> {
    match change {
        SchemaChange::Create(name) => {
            let name = name.qualified();
            let is_kept = contents.schemas().any(|kept| *kept == *name);
            let put = (!is_kept).then_some(CatalogChange::PutSchema(name));
            put.into_iter().collect()
        }
        SchemaChange::Drop(name) => {
            let name = name.qualified();
            let inner = format!("{name}.");
            let relations = contents.relations().map(|relation| &relation.name);
            let dropped = relations.filter(|relation| relation.starts_with(&inner));
            let mut changes: Vec<_> = dropped.cloned().map(CatalogChange::DropRelation).collect();
            if contents.schemas().any(|kept| *kept == *name) {
                changes.push(CatalogChange::DropSchema(name));
            }
            changes
        }
    }
}
