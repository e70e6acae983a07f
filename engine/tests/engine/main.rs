//! Integration tests of the public API.

mod accumulators;
mod arguments;
mod batches;
mod busy_catalog;
mod cancellation;
mod compilation;
mod early_binding;
mod endless;
mod examples;
mod extreme_values;
mod file_policy;
mod file_races;
mod files;
mod hostile_modules;
mod idle;
mod introspection;
mod kept_plans;
mod late_binding;
mod limits;
mod memory;
mod memory_limits;
mod metrics;
mod native_stack;
mod notices;
mod parameters;
mod plain_context;
mod pools;
mod privileges;
mod profile;
#[cfg(feature = "disable-protections")]
mod protections;
mod results;
mod reuse;
mod schemas;
mod sessions;
mod settings;
mod statements;
mod type_names;
mod types;
mod users;
mod volatile;
mod wrapped_unions;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use datafusion::prelude::SessionContext;
use fusebox::{Engine, Error, FileAccess, Privileges, Session};

/// Returns the folder of the bundled functions.
fn udfs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../udfs")
}

/// Returns all privileges, with files of [`udfs`] alone, to read.
fn privileges() -> Privileges {
    Privileges {
        files: FileAccess::under(udfs()).unwrap(),
        ..Privileges::all()
    }
}

/// Opens a session with [`privileges`].
fn session() -> Session {
    let builder = Session::builder().privileges(privileges());
    builder.build().unwrap()
}

/// Adds `CREATE FUNCTION` to a context by its function factory alone, which may read files
/// of [`udfs`].
fn with_function_factory(context: SessionContext) -> SessionContext {
    let engine = Engine::builder().privileges(privileges()).build().unwrap();
    context.with_function_factory(Arc::new(engine.function_factory()))
}

/// Runs all statements of `text` and returns the batches of the last one.
async fn run(session: &Session, text: &str) -> Result<Vec<RecordBatch>, Error> {
    let mut last = Vec::new();
    for statement in session.statements(text) {
        let frame = session.execute(statement?).await?;
        last = frame
            .collect()
            .await
            .map_err(|error| Error::Query(Box::new(error)))?;
    }
    Ok(last)
}

/// Returns the first value of a result whose first column is a `BIGINT`.
fn number(batches: &[RecordBatch]) -> i64 {
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

const CLAMP: &str = "CREATE FUNCTION clamp_to LANGUAGE WASM AS 'wat/clamp.wat';";

/// Returns the first value of a text column of a result.
fn text(batches: &[RecordBatch], column: usize) -> String {
    batches[0]
        .column(column)
        .as_string::<i32>()
        .value(0)
        .to_owned()
}
