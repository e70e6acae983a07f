//! Rows of a result, sent as its client reads them.
//!
//! A task of its own takes rows from the statement and passes them on one message at a time. So a
//! client that leaves, one that does not read and a request to cancel end the statement, whatever
//! the connection does.

use std::pin::pin;
use std::sync::Arc;

use arrow_flight::{FlightData, SchemaAsIpc};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::ipc::writer::IpcWriteOptions;
use datafusion::common::DataFusionError;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::{mpsc, watch};
use tonic::Status;

use super::Caller;
use super::kept::{Handle, Waiting};
use super::running::Running;
use super::status::status;
use crate::encoding::arrow_messages::{ArrowColumns, ArrowMessage};
use crate::execution::Event;
use crate::report::{ADMIN_SHUTDOWN, Report};
use crate::shared::Phase;

/// Code of a result that its client did not read.
const CONNECTION_FAILURE: &str = "08006";

/// Messages of a result.
pub(super) type DataStream = BoxStream<'static, Result<FlightData, Status>>;

/// Message of a result; `None` for its end.
type Item = Option<Result<FlightData, Status>>;

impl Caller {
    /// Sends a result.
    ///
    /// # Errors
    ///
    /// A report if there is none of this handle.
    pub(super) fn fetched(self, handle: &[u8]) -> Result<DataStream, Report> {
        let (handle, result) = self.session.kept().fetch(handle)?;
        Ok(self.sent(handle, result))
    }

    /// Sends a result that does not wait for a ticket.
    ///
    /// # Errors
    ///
    /// A report if the session has too many results.
    pub(super) fn sent_at_once(self, result: Waiting) -> Result<DataStream, Report> {
        // As all results, it can be cancelled and is counted.
        let handle = self.session.kept().wait(result)?;
        self.fetched(&handle.to_vec())
    }

    fn sent(self, handle: Handle, result: Waiting) -> DataStream {
        let schema = stream::iter([Ok(schema_message(&result.schema))]);
        let Some(running) = result.running else {
            return schema.boxed();
        };
        let cancelled = self.session.kept().send(handle);
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            self.pump(running, sender, cancelled).await;
            self.session.note_use();
            self.session.kept().sent(handle);
        });
        let rows = stream::unfold(Some(receiver), |receiver| async move {
            let mut receiver = receiver?;
            match receiver.recv().await {
                Some(Some(Ok(data))) => Some((Ok(data), Some(receiver))),
                Some(Some(Err(status))) => Some((Err(status), None)),
                Some(None) => None,
                None => Some((Err(status(&unread())), None)),
            }
        });
        schema.chain(rows).boxed()
    }

    /// Passes on rows to their end, or until no client waits for them.
    async fn pump(
        &self,
        mut running: Running,
        sender: mpsc::Sender<Item>,
        cancelled: watch::Receiver<bool>,
    ) {
        let timeout = self.shared().config.write_timeout();
        let mut interrupted = pin!(self.interrupted(cancelled));
        running.fetch().await;
        let last = loop {
            let event = tokio::select! {
                biased;
                () = sender.closed() => return,
                report = interrupted.as_mut() => break Some(report),
                event = running.next() => event,
            };
            let message = match event {
                Event::Batch(message) => message,
                Event::Complete(_) => break None,
                Event::Failed(report) => break Some(report),
                _ => continue,
            };
            let bytes = message.body.len() as u64;
            self.shared().metrics.bytes.inc_by(bytes);
            let sending = sender.send(Some(Ok(data(message))));
            let sent = tokio::select! {
                biased;
                report = interrupted.as_mut() => break Some(report),
                sent = tokio::time::timeout(timeout, sending) => sent,
            };
            match sent {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) => {
                    running.fail(&unread());
                    self.connection.stalled.notify_one();
                    return;
                }
            }
        };
        if let Some(report) = &last {
            running.fail(report);
        }
        // The statement ends now, whenever its client reads that.
        drop(running);
        let last = last.map(|report| Err(status(&report)));
        if tokio::time::timeout(timeout, sender.send(last))
            .await
            .is_err()
        {
            self.connection.stalled.notify_one();
        }
    }

    /// Waits for a request to cancel, or for the end of the session or the server.
    async fn interrupted(&self, mut cancelled: watch::Receiver<bool>) -> Report {
        tokio::select! {
            biased;
            _ = cancelled.wait_for(|cancelled| *cancelled) => Report::cancelled(),
            () = self.session.closed() => Report::cancelled(),
            () = self.shared().reached(Phase::Stopping) => shutdown(),
        }
    }
}

/// Returns the messages of a batch whose schema was announced.
///
/// # Errors
///
/// A report if it cannot be encoded.
pub(super) fn of_batch(batch: &RecordBatch) -> Result<DataStream, Report> {
    let mut columns = ArrowColumns::exact(batch.schema());
    let mut messages = vec![Ok(schema_message(&batch.schema()))];
    for rows in ArrowColumns::parts(batch)? {
        let encoded = columns.messages(batch, rows);
        let encoded = encoded.map_err(DataFusionError::from)?;
        messages.extend(encoded.into_iter().map(|message| Ok(data(message))));
    }
    Ok(stream::iter(messages).boxed())
}

fn schema_message(schema: &Schema) -> FlightData {
    let options = IpcWriteOptions::default();
    FlightData::from(SchemaAsIpc::new(schema, &options))
}

fn data(message: ArrowMessage) -> FlightData {
    FlightData {
        data_header: message.header,
        data_body: message.body,
        ..FlightData::default()
    }
}

fn unread() -> Report {
    let message = "expected a client that reads its rows in time, found none";
    Report::error(CONNECTION_FAILURE, message)
}

fn shutdown() -> Report {
    let message = "terminating connection due to administrator command";
    Report::error(ADMIN_SHUTDOWN, message)
}

/// Returns the schema of a result without rows.
pub(super) fn no_columns() -> SchemaRef {
    Arc::new(Schema::empty())
}
