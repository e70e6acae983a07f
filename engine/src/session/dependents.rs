//! Views and tables that call functions: what DROP refuses to leave without them.
//!
//! They are the session's own. Those of other sessions of a catalog do not keep it from
//! changing: a view of theirs fails when it runs, and names the function.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::catalog::{
    DynamicFileSchemaProvider, MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::common::{DFSchema, Result as DfResult, TableReference};
use datafusion::datasource::MemTable;
use datafusion::datasource::listing::ListingTable;
use datafusion::logical_expr::Expr;
use datafusion::sql::parser::Statement as DfStatement;
use fusebox_definition::{FunctionKey, StatementError, Subject};
use fusebox_runtime::{Error, Result};
use sqlparser::ast::ColumnOption;

use super::calls::normalized;
use super::contents::{Changes, Contents};
use super::relation_text::{external_table_sql, parsed, stated_columns, statement_sql};
use super::{Session, query};
use crate::catalog::CatalogChange;
use crate::file_access::FileSchema;
use crate::function::{called_by_expr, called_by_plan};
use crate::stored_table::StoredTable;

/// Relation that calls functions.
pub(super) struct Dependent {
    name: TableReference,
    part: Part,
    provider: Arc<dyn TableProvider>,
}

/// Part of a relation that calls functions.
enum Part {
    View,
    /// Defaults of these columns.
    Defaults(Vec<String>),
    /// The order of its rows.
    Order,
}

impl Session {
    /// Returns the relations that call functions which the changes drop.
    pub(super) async fn dependents(
        &self,
        contents: &Contents,
        changes: &Changes,
    ) -> Result<Vec<Dependent>> {
        let dropped = contents.dropped_by(changes);
        let mut dependents = Vec::new();
        if dropped.is_empty() {
            return Ok(dependents);
        }
        // Those of the catalog are registered when a statement mentions them.
        self.register_every_relation().await?;
        let catalogs = Arc::clone(self.context.state_ref().read().catalog_list());
        for catalog_name in catalogs.catalog_names() {
            let catalog = catalogs.catalog(&catalog_name);
            for schema_name in catalog.iter().flat_map(|catalog| catalog.schema_names()) {
                let schema = catalog.as_ref().and_then(|c| c.schema(&schema_name));
                // Other providers are the embedder's, and may be remote.
                let is_own = |schema: &Arc<dyn SchemaProvider>| {
                    schema.is::<MemorySchemaProvider>()
                        || schema.is::<DynamicFileSchemaProvider>()
                        || schema.is::<FileSchema>()
                };
                let Some(schema) = schema.filter(is_own) else {
                    continue;
                };
                for table in sorted_names(schema.as_ref()) {
                    let Some(provider) = schema.table(&table).await.map_err(query)? else {
                        continue;
                    };
                    let name = TableReference::full(&*catalog_name, &*schema_name, &*table);
                    let parts = parts_that_call(&provider, &dropped).map_err(query)?;
                    dependents.extend(parts.into_iter().map(|part| Dependent {
                        name: name.clone(),
                        part,
                        provider: Arc::clone(&provider),
                    }));
                }
            }
        }
        Ok(dependents)
    }

    /// Refuses to drop what relations need, or with `cascade` adds the changes that drop
    /// these.
    pub(super) async fn check_dependents(
        &self,
        contents: &Contents,
        changes: &mut Changes,
        subject: &Subject,
        cascade: bool,
    ) -> Result<Vec<Dependent>> {
        let dependents = self.dependents(contents, changes).await?;
        let refused = |reason| Err(Error::refused(subject.clone(), reason));
        if !cascade && !dependents.is_empty() {
            let by = dependents
                .iter()
                .map(|dependent| self.describe_dependent(dependent));
            return refused(StatementError::Needed { by: by.collect() });
        }
        for dependent in &dependents {
            let name = dependent.name.to_quoted_string();
            let (found, changed) = match contents.temporary.relation(&name) {
                Some(found) => (Some(found), &mut changes.temporary),
                None => (contents.shared.relation(&name), &mut changes.shared),
            };
            match &dependent.part {
                Part::View | Part::Order if found.is_some() => {
                    changed.push(CatalogChange::DropRelation(name));
                }
                Part::View | Part::Order => {}
                Part::Defaults(columns) => {
                    let is_stored = dependent.provider.is::<StoredTable>();
                    if !is_stored && without_defaults(&dependent.provider, columns).is_none() {
                        let described = self.describe_dependent(dependent);
                        return refused(StatementError::NotDroppable(described));
                    }
                    let text = found.and_then(|found| text_without_defaults(&found.sql, columns));
                    if let Some((found, sql)) = found.zip(text) {
                        let mut relation = found.clone();
                        relation.sql = sql;
                        changed.push(CatalogChange::PutRelation(relation));
                    }
                }
            }
        }
        Ok(dependents)
    }

    /// Drops relations, or their defaults.
    pub(super) fn drop_dependents(&self, dependents: Vec<Dependent>) -> Result<()> {
        for Dependent { name, part, .. } in dependents {
            let before = self.context.deregister_table(name.clone()).map_err(query)?;
            // A part of a table that was dropped before. A table of the catalog is registered again
            // by the next statement that mentions it.
            let Some(before) = before else { continue };
            if let Part::Defaults(columns) = part
                && let Some(table) = without_defaults(&before, &columns)
            {
                self.context.register_table(name, table).map_err(query)?;
            }
        }
        Ok(())
    }

