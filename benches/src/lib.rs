//! What the benches share: sessions, and calls as DataFusion makes them.
#![forbid(unsafe_code)]

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::Field;
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use datafusion::prelude::{SessionConfig, SessionContext};
use fusebox::{Paths, Session, SessionBuilder};

/// A session over so many partitions with the functions of these modules.
///
/// # Panics
///
/// If the guests were not built.
pub fn session_with(partitions: usize, modules: &[&str]) -> Session {
    let session = builder(partitions).build().expect("the defaults work");
    import(&session, modules);
    session
}

/// What becomes a session over so many partitions, which may read guests.
///
/// # Panics
///
/// If the workspace is gone.
pub fn builder(partitions: usize) -> SessionBuilder {
    let config = SessionConfig::new().with_target_partitions(partitions);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    Session::builder()
        .context(SessionContext::new_with_config(config))
        .paths(Paths::under(root).expect("the workspace exists"))
}

/// Defines all functions of these modules.
///
/// # Panics
///
/// If the guests were not built.
pub fn import(session: &Session, modules: &[&str]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime can be started");
    for module in modules {
        let define = format!(
            "CREATE MODULE {module} LANGUAGE WASM FROM 'target/guests/{module}.wasm';
             IMPORT FUNCTIONS FROM MODULE {module}"
        );
        for statement in session.statements(&define) {
            runtime
                .block_on(session.execute(statement.expect("the statement parses")))
                .expect("build the guests first: cargo xtask guests");
        }
    }
}

/// The function of that name.
///
/// # Panics
///
/// If there is none.
pub fn function(session: &Session, name: &str) -> Arc<ScalarUDF> {
    let state = session.context().state();
    let function = state.scalar_functions().get(name);
    Arc::clone(function.expect("the session knows the function"))
}

/// A call of a function with these arguments, as DataFusion makes it.
///
/// # Panics
///
/// If the function does not take them.
pub fn call_of(
    function: &ScalarUDF,
    rows: usize,
    arguments: Vec<ColumnarValue>,
) -> ScalarFunctionArgs {
    let types: Vec<_> = arguments.iter().map(ColumnarValue::data_type).collect();
    let returns = function
        .return_type(&types)
        .expect("the function takes these");
    let field = |data_type| Arc::new(Field::new("f", data_type, true));
    ScalarFunctionArgs {
        number_rows: rows,
        args: arguments,
        arg_fields: types.into_iter().map(field).collect(),
        return_field: field(returns),
        config_options: Arc::new(ConfigOptions::default()),
    }
}
