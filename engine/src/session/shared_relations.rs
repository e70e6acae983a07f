//! Views and tables of a catalog that keeps them.
//!
//! Each session registers those that its statements mention, when they first do: planning a view
//! takes time, and reading the schema of a file too. A table with rows is read as it is when the
//! statement begins. A relation that cannot be planned, because
//! its file or a function is gone, fails the statements that mention it and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::common::TableReference;
use datafusion::execution::context::{SessionContext, SessionState};
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::Statement;
use fusebox_runtime::{Error, Result};

use super::calls::check_readable;
use super::contents::catalog_error;
use super::equal_names::plan_statement;
use super::expansion::{check_expansion, check_planned};
use super::relation_text::{RelationText, parsed};
use super::relations::resolved;
use super::rewriting::{rewrite_statement, with_view_text};
use super::unplanned_relation::UnplannedRelation;
use super::{Session, query};
use crate::catalog::{Catalog, CatalogContents, Relation, RelationKind};
use crate::native_stack::{Planning, check_plan};
use crate::stored_table::StoredTable;

/// Relations of the catalog that a session has registered, by name.
#[derive(Debug, Default)]
pub(super) struct RegisteredRelations(Mutex<BTreeMap<String, Registered>>);

/// Relation as it was when it was registered.
#[derive(Debug)]
struct Registered {
    /// Without its rows, of which the table has those of the present.
    relation: Relation,
    /// The table of rows that the catalog keeps.
    table: Option<Arc<StoredTable>>,
    /// True if a relation was removed since, whose rows the plan of a view may have.
    is_outdated: bool,
    /// True if it could not be planned: it is listed, and planned again by each statement that
    /// mentions it.
    is_unplanned: bool,
}

/// Maximum depth of views of views.
const DEPTH_MAX: usize = 32;

impl RegisteredRelations {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Registered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns true if a relation is registered with its present definition.
    pub(super) fn has(&self, relation: &Relation) -> bool {
        let registered = self.lock();
        let found = registered.get(&relation.name);
        found.is_some_and(|found| !found.is_unplanned && found.relation.is_defined_as(relation))
    }

    /// Returns true if a relation is listed that could not be planned.
    fn is_unplanned(&self, name: &str) -> bool {
        self.lock()
            .get(name)
            .is_some_and(|found| found.is_unplanned)
    }

    /// Notes that a relation is listed that could not be planned.
    fn put_unplanned(&self, relation: &Relation) {
        self.put(relation, None);
        if let Some(registered) = self.lock().get_mut(&relation.name) {
            registered.is_unplanned = true;
        }
    }

    /// Finds a relation that the catalog has no more, or with another definition, or whose plan is
    /// outdated. Shows the present rows of others.
    fn find_stale(&self, contents: &CatalogContents) -> Option<String> {
        let registered = self.lock();
        let stale = registered.iter().find(|(name, registered)| {
            let relation = contents.relation(name);
            let relation = relation.filter(|found| found.is_defined_as(&registered.relation));
            if let (Some(relation), Some(table)) = (relation, &registered.table) {
                table.see(relation.rows.as_ref());
            }
            relation.is_none() || registered.is_outdated
        });
        stale.map(|(name, _)| name.clone())
    }

    /// Notes a relation of the catalog after a statement of the session itself.
    pub(super) fn note(&self, name: &str, contents: &CatalogContents) {
        match contents.relation(name) {
            Some(relation) => self.put(relation, None),
            None => self.remove(name),
        }
    }

    /// Notes that a relation is registered.
    pub(super) fn put(&self, relation: &Relation, table: Option<Arc<StoredTable>>) {
        let registered = Registered {
            relation: relation.without_chunks(),
            table,
            is_outdated: false,
            is_unplanned: false,
        };
        let mut relations = self.lock();
        let before = relations.insert(relation.name.clone(), registered);
        close(&mut relations, before);
    }

    fn remove(&self, name: &str) {
        let mut relations = self.lock();
        let before = relations.remove(name);
        close(&mut relations, before);
    }
}

/// Ends the use of a relation by plans that still have it: those of views are made again.
fn close(relations: &mut BTreeMap<String, Registered>, before: Option<Registered>) {
    // No plan has one that could not be planned.
    let Some(before) = before.filter(|before| !before.is_unplanned) else {
        return;
    };
    if let Some(table) = before.table {
        table.see(None);
    }
    for registered in relations.values_mut() {
        registered.is_outdated |= registered.relation.kind == RelationKind::View
            && registered.relation.name != before.relation.name;
    }
}

