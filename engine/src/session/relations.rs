//! Views, external tables and column defaults, recorded in the catalog.
//!
//! DataFusion creates them. Their SQL is recorded because it may use functions, and because
//! it is all that a durable catalog needs to create them again: see
//! [`shared_relations`](super::shared_relations). Tables whose rows a durable catalog keeps are
//! created by [`stored_tables`](super::stored_tables).

use std::sync::PoisonError;

use datafusion::common::TableReference;
use datafusion::common::config::CatalogOptions;
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use fusebox_runtime::{Error, Result};

use super::Session;
use super::contents::catalog_error;
use super::relation_text::RelationText;
use crate::catalog::{
    Catalog, CatalogChange, CatalogContents, CatalogError, Relation, RelationKind,
};

/// Change that reverts a recorded one.
#[derive(Default)]
pub(super) struct Revert {
    change: Option<CatalogChange>,
    /// Qualified name of the relation, if it is one of the shared catalog.
    kept: Option<String>,
}

impl Session {
    /// Records the relation that a statement creates or drops, before it is registered; `None` if
    /// another session changed the catalog meanwhile.
    pub(super) fn record_relation(
        &self,
        plan: &LogicalPlan,
        text: Option<RelationText>,
    ) -> Result<Option<Revert>> {
        let LogicalPlan::Ddl(ddl) = plan else {
            return Ok(Some(Revert::default()));
        };
        let is_temporary = text.as_ref().is_some_and(|text| text.is_temporary);
        let is_faithful = text.as_ref().is_none_or(RelationText::is_faithful);
        let sql = match text {
            Some(text) if self.loader.options.privileges.files.is_unconfined() => {
                text.sql_with_absolute_paths()
            }
            Some(text) => text.sql(),
            None => String::new(),
        };
        let Some((name, change)) = self.relation_change(ddl, sql, is_temporary) else {
            return Ok(Some(Revert::default()));
        };
        let is_kept = !is_temporary && self.keeps(ddl, &name)?;
        if is_kept && !is_faithful {
            return Err(not_faithful(&name));
        }
        let before = match is_kept {
            true => self.catalog.contents().map_err(catalog_error)?,
            false => self.temporary.contents().map_err(catalog_error)?,
        };
        if let Some(found) = before.relation(&name)
            && is_kept
            && !check_kind(found, ddl)?
        {
            return Ok(Some(Revert::default()));
        }
        let revert = match before.relation(&name) {
            Some(before) => CatalogChange::PutRelation(before.clone()),
            None => CatalogChange::DropRelation(name.clone()),
        };
        let revert = Revert {
            change: Some(revert),
            kept: is_kept.then(|| name.clone()),
        };
        if !is_kept {
            self.change_relation(change)?;
            return Ok(Some(revert));
        }
        let applied = self.apply_relation(&before, &name, change, replaces(ddl))?;
        Ok(applied.then_some(revert))
    }

    /// Applies the change of a relation to the shared catalog. Returns false if another session
    /// changed it meanwhile.
    pub(super) fn apply_relation(
        &self,
        before: &CatalogContents,
        name: &str,
        change: CatalogChange,
        replaces: bool,
    ) -> Result<bool> {
        // Another session may have created it since this one registered what there was. One that
        // is replaced need not be registered: it may be one that cannot be planned.
        let found = before.relation(name);
        let is_seen = found.is_none_or(|found| match &change {
            CatalogChange::PutRelation(put) if !replaces || put.kind != found.kind => {
                self.relations.has(found)
            }
            _ => true,
        });
        if !is_seen {
            return Ok(false);
        }
        match self.catalog.apply(before.version(), vec![change]) {
            Ok(_) => Ok(true),
            Err(CatalogError::Conflict) => Ok(false),
            Err(error) => Err(catalog_error(error)),
        }
    }

    /// Returns the qualified name of the relation that a statement creates or drops, and the
    /// change.
    fn relation_change(
        &self,
        ddl: &DdlStatement,
        sql: String,
        is_temporary: bool,
    ) -> Option<(String, CatalogChange)> {
        let options = self.context.state_ref();
        let options = options.read().config_options().catalog.clone();
        let resolved = |name: &TableReference| resolved(name, &options);
        let exists =
            |name: &TableReference| self.context.table_exist(name.clone()).unwrap_or(false);
        let created = |name: &TableReference, kind| {
            let name = resolved(name);
            let relation = Relation::new(name.clone(), kind, sql.clone());
            Some((name, CatalogChange::PutRelation(relation)))
        };
        let dropped = |name: &TableReference| {
            let name = resolved(name);
            Some((name.clone(), CatalogChange::DropRelation(name)))
        };
        match ddl {
            // DataFusion refuses or skips a name that is taken, and nothing changes.
            DdlStatement::CreateView(view) if view.or_replace || !exists(&view.name) => {
                created(&view.name, RelationKind::View)
            }
            DdlStatement::CreateExternalTable(table)
                if table.or_replace || !exists(&table.name) =>
            {
                created(&table.name, RelationKind::ExternalTable)
            }
            DdlStatement::CreateMemoryTable(table)
                if (is_temporary || !table.column_defaults.is_empty())
                    && (table.or_replace || !exists(&table.name)) =>
            {
                created(&table.name, RelationKind::ColumnDefaults)
            }
            DdlStatement::DropView(view) => dropped(&view.name),
            DdlStatement::DropTable(table) => dropped(&table.name),
            _ => None,
        }
    }

