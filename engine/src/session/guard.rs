//! Privileges of DataFusion's statements: files and settings.
//!
//! A plan is checked before it is executed, and its locations are resolved: DataFusion asks the
//! file system whether a location is a directory, and not the object store that confines the
//! session.

// Settings that need a privilege.
mod settings;

// The schema that is read-only.
mod schema;

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::datasource::listing::ListingTable;
use datafusion::datasource::source_as_provider;
use datafusion::datasource::stream::StreamTable;
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::logical_expr::{DdlStatement, LogicalPlan, Statement as DfStatement, TableSource};
use fusebox_definition::FileAccessError;
use fusebox_runtime::{Error, Result};

use super::copy::COMPRESSION;
use super::{Session, query};
use crate::file_access::{FileUse, compressed_text};
use crate::file_commit::state_append;
use crate::function::external;
use crate::privileges::Privileges;
use crate::settings::Settings;

impl Session {
    fn default_schema(&self) -> String {
        let state = self.context.state_ref();
        let state = state.read();
        state.config_options().catalog.default_schema.clone()
    }

    /// Checks a plan, and resolves the locations in it.
    pub(super) fn guard(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let privileges = self.loader.options.current_privileges();
        let guard = Guard {
            privileges: &privileges,
            settings: self.loader.options.settings,
            default_schema: self.default_schema(),
            stores: Arc::clone(&self.context.runtime_env().object_store_registry),
        };
        let guarded = plan.transform_down_with_subqueries(|node| {
            self.check_planned_function(&node).map_err(external)?;
            guard.node(node).map_err(external)
        });
        match guarded {
            Ok(guarded) => state_append(guarded.data),
            Err(DataFusionError::External(error)) => match error.downcast::<Error>() {
                Ok(error) => Err(*error),
                Err(other) => Err(Error::Query(other)),
            },
            Err(other) => Err(query(other)),
        }
    }
}

/// Checks of one plan.
struct Guard<'a> {
    privileges: &'a Privileges,
    /// Settings with which the session was built.
    settings: Settings,
    default_schema: String,
    stores: Arc<dyn ObjectStoreRegistry>,
}

impl Guard<'_> {
    /// Checks a node, and resolves its locations.
    fn node(&self, mut plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        schema::check(&plan, &self.default_schema)?;
        match &mut plan {
            LogicalPlan::Copy(copy) => {
                settings::check_options(&copy.options)?;
                copy.output_url = self.resolve(&copy.output_url, FileUse::Write)?;
                let checked = self.privileges.files.check_directory(&copy.output_url);
                checked.map_err(|error| FileUse::Write.refused(&copy.output_url, error))?;
                return Ok(Transformed::yes(plan));
            }
            LogicalPlan::Ddl(DdlStatement::CreateExternalTable(table)) => {
                settings::check_options(&table.options)?;
                let is_true = |(name, value): (&String, &String)| {
                    name.eq_ignore_ascii_case("unbounded") && value.eq_ignore_ascii_case("true")
                };
                let is_unbounded = table.unbounded || table.options.iter().any(is_true);
                if let [location] = &table.locations[..]
                    && let Some((_, compression)) = compressed_text(location)
                    && !table.options.contains_key(COMPRESSION)
                {
                    let compression = compression.to_owned();
                    table.options.insert(COMPRESSION.to_owned(), compression);
                }
                for location in &mut table.locations {
                    if is_unbounded {
                        self.check_unbounded(location)?;
                        continue;
                    }
                    *location = self.resolve(location, FileUse::Read)?;
                }
                return Ok(Transformed::yes(plan));
            }
            LogicalPlan::Statement(DfStatement::SetVariable(set)) => {
                settings::check(self, &set.variable, Some(&set.value))?;
            }
            LogicalPlan::Statement(DfStatement::ResetVariable(reset)) => {
                settings::check(self, &reset.variable, None)?;
            }
            LogicalPlan::TableScan(scan) => {
                self.check_table(&scan.table_name.to_string(), &scan.source)?;
            }
            LogicalPlan::Dml(dml) => {
                self.check_table(&dml.table_name.to_string(), &dml.target)?;
                self.check_target(&dml.target)?;
            }
            _ => {}
        }
        Ok(Transformed::no(plan))
    }

    fn resolve(&self, location: &str, file_use: FileUse) -> Result<String> {
        let has_store = |url: &_| self.stores.get_store(url).is_ok();
        let resolved = self.privileges.files.resolve(location, file_use, has_store);
        resolved.map_err(|error| file_use.refused(location, error))
    }

    /// Refuses an unbounded table, whose file DataFusion opens without an object store.
    fn check_unbounded(&self, location: &str) -> Result<()> {
        match self.privileges.files.is_unconfined() {
            true => Ok(()),
            false => Err(FileUse::Read.refused(location, FileAccessError::Unbounded)),
        }
    }

    /// Refuses an unbounded table that another session created, also within a view.
    fn check_table(&self, name: &str, source: &Arc<dyn TableSource>) -> Result<()> {
        // A source that is not DataFusion's own has no provider to check.
        match source_as_provider(source) {
            Ok(provider) => self.check_provider(name, provider.as_ref()),
            Err(_) => Ok(()),
        }
    }

    /// Refuses to write to a table of files that may only be read. The object store does so
    /// too, but DataFusion does not pass on its error.
    fn check_target(&self, target: &Arc<dyn TableSource>) -> Result<()> {
        let provider = source_as_provider(target);
        let Some(files) = provider
            .as_ref()
            .ok()
            .and_then(|provider| provider.downcast_ref::<ListingTable>())
        else {
            return Ok(());
        };
        let mut locations = files.table_paths().iter();
        locations.try_for_each(|url| self.resolve(url.as_str(), FileUse::Write).map(drop))
    }

    fn check_provider(&self, name: &str, provider: &dyn TableProvider) -> Result<()> {
        if provider.is::<StreamTable>() {
            return self.check_unbounded(name);
        }
        let Some(view) = provider.get_logical_plan() else {
            return Ok(());
        };
        let mut checked = Ok(());
        let walked = view.apply_with_subqueries(|node| -> DfResult<TreeNodeRecursion> {
            if let LogicalPlan::TableScan(scan) = node {
                checked = self.check_table(&scan.table_name.to_string(), &scan.source);
            }
            Ok(match checked {
                Ok(()) => TreeNodeRecursion::Continue,
                Err(_) => TreeNodeRecursion::Stop,
            })
        });
        walked.map_err(query)?;
        checked
    }
}
