//! Tables whose rows the catalog keeps, created and opened.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::information_schema::INFORMATION_SCHEMA;
use datafusion::common::{DataFusionError, Result as DfResult, TableReference};
use datafusion::dataframe::DataFrame;
use datafusion::execution::context::SessionState;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::{CreateMemoryTable, DdlStatement, Expr, LogicalPlan};
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::Statement;
use fusebox_definition::Subject;
use fusebox_runtime::{Error, Result};

use super::contents::catalog_error;
use super::declared_keys::declared_constraints;
use super::equal_names::plan_statement;
use super::relation_text::RelationText;
use super::relations::{not_faithful, not_replaced, resolved};
use super::rewriting::rewrite_statement;
use super::{Session, TRIES_MAX, query};
use crate::catalog::{CatalogChange, Relation, RelationKind, TableRows};
use crate::stored_table::{StoredTable, chunks_of, collect_rows};
use crate::table_keys::TableKeys;

impl Session {
    /// Returns the statement that creates a table whose rows the catalog keeps, if a plan is one.
    pub(super) fn stored_table_of(
        &self,
        plan: &LogicalPlan,
        text: &RelationText,
    ) -> Option<CreateMemoryTable> {
        match plan {
            LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(create))
                if self.catalog.keeps_relations()
                    && !text.is_temporary
                    && self.can_register(&create.name) =>
            {
                Some(create.clone())
            }
            _ => None,
        }
    }

    /// Returns true if a name is one of a schema in which every session can register it.
    fn can_register(&self, name: &TableReference) -> bool {
        let options = self.context.state_ref();
        let options = options.read().config_options().catalog.clone();
        let name = name
            .clone()
            .resolve(&options.default_catalog, &options.default_schema);
        let catalog = self.context.catalog(&name.catalog);
        let schema = catalog.and_then(|catalog| catalog.schema(&name.schema));
        schema.is_some() && *name.schema != *INFORMATION_SCHEMA
    }

    /// Creates a table whose rows the catalog keeps.
    pub(super) async fn create_stored_table(
        &self,
        create: CreateMemoryTable,
        text: &RelationText,
        state: SessionState,
    ) -> Result<DataFrame> {
        let exists = self.context.table_exist(create.name.clone());
        match (
            exists.map_err(query)?,
            create.if_not_exists,
            create.or_replace,
        ) {
            (_, true, true) => {
                return Err(Error::Syntax(
                    "expected IF NOT EXISTS or OR REPLACE, found both: leave one out".to_owned(),
                ));
            }
            (true, true, false) => return self.no_result(),
            (true, false, false) => {
                return Err(already_exists(&create.name));
            }
            _ => {}
        }
        let name = resolved(&create.name, &state.config_options().catalog);
        let before = self.catalog.contents().map_err(catalog_error)?;
        let found = before.relation(&name);
        if let Some(found) = found.filter(|found| found.kind != RelationKind::Table) {
            return Err(not_replaced(found));
        }
        if !text.is_faithful() {
            return Err(not_faithful(&name));
        }
        let schema = schema_of(&create.input, text.has_query_columns)?;
        let keys = TableKeys::new(self.short_name(&create.name), Some(&create.constraints));
        keys.check_types(&schema)?;
        // Charged until the catalog has the rows.
        let collected = self.collected(&create.input, schema, &keys, &state).await;
        let (rows, _reservation) = collected?;
        let relation = Relation::new(name.clone(), RelationKind::Table, text.sql());
        let relation = relation.with_rows(rows.clone());
        if self.put_stored_table(&create, &relation)? {
            let defaults = create.column_defaults.into_iter().collect();
            let table = self.stored_table(&relation, &rows, (defaults, None), keys)?;
            self.relations.put(&relation, Some(table));
        }
        self.no_result()
    }

    /// Adds a table to the catalog, whatever others change meanwhile. Returns false if another
    /// session has created it and the statement leaves it.
    fn put_stored_table(&self, create: &CreateMemoryTable, relation: &Relation) -> Result<bool> {
        let name = &relation.name;
        let change = CatalogChange::PutRelation(relation.clone());
        for _ in 0..TRIES_MAX {
            let before = self.catalog.contents().map_err(catalog_error)?;
            match before.relation(name) {
                Some(found) if found.kind != RelationKind::Table => {
                    return Err(not_replaced(found));
                }
                Some(_) if create.if_not_exists => return Ok(false),
                Some(_) if !create.or_replace => return Err(already_exists(&create.name)),
                _ => {}
            }
            let after = before.with(vec![change.clone()]);
            let checked = self.loader.options.catalog.check(&before, &after);
            checked.map_err(|reason| Error::refused(Subject::Table(name.clone()), reason))?;
            if self.apply_relation(&before, name, change.clone(), create.or_replace)? {
                return Ok(true);
            }
        }
        Err(Error::Catalog(format!(
            "`{name}` was not created, because others changed the catalog {TRIES_MAX} times \
             meanwhile: try again"
        )))
    }

    /// Runs the query of a new table. Its rows are charged as long as the reservation lives.
    async fn collected(
        &self,
        input: &LogicalPlan,
        schema: SchemaRef,
        keys: &TableKeys,
        state: &SessionState,
    ) -> Result<(TableRows, MemoryReservation)> {
        let frame = DataFrame::new(state.clone(), input.clone());
        let stream = frame.execute_stream().await.map_err(query)?;
        let collected = collect_rows(stream, &self.memory_pool()).await;
        let (batches, reservation) = collected.map_err(query)?;
        if !keys.is_empty() {
            let pool = self.memory_pool();
            let checked = keys.of_added(&schema, &batches, &pool).await;
            checked.map_err(query)?;
        }
        let chunks = chunks_of(&schema, batches).await.map_err(query)?;
        Ok((TableRows::new(schema, chunks), reservation))
    }

    /// Registers a table of the catalog, whose definition `statement` is.
    pub(super) async fn open_stored_table(
        &self,
        mut statement: DfStatement,
        relation: &Relation,
        rows: &TableRows,
        state: &SessionState,
    ) -> Result<Arc<StoredTable>> {
        let name = self.short_name(&TableReference::parse_str(&relation.name));
        let constraints = declared_constraints(&statement, rows.schema());
        let keys = TableKeys::new(name, Some(&constraints));
        // The columns of a query have no defaults.
        let mut defaults = (HashMap::new(), None);
        if has_columns(&statement) {
            rewrite_statement(&mut statement, state)?;
            let planned = plan_statement(statement, state).await;
            match planned.and_then(|plan| self.guard(plan)) {
                Ok(LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(create))) => {
                    defaults.0 = create.column_defaults.into_iter().collect();
                }
                Ok(_) => {}
                // The rows can be read all the same.
                Err(error) => defaults.1 = Some(error.to_string()),
            }
        }
        self.stored_table(relation, rows, defaults, keys)
    }

    /// Registers a table of the catalog, with its defaults or the reason for which they are unknown.
    fn stored_table(
        &self,
        relation: &Relation,
        rows: &TableRows,
        (defaults, wrong_defaults): (HashMap<String, Expr>, Option<String>),
        keys: TableKeys,
    ) -> Result<Arc<StoredTable>> {
        let catalog = Arc::clone(&self.catalog);
        let limits = self.loader.options.catalog;
        let kept = self.kept_functions();
        let defaults = defaults.into_iter();
        let defaults = defaults.map(|(column, default)| Ok((column, kept.in_expr(default)?)));
        let defaults = defaults.collect::<DfResult<_>>().map_err(query)?;
        let table = StoredTable::new(relation, catalog, limits, rows.clone());
        let table = table.with_keys(keys).with_defaults(defaults);
        let table = Arc::new(table.with_wrong_defaults(wrong_defaults));
        let name = TableReference::parse_str(&relation.name);
        self.context.deregister_table(name.clone()).map_err(query)?;
        let registered = self.context.register_table(name, Arc::clone(&table) as _);
        registered.map_err(query)?;
        Ok(table)
    }
}

