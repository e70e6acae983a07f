//! Views that need a relation, and their plans over another one in its place.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::Schema;
use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::common::{Result as DfResult, TableReference};
use datafusion::datasource::ViewTable;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use fusebox_definition::{StatementError, Subject};
use fusebox_runtime::{Error, Result};

use super::contents::Contents;
use super::equal_names::plan_statement;
use super::relation_text::parsed;
use super::rewriting::rewrite_statement;
use super::shared_relations::mentioned_by_view;
use super::unplanned_relation::UnplannedRelation;
use super::{Session, query};
use crate::catalog::{Relation, RelationKind};
use crate::native_stack::Planning;

/// View, by its qualified name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct View {
    pub(super) name: String,
    pub(super) is_temporary: bool,
}

/// Returns the views whose queries need a relation, directly or by other views.
pub(super) fn views_over(
    name: &str,
    is_temporary: bool,
    contents: &Contents,
    state: &SessionState,
) -> BTreeSet<View> {
    let of = |is_temporary: bool, relation: &Relation| {
        // A view whose text cannot be read needs nothing that is known.
        let mentioned = mentioned_by_view(&relation.sql, state).unwrap_or_default();
        let mentioned = mentioned.into_iter().map(|name| View {
            // That of the session hides one of the catalog in its own views alone.
            is_temporary: is_temporary && contents.temporary.relation(&name).is_some(),
            name,
        });
        let view = View {
            name: relation.name.clone(),
            is_temporary,
        };
        (view, mentioned.collect::<Vec<_>>())
    };
    let is_view = |relation: &&Relation| relation.kind == RelationKind::View;
    let kept = contents.shared.relations().filter(is_view);
    let temporary = contents.temporary.relations().filter(is_view);
    let kept = kept.map(|relation| of(false, relation));
    let mut views: Vec<_> = kept
        .chain(temporary.map(|relation| of(true, relation)))
        .collect();
    let mut needing = BTreeSet::new();
    let mut next = vec![View {
        name: name.to_owned(),
        is_temporary,
    }];
    while let Some(needed) = next.pop() {
        let found = views.extract_if(.., |(_, mentioned)| mentioned.contains(&needed));
        let found: Vec<_> = found.map(|(view, _)| view).collect();
        needing.extend(found.iter().cloned());
        next.extend(found);
    }
    needing
}

/// Views that need a relation, each after those that it needs itself.
pub(super) struct DependentViews(Vec<Relation>);

impl DependentViews {
    /// Finds the views that need a relation.
    pub(super) fn over(
        name: &str,
        is_temporary: bool,
        contents: &Contents,
        state: &SessionState,
    ) -> Self {
        let views = views_over(name, is_temporary, contents, state);
        let relations = views.iter().filter_map(|view| {
            let of = match view.is_temporary {
                true => &contents.temporary,
                false => &contents.shared,
            };
            let relation = of.relation(&view.name)?.clone();
            let needs = mentioned_by_view(&relation.sql, state).unwrap_or_default();
            Some((relation, needs))
        });
        let mut left: Vec<_> = relations.collect();
        let mut ordered = Vec::new();
        while !left.is_empty() {
            let names: BTreeSet<String> = left.iter().map(|(one, _)| one.name.clone()).collect();
            let is_ready = |(_, needs): &mut (Relation, BTreeSet<String>)| {
                !needs.iter().any(|needed| names.contains(needed))
            };
            let ready: Vec<_> = left.extract_if(.., is_ready).collect();
            // Views that need each other cannot be planned: their order does not matter.
            let is_circle = ready.is_empty();
            ordered.extend(ready.into_iter().map(|(relation, _)| relation));
            if is_circle {
                ordered.extend(left.drain(..).map(|(relation, _)| relation));
            }
        }
        Self(ordered)
    }

    /// Iterates over the views.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Relation> {
        self.0.iter()
    }
}

impl Session {
    /// Refuses a change of a relation after which views could not be planned, or had other columns:
    /// each of `trials` is a table in its place. Without one, no view may need it.
    pub(super) async fn check_views(
        &self,
        subject: &Subject,
        name: &str,
        views: &DependentViews,
        trials: Vec<Arc<dyn TableProvider>>,
        state: &SessionState,
    ) -> Result<()> {
        let mut broken = BTreeSet::new();
        if trials.is_empty() {
            broken.extend(views.iter().map(|view| view.name.clone()));
        }
        for table in trials {
            broken.extend(self.broken_views(name, views, table, state).await?);
        }
        if broken.is_empty() {
            return Ok(());
        }
        let by = broken.iter().map(|name| {
            let name = self.short_name(&TableReference::parse_str(name));
            format!("view `{name}`")
        });
        let reason = StatementError::NeededAsIs { by: by.collect() };
        Err(Error::refused(subject.clone(), reason))
    }

