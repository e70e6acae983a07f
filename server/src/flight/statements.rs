//! Statements as text: executed once by their first call, whichever it is.

use arrow_flight::sql::{
    CommandStatementQuery, CommandStatementUpdate, ProstMessageExt, TicketStatementQuery,
};
use bytes::Bytes;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use prost::Message;

use super::Caller;
use super::kept::Waiting;
use super::results::no_columns;
use super::running::{Outcome, Running, Tagged, audit, tagged};
use crate::report::{NOT_SUPPORTED, Report};

/// Result that a client may fetch.
pub(super) struct ResultInfo {
    pub(super) schema: SchemaRef,
    pub(super) ticket: Bytes,
    /// Number of rows that the statement has changed; -1 for a query.
    pub(super) records: i64,
}

impl Caller {
    /// Executes a statement up to its rows; one that has none, to its end.
    ///
    /// # Errors
    ///
    /// The report of a statement that fails.
    pub(super) async fn query(&self, command: CommandStatementQuery) -> Result<ResultInfo, Report> {
        check_transaction(command.transaction_id.as_ref())?;
        let tagged = self.tagged(command.query).await?;
        self.session.kept().check_results()?;
        let outcome = self.begin(&tagged, Vec::new()).await?;
        self.announce(outcome)
    }

    /// Executes a statement to its end; returns the number of rows that it has changed.
    ///
    /// # Errors
    ///
    /// The report of a statement that fails.
    pub(super) async fn update(&self, command: CommandStatementUpdate) -> Result<i64, Report> {
        check_transaction(command.transaction_id.as_ref())?;
        let tagged = self.tagged(command.query).await?;
        self.to_end(&tagged, Vec::new()).await
    }

    pub(super) async fn tagged(&self, sql: String) -> Result<Tagged, Report> {
        tagged(self, sql).await
    }

    fn start(&self, tagged: &Tagged, values: Vec<Option<ScalarValue>>) -> Result<Running, Report> {
        audit(&self.session.user, tagged.1, || tagged.0.logged());
        Running::start(self, tagged, values)
    }

    /// Starts a statement, and waits for its columns.
    pub(super) async fn begin(
        &self,
        tagged: &Tagged,
        values: Vec<Option<ScalarValue>>,
    ) -> Result<Outcome, Report> {
        self.start(tagged, values)?.outcome().await
    }

    pub(super) async fn to_end(
        &self,
        tagged: &Tagged,
        values: Vec<Option<ScalarValue>>,
    ) -> Result<i64, Report> {
        self.start(tagged, values)?.run_to_end().await
    }

    /// Keeps a result under a ticket.
    pub(super) fn announce(&self, outcome: Outcome) -> Result<ResultInfo, Report> {
        let (result, records) = waiting(outcome);
        let schema = result.schema.clone();
        let handle = self.session.kept().wait(result)?;
        let ticket = TicketStatementQuery {
            statement_handle: handle.to_vec().into(),
        };
        Ok(ResultInfo {
            schema,
            ticket: ticket.as_any().encode_to_vec().into(),
            records,
        })
    }
}

/// Returns a result to fetch, and the number of rows that the statement has changed.
pub(super) fn waiting(outcome: Outcome) -> (Waiting, i64) {
    match outcome {
        Outcome::Rows(schema, running) => {
            let running = Some(*running);
            (Waiting { schema, running }, -1)
        }
        Outcome::Done(count) => {
            let result = Waiting {
                schema: no_columns(),
                running: None,
            };
            (result, count)
        }
    }
}

/// Refuses statements of a transaction: each takes effect when it ends.
///
/// # Errors
///
/// A report for a transaction.
pub(super) fn check_transaction(transaction: Option<&Bytes>) -> Result<(), Report> {
    if transaction.is_none_or(Bytes::is_empty) {
        return Ok(());
    }
    let message = "expected a statement without a transaction, found one; each takes effect when \
                   it ends";
    Err(Report::error(NOT_SUPPORTED, message))
}
