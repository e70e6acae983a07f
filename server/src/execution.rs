//! Execution of one statement, on threads apart from those of connections.
//!
//! Planning blocks the thread that polls it, and so does a batch of a function. The threads of
//! connections only pass on encoded rows: they read requests to cancel, and notice that a client is
//! gone, whatever queries do. Rows wait in few chunks until their client has read them.

// Batches of Arrow.
mod batches;

// Rows in each format.
mod writer;

use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{SchemaRef, UInt64Type};
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use fusebox::Session;
use futures::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::{Instant, timeout_at};

use crate::encoding::arrow_messages::ArrowMessage;
use crate::encoding::rows::ResultColumns;
use crate::protocol::Format;
use crate::quotas::QueryPlace;
use crate::report::{CANCELLED, Report};

pub(crate) use writer::Output;
use writer::RowWriter;

/// Bytes of a chunk of rows.
const CHUNK_BYTES: usize = 64 << 10;

/// Bytes of a client that the thread of its connection reads itself. What is more goes to the
/// threads of queries.
pub(crate) const SHORT_BYTES_MAX: usize = 64 << 10;

/// Chunks and other events that wait for the client.
const EVENTS_MAX: usize = 4;

/// Time that a cancelled statement has to end before its client is answered.
const STOP_TIME: Duration = Duration::from_millis(150);

/// Time after the timeout of a statement in which the session ends it.
const LATE_TIME: Duration = Duration::from_millis(150);

/// Plan of a statement, made when it is polled.
pub(crate) type Planning = Pin<Box<dyn Future<Output = Result<DataFrame, Report>> + Send>>;

/// Statement to execute.
pub(crate) struct Job {
    /// Session whose messages are notices.
    pub(crate) session: Session,
    pub(crate) planning: Planning,
    pub(crate) output: Output,
    /// Tag of the end; followed by a count for statements that have one.
    pub(crate) tag: &'static str,
    /// Held until the execution ends.
    pub(crate) place: QueryPlace,
}

/// Step of an execution.
#[derive(Debug)]
pub(crate) enum Event {
    /// Columns of the result, before its rows. A statement without a result has none.
    Columns(ResultColumns, Vec<Format>),
    /// Columns of a result in batches, in place of `Columns`.
    Schema(SchemaRef),
    /// Encoded rows.
    Rows(Bytes),
    /// Encoded rows of a result in batches.
    Batch(ArrowMessage),
    Notice(Report),
    /// As many rows as were asked for.
    Suspended,
    /// The end, with its tag.
    Complete(String),
    Failed(Report),
}

/// Session that is cancelled when this is dropped: planning calls functions, and is polled to its
/// end whoever waits for it.
pub(crate) struct CancelOnDrop(pub(crate) Session);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Polls what may block a thread for long on the threads of queries, to its end.
///
/// # Errors
///
/// A report if it panics.
pub(crate) async fn on_threads<T: Send + 'static>(
    threads: &Handle,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Report> {
    let blocking = async move { block_in_place(|| Handle::current().block_on(work)) };
    threads
        .spawn(blocking)
        .await
        .map_err(|_| Report::panicked())
}

/// Execution that goes on until it is dropped.
pub(crate) struct Execution {
    fetches: mpsc::Sender<usize>,
    events: mpsc::Receiver<Event>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    deadline: Option<Instant>,
}

/// Threads of a statement that was cancelled and has not ended.
pub(crate) type Leftover = JoinHandle<()>;

impl Execution {
    /// Starts a statement on the threads of queries. Its rows come when they are
    /// [fetched](Self::fetch).
    pub(crate) fn start(threads: &Handle, job: Job) -> Self {
        let (fetches, fetched) = mpsc::channel(1);
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let (stop, stopped) = watch::channel(false);
        let timeout = job.session.statement_timeout();
        let runner = Runner {
            events: sender,
            fetches: fetched,
            stopped,
        };
        Self {
            fetches,
            events,
            stop,
            task: threads.spawn(runner.run(job)),
            deadline: timeout.map(|timeout| Instant::now() + timeout + LATE_TIME),
        }
    }

    /// Asks for a number of rows; 0 for all.
    pub(crate) async fn fetch(&self, rows: usize) {
        // An execution that has ended has said why.
        let _ = self.fetches.send(rows).await;
    }

    /// Returns the next event.
    pub(crate) async fn next(&mut self) -> Event {
        let event = match self.deadline {
            None => self.events.recv().await,
            Some(deadline) => match timeout_at(deadline, self.events.recv()).await {
                Ok(event) => event,
                Err(_) => {
                    let message = "canceling statement due to statement timeout";
                    return Event::Failed(Report::error(CANCELLED, message));
                }
            },
        };
        event.unwrap_or_else(|| Event::Failed(Report::panicked()))
    }

    /// Stops the statement and waits a moment for its end. Returns what has not ended.
    pub(crate) async fn stop(self) -> Option<Leftover> {
        self.stop.send_replace(true);
        let Self {
            events, mut task, ..
        } = self;
        drop(events);
        match tokio::time::timeout(STOP_TIME, &mut task).await {
            Ok(_) => None,
            Err(_) => Some(task),
        }
    }
}

/// End of an execution before its last event: the client is gone, or has cancelled it.
struct Stopped;

/// The side of an execution that runs it.
struct Runner {
    events: mpsc::Sender<Event>,
    fetches: mpsc::Receiver<usize>,
    stopped: watch::Receiver<bool>,
}

/// Failure of a statement.
enum Failure {
    Stopped,
    Failed(Report),
}

impl<T: Into<Report>> From<T> for Failure {
    fn from(error: T) -> Self {
        Self::Failed(error.into())
    }
}

