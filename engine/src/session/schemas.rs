//! Schemas that the catalog keeps, also without relations.

use std::sync::Arc;

use datafusion::catalog::MemorySchemaProvider;
use datafusion::common::{SchemaReference, TableReference};
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use fusebox_runtime::{Error, Result};

use super::contents::catalog_error;
use super::{Session, TRIES_MAX, query};
use crate::catalog::{CatalogChange, CatalogContents, CatalogError};

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
    /// Returns the qualified name.
    fn qualified(&self) -> String {
        TableReference::partial(&*self.catalog, &*self.schema).to_quoted_string()
    }
}

impl Session {
    /// Returns the schema that a statement creates or drops, if the catalog keeps it.
    pub(super) fn schema_change(&self, plan: &LogicalPlan) -> Option<SchemaChange> {
        if !self.catalog.keeps_relations() {
            return None;
        }
        let options = self.context.state_ref();
        let options = options.read().config_options().catalog.clone();
        let name = |catalog: Option<&str>, schema: &str| SchemaName {
            catalog: catalog.unwrap_or(&options.default_catalog).to_owned(),
            schema: schema.to_owned(),
        };
        match plan {
            // DataFusion splits the name in this way, too.
            LogicalPlan::Ddl(DdlStatement::CreateCatalogSchema(create)) => Some(
                SchemaChange::Create(match create.schema_name.split_once('.') {
                    Some((catalog, schema)) => name(Some(catalog), schema),
                    None => name(None, &create.schema_name),
                }),
            ),
            LogicalPlan::Ddl(DdlStatement::DropCatalogSchema(drop)) => {
                Some(SchemaChange::Drop(match &drop.name {
                    SchemaReference::Bare { schema } => name(None, schema),
                    SchemaReference::Full { schema, catalog } => name(Some(catalog), schema),
                }))
            }
            _ => None,
        }
    }

    /// Keeps a schema that a statement has created, or forgets one that it has dropped, with its
    /// relations.
    pub(super) fn keep_schema(&self, change: &SchemaChange) -> Result<()> {
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
