//! Sessions and calls that the benches of the engine share.
#![forbid(unsafe_code)]

// Starts of new processes.
pub mod starts;

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::Field;
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use datafusion::prelude::{SessionConfig, SessionContext};
use fusebox::{Engine, EngineBuilder, FileAccess, Privileges, Session};

/// Creates a session with `partitions` target partitions and the functions of these
/// modules.
///
/// # Panics
///
/// If the guests were not built.
pub fn session_with(partitions: usize, modules: &[&str]) -> Session {
    let session = session_of(builder(), partitions);
    import(&session, modules);
    session
}

/// Returns the builder of an engine with access to the files of the workspace.
///
/// # Panics
///
/// If the folder of the workspace does not exist.
pub fn builder() -> EngineBuilder {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    Engine::builder().privileges(Privileges {
        files: FileAccess::under(root).expect("the workspace exists"),
        ..Privileges::all()
    })
}

/// Builds an engine, and a session with `partitions` target partitions.
///
/// # Panics
///
/// If an option of the engine is not supported.
pub fn session_of(builder: EngineBuilder, partitions: usize) -> Session {
    let config = SessionConfig::new().with_target_partitions(partitions);
    let context = SessionContext::new_with_config(config);
    let engine = builder.build().expect("the options are supported");
    let session = engine.session().context(context).build();
    session.expect("the defaults work")
}

/// Creates these modules and imports their functions.
///
/// # Panics
///
/// If the guests were not built.
pub fn import(session: &Session, modules: &[&str]) {
    let runtime = starts::runtime();
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

/// Returns the scalar function of this name.
///
/// # Panics
///
/// If the session has no such function.
pub fn function(session: &Session, name: &str) -> Arc<ScalarUDF> {
    let state = session.context().state();
    let function = state.scalar_functions().get(name);
    Arc::clone(function.expect("the function is registered"))
}

/// Creates the arguments of one call, as DataFusion passes them.
///
/// # Panics
///
/// If no overload accepts them.
pub fn call_of(
    function: &ScalarUDF,
    rows: usize,
    arguments: Vec<ColumnarValue>,
) -> ScalarFunctionArgs {
    let types: Vec<_> = arguments.iter().map(ColumnarValue::data_type).collect();
    let returns = function
        .return_type(&types)
        .expect("an overload accepts the types");
    let field = |data_type| Arc::new(Field::new("f", data_type, true));
    ScalarFunctionArgs {
        number_rows: rows,
        args: arguments,
        arg_fields: types.into_iter().map(field).collect(),
        return_field: field(returns),
        config_options: Arc::new(ConfigOptions::default()),
    }
}
