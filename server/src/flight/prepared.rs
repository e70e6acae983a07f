//! Prepared statements: described, given values, and executed.

use std::sync::Arc;

use arrow_flight::sql::{
    ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult,
};
use arrow_flight::{FlightData, IpcMessage, SchemaAsIpc};
use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::ipc::writer::IpcWriteOptions;
use datafusion::common::{DataFusionError, ScalarValue};
use fusebox::{Session, Statement};
use tonic::Streaming;

use super::Caller;
use super::kept::{Bound, Prepared};
use super::parameters::{check_columns, read, row};
use super::results::DataStream;
use super::running::{Outcome, Tagged};
use super::statements::{ResultInfo, check_transaction, waiting};
use crate::encoding::arrow_messages::{ArrowColumns, client_type};
use crate::execution::CancelOnDrop;
use crate::report::{INVALID_PARAMETER, NOT_SUPPORTED, Report, SYNTAX_ERROR};

/// Types of the parameters of a statement, and columns of its result if it has one.
type Described = (SchemaRef, Option<SchemaRef>);

impl Caller {
    /// Prepares a statement.
    ///
    /// # Errors
    ///
    /// The report of a statement that cannot be planned.
    pub(super) async fn prepare(
        &self,
        request: ActionCreatePreparedStatementRequest,
    ) -> Result<ActionCreatePreparedStatementResult, Report> {
        check_transaction(request.transaction_id.as_ref())?;
        let tagged = self.tagged(request.query).await?;
        let (parameters, columns) = self.described(&tagged).await?;
        let encoded = |schema: &SchemaRef| schema_bytes(schema);
        let mut result = ActionCreatePreparedStatementResult {
            prepared_statement_handle: Bytes::new(),
            dataset_schema: columns
                .as_ref()
                .map(encoded)
                .transpose()?
                .unwrap_or_default(),
            parameter_schema: schema_bytes(&parameters)?,
        };
        let (statement, tag) = tagged;
        let prepared = Prepared {
            statement,
            tag,
            parameters,
            columns,
        };
        let handle = self
            .session
            .kept()
            .prepare(prepared, self.kept_bytes_max())?;
        result.prepared_statement_handle = handle.to_vec().into();
        Ok(result)
    }

    /// Returns the types of the parameters of a statement, and the columns of its result.
    ///
    /// # Errors
    ///
    /// The report of a statement that cannot be planned.
    pub(super) async fn described(&self, (statement, tag): &Tagged) -> Result<Described, Report> {
        if statement.begins_with(&["EXECUTE"]) {
            let message = "expected a statement that is no EXECUTE, found one; send its text";
            return Err(Report::error(NOT_SUPPORTED, message));
        }
        let session = self.session.session.cancellable();
        let _cancel = CancelOnDrop(session.clone());
        let (sql, tag) = (statement.sql.clone(), *tag);
        let begin = statement.begin;
        let describing = async move {
            let described = describe(&session, &sql, tag).await;
            described.map_err(|report| report.placed(&sql, begin))
        };
        self.on_threads(describing).await?
    }

    /// Returns the columns of a prepared statement, of which a statement without a result has none.
    ///
    /// # Errors
    ///
    /// A report if there is no such statement.
    pub(super) fn prepared_columns(&self, handle: &[u8]) -> Result<SchemaRef, Report> {
        let (_, bound) = self.session.kept().prepared(handle)?;
        let columns = bound.prepared.columns.clone();
        Ok(columns.unwrap_or_else(|| Arc::new(Schema::empty())))
    }

    /// Binds the values of a stream to a prepared statement; returns its handle.
    ///
    /// # Errors
    ///
    /// A report if they are malformed, or not those of the parameters.
    pub(super) async fn bind(
        &self,
        handle: &[u8],
        first: FlightData,
        stream: Streaming<FlightData>,
    ) -> Result<Bytes, Report> {
        let (handle, bound) = self.session.kept().prepared(handle)?;
        let values = self.values(&bound, first, stream).await?;
        let bytes_max = self.kept_bytes_max();
        let bound = Bound::new(bound.prepared, values, bytes_max);
        self.session.kept().bind(handle, bound, bytes_max)?;
        Ok(handle.to_vec().into())
    }