    /// Returns the views that have other columns, or none, over another table.
    async fn broken_views(
        &self,
        name: &str,
        views: &DependentViews,
        table: Arc<dyn TableProvider>,
        state: &SessionState,
    ) -> Result<Vec<String>> {
        let mut trial = state.clone();
        let overlay = Arc::new(Overlay {
            inner: Arc::clone(state.catalog_list()),
            tables: Mutex::new(HashMap::from([(name.to_owned(), table)])),
        });
        let list = Arc::clone(&overlay) as Arc<dyn CatalogProviderList>;
        trial.register_catalog_list(list);
        let mut broken = Vec::new();
        for view in views.iter() {
            let before = self
                .context
                .table_provider(TableReference::parse_str(&view.name));
            let before = before.await.map_err(query)?;
            if before.is::<UnplannedRelation>() {
                continue;
            }
            let planned = planned_view(view, &trial).await;
            match planned {
                Ok(after) if has_same_columns(&before.schema(), &after.schema()) => {
                    overlay.put(&view.name, after);
                }
                _ => broken.push(view.name.clone()),
            }
        }
        Ok(broken)
    }

    /// Creates views of the session again, whose plans have a table that was replaced.
    pub(super) async fn replan_views(
        &self,
        views: &DependentViews,
        contents: &Contents,
    ) -> Result<()> {
        for view in views.iter() {
            let is_own = contents.temporary.relation(&view.name) == Some(view);
            if !is_own {
                continue;
            }
            let name = TableReference::parse_str(&view.name);
            self.context.deregister_table(name).map_err(query)?;
            let state = self.context.state();
            let statement = parsed(&view.sql)?;
            // That of the catalog which was replaced is registered when it is mentioned.
            self.register_relations(&statement, &state).await?;
            self.register_relation(statement, view, &state).await?;
        }
        Ok(())
    }
}

/// Plans a view.
async fn planned_view(view: &Relation, state: &SessionState) -> Result<Arc<dyn TableProvider>> {
    let mut statement = parsed(&view.sql)?;
    rewrite_statement(&mut statement, state)?;
    let plan = Planning::new(u32::MAX, plan_statement(statement, state)).await?;
    match plan {
        LogicalPlan::Ddl(DdlStatement::CreateView(create)) => {
            let input = Arc::unwrap_or_clone(create.input);
            Ok(Arc::new(ViewTable::new(input, Some(view.sql.clone()))))
        }
        _ => Err(Error::Catalog(format!("`{}` is no view", view.name))),
    }
}

/// Returns true if the columns have the same names and types.
fn has_same_columns(before: &Schema, after: &Schema) -> bool {
    let columns = |schema: &Schema| -> Vec<_> {
        let fields = schema.fields().iter();
        fields
            .map(|field| (field.name().clone(), field.data_type().clone()))
            .collect()
    };
    columns(before) == columns(after)
}

/// Catalogs of a session with other tables in the place of some.
#[derive(Debug)]
struct Overlay {
    inner: Arc<dyn CatalogProviderList>,
    /// Tables by their qualified names.
    tables: Mutex<HashMap<String, Arc<dyn TableProvider>>>,
}

impl Overlay {
    fn put(&self, name: &str, table: Arc<dyn TableProvider>) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.insert(name.to_owned(), table);
    }

    /// Returns the tables of a schema, by their names in it.
    fn of_schema(&self, catalog: &str, schema: &str) -> BTreeMap<String, Arc<dyn TableProvider>> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let tables = tables.iter().filter_map(|(name, table)| {
            let name = TableReference::parse_str(name);
            let is_here = name.catalog() == Some(catalog) && name.schema() == Some(schema);
            is_here.then(|| (name.table().to_owned(), Arc::clone(table)))
        });
        tables.collect()
    }
}

impl CatalogProviderList for Overlay {
    fn register_catalog(
        &self,
        _name: String,
        _catalog: Arc<dyn CatalogProvider>,
    ) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        self.inner.catalog_names()
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        let inner = self.inner.catalog(name)?;
        let schemas = inner.schema_names().into_iter().map(|schema| {
            let tables = self.of_schema(name, &schema);
            (schema, tables)
        });
        let tables = schemas.collect();
        Some(Arc::new(OverlaidCatalog { inner, tables }))
    }
}

#[derive(Debug)]
struct OverlaidCatalog {
    inner: Arc<dyn CatalogProvider>,
    /// Tables of each schema.
    tables: BTreeMap<String, BTreeMap<String, Arc<dyn TableProvider>>>,
}

impl CatalogProvider for OverlaidCatalog {
    fn schema_names(&self) -> Vec<String> {
        self.inner.schema_names()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let inner = self.inner.schema(name)?;
        let tables = self.tables.get(name).cloned().unwrap_or_default();
        Some(Arc::new(OverlaidSchema { inner, tables }))
    }
}

#[derive(Debug)]
struct OverlaidSchema {
    inner: Arc<dyn SchemaProvider>,
    tables: BTreeMap<String, Arc<dyn TableProvider>>,
}

#[async_trait]
impl SchemaProvider for OverlaidSchema {
    fn table_names(&self) -> Vec<String> {
        self.inner.table_names()
    }

    async fn table(&self, name: &str) -> DfResult<Option<Arc<dyn TableProvider>>> {
        match self.tables.get(name) {
            Some(table) => Ok(Some(Arc::clone(table))),
            None => self.inner.table(name).await,
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.inner.table_exist(name)
    }
}