impl Session {
    /// Registers the relations of the catalog that a statement mentions, and removes those that
    /// the catalog has no more.
    pub(super) async fn register_relations(
        &self,
        statement: &DfStatement,
        state: &SessionState,
    ) -> Result<()> {
        if !self.catalog.keeps_relations() {
            return Ok(());
        }
        let contents = self.catalog.contents().map_err(catalog_error)?;
        self.deregister_stale(&contents)?;
        self.register_schemas(&contents)?;
        let mentioned = mentioned(statement, state)?;
        if !is_about_all(statement, &mentioned) {
            return self.register_all_of(&contents, mentioned, state, 0).await;
        }
        self.register_every_relation().await
    }

    /// Refuses a view of the catalog whose query needs the view itself, directly or by other views:
    /// its former definition would be lost.
    pub(super) fn check_cycle(
        &self,
        plan: &LogicalPlan,
        text: Option<&RelationText>,
        state: &SessionState,
    ) -> Result<()> {
        let (LogicalPlan::Ddl(DdlStatement::CreateView(view)), Some(text)) = (plan, text) else {
            return Ok(());
        };
        if !self.catalog.keeps_relations() {
            return Ok(());
        }
        let name = resolved(&view.name, &state.config_options().catalog);
        let contents = self.catalog.contents().map_err(catalog_error)?;
        let mut open = vec![text.sql()];
        let mut seen = BTreeSet::new();
        while let Some(sql) = open.pop() {
            for mentioned in mentioned_by_view(&sql, state)? {
                if mentioned == name {
                    return Err(Error::Syntax(format!(
                        "expected a view over other relations, found `{name}` in its own query"
                    )));
                }
                let found = contents.relation(&mentioned);
                let found = found.filter(|found| found.kind == RelationKind::View);
                if let Some(found) = found.filter(|_| seen.insert(mentioned)) {
                    open.push(found.sql.clone());
                }
            }
        }
        Ok(())
    }

    /// Registers all relations of the catalog that can be planned.
    pub(super) async fn register_every_relation(&self) -> Result<()> {
        if !self.catalog.keeps_relations() {
            return Ok(());
        }
        let state = self.context.state();
        let contents = self.catalog.contents().map_err(catalog_error)?;
        self.deregister_stale(&contents)?;
        for relation in contents.relations() {
            let of_one = BTreeSet::from([relation.name.clone()]);
            let registered = self.register_all_of(&contents, of_one, &state, 0).await;
            if let Err(error) = registered {
                tracing::warn!(%error, "cannot register a relation of the catalog");
                self.register_unplanned(relation, &error)?;
            }
        }
        Ok(())
    }

    /// Lists a relation that cannot be planned, unless the embedder has one of its name.
    fn register_unplanned(&self, relation: &Relation, error: &Error) -> Result<()> {
        self.create_schema_of(&relation.name)?;
        let name = TableReference::parse_str(&relation.name);
        if self.context.table_exist(name.clone()).map_err(query)? {
            return Ok(());
        }
        let table = Arc::new(UnplannedRelation::new(relation, error.to_string()));
        self.context.register_table(name, table).map_err(query)?;
        self.relations.put_unplanned(relation);
        Ok(())
    }

    /// Registers relations of these names, after those that they mention.
    async fn register_all_of(
        &self,
        contents: &CatalogContents,
        names: BTreeSet<String>,
        state: &SessionState,
        depth: usize,
    ) -> Result<()> {
        let temporary = self.temporary.contents().map_err(catalog_error)?;
        for name in names {
            // A temporary relation hides one of the catalog.
            let relation = contents.relation(&name);
            let Some(relation) = relation.filter(|_| temporary.relation(&name).is_none()) else {
                continue;
            };
            if self.relations.has(relation) {
                continue;
            }
            let failed = |error: &dyn std::fmt::Display| {
                let kind = relation.kind.name();
                Error::Catalog(format!("the {kind} `{name}` cannot be planned: {error}"))
            };
            if depth > DEPTH_MAX {
                return Err(failed(&format!(
                    "expected at most {DEPTH_MAX} views of views"
                )));
            }
            if relation.kind == RelationKind::Unknown {
                let reason = "expected a kind that this version of Fusebox knows: use the version \
                    that wrote it, or drop it";
                return Err(failed(&reason));
            }
            let statement = parsed(&relation.sql).map_err(|error| failed(&error))?;
            let mut inner = mentioned(&statement, state)?;
            inner.remove(&name);
            Box::pin(self.register_all_of(contents, inner, state, depth + 1)).await?;
            let is_unplanned = self.relations.is_unplanned(&name);
            if is_unplanned {
                let table = TableReference::parse_str(&name);
                self.context.deregister_table(table).map_err(query)?;
                self.relations.remove(&name);
            }
            let registered = self.register_relation(statement, relation, state).await;
            let registered = registered.map_err(|error| failed(&error));
            if let (true, Err(error)) = (is_unplanned, &registered) {
                self.register_unplanned(relation, error)?;
            }
            self.relations.put(relation, registered?);
        }
        Ok(())
    }