    async fn values(
        &self,
        bound: &Bound,
        first: FlightData,
        stream: Streaming<FlightData>,
    ) -> Result<Vec<RecordBatch>, Report> {
        let values = read(self, first, stream).await?;
        check_columns(&values, bound.prepared.parameters.fields().len())?;
        Ok(values)
    }

    /// Executes a prepared statement up to its rows; one that has none, to its end.
    ///
    /// # Errors
    ///
    /// The report of a statement that fails.
    pub(super) async fn query_prepared(&self, handle: &[u8]) -> Result<ResultInfo, Report> {
        let outcome = self.begin_prepared(handle).await?;
        self.announce(outcome)
    }

    /// Executes a prepared statement, and sends its rows.
    ///
    /// # Errors
    ///
    /// The report of a statement that fails before its rows.
    pub(super) async fn rows_of_prepared(self, handle: &[u8]) -> Result<DataStream, Report> {
        let outcome = self.begin_prepared(handle).await?;
        self.sent_at_once(waiting(outcome).0)
    }

    async fn begin_prepared(&self, handle: &[u8]) -> Result<Outcome, Report> {
        self.session.kept().check_results()?;
        let (_, bound) = self.session.kept().prepared(handle)?;
        let rows: usize = bound.values.iter().map(RecordBatch::num_rows).sum();
        let changes_rows = ["INSERT", "UPDATE", "DELETE"].contains(&bound.prepared.tag);
        if changes_rows && rows > 1 {
            return self.for_each_row(&bound).await.map(Outcome::Done);
        }
        let values = match bound.values.iter().find(|batch| batch.num_rows() > 0) {
            Some(batch) if rows == 1 => row(batch, 0)?,
            None if bound.prepared.parameters.fields().is_empty() => Vec::new(),
            _ => {
                let message = format!("expected one row of parameters, found {rows}");
                return Err(Report::error(INVALID_PARAMETER, message));
            }
        };
        self.begin(&tagged_of(&bound), values).await
    }

    /// Executes a prepared statement to its end, once for each row of parameters: those that follow
    /// the command, or else those that were bound. Returns the number of rows that it has changed.
    ///
    /// # Errors
    ///
    /// The report of the first row whose statement fails. Those before have taken effect.
    pub(super) async fn update_prepared(
        &self,
        handle: &[u8],
        first: FlightData,
        stream: Streaming<FlightData>,
    ) -> Result<i64, Report> {
        let (_, mut bound) = self.session.kept().prepared(handle)?;
        let values = self.values_or_none(&bound, first, stream).await?;
        if let Some(values) = values {
            bound.values = values.into();
        }
        if bound.prepared.parameters.fields().is_empty() {
            return self.to_end(&tagged_of(&bound), Vec::new()).await;
        }
        if bound.values.is_empty() {
            let message = "expected values of the parameters, found none; bind them";
            return Err(Report::error(INVALID_PARAMETER, message));
        }
        self.for_each_row(&bound).await
    }

    /// Reads the values that follow a command; `None` if there are none.
    async fn values_or_none(
        &self,
        bound: &Bound,
        first: FlightData,
        stream: Streaming<FlightData>,
    ) -> Result<Option<Vec<RecordBatch>>, Report> {
        let values = self.values(bound, first, stream).await?;
        let has_rows = values.iter().any(|batch| batch.num_rows() > 0);
        Ok(has_rows.then_some(values))
    }

