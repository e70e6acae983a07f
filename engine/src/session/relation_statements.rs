//! Statements of DataFusion that create, drop and show views and tables.

use std::collections::HashSet;

use arrow::datatypes::{FieldRef, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::{Constraint, TableReference};
use datafusion::dataframe::DataFrame;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use datafusion::sql::parser::Statement as DfStatement;
use fusebox_definition::{Identifier, Literal, SqlType, StatementError, Subject, canonical_type};
use fusebox_runtime::{Error, Result};
use sqlparser::ast::{ObjectName, ShowCreateObject, Statement};

use super::cells::{batch, text};
use super::contents::{Changes, Contents};
use super::dependent_views::{View, views_over};
use super::memory_limits::collected_rows;
use super::query::with_time;
use super::relation_text::RelationText;
use super::relations::resolved;
use super::replaced_table::ReplacedTable;
use super::shared_relations::mentioned_by_view;
use super::transaction::Applied;
use super::{Session, query};
use crate::catalog::{CatalogChange, Relation, RelationKind};
use crate::function::called_by_plan;

/// Returns true if a statement drops what needs the relation, too.
pub(super) fn cascades(statement: &DfStatement) -> bool {
    let DfStatement::Statement(statement) = statement else {
        return false;
    };
    matches!(statement.as_ref(), Statement::Drop { cascade: true, .. })
}

/// Returns the name of the table if a statement is `SHOW CREATE TABLE`.
pub(super) fn shown_table(statement: &DfStatement) -> Option<&ObjectName> {
    let DfStatement::Statement(statement) = statement else {
        return None;
    };
    match statement.as_ref() {
        Statement::ShowCreate {
            obj_type: ShowCreateObject::Table,
            obj_name,
        } => Some(obj_name),
        _ => None,
    }
}

impl Session {
    /// Executes a statement that is planned and changes no rows; `None` if another session changed
    /// the catalog since.
    pub(super) async fn execute_relation(
        &self,
        plan: LogicalPlan,
        text: Option<RelationText>,
        cascades: bool,
        state: SessionState,
    ) -> Result<Option<DataFrame>> {
        if let Some(text) = &text
            && let Some(create) = self.stored_table_of(&plan, text)
        {
            let created = self.create_stored_table(create, text, state).await;
            return created.map(Some);
        }
        let contents = self.contents()?;
        if let Some(relation) = self.kept_relation_to_drop(&plan, &contents, &state) {
            return self.drop_kept_relation(relation, &contents, cascades, &state);
        }
        let (created, _creation) = self.check_relation(&plan)?;
        let keys = self.created_keys(&plan)?;
        self.check_cycle(&plan, text.as_ref(), &state)?;
        self.check_is_kept(&plan, text.as_ref(), &contents, &state)?;
        self.check_dropped_schema(&plan, &contents, &state)?;
        let plan = self.kept_functions().in_definition(plan).map_err(query)?;
        let Some(recorded) = self.record_relation(&plan, text)? else {
            return Ok(None);
        };
        if !matches!(plan, LogicalPlan::Ddl(_) | LogicalPlan::Statement(_)) {
            // A context would begin the query again, at another time.
            return Ok(Some(DataFrame::new(state, plan)));
        }
        let schema = self.schema_change(&plan);
        let collected = collected_rows(&state);
        let plan = with_time(plan, &state)?;
        let replaced = ReplacedTable::of(&plan, &self.context).await;
        let context = self.context_of(&plan, state);
        let mut executed = context.execute_logical_plan(plan).await.map_err(query);
        if executed.is_ok()
            && let Err(error) = self.check_created(keys).await
        {
            executed = Err(error);
        }
        if let (Ok(_), Some(replaced)) = (&executed, replaced) {
            replaced.forget();
        }
        match executed.is_err() {
            true => self.revert_relation(recorded)?,
            false => self.note_relation(&recorded)?,
        }
        if let (Ok(_), Some(created)) = (&executed, created) {
            self.watch_relation(created, collected.as_deref()).await;
        }
        if let (Ok(_), Some(schema)) = (&executed, &schema) {
            self.keep_schema(schema)?;
        }
        executed.map(Some)
    }

    /// Returns the relation of the catalog that a statement drops. Others are dropped by
    /// DataFusion, which refuses a view that is a table.
    fn kept_relation_to_drop<'a>(
        &self,
        plan: &LogicalPlan,
        contents: &'a Contents,
        state: &SessionState,
    ) -> Option<&'a Relation> {
        let (name, is_view) = match plan {
            LogicalPlan::Ddl(DdlStatement::DropTable(drop)) => (&drop.name, false),
            LogicalPlan::Ddl(DdlStatement::DropView(drop)) => (&drop.name, true),
            _ => return None,
        };
        let name = resolved(name, &state.config_options().catalog);
        // A temporary relation hides one of the catalog.
        let is_hidden = contents.temporary.relation(&name).is_some();
        if !self.catalog.keeps_relations() || is_hidden {
            return None;
        }
        let found = contents.shared.relation(&name);
        found.filter(|found| (found.kind == RelationKind::View) == is_view)
    }

    /// Drops a relation of the catalog, which DataFusion need not know: it may be one that cannot
    /// be planned. Views that need it are dropped too, or keep it from being dropped.
    fn drop_kept_relation(
        &self,
        relation: &Relation,
        contents: &Contents,
        cascades: bool,
        state: &SessionState,
    ) -> Result<Option<DataFrame>> {
        let views = views_over(&relation.name, false, contents, state);
        let short = |name: &str| self.short_name(&TableReference::parse_str(name));
        if !views.is_empty() && !cascades {
            let by = views
                .iter()
                .map(|view| format!("view `{}`", short(&view.name)));
            let name = short(&relation.name);
            let subject = match relation.kind {
                RelationKind::View => Subject::View(name),
                _ => Subject::Table(name),
            };
            let reason = StatementError::Needed { by: by.collect() };
            return Err(Error::refused(subject, reason));
        }
        let mut changes = Changes::default();
        let drop = CatalogChange::DropRelation(relation.name.clone());
        changes.shared.push(drop);
        for View { name, is_temporary } in &views {
            let drop = CatalogChange::DropRelation(name.clone());
            match is_temporary {
                true => changes.temporary.push(drop),
                false => changes.shared.push(drop),
            }
        }
        let Applied::Done = self.apply(contents, changes)? else {
            return Ok(None);
        };
        let now = self.contents()?;
        let dropped = views.iter().map(|view| (&view.name, !view.is_temporary));
        for (name, is_kept) in dropped.chain([(&relation.name, true)]) {
            if is_kept {
                self.relations.note(name, &now.shared);
            }
            let table = TableReference::parse_str(name);
            self.context.deregister_table(table).map_err(query)?;
        }
        self.no_result().map(Some)
    }

    /// Refuses a view that the catalog would keep, if it needs what ends with the session.
    fn check_is_kept(
        &self,
        plan: &LogicalPlan,
        text: Option<&RelationText>,
        contents: &Contents,
        state: &SessionState,
    ) -> Result<()> {
        let (LogicalPlan::Ddl(DdlStatement::CreateView(view)), Some(text)) = (plan, text) else {
            return Ok(());
        };
        if text.is_temporary || !self.catalog.keeps_relations() {
            return Ok(());
        }
        let refused = |what: String| {
            let subject = Subject::View(self.short_name(&view.name));
            Err(Error::refused(
                subject,
                StatementError::NeedsTemporary(what),
            ))
        };
        for name in mentioned_by_view(&text.sql(), state)? {
            if let Some(found) = contents.temporary.relation(&name) {
                let kind = match found.kind {
                    RelationKind::View => "view",
                    _ => "table",
                };
                let name = self.short_name(&TableReference::parse_str(&name));
                return refused(format!("{kind} `{name}`"));
            }
        }
        let mut called = HashSet::new();
        called_by_plan(&view.input, &mut called).map_err(query)?;
        let mut called = called.iter();
        match called.find(|key| contents.temporary.function(key).is_some()) {
            Some(key) => refused(format!("function `{}`", key.name)),
            None => Ok(()),
        }
    }

    /// Shows the statement that creates a table or a view again, without its rows.
    pub(super) async fn show_create_table(&self, name: &ObjectName) -> Result<DataFrame> {
        let options = self.context.state_ref();
        let options = options.read().config_options().clone();
        let normalizes = options.sql_parser.enable_ident_normalization;
        let parts = name.0.iter().filter_map(|part| part.as_ident());
        let parts = parts.map(|part| match part.quote_style {
            None if normalizes => part.value.to_ascii_lowercase(),
            _ => part.value.clone(),
        });
        let parts: Vec<_> = parts.map(|part| Identifier(&part).to_string()).collect();
        let name = TableReference::parse_str(&parts.join("."));
        let qualified = resolved(&name, &options.catalog);
        let contents = self.contents()?;
        let found = contents.temporary.relation(&qualified);
        let found = found.or_else(|| contents.shared.relation(&qualified));
        let stated = found.filter(|found| !found.sql.ends_with(" ()"));
        let definition = match stated {
            Some(found) => found.sql.clone(),
            None => {
                let table = self.context.table_provider(name.clone()).await;
                let table = table.map_err(query)?;
                match table.get_table_definition() {
                    Some(definition) => definition.to_owned(),
                    None => create_statement(&name, table.as_ref()),
                }
            }
        };
        let name = name.resolve(
            &options.catalog.default_catalog,
            &options.catalog.default_schema,
        );
        let cell = |text: &str| Some(text.to_owned());
        let row = batch(vec![
            ("table_catalog", text([cell(&name.catalog)])),
            ("table_schema", text([cell(&name.schema)])),
            ("table_name", text([cell(&name.table)])),
            ("definition", text([Some(definition)])),
        ]);
        let row = row.map_err(|error| query(error.into()))?;
        self.context.read_batch(row).map_err(query)
    }
}

