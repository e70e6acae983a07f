//! Schema `fusebox`: tables of functions, modules, limits, statistics, sessions, users and grants.
//!
//! Their rows are computed when a plan scans them, and are those that the session may see: of
//! its catalog, and of its own temporary functions. Nothing here leads back to the context
//! that holds the schema, which would never be dropped then.

// Functions, modules, exports and limits.
mod definitions;

// Statistics and sessions.
mod activity;

// Users, grants and the audit.
pub(super) mod access;

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, Session as DataFusionSession, TableProvider};
use datafusion::common::Result as DfResult;
use datafusion::datasource::{MemTable, TableType};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use fusebox_definition::{StatementError, Subject};
use fusebox_runtime::{Error, Result, StatisticsRegistry};

use super::cells::{Columns, batch};
use super::contents::{Contents, catalog_error};
use crate::activity::CatalogActivity;
use crate::catalog::{Catalog, MemoryCatalog};
use crate::function::external;
use crate::loader::Loader;

/// Name of the schema.
pub(super) const SCHEMA: &str = "fusebox";

/// Source of the tables of a session.
#[derive(Clone)]
pub(super) struct Introspection {
    pub(super) catalog: Arc<dyn Catalog>,
    pub(super) temporary: Arc<MemoryCatalog>,
    pub(super) loader: Arc<Loader>,
    pub(super) statistics: Arc<StatisticsRegistry>,
    pub(super) activity: Arc<CatalogActivity>,
    /// Number of the session.
    pub(super) session: u64,
}

/// Table of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Audit,
    Exports,
    Functions,
    Grants,
    Limits,
    Modules,
    Sessions,
    Stats,
    Users,
}

impl Table {
    const ALL: [Self; 9] = [
        Self::Audit,
        Self::Exports,
        Self::Functions,
        Self::Grants,
        Self::Limits,
        Self::Modules,
        Self::Sessions,
        Self::Stats,
        Self::Users,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Exports => "exports",
            Self::Functions => "functions",
            Self::Grants => "grants",
            Self::Limits => "limits",
            Self::Modules => "modules",
            Self::Sessions => "sessions",
            Self::Stats => "stats",
            Self::Users => "users",
        }
    }

    fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    /// Returns the columns of a table without rows.
    fn empty(self) -> Columns {
        match self {
            Self::Audit => access::audit(&[]),
            Self::Exports => definitions::exports(&[]),
            Self::Functions => definitions::functions(&[], &[]),
            Self::Grants => access::grants(&[]),
            Self::Limits => definitions::limits(&[]),
            Self::Modules => definitions::modules(&[]),
            Self::Sessions => activity::sessions(&[], 0),
            Self::Stats => activity::statistics(&[]),
            Self::Users => access::users(&[]),
        }
    }
}

impl Introspection {
    /// Registers the schema in the default catalog of a context, in place of that of an
    /// earlier session. A catalog that takes no schemas, or has another of that name, is left
    /// as it is.
    pub(super) fn register(self, context: &SessionContext) {
        let state = context.state_ref();
        let default = state
            .read()
            .config_options()
            .catalog
            .default_catalog
            .clone();
        let Some(catalog) = context.catalog(&default) else {
            return;
        };
        let found = catalog.schema(SCHEMA);
        if found.is_some_and(|schema| schema.owner_name() != Some(SCHEMA)) {
            tracing::warn!(schema = SCHEMA, "the context has a schema of that name");
            return;
        }
        if let Err(error) = catalog.register_schema(SCHEMA, Arc::new(FuseboxSchema(self))) {
            tracing::debug!(%error, "the catalog of the context takes no schema");
        }
    }

    /// Computes the rows of a table.
    async fn columns(&self, table: Table) -> Result<Columns> {
        let contents = Contents::read(self.catalog.as_ref(), &self.temporary)?;
        let functions = contents.functions();
        let known = contents.shared.access();
        let options = &self.loader.options;
        Ok(match table {
            Table::Audit => {
                let subject = Subject::Table("fusebox.audit".to_owned());
                options.current_privileges().check_users(&subject)?;
                access::audit(&self.catalog.audit().map_err(catalog_error)?)
            }
            Table::Grants => access::grants(&access::visible_grants(known, options)),
            Table::Users => access::users(&access::visible_roles(known, options)),
            Table::Exports => definitions::exports(&self.exports(&contents).await),
            Table::Functions => {
                let unreadable: Vec<_> = contents.shared.unreadable().collect();
                definitions::functions(&functions, &unreadable)
            }
            Table::Limits => definitions::limits(&self.limits(&functions)),
            Table::Modules => definitions::modules(&definitions::module_rows(&contents)),
            Table::Sessions => activity::sessions(&self.activity.sessions(), self.session),
            Table::Stats => activity::statistics(&self.statistics_of(&functions)),
        })
    }
}

impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection").finish_non_exhaustive()
    }
}

/// The schema of a session.
#[derive(Debug)]
struct FuseboxSchema(Introspection);

#[async_trait]
impl SchemaProvider for FuseboxSchema {
    fn owner_name(&self) -> Option<&str> {
        Some(SCHEMA)
    }

    fn table_names(&self) -> Vec<String> {
        Table::ALL.map(|table| table.name().to_owned()).to_vec()
    }

    async fn table(&self, name: &str) -> DfResult<Option<Arc<dyn TableProvider>>> {
        let Some(table) = Table::find(name) else {
            return Ok(None);
        };
        Ok(Some(Arc::new(FuseboxTable {
            table,
            schema: batch(table.empty())?.schema(),
            introspection: self.0.clone(),
        })))
    }

    async fn table_type(&self, name: &str) -> DfResult<Option<TableType>> {
        Ok(Table::find(name).map(|_| TableType::View))
    }

    fn register_table(
        &self,
        _name: String,
        _table: Arc<dyn TableProvider>,
    ) -> DfResult<Option<Arc<dyn TableProvider>>> {
        Err(read_only())
    }

    fn deregister_table(&self, _name: &str) -> DfResult<Option<Arc<dyn TableProvider>>> {
        Err(read_only())
    }

    fn table_exist(&self, name: &str) -> bool {
        Table::find(name).is_some()
    }
}

fn read_only() -> datafusion::common::DataFusionError {
    let subject = Subject::Schema(SCHEMA.to_owned());
    external(Error::refused(subject, StatementError::ReadOnly))
}

/// Table whose rows are computed when it is scanned.
#[derive(Debug)]
struct FuseboxTable {
    table: Table,
    schema: SchemaRef,
    introspection: Introspection,
}

#[async_trait]
impl TableProvider for FuseboxTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        session: &dyn DataFusionSession,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let columns = self.introspection.columns(self.table).await;
        let rows: RecordBatch = batch(columns.map_err(external)?)?;
        let rows = MemTable::try_new(self.schema(), vec![vec![rows]])?;
        rows.scan(session, projection, filters, limit).await
    }
}
