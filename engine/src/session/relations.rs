//! Views, external tables and column defaults, recorded in the catalog.
//!
//! DataFusion creates them. Their SQL is recorded because it may use functions, and because
//! it is all that a durable catalog needs to create them again: see
//! [`shared_relations`](super::shared_relations).

use std::sync::PoisonError;

use datafusion::common::TableReference;
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use datafusion::sql::parser::{CreateExternalTable, Statement as DfStatement};
use fusebox_definition::{Identifier, Literal};
use fusebox_runtime::{Error, Result};

use super::Session;
use super::contents::catalog_error;
use crate::catalog::{Catalog, CatalogChange, CatalogError, Relation, RelationKind};

/// Text of a statement that may create a relation.
pub(super) enum RelationText {
    Other(String),
    ExternalTable(Box<CreateExternalTable>),
}

impl RelationText {
    /// Keeps the text of a statement that may create a relation; `None` for others, whose text
    /// may be large.
    pub(super) fn of(statement: &DfStatement) -> Option<Self> {
        use datafusion::sql::sqlparser::ast::Statement;
        match statement {
            DfStatement::CreateExternalTable(create) => {
                Some(Self::ExternalTable(Box::new(create.clone())))
            }
            DfStatement::Statement(statement) => match statement.as_ref() {
                Statement::CreateView { .. } | Statement::CreateTable(_) => {
                    Some(Self::Other(statement.to_string()))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Formats the statement.
    pub(super) fn sql(&self) -> String {
        match self {
            Self::Other(sql) => sql.clone(),
            Self::ExternalTable(create) => external_table_sql(create),
        }
    }

    /// Formats the statement with absolute paths, for sessions in other directories.
    fn sql_with_absolute_paths(self) -> String {
        let Self::ExternalTable(mut create) = self else {
            return self.sql();
        };
        for location in &mut create.locations {
            let is_url = location.contains("://");
            if !is_url && let Ok(path) = std::path::absolute(&*location) {
                let slash = if location.ends_with('/') { "/" } else { "" };
                *location = format!("{}{slash}", path.display());
            }
        }
        external_table_sql(&create)
    }
}

/// Formats `CREATE EXTERNAL TABLE` with all its clauses: DataFusion leaves out some.
fn external_table_sql(create: &CreateExternalTable) -> String {
    let list = |items: Vec<String>| items.join(", ");
    let mut sql = String::from("CREATE ");
    if create.unbounded {
        sql += "UNBOUNDED ";
    }
    sql += &format!("EXTERNAL TABLE {}", create.name);
    let columns = create.columns.iter().map(ToString::to_string);
    let constraints = create.constraints.iter().map(ToString::to_string);
    let columns: Vec<String> = columns.chain(constraints).collect();
    if !columns.is_empty() {
        sql += &format!(" ({})", list(columns));
    }
    sql += &format!(" STORED AS {}", create.file_type);
    if !create.table_partition_cols.is_empty() {
        let columns = create.table_partition_cols.iter();
        let columns = columns.map(|column| Identifier(column).to_string());
        sql += &format!(" PARTITIONED BY ({})", list(columns.collect()));
    }
    for order in &create.order_exprs {
        let keys = order.iter().map(ToString::to_string);
        sql += &format!(" WITH ORDER ({})", list(keys.collect()));
    }
    if !create.options.is_empty() {
        let options = create.options.iter();
        let options = options.map(|(name, value)| format!("{} {value}", Literal(name)));
        sql += &format!(" OPTIONS ({})", list(options.collect()));
    }
    let locations = create.locations.iter();
    let locations: Vec<_> = locations.map(|place| Literal(place).to_string()).collect();
    sql += &match &locations[..] {
        [location] => format!(" LOCATION {location}"),
        _ => format!(" LOCATION ({})", list(locations)),
    };
    sql
}

/// Change that reverts a recorded one.
#[derive(Default)]
pub(super) struct Revert {
    change: Option<CatalogChange>,
    /// Qualified name of the relation, if it is one of the shared catalog.
    kept: Option<String>,
}

impl Session {
    /// Records the relation that a statement creates or drops, before it is registered.
    pub(super) fn record_relation(
        &self,
        plan: &LogicalPlan,
        text: Option<RelationText>,
    ) -> Result<Revert> {
        let LogicalPlan::Ddl(ddl) = plan else {
            return Ok(Revert::default());
        };
        let sql = match text {
            Some(text) if self.loader.options.privileges.files.is_unconfined() => {
                text.sql_with_absolute_paths()
            }
            Some(text) => text.sql(),
            None => String::new(),
        };
        let Some((name, change)) = self.relation_change(ddl, sql) else {
            return Ok(Revert::default());
        };
        let is_kept = self.keeps(ddl, &name)?;
        let before = match is_kept {
            true => self.catalog.contents().map_err(catalog_error)?,
            false => self.temporary.contents().map_err(catalog_error)?,
        };
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
            return Ok(revert);
        }
        // Another session may have created it since this one registered what there was.
        let found = before.relation(&name);
        let applied = match found.is_none_or(|found| self.relations.has(found)) {
            true => self.catalog.apply(before.version(), vec![change]),
            false => Err(CatalogError::Conflict),
        };
        match applied {
            Ok(_) => Ok(revert),
            Err(CatalogError::Conflict) => Err(Error::Catalog(format!(
                "`{name}` was not changed, because another session changed the catalog \
                 meanwhile: try again"
            ))),
            Err(error) => Err(catalog_error(error)),
        }
    }

    /// Returns the qualified name of the relation that a statement creates or drops, and the
    /// change.
    fn relation_change(&self, ddl: &DdlStatement, sql: String) -> Option<(String, CatalogChange)> {
        let options = self.context.state().config_options().catalog.clone();
        let resolved = |name: &TableReference| {
            let (catalog, schema) = (&options.default_catalog, &options.default_schema);
            name.clone().resolve(catalog, schema).to_string()
        };
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
                if !table.column_defaults.is_empty()
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
            DdlStatement::CreateView(view) => !view.temporary,
            DdlStatement::CreateExternalTable(table) => !table.temporary,
            DdlStatement::DropView(_) | DdlStatement::DropTable(_) => {
                temporary.relation(name).is_none() && shared.relation(name).is_some()
            }
            // Its rows are those of the session.
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

    fn change_relation(&self, change: CatalogChange) -> Result<()> {
        let own = self.own_catalog.lock();
        let _own = own.unwrap_or_else(PoisonError::into_inner);
        let contents = self.temporary.contents().map_err(catalog_error)?;
        let applied = self.temporary.apply(contents.version(), vec![change]);
        applied.map(drop).map_err(catalog_error)
    }
}