impl Runner {
    async fn run(mut self, job: Job) {
        let session = job.session.clone();
        let ended = match self.execute(job).await {
            Ok(tag) => Event::Complete(tag),
            Err(Failure::Failed(report)) => Event::Failed(report),
            Err(Failure::Stopped) => return,
        };
        for notice in notices(&session) {
            if self.send(Event::Notice(notice)).await.is_err() {
                return;
            }
        }
        let _ = self.send(ended).await;
    }

    /// Executes a statement; returns its tag.
    async fn execute(&mut self, job: Job) -> Result<String, Failure> {
        let Job {
            planning,
            output,
            tag,
            place: _place,
            ..
        } = job;
        let frame = self.blocking(planning)??;
        if frame.schema().fields().is_empty() {
            return Ok(tag.to_owned());
        }
        let schema = frame.schema().inner().clone();
        let begun = self.blocking(async { frame.execute_stream().await })?;
        let stream = begun.map_err(Report::from)?;
        match tag {
            "INSERT" | "UPDATE" | "DELETE" | "COPY" => {
                let count = self.count(stream).await?;
                let between = if tag == "INSERT" { " 0" } else { "" };
                Ok(format!("{tag}{between} {count}"))
            }
            _ if matches!(output, Output::Arrow) => self.batches(stream, &schema, tag).await,
            _ => self.rows(stream, output, tag).await,
        }
    }

    /// Polls what may block the thread for long; other tasks are moved from it.
    fn blocking<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let mut stopped = self.stopped.clone();
        let work = async move {
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => Err(Failure::Stopped),
                done = work => Ok(done),
            }
        };
        block_in_place(|| Handle::current().block_on(work))
    }

    async fn next_batch(
        &mut self,
        stream: &mut SendableRecordBatchStream,
    ) -> Result<Option<RecordBatch>, Failure> {
        tokio::select! {
            biased;
            _ = self.stopped.wait_for(|stopped| *stopped) => Err(Failure::Stopped),
            batch = stream.next() => Ok(batch.transpose().map_err(Report::from)?),
        }
    }

    async fn send(&mut self, event: Event) -> Result<(), Stopped> {
        tokio::select! {
            biased;
            _ = self.stopped.wait_for(|stopped| *stopped) => Err(Stopped),
            sent = self.events.send(event) => sent.map_err(|_| Stopped),
        }
    }

    async fn fetched(&mut self) -> Result<usize, Failure> {
        tokio::select! {
            biased;
            _ = self.stopped.wait_for(|stopped| *stopped) => Err(Failure::Stopped),
            rows = self.fetches.recv() => rows.ok_or(Failure::Stopped),
        }
    }

    /// Sums up the counts that a change of rows returns.
    async fn count(&mut self, mut stream: SendableRecordBatchStream) -> Result<u64, Failure> {
        let mut count = 0_u64;
        while let Some(batch) = self.next_batch(&mut stream).await? {
            let column = batch.columns().first();
            let counts = column.and_then(|column| column.as_primitive_opt::<UInt64Type>());
            let counts = counts.into_iter().flatten().flatten();
            count = counts.fold(count, u64::saturating_add);
        }
        Ok(count)
    }

    /// Sends the rows of a query; returns its tag.
    async fn rows(
        &mut self,
        mut stream: SendableRecordBatchStream,
        output: Output,
        tag: &str,
    ) -> Result<String, Failure> {
        let mut writer = RowWriter::new(output, &stream.schema());
        let columns = Event::Columns(writer.columns().clone(), writer.formats().to_vec());
        self.send(columns)
            .await
            .map_err(|Stopped| Failure::Stopped)?;
        let mut rows_max = self.fetched().await?;
        let mut sent = 0;
        let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
        writer.begin(&mut chunk);
        while let Some(batch) = self.next_batch(&mut stream).await? {
            let rows = writer.rows(&batch).map_err(Report::from)?;
            for row in 0..rows.count() {
                writer.write(&rows, row, &mut chunk).map_err(Report::from)?;
                sent += 1;
                let is_suspended = sent == rows_max;
                if chunk.len() >= CHUNK_BYTES || is_suspended {
                    self.send_rows(&mut chunk).await?;
                }
                if is_suspended {
                    let suspended = self.send(Event::Suspended).await;
                    suspended.map_err(|Stopped| Failure::Stopped)?;
                    rows_max = self.fetched().await?;
                    sent = 0;
                }
            }
        }
        writer.end(&mut chunk);
        self.send_rows(&mut chunk).await?;
        Ok(counted(tag, sent))
    }

    async fn send_rows(&mut self, chunk: &mut BytesMut) -> Result<(), Failure> {
        if chunk.is_empty() {
            return Ok(());
        }
        let rows = chunk.split().freeze();
        chunk.reserve(CHUNK_BYTES);
        let sent = self.send(Event::Rows(rows)).await;
        sent.map_err(|Stopped| Failure::Stopped)
    }
}

/// Returns the tag of a query that has returned a number of rows.
fn counted(tag: &str, rows: usize) -> String {
    match tag {
        "SELECT" => format!("SELECT {rows}"),
        other => other.to_owned(),
    }
}

/// Takes the messages of functions, and rows that failed and are null.
fn notices(session: &Session) -> Vec<Report> {
    let logged = session.take_messages();
    let messages = logged.messages.iter();
    let mut notices: Vec<_> = messages.map(|m| Report::notice(m.to_string())).collect();
    if logged.dropped > 0 {
        let message = format!("{} more messages were dropped", logged.dropped);
        notices.push(Report::notice(message));
    }
    for (function, rows) in session.take_failed_rows() {
        let message = format!(
            "function `{function}` failed for {} rows, which are NULL: {rows}",
            rows.total()
        );
        notices.push(Report::warning(message));
    }
    notices
}
