//! Golden SQL files, and a database adapter that lets sqllogictest run them in a
//! Fusebox session.
//!
//! Every file runs in a new session that may read modules below the workspace
//! root: `udfs/hostile/…` and the compiled guests `target/guests/…`.
//!
//! [`fuzz_session`] executes random statements.
#![forbid(unsafe_code)]

// A session of random statements.
mod fuzz;

// Random statements, valid and broken.
mod statements;

// The root directory.
mod root;

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::{SessionConfig, SessionContext};
use fusebox::{Error, FileAccess, Privileges, Session};
use sqllogictest::{DB, DBOutput, DefaultColumnType};
use tokio::runtime::Runtime;

pub use fuzz::{SessionOutcome, fuzz_session};
pub use root::workspace_root;

/// Parallelism and batch size of DataFusion's plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutionConfig {
    /// Partitions that plans aim for.
    pub partitions: usize,
    /// Rows of a batch.
    pub batch_size: usize,
}

impl ExecutionConfig {
    /// An execution config of `partitions` partitions and `batch_size` rows.
    pub const fn new(partitions: usize, batch_size: usize) -> Self {
        Self {
            partitions,
            batch_size,
        }
    }

    /// Returns DataFusion's configuration of a session with this execution config.
    pub fn session_config(self) -> SessionConfig {
        SessionConfig::new()
            .with_information_schema(true)
            .with_target_partitions(self.partitions)
            .with_batch_size(self.batch_size)
    }

    /// Changes the execution config of an existing session.
    ///
    /// # Errors
    ///
    /// Those of the `SET` statements.
    pub async fn apply(self, session: &Session) -> Result<(), Error> {
        for (option, value) in [
            ("target_partitions", self.partitions),
            ("batch_size", self.batch_size),
        ] {
            let set = format!("SET datafusion.execution.{option} = {value}");
            session.sql(&set).await?;
        }
        Ok(())
    }
}

impl fmt::Display for ExecutionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            partitions,
            batch_size,
        } = self;
        write!(f, "{partitions} partitions, batch size {batch_size}")
    }
}

/// Replaces `$workspace` in a statement by the workspace root, so that golden
/// files can name tables by path.
pub fn expand_workspace(sql: &str) -> String {
    sql.replace("$workspace", &workspace_root().display().to_string())
}

/// Returns all privileges, with files below the workspace root alone, to read.
///
/// # Panics
///
/// If the workspace does not exist.
pub fn privileges() -> Privileges {
    Privileges {
        files: FileAccess::under(workspace_root()).expect("the workspace exists"),
        ..Privileges::all()
    }
}

/// Opens a session with an execution config, which has [`privileges`].
///
/// # Panics
///
/// If the session cannot be built.
pub fn session(config: ExecutionConfig) -> Session {
    Session::builder()
        .context(SessionContext::new_with_config(config.session_config()))
        .privileges(privileges())
        .module_bytes_max(64 << 20)
        .build()
        .expect("a session with default options can be built")
}

/// A session as a sqllogictest database.
pub struct Database {
    session: Session,
    runtime: Arc<Runtime>,
}

impl Database {
    /// Opens a new session, whose queries run on `runtime`.
    pub fn new(runtime: Arc<Runtime>) -> Self {
        Self {
            session: session(ExecutionConfig::new(2, 8192)),
            runtime,
        }
    }
}

impl DB for Database {
    type Error = Error;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Error> {
        let (types, batches) = self.runtime.block_on(async {
            let frame = self.session.sql(&expand_workspace(sql)).await?;
            let types: Vec<_> = frame
                .schema()
                .fields()
                .iter()
                .map(|field| column_type(field.data_type()))
                .collect();
            let batches = frame.collect().await;
            batches
                .map(|batches| (types, batches))
                .map_err(|error| Error::Query(Box::new(error)))
        })?;
        if types.is_empty() {
            return Ok(DBOutput::StatementComplete(0));
        }
        let rows = batches.iter().flat_map(printed_rows).collect();
        Ok(DBOutput::Rows { types, rows })
    }

    fn engine_name(&self) -> &str {
        "fusebox"
    }
}

fn column_type(data_type: &DataType) -> DefaultColumnType {
    match data_type {
        t if t.is_integer() => DefaultColumnType::Integer,
        t if t.is_floating() => DefaultColumnType::FloatingPoint,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DefaultColumnType::Text,
        _ => DefaultColumnType::Any,
    }
}

/// Prints the cells of a batch, row by row.
fn printed_rows(batch: &RecordBatch) -> Vec<Vec<String>> {
    let options = FormatOptions::new().with_null("NULL");
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options).expect("every type can be printed"))
        .collect();
    // A golden file has one line per row, so line breaks inside a cell are
    // escaped. Those at the end of a plan are dropped.
    let text = |row: usize, column: &ArrayFormatter<'_>| column.value(row).to_string();
    let cell = |row: usize, column: &ArrayFormatter<'_>| match text(row, column).trim_end() {
        "" => "(empty)".to_owned(),
        text => text.replace('\n', "\\n"),
    };
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| cell(row, column)).collect())
        .collect()
}
