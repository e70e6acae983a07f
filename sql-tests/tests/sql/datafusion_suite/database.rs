//! A session as a sqllogictest database, which prints results as DataFusion's own
//! adapter does.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::common::DataFusionError;
use datafusion::physical_plan::common::collect;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion_sqllogictest::{
    DFColumnType, DFOutput, DFSqlLogicTestError, convert_batches, convert_schema_to_types,
    is_spark_path,
};
use fusebox::{Error, Session};
use sqllogictest::{AsyncDB, DBOutput};

use super::test_files::ROOT;

/// The engine that executes statements.
#[derive(Clone)]
pub(super) enum Connection {
    /// DataFusion alone.
    BuiltIn(SessionContext),
    /// A Fusebox session.
    Fusebox(Box<Session>),
}

/// The database of one test file.
pub(super) struct Database {
    pub(super) connection: Connection,
    /// The path of the file below `test_files/`.
    pub(super) file: PathBuf,
}

#[async_trait]
impl AsyncDB for Database {
    type Error = DFSqlLogicTestError;
    type ColumnType = DFColumnType;

    async fn run(&mut self, sql: &str) -> Result<DFOutput, DFSqlLogicTestError> {
        let frame = match &self.connection {
            Connection::BuiltIn(context) => context.sql(sql).await?,
            Connection::Fusebox(session) => session.sql(sql).await.map_err(as_datafusion)?,
        };
        let task = Arc::new(frame.task_ctx());
        let plan = frame.create_physical_plan().await?;
        let schema = plan.schema();
        let stream = execute_stream(plan, task)?;
        let types = convert_schema_to_types(stream.schema().fields());
        let batches = collect(stream).await?;
        let mut rows = convert_batches(&schema, batches, is_spark_path(&self.file))?;
        if rows.is_empty() && types.is_empty() {
            return Ok(DBOutput::StatementComplete(0));
        }
        // DataFusion's adapter replaces the path where it was compiled.
        let root = ROOT.trim_start_matches('/');
        for cell in rows.iter_mut().flatten() {
            *cell = cell.replace(root, "WORKSPACE_ROOT");
        }
        Ok(DBOutput::Rows { types, rows })
    }

    fn engine_name(&self) -> &str {
        "DataFusion"
    }

    async fn sleep(duration: std::time::Duration) {
        tokio::time::sleep(duration).await;
    }

    async fn shutdown(&mut self) {}
}

/// Unwraps errors of DataFusion, so that their messages are unchanged.
fn as_datafusion(error: Error) -> DataFusionError {
    match error {
        Error::Query(inner) => match inner.downcast::<DataFusionError>() {
            Ok(error) => *error,
            Err(other) => DataFusionError::External(other),
        },
        Error::Syntax(message) => {
            let message = message.trim_start_matches("sql parser error: ");
            let error = ParserError::ParserError(message.to_owned());
            DataFusionError::SQL(Box::new(error), None)
        }
        fusebox => DataFusionError::External(Box::new(fusebox)),
    }
}