    /// Returns the name of a relation, without a catalog and a schema that are the default.
    pub(super) fn short_name(&self, name: &TableReference) -> String {
        let options = self.context.state_ref();
        let options = options.read().config_options().catalog.clone();
        match name {
            TableReference::Full {
                catalog,
                schema,
                table,
            } if **catalog == options.default_catalog && **schema == options.default_schema => {
                table.to_string()
            }
            name => name.to_string(),
        }
    }

    /// Returns the name of a relation, or of its columns, as in a message.
    fn describe_dependent(&self, dependent: &Dependent) -> String {
        let name = self.short_name(&dependent.name);
        match &dependent.part {
            Part::View => format!("view `{name}`"),
            Part::Order => format!("the order of table `{name}`"),
            Part::Defaults(columns) => {
                let columns: Vec<_> = columns.iter().map(|column| format!("`{column}`")).collect();
                format!("the default of {} of table `{name}`", columns.join(", "))
            }
        }
    }
}

fn sorted_names(schema: &dyn SchemaProvider) -> Vec<String> {
    let mut names = schema.table_names();
    names.sort();
    names
}

impl Contents {
    /// Returns the functions that are seen now and not after the changes.
    fn dropped_by(&self, changes: &Changes) -> HashSet<FunctionKey> {
        let after = Self {
            shared: Arc::new(self.shared.with(changes.shared.clone())),
            temporary: Arc::new(self.temporary.with(changes.temporary.clone())),
        };
        let keys = |contents: &Self| -> HashSet<FunctionKey> {
            let functions = contents.functions().into_iter();
            functions
                .map(|function| function.definition().key())
                .collect()
        };
        let after = keys(&after);
        let mut dropped = keys(self);
        dropped.retain(|key| !after.contains(key));
        dropped
    }
}

/// Returns the parts of a relation that call one of the functions.
fn parts_that_call(
    provider: &Arc<dyn TableProvider>,
    functions: &HashSet<FunctionKey>,
) -> DfResult<Vec<Part>> {
    let calls = |called: HashSet<FunctionKey>| !called.is_disjoint(functions);
    if let Some(plan) = provider.get_logical_plan() {
        let mut called = HashSet::new();
        called_by_plan(&plan, &mut called)?;
        return Ok(if calls(called) {
            vec![Part::View]
        } else {
            vec![]
        });
    }
    let schema = DFSchema::try_from(provider.schema())?;
    let calls_in = |expr: &Expr| -> DfResult<bool> {
        let mut called = HashSet::new();
        called_by_expr(expr, &schema, &mut called)?;
        Ok(calls(called))
    };
    let mut parts = Vec::new();
    if let Some(files) = provider.downcast_ref::<ListingTable>() {
        for key in files.options().file_sort_order.iter().flatten() {
            if calls_in(&key.expr)? {
                return Ok(vec![Part::Order]);
            }
        }
    }
    let mut columns = Vec::new();
    for field in provider.schema().fields() {
        if let Some(default) = provider.get_column_default(field.name())
            && calls_in(default)?
        {
            columns.push(field.name().clone());
        }
    }
    if !columns.is_empty() {
        parts.push(Part::Defaults(columns));
    }
    Ok(parts)
}

/// Returns a table with the same rows and without defaults of some columns; `None` if it is
/// not one of DataFusion's.
fn without_defaults(
    provider: &Arc<dyn TableProvider>,
    columns: &[String],
) -> Option<Arc<dyn TableProvider>> {
    let schema = provider.schema();
    let kept = schema
        .fields()
        .iter()
        .filter(|field| !columns.contains(field.name()));
    let defaults: HashMap<String, Expr> = kept
        .filter_map(|field| {
            let default = provider.get_column_default(field.name())?;
            Some((field.name().clone(), default.clone()))
        })
        .collect();
    if let Some(files) = provider.downcast_ref::<ListingTable>() {
        return Some(Arc::new(files.clone().with_column_defaults(defaults)));
    }
    let before = provider.downcast_ref::<MemTable>()?;
    let mut table = MemTable::try_new(schema, vec![vec![]]).ok()?;
    table.batches.clone_from(&before.batches);
    table.sort_order = Arc::clone(&before.sort_order);
    let constraints = provider.constraints().cloned().unwrap_or_default();
    let table = table.with_constraints(constraints);
    Some(Arc::new(table.with_column_defaults(defaults)))
}

/// Returns the statement that creates a table without defaults of some columns; `None` if the text
/// is none.
fn text_without_defaults(sql: &str, columns: &[String]) -> Option<String> {
    let mut statement = parsed(sql).ok()?;
    for column in stated_columns(&mut statement)? {
        if columns.contains(&normalized(&column.name)) {
            let is_default = |option: &ColumnOption| matches!(option, ColumnOption::Default(_));
            column.options.retain(|stated| !is_default(&stated.option));
        }
    }
    Some(match &statement {
        DfStatement::CreateExternalTable(table) => external_table_sql(table),
        DfStatement::Statement(statement) => statement_sql(statement),
        _ => return None,
    })
}