    /// Creates a relation in DataFusion's catalog, replacing one of its name.
    pub(super) async fn register_relation(
        &self,
        mut statement: DfStatement,
        relation: &Relation,
        state: &SessionState,
    ) -> Result<Option<Arc<StoredTable>>> {
        self.create_schema_of(&relation.name)?;
        if let Some(rows) = &relation.rows {
            let table = self.open_stored_table(statement, relation, rows, state);
            return table.await.map(Some);
        }
        if relation.kind == RelationKind::Table {
            let message = "its rows cannot be read: restore the catalog, or drop the table";
            return Err(Error::Catalog(message.to_owned()));
        }
        check_readable(&statement, &self.contents()?)?;
        check_expansion(&statement, state).await?;
        rewrite_statement(&mut statement, state)?;
        // The statement that needs it may be shallow.
        let planning = Planning::new(u32::MAX, plan_statement(statement, state));
        let plan = planning.await?;
        // A view in it may have become deeper than when it was created.
        check_planned(&plan)?;
        check_plan(&plan)?;
        let created = self.reserve_relation(&plan);
        let created = created.map_err(|reason| Error::Catalog(reason.to_string()))?;
        let plan = self.guard(with_view_text(plan, Some(&relation.sql)))?;
        let plan = self.kept_functions().in_definition(plan).map_err(query)?;
        let context = SessionContext::new_with_state(state.clone());
        context.execute_logical_plan(plan).await.map_err(query)?;
        if let Some(created) = created {
            self.watch_relation(created, None).await;
        }
        Ok(None)
    }

    /// Creates the schema of a relation: another session may have created it.
    fn create_schema_of(&self, name: &str) -> Result<()> {
        let TableReference::Full {
            catalog, schema, ..
        } = TableReference::parse_str(name)
        else {
            return Ok(());
        };
        self.create_schema(&catalog, &schema)
    }

    /// Removes the relations that the catalog has no more, or with another definition, and views
    /// whose plans are outdated, and shows the present rows of the others.
    pub(super) fn deregister_stale(&self, contents: &CatalogContents) -> Result<()> {
        // With a relation, views are outdated.
        while let Some(name) = self.relations.find_stale(contents) {
            self.relations.remove(&name);
            let table = TableReference::parse_str(&name);
            if self.has_schema_of(&table) {
                self.context.deregister_table(table).map_err(query)?;
            }
        }
        Ok(())
    }

    /// Returns false if the schema of a relation was dropped, with the relation in it.
    fn has_schema_of(&self, name: &TableReference) -> bool {
        let (Some(catalog), Some(schema)) = (name.catalog(), name.schema()) else {
            return true;
        };
        let catalog = self.context.catalog(catalog);
        catalog.is_some_and(|catalog| catalog.schema(schema).is_some())
    }
}

/// Returns the qualified names of the relations that a statement mentions.
fn mentioned(statement: &DfStatement, state: &SessionState) -> Result<BTreeSet<String>> {
    let references = state.resolve_table_references(statement).map_err(query)?;
    let options = &state.config_options().catalog;
    let resolved = references.iter().map(|name| resolved(name, options));
    Ok(resolved.collect())
}

/// Returns the qualified names of the relations that the query of a view mentions.
pub(super) fn mentioned_by_view(sql: &str, state: &SessionState) -> Result<BTreeSet<String>> {
    let DfStatement::Statement(statement) = parsed(sql)? else {
        return Ok(BTreeSet::new());
    };
    match *statement {
        Statement::CreateView(view) => {
            let of_query = Statement::Query(view.query);
            mentioned(&DfStatement::Statement(Box::new(of_query)), state)
        }
        _ => Ok(BTreeSet::new()),
    }
}

/// Returns true if a statement may be about relations that it does not mention.
fn is_about_all(statement: &DfStatement, mentioned: &BTreeSet<String>) -> bool {
    let mut names = mentioned.iter();
    names.any(|name| name.contains(".information_schema.")) || changes_relations(statement)
}

/// Returns true if a statement creates, drops or changes relations.
pub(super) fn changes_relations(statement: &DfStatement) -> bool {
    match statement {
        DfStatement::CreateExternalTable(_) => true,
        DfStatement::Statement(statement) => matches!(
            statement.as_ref(),
            Statement::CreateView { .. }
                | Statement::CreateTable(_)
                | Statement::AlterTable(_)
                | Statement::Drop { .. }
        ),
        _ => false,
    }
}
