//! Golden SQL files, and a session of ours as a database that sqllogictest can
//! drive.
//!
//! Every file starts in a fresh session that may read modules below the
//! workspace: `udfs/hostile/…` and the guests at `target/guests/…`.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::{SessionConfig, SessionContext};
use fusebox::{Error, Paths, Session};
use sqllogictest::{DB, DBOutput, DefaultColumnType};
use tokio::runtime::Runtime;

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("the crate lies in the workspace").to_owned()
}

/// A statement of a golden file, in which `$workspace` is the root of the
/// workspace: tables are found wherever the tests run.
pub fn located(sql: &str) -> String {
    sql.replace("$workspace", &workspace().display().to_string())
}

/// A session over `partitions` partitions and batches of `batch_size` rows.
///
/// # Panics
///
/// If the defaults of a session do not work.
pub fn session(partitions: usize, batch_size: usize) -> Session {
    let config = SessionConfig::new()
        .with_information_schema(true)
        .with_target_partitions(partitions)
        .with_batch_size(batch_size);
    Session::builder()
        .context(SessionContext::new_with_config(config))
        .paths(Paths::under(workspace()).expect("the workspace exists"))
        .build()
        .expect("the defaults work")
}

/// A session that sqllogictest can drive.
pub struct Database {
    session: Session,
    runtime: Arc<Runtime>,
}

impl Database {
    /// A database in a fresh session, which runs on `runtime`.
    pub fn new(runtime: Arc<Runtime>) -> Self {
        Self {
            session: session(2, 8192),
            runtime,
        }
    }
}

impl DB for Database {
    type Error = Error;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Error> {
        let (types, batches) = self.runtime.block_on(async {
            let frame = self.session.sql(&located(sql)).await?;
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
        let rows = batches.iter().flat_map(rows).collect();
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

fn rows(batch: &RecordBatch) -> Vec<Vec<String>> {
    let options = FormatOptions::new().with_null("NULL");
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options).expect("every type prints"))
        .collect();
    // A golden file has a line for a row: line breaks are escaped, but for those
    // at the end of a plan.
    let text = |row: usize, column: &ArrayFormatter<'_>| column.value(row).to_string();
    let cell = |row: usize, column: &ArrayFormatter<'_>| match text(row, column).trim_end() {
        "" => "(empty)".to_owned(),
        text => text.replace('\n', "\\n"),
    };
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| cell(row, column)).collect())
        .collect()
}