/// Returns a statement that creates a table of the columns and keys of another.
fn create_statement(name: &TableReference, table: &dyn TableProvider) -> String {
    let name = name.to_quoted_string();
    let schema = table.schema();
    // A statement has one type of texts, whichever layout the column has.
    let types = schema.fields().iter().map(|field| {
        let data_type = canonical_type(field.data_type().clone());
        SqlType(&data_type).to_string()
    });
    let types: Vec<_> = types.collect();
    // SQL has no name for some types of Arrow.
    if types.iter().any(|name| name.contains("ARROW(")) {
        let columns = schema.fields().iter().map(|field| {
            let data_type = field.data_type().to_string();
            let (data_type, name) = (Literal(&data_type), Identifier(field.name()));
            format!("arrow_cast(NULL, {data_type}) AS {name}")
        });
        let columns: Vec<_> = columns.collect();
        return format!(
            "CREATE TABLE {name} AS SELECT {} LIMIT 0",
            columns.join(", ")
        );
    }
    let column = |(field, data_type): (&FieldRef, &String)| {
        let null = if field.is_nullable() { "" } else { " NOT NULL" };
        format!("{} {data_type}{null}", Identifier(field.name()))
    };
    let columns = schema.fields().iter().zip(&types).map(column);
    let keys = table.constraints().into_iter().flat_map(|all| all.iter());
    let parts: Vec<_> = columns
        .chain(keys.map(|key| key_clause(key, &schema)))
        .collect();
    format!("CREATE TABLE {name} ({})", parts.join(", "))
}

/// Returns the clause of a key.
fn key_clause(key: &Constraint, schema: &Schema) -> String {
    let (kind, columns) = match key {
        Constraint::PrimaryKey(columns) => ("PRIMARY KEY", columns),
        Constraint::Unique(columns) => ("UNIQUE", columns),
    };
    let names = columns.iter().map(|index| schema.field(*index).name());
    let names: Vec<_> = names.map(|name| Identifier(name).to_string()).collect();
    format!("{kind} ({})", names.join(", "))
}