    /// Returns true if a statement is about a relation that the catalog keeps, rather than
    /// about one of the session.
    fn keeps(&self, ddl: &DdlStatement, name: &str) -> Result<bool> {
        if !self.catalog.keeps_relations() {
            return Ok(false);
        }
        let temporary = self.temporary.contents().map_err(catalog_error)?;
        let shared = self.catalog.contents().map_err(catalog_error)?;
        Ok(match ddl {
            DdlStatement::CreateView(_) | DdlStatement::CreateExternalTable(_) => true,
            DdlStatement::DropView(_) | DdlStatement::DropTable(_) => {
                temporary.relation(name).is_none() && shared.relation(name).is_some()
            }
            // Its rows are those of the session, or it is created elsewhere.
            _ => false,
        })
    }

    /// Reverts a recorded change whose statement failed.
    pub(super) fn revert_relation(&self, revert: Revert) -> Result<()> {
        let Some(change) = revert.change else {
            return Ok(());
        };
        if revert.kept.is_none() {
            return self.change_relation(change);
        }
        loop {
            let version = self.catalog.contents().map_err(catalog_error)?.version();
            match self.catalog.apply(version, vec![change.clone()]) {
                Ok(_) => return Ok(()),
                Err(CatalogError::Conflict) => {}
                Err(error) => return Err(catalog_error(error)),
            }
        }
    }

    /// Notes that a recorded change of the shared catalog is registered in this session.
    pub(super) fn note_relation(&self, recorded: &Revert) -> Result<()> {
        if let Some(name) = &recorded.kept {
            let contents = self.catalog.contents().map_err(catalog_error)?;
            self.relations.note(name, &contents);
        }
        Ok(())
    }

    /// Changes a relation of the session.
    pub(super) fn change_relation(&self, change: CatalogChange) -> Result<()> {
        let own = self.own_catalog.lock();
        let _own = own.unwrap_or_else(PoisonError::into_inner);
        let contents = self.temporary.contents().map_err(catalog_error)?;
        let applied = self.temporary.apply(contents.version(), vec![change]);
        applied.map(drop).map_err(catalog_error)
    }
}

/// Checks that a statement replaces a relation by one of its kind, since a table that is replaced
/// by mistake has lost its rows. Returns false for a DROP of another kind, which DataFusion
/// refuses.
fn check_kind(found: &Relation, ddl: &DdlStatement) -> Result<bool> {
    let is_kept = matches!(found.kind, RelationKind::Table | RelationKind::Unknown);
    match ddl {
        DdlStatement::DropView(_) => Ok(found.kind == RelationKind::View),
        DdlStatement::DropTable(_) => Ok(found.kind != RelationKind::View),
        _ if is_kept => Err(not_replaced(found)),
        _ => Ok(true),
    }
}

/// Describes a relation that a statement would replace by one of another kind.
pub(super) fn not_replaced(found: &Relation) -> Error {
    let (kind, name) = (found.kind.name(), &found.name);
    Error::Catalog(format!(
        "`{name}` is a {kind} and not replaced: drop it first"
    ))
}

/// Describes a relation that the catalog cannot keep.
pub(super) fn not_faithful(name: &str) -> Error {
    Error::Catalog(format!(
        "the catalog cannot keep `{name}`: expected a statement whose text is read as the same \
         statement, found literals or names that would be others; write strings as 'text', with \
         each ' in them doubled, and names without quotes in them"
    ))
}

/// Returns the qualified name of a relation.
pub(super) fn resolved(name: &TableReference, options: &CatalogOptions) -> String {
    let (catalog, schema) = (&options.default_catalog, &options.default_schema);
    let resolved = name.clone().resolve(catalog, schema);
    // Quoted where it has to be, so that it is the same name when it is parsed.
    TableReference::from(resolved).to_quoted_string()
}

/// Returns true if a statement replaces a relation of its name.
fn replaces(ddl: &DdlStatement) -> bool {
    match ddl {
        DdlStatement::CreateView(view) => view.or_replace,
        DdlStatement::CreateExternalTable(table) => table.or_replace,
        _ => false,
    }
}
