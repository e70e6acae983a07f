//! `COPY … FROM STDIN`: lines or tuples of the client become the rows of an `INSERT`.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::running::{Framing, Run, parsed};
use super::{Connection, Failure, shutdown};
use crate::copy_format::CopyFormat;
use crate::copy_table::{CopyRows, CopyTable, RowSender};
use crate::execution::{Event, Output, Planning, SHORT_BYTES_MAX};
use crate::protocol::backend;
use crate::protocol::frontend::Message;
use crate::report::{CANCELLED, PROTOCOL_VIOLATION, Report, SYNTAX_ERROR};
use crate::shared::Phase;
use crate::statement_text::CopySource;

impl Connection {
    /// Inserts the rows that the client sends: all of them, or none if one is none of the table.
    pub(super) async fn copy_in(
        &mut self,
        source: &CopySource,
        format: CopyFormat,
    ) -> Result<(), Failure> {
        let CopySource::Table { name, columns } = source else {
            let message = "expected a table before FROM STDIN, found a query";
            return Err(Report::error(SYNTAX_ERROR, message).into());
        };
        let listed = match columns.is_empty() {
            true => "*".to_owned(),
            false => columns.join(", "),
        };
        let select = format!("SELECT {listed} FROM {name}");
        let session = self.session.clone();
        let describing = async move {
            let statement = parsed(&session, &select)?;
            Ok::<_, Report>(session.describe(statement).await?.columns)
        };
        let schema = self.on_threads(describing).await??;
        let (table, sender) = CopyTable::new(Arc::clone(&schema));
        let columns = match columns.is_empty() {
            true => String::new(),
            false => format!("({})", columns.join(", ")),
        };
        let insert = format!(
            "INSERT INTO {name} {columns} SELECT * FROM {}",
            CopyTable::NAME
        );
        let session = self.session.clone();
        let planning: Planning = Box::pin(async move {
            let context = session.context();
            context.register_table(CopyTable::NAME, Arc::new(table))?;
            let frame = session.sql(&insert).await;
            context.deregister_table(CopyTable::NAME)?;
            Ok(frame?)
        });
        let output = Output::Messages {
            described: None,
            formats: Vec::new(),
            names: Vec::new(),
        };
        let mut run = self.start(planning, output, "COPY").await?;
        let of_values = format.value_formats().first().copied().unwrap_or_default();
        backend::copy_response(self.wire.out(), true, schema.fields().len(), of_values);
        let row_bytes_max = self.shared.config.message_bytes_max();
        let rows = CopyRows::new(schema, format, row_bytes_max);
        let driven = match self.receive(&mut run, rows, &sender).await {
            Ok(()) => {
                sender.complete();
                self.drive(&mut run, 0, Framing::Bare).await
            }
            Err(failure) => Err(failure),
        };
        let finished = self.finish(run, driven).await;
        finished.map(drop)
    }

    /// Passes on the rows of a client up to their end.
    async fn receive(
        &mut self,
        run: &mut Run,
        mut rows: CopyRows,
        sender: &RowSender,
    ) -> Result<(), Failure> {
        self.wire.flush().await?;
        let mut waiting = BytesMut::new();
        loop {
            let message = tokio::select! {
                biased;
                _ = self.cancellable.requests.changed() => return Err(Report::cancelled().into()),
                // A client that sends nothing, or never ends, would hold the server.
                () = self.shared.reached(Phase::Stopping) => return Err(shutdown()),
                message = self.wire.message() => message?,
                event = run.event() => {
                    match event {
                        Event::Failed(report) => return Err(report.into()),
                        Event::Notice(notice) => notice.write(self.wire.out()),
                        _ => {}
                    }
                    continue;
                }
            };
            let (bytes, is_last) = match message {
                Some(Message::CopyData(bytes)) => match gathered(&mut waiting, bytes) {
                    Some(bytes) => (bytes, false),
                    None => continue,
                },
                Some(Message::CopyDone) => (waiting.split().freeze(), true),
                Some(Message::CopyFail(reason)) => {
                    let message = format!("COPY from stdin failed: {reason}");
                    return Err(Report::error(CANCELLED, message).into());
                }
                Some(Message::Flush | Message::Sync) => continue,
                Some(Message::Terminate) | None => return Err(Failure::Closed),
                Some(_) => {
                    let message = "expected rows of COPY, found another message";
                    return Err(Report::error(PROTOCOL_VIOLATION, message).into());
                }
            };
            rows = self.pass_on(rows, bytes, is_last, sender).await?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Reads rows apart from the threads of connections, and sends them to the statement; returns
    /// the rows that are not full yet.
    async fn pass_on(
        &mut self,
        mut rows: CopyRows,
        bytes: Bytes,
        is_last: bool,
        sender: &RowSender,
    ) -> Result<CopyRows, Failure> {
        let mut unread = Some(bytes);
        loop {
            let bytes = unread.take();
            let reading = move || {
                if let Some(bytes) = bytes {
                    rows.push(&bytes);
                }
                let batch = rows.next_batch(is_last);
                (rows, batch)
            };
            let (read, batch) = self.apart(reading).await?;
            rows = read;
            let Some(batch) = batch? else {
                return Ok(rows);
            };
            // If the statement has failed, its event says why.
            if !self.attended(sender.send(batch)).await? {
                return Ok(rows);
            }
        }
    }
}

/// Gathers bytes of the client, which sends a message for each line; returns those that are worth
/// another thread.
fn gathered(waiting: &mut BytesMut, bytes: Bytes) -> Option<Bytes> {
    if waiting.is_empty() && bytes.len() >= SHORT_BYTES_MAX {
        return Some(bytes);
    }
    waiting.extend_from_slice(&bytes);
    (waiting.len() >= SHORT_BYTES_MAX).then(|| waiting.split().freeze())
}
