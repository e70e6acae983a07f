//! The session of the shell.

use std::path::Path;
use std::sync::Arc;

use datafusion::common::format::MetricType;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect, dialect_from_str};
use fusebox::{CompileHelper, Engine, FileAccess, Privileges, Session};
use fusebox_catalog::SqliteCatalog;

use crate::arguments::Confinement;
use crate::failure::Failure;

/// Largest module of the user, in bytes.
const MODULE_BYTES_MAX: u64 = 64 << 20;

/// Creates a session with all privileges, which its user has anyway, but for what it is
/// confined to. As in DataFusion's shell, a query can name a file as a table.
///
/// Definitions are kept in the file `catalog`, if there is one.
pub(crate) fn session(
    confinement: &Confinement,
    catalog: Option<&Path>,
) -> Result<Session, Failure> {
    let mut config = SessionConfig::new().with_information_schema(true);
    // All metrics of a scan are twenty lines.
    config.options_mut().explain.analyze_level = MetricType::Summary;
    let mut environment = RuntimeEnvBuilder::new();
    // Nothing tells a cache of files that come and go: a query would miss some, without a word.
    environment.cache_manager.list_files_cache_limit = 0;
    // A confined session reads nothing of other machines.
    #[cfg(feature = "remote")]
    let environment = match confinement.root {
        None => crate::remote::with_remote_stores(environment),
        Some(_) => environment,
    };
    let environment = environment.build_arc()?;
    let context = SessionContext::new_with_config_rt(config, environment).enable_url_table();
    let mut privileges = Privileges::all();
    if let Some(root) = &confinement.root {
        privileges.files = FileAccess::under(root)?.writable();
        // Some name folders for files of the process.
        privileges.settings = false;
    }
    let mut builder = Engine::builder().privileges(privileges);
    if confinement.root.is_none() {
        // Those of whole interpreters, as componentize-py makes them.
        builder = builder.module_bytes_max(MODULE_BYTES_MAX);
    }
    if let Some(path) = catalog {
        let catalog = SqliteCatalog::open(path).map_err(Failure::Catalog)?;
        builder = builder.catalog(Arc::new(catalog));
    }
    if let Some(megabytes) = confinement.compile_memory {
        let program = std::env::current_exe().map_err(Failure::System)?;
        let mut helper = CompileHelper::new(program, ["compile-helper".into()]);
        helper.memory_bytes_max = u64::from(megabytes) * 1_000_000;
        builder = builder.compile_helper(helper);
    }
    // With the cache, a module is compiled once per machine. Where the folder of the
    // cache cannot be written, it is compiled once per process.
    let engine = match builder.clone().cache(true).build() {
        Ok(engine) => engine,
        Err(_) => builder.build()?,
    };
    Ok(engine.session().context(context).build()?)
}

/// Returns the current dialect of the session, which `SET` can change.
pub(crate) fn dialect(session: &Session) -> Box<dyn Dialect> {
    let name = dialect_name(session);
    dialect_from_str(name).unwrap_or_else(|| Box::new(GenericDialect {}))
}

/// Returns the name of the dialect that a session is set to.
pub(crate) fn dialect_name(session: &Session) -> String {
    let config = session.context().copied_config();
    config.options().sql_parser.dialect.to_string()
}
