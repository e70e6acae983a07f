//! `ALTER TABLE … RENAME TO`: other names of tables and views.

use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::datasource::MemTable;
use datafusion::execution::context::SessionState;
use datafusion::sql::parser::Statement as DfStatement;
use fusebox_definition::{StatementError, Subject};
use fusebox_runtime::{Error, Result};
use sqlparser::ast::{Ident, ObjectName, Statement};

use super::alter_table::Target;
use super::altered_statement::ident;
use super::contents::{Changes, Contents};
use super::relation_text::{parsed, statement_sql};
use super::relations::resolved;
use super::select_lists::name_of;
use super::transaction::Applied;
use super::{Session, query};
use crate::catalog::{CatalogChange, Relation, RelationKind};
use crate::stored_table::StoredTable;

impl Session {
    /// Gives a table in memory or of the catalog, or a view, another name.
    pub(super) async fn rename_relation(
        &self,
        target: &Target,
        to: &Ident,
        contents: &Contents,
        state: &SessionState,
    ) -> Result<Applied> {
        let kind = target.relation.as_ref().map(|(relation, _)| relation.kind);
        let is_view = kind == Some(RelationKind::View);
        let is_memory = target.provider.is::<MemTable>();
        if !is_view && !is_memory && !target.provider.is::<StoredTable>() {
            let reason = StatementError::NotAltered;
            return Err(Error::refused(target.subject.clone(), reason));
        }
        let options = state.config_options();
        let folds = options.sql_parser.enable_ident_normalization;
        let to = with_table(&target.name, &name_of(to, folds));
        if self.context.table_exist(to.clone()).map_err(query)? {
            let shown = self.short_name(&to);
            let subject = match is_view {
                true => Subject::View(shown),
                false => Subject::Table(shown),
            };
            return Err(Error::refused(subject, StatementError::NameTaken));
        }
        let qualified = resolved(&to, &options.catalog);
        // Another session may have created it since this one registered what there was.
        let is_own = target.relation.as_ref().is_none_or(|(_, is_own)| *is_own);
        let is_taken = contents.temporary.relation(&qualified).is_some()
            || !is_own && contents.shared.relation(&qualified).is_some();
        if is_taken {
            return Ok(Applied::Conflict);
        }
        let views = target.views(contents, state);
        let checked = self.check_views(
            &target.subject,
            &target.qualified,
            &views,
            Vec::new(),
            state,
        );
        checked.await?;
        let mut changes = Changes::default();
        let mut renamed = None;
        if let Some((relation, is_own)) = &target.relation {
            let relation = with_name(relation, &qualified, &to)?;
            let both = vec![
                CatalogChange::PutRelation(relation.clone()),
                CatalogChange::DropRelation(target.qualified.clone()),
            ];
            if !is_own {
                let applied = self.apply_relations(target, both, contents)?;
                if let Applied::Done = applied {
                    self.prepared.outdate(&target.provider).map_err(query)?;
                }
                return Ok(applied);
            }
            changes.temporary = both;
            renamed = Some(relation);
        }
        if let Applied::Conflict = self.apply(contents, changes)? {
            return Ok(Applied::Conflict);
        }
        self.register_renamed(target, to, renamed.filter(|_| is_view))
            .await?;
        Ok(Applied::Done)
    }

    /// Registers a relation of the session by its new name, in place of the old one. The plan of
    /// a view stays, and its statement has the new name.
    async fn register_renamed(
        &self,
        target: &Target,
        to: TableReference,
        view: Option<Relation>,
    ) -> Result<()> {
        let name = target.name.clone();
        self.context.deregister_table(name).map_err(query)?;
        match view {
            Some(view) => {
                let state = self.context.state();
                let registered = self.register_relation(parsed(&view.sql)?, &view, &state);
                registered.await.map(drop)
            }
            None => {
                let table = Arc::clone(&target.provider);
                let registered = self.context.register_table(to, table);
                registered.map(drop).map_err(query)
            }
        }
    }
}

/// Returns the name of another table in the same schema.
fn with_table(name: &TableReference, table: &str) -> TableReference {
    match name {
        TableReference::Bare { .. } => TableReference::bare(table),
        TableReference::Partial { schema, .. } => TableReference::partial(&**schema, table),
        TableReference::Full {
            catalog, schema, ..
        } => TableReference::full(&**catalog, &**schema, table),
    }
}

/// Returns a relation of another name, which its statement has, too.
fn with_name(relation: &Relation, qualified: &str, to: &TableReference) -> Result<Relation> {
    let mut statement = parsed(&relation.sql)?;
    let parts = match to {
        TableReference::Bare { table } => vec![table],
        TableReference::Partial { schema, table } => vec![schema, table],
        TableReference::Full {
            catalog,
            schema,
            table,
        } => vec![catalog, schema, table],
    };
    let parts: Vec<Ident> = parts.into_iter().map(|part| ident(part)).collect();
    let name = ObjectName::from(parts);
    let no_statement = || Error::Catalog(format!("`{qualified}` has no statement"));
    let DfStatement::Statement(statement) = &mut statement else {
        return Err(no_statement());
    };
    match statement.as_mut() {
        Statement::CreateTable(table) => table.name = name,
        Statement::CreateView(view) => view.name = name,
        _ => return Err(no_statement()),
    }
    let mut renamed = relation.clone();
    qualified.clone_into(&mut renamed.name);
    renamed.sql = statement_sql(statement.as_ref());
    Ok(renamed)
}
