//! Bytes of a client: a bounded buffer to read from, and writes that end in time.

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::Failure;
use crate::protocol::ProtocolError;
use crate::protocol::frame::{STARTUP_BYTES_MAX, take_frame, take_startup};
use crate::protocol::frontend::{Message, Startup};
use crate::report::Report;
use crate::tls::MaybeTls;

/// Bytes that are read at once.
const READ_BYTES: usize = 16 << 10;

/// Bytes that wait to be sent together.
const WRITE_BYTES: usize = 64 << 10;

/// Bytes that a client may send ahead while its statement runs.
const AHEAD_BYTES_MAX: usize = 256 << 10;

/// Connection to a client.
pub(super) struct Wire {
    stream: MaybeTls,
    input: BytesMut,
    output: BytesMut,
    message_bytes_max: usize,
    write_timeout: Duration,
    /// True if the last query was one of the extended protocol.
    is_extended: bool,
}

impl Wire {
    /// Takes small messages alone, until the client has logged in.
    pub(super) fn new(stream: MaybeTls, write_timeout: Duration) -> Self {
        Self {
            stream,
            input: BytesMut::new(),
            output: BytesMut::new(),
            message_bytes_max: STARTUP_BYTES_MAX,
            write_timeout,
            is_extended: false,
        }
    }

    /// Takes messages up to a size from now on.
    pub(super) fn allow(&mut self, message_bytes_max: usize) {
        self.message_bytes_max = message_bytes_max;
    }

    /// Returns the stream, if nothing is left that was read from it.
    pub(super) fn into_stream(self) -> Option<MaybeTls> {
        self.input.is_empty().then_some(self.stream)
    }

    pub(super) fn is_tls(&self) -> bool {
        self.stream.is_tls()
    }

    /// Returns true if the client has named PostgreSQL's protocol in its handshake.
    pub(super) fn is_postgres(&self) -> bool {
        self.stream.protocol() == Some(b"postgresql")
    }

    /// Returns true if the last query was one of the extended protocol, after whose failure
    /// messages are skipped.
    pub(super) fn is_extended(&self) -> bool {
        self.is_extended
    }

    /// Reads some bytes; false at the end. Nothing is lost if the future is dropped.
    pub(super) async fn fill(&mut self) -> bool {
        self.input.reserve(READ_BYTES);
        let read = self.stream.read_buf(&mut self.input).await;
        read.is_ok_and(|count| count > 0)
    }

    /// Returns true if a client may send more while its statement runs.
    pub(super) fn has_room(&self) -> bool {
        self.input.len() < AHEAD_BYTES_MAX
    }

    /// Reads the first message; `None` at the end.
    pub(super) async fn startup(&mut self) -> Result<Option<Startup>, ProtocolError> {
        loop {
            if let Some(body) = take_startup(&mut self.input)? {
                return Startup::decode(body).map(Some);
            }
            if !self.fill().await {
                return Ok(None);
            }
        }
    }

    /// Reads the next message; `None` at the end. Nothing is lost if the future is dropped.
    pub(super) async fn message(&mut self) -> Result<Option<Message>, Failure> {
        loop {
            if let Some(frame) = take_frame(&mut self.input, self.message_bytes_max)? {
                match frame.kind {
                    b'Q' => self.is_extended = false,
                    kind if b"PBDEC".contains(&kind) => self.is_extended = true,
                    _ => {}
                }
                return Ok(Some(Message::decode(frame)?));
            }
            if !self.fill().await {
                return Ok(None);
            }
        }
    }

    /// Reads up to the end of a query that has failed, whose messages have no effect.
    pub(super) async fn skip_to_sync(&mut self) -> Result<(), Failure> {
        self.flush().await?;
        loop {
            match take_frame(&mut self.input, self.message_bytes_max)? {
                Some(frame) if frame.kind == b'S' => return Ok(()),
                Some(frame) if frame.kind == b'X' => return Err(Failure::Closed),
                Some(_) => {}
                None if self.fill().await => {}
                None => return Err(Failure::Closed),
            }
        }
    }

    /// Returns the buffer of what is sent next.
    pub(super) fn out(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// Sends what waits, if it is much.
    pub(super) async fn flush_if_full(&mut self) -> Result<(), Failure> {
        match self.output.len() >= WRITE_BYTES {
            true => self.flush().await,
            false => Ok(()),
        }
    }

    /// Sends what waits.
    pub(super) async fn flush(&mut self) -> Result<(), Failure> {
        let bytes = self.output.split();
        self.send(&bytes).await?;
        // A result of many columns leaves a small buffer behind.
        if self.output.capacity() > 4 * WRITE_BYTES {
            self.output = BytesMut::new();
        }
        Ok(())
    }

    /// Sends what waits, and more.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.output.len() + bytes.len() < WRITE_BYTES {
            self.output.extend_from_slice(bytes);
            return Ok(());
        }
        self.flush().await?;
        self.send(bytes).await
    }

    /// Sends bytes. A client that does not read them in time is gone.
    async fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Ok(());
        }
        let stream = &mut self.stream;
        let sending = async move {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        match timeout(self.write_timeout, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Failure::Closed),
            Err(_) => {
                tracing::warn!("a client did not read its result in time");
                Err(Failure::Closed)
            }
        }
    }

    /// Ends the connection.
    pub(super) async fn close(&mut self) {
        let _ = timeout(Duration::from_secs(1), self.stream.shutdown()).await;
    }

    /// Sends an error, and ends the connection.
    pub(super) async fn refuse(&mut self, report: &Report) {
        report.write(&mut self.output);
        let _ = self.flush().await;
        self.close().await;
    }
}