fn already_exists(name: &TableReference) -> Error {
    let message = format!("Table '{name}' already exists");
    query(DataFusionError::Execution(message))
}

/// Returns the schema of a new table. A column of a query is nullable, as in other databases, also
/// if the query has no null.
fn schema_of(input: &LogicalPlan, has_query_columns: bool) -> Result<SchemaRef> {
    let schema = input.schema().inner();
    let mut names = BTreeSet::new();
    for field in schema.fields() {
        if !names.insert(field.name()) {
            let name = field.name();
            let message = format!(
                "expected columns of different names, found `{name}` twice: rename one with AS"
            );
            return Err(query(DataFusionError::Plan(message)));
        }
    }
    if !has_query_columns {
        return Ok(Arc::clone(schema));
    }
    let fields = schema.fields().iter();
    let fields: Vec<_> = fields
        .map(|field| field.as_ref().clone().with_nullable(true))
        .collect();
    let metadata = schema.metadata().clone();
    Ok(Arc::new(Schema::new_with_metadata(fields, metadata)))
}

/// Returns true if a statement states the columns of a table.
fn has_columns(statement: &DfStatement) -> bool {
    let DfStatement::Statement(statement) = statement else {
        return false;
    };
    matches!(statement.as_ref(), Statement::CreateTable(table) if !table.columns.is_empty())
}