    async fn for_each_row(&self, bound: &Bound) -> Result<i64, Report> {
        let tagged = tagged_of(bound);
        let (mut count, mut number) = (0_i64, 0_usize);
        for batch in bound.values.iter() {
            for index in 0..batch.num_rows() {
                number += 1;
                let changed = self.to_end(&tagged, row(batch, index)?).await;
                let changed = changed.map_err(|mut report| {
                    let place = || format!("Row of the parameters: {number}.");
                    report.detail.get_or_insert_with(place);
                    report
                })?;
                count = count.saturating_add(changed);
            }
        }
        Ok(count)
    }

    /// Maximum size of what the session keeps, as that of a connection of PostgreSQL's protocol.
    fn kept_bytes_max(&self) -> usize {
        2 * self.shared().config.message_bytes_max()
    }
}

fn tagged_of(bound: &Bound) -> Tagged {
    (bound.prepared.statement.clone(), bound.prepared.tag)
}

/// Encodes a schema as the format of a file begins.
///
/// # Errors
///
/// A report if it cannot be encoded.
pub(super) fn schema_bytes(schema: &Schema) -> Result<Bytes, Report> {
    let options = IpcWriteOptions::default();
    let message = IpcMessage::try_from(SchemaAsIpc::new(schema, &options));
    let IpcMessage(bytes) = message.map_err(DataFusionError::from)?;
    Ok(bytes)
}

fn parsed(session: &Session, sql: &str) -> Result<Statement, Report> {
    let statement = session.statements(sql).next().transpose()?;
    statement.ok_or_else(|| Report::error(SYNTAX_ERROR, "expected a statement, found none"))
}

/// Plans a statement without effect.
async fn describe(session: &Session, sql: &str, tag: &str) -> Result<Described, Report> {
    let mut statement = parsed(session, sql)?;
    let count = statement.parameters();
    match tag {
        "SELECT" if !sql.trim_start().to_uppercase().starts_with("SUMMARIZE") => {}
        "INSERT" | "UPDATE" | "DELETE" => {}
        // Statements that show something have no effect when they are planned.
        "SELECT" | "SHOW" | "EXPLAIN" => {
            statement.bind(&vec![Some(ScalarValue::Null); count])?;
            let frame = session.execute(statement).await?;
            let columns = client_columns(frame.schema().as_arrow());
            return Ok((parameters(&vec![None; count]), Some(columns)));
        }
        _ => return Ok((parameters(&vec![None; count]), None)),
    }
    let inferred = session.describe(statement).await;
    let types = match &inferred {
        Ok(description) => description.parameters.clone(),
        // Without types of parameters there may be no plan.
        Err(_) => vec![None; count],
    };
    let description = match inferred {
        Ok(description) if count == 0 => description,
        Err(error) if count == 0 => return Err(error.into()),
        _ => {
            let mut statement = parsed(session, sql)?;
            statement.bind(&nulls(&types)?)?;
            session.describe(statement).await?
        }
    };
    let columns = (tag == "SELECT").then(|| client_columns(&description.columns));
    Ok((parameters(&types), columns))
}

/// Returns columns as they are announced with a result.
fn client_columns(schema: &Schema) -> SchemaRef {
    Arc::clone(ArrowColumns::new(schema).schema())
}

/// Returns a column for each parameter. Those of unknown types are texts, which are read as if they
/// were written in the statement.
fn parameters(types: &[Option<DataType>]) -> SchemaRef {
    let fields = types.iter().enumerate().map(|(index, data_type)| {
        let data_type = data_type.as_ref().map_or(DataType::Utf8, client_type);
        Field::new(format!("${}", index + 1), data_type, true)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn nulls(types: &[Option<DataType>]) -> Result<Vec<Option<ScalarValue>>, Report> {
    let nulls = types.iter().map(|data_type| match data_type {
        Some(data_type) => Ok(Some(ScalarValue::try_from(data_type)?)),
        None => Ok(Some(ScalarValue::Null)),
    });
    nulls.collect()
}
