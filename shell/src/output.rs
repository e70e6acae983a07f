//! Output of results: standard output, a pager, or a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use crate::failure::Failure;
use crate::format::Format;
use crate::format::columnar::ColumnarFile;
use crate::pager::{Pager, PagerProcess};
use crate::runtime::Interrupt;
use crate::text::message;

/// Bytes that are collected before they are written.
const BUFFER_BYTES: usize = 16 << 10;

/// Bytes that are written between two looks for Ctrl-C: terminals can be slow.
const CHUNK_BYTES: usize = 4 << 10;

/// Message for a second result.
const HAS_RESULT: &str = "it has a result already: type \\o FILE before the next";

/// Buffered output that records why it failed.
///
/// The writers of CSV and JSON wrap errors in a way that loses their kind. After Ctrl-C
/// nothing more is written, and what was collected is discarded.
pub(crate) struct Output {
    sink: Sink,
    pager: Option<Pager>,
    buffer: Vec<u8>,
    interrupt: Interrupt,
    stop: Option<Stop>,
    /// Standard output ends within a line.
    is_within_line: bool,
}

/// Target of an output.
pub(crate) enum Sink {
    Standard,
    File(OutputFile),
    Pipe(Pipe),
}

/// Command that reads results: `\o |sort`.
pub(crate) struct Pipe {
    process: Child,
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // It ends at the end of its input; its errors are on standard error.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// File that takes the text of several results, or one result as a whole.
pub(crate) struct OutputFile {
    path: PathBuf,
    /// The file for text; what was in it is kept until there is some.
    text: Option<File>,
    /// The file did not exist.
    is_new: bool,
    has_text: bool,
    has_columns: bool,
}

/// Reason for writing nothing more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    BrokenPipe,
    Interrupted,
    PagerQuit,
    PipeClosed,
}

impl Sink {
    /// Starts a command that reads results.
    ///
    /// # Errors
    ///
    /// If there is no command, or it cannot be started.
    pub(crate) fn pipe(command: &str) -> io::Result<Self> {
        if command.trim().is_empty() {
            return Err(io::Error::other("expected a command after |"));
        }
        let mut shell = Command::new("sh");
        let process = shell.args(["-c", command]).stdin(Stdio::piped()).spawn()?;
        Ok(Self::Pipe(Pipe { process }))
    }

    /// Opens a file, which is created at once if `format` is one of text.
    ///
    /// # Errors
    ///
    /// If the file cannot be created.
    pub(crate) fn file(path: &Path, format: Format) -> io::Result<Self> {
        let is_new = !path.exists();
        let text = match format.needs_file() {
            true => {
                check_folder(path)?;
                None
            }
            false => Some(open(path)?),
        };
        Ok(Self::File(OutputFile {
            path: path.to_owned(),
            text,
            is_new,
            has_text: false,
            has_columns: false,
        }))
    }
}

impl Output {
    /// Writes to standard output.
    pub(crate) fn new(interrupt: Interrupt) -> Self {
        Self {
            sink: Sink::Standard,
            pager: None,
            buffer: Vec::new(),
            interrupt,
            stop: None,
            is_within_line: false,
        }
    }

    /// Writes to another target; returns the one before.
    pub(crate) fn replace(&mut self, sink: Sink) -> Sink {
        std::mem::replace(&mut self.sink, sink)
    }

    /// Returns true if it writes to a file or a command.
    pub(crate) fn is_file(&self) -> bool {
        !matches!(self.sink, Sink::Standard)
    }

    /// Returns true if the command that reads results has ended before them.
    pub(crate) fn is_closed(&self) -> bool {
        self.stop == Some(Stop::PipeClosed)
    }

    /// Returns the format of the next result: `format`, unless the file has another.
    pub(crate) fn format(&self, format: Format) -> Format {
        match &self.sink {
            Sink::File(file) => format.of_file(&file.path),
            Sink::Standard | Sink::Pipe(_) => format,
        }
    }

    /// Starts a file of a result in a format that needs a file.
    ///
    /// # Errors
    ///
    /// If there is no file, or it has something already.
    pub(crate) fn columnar_file(
        &mut self,
        format: Format,
        schema: &SchemaRef,
    ) -> Result<ColumnarFile, Failure> {
        let Sink::File(file) = &mut self.sink else {
            return Err(Failure::NeedsFile);
        };
        if file.text.take().is_some() && file.is_new && !file.has_text {
            // It was created for text: there is no file until this one is complete.
            fs::remove_file(&file.path).map_err(|error| Failure::Print(error.into()))?;
        }
        let created = match file.has_columns || file.has_text {
            true => Err(io::Error::other(HAS_RESULT).into()),
            false => ColumnarFile::create(format, schema, &file.path),
        };
        created.map_err(|error| match error {
            ArrowError::IoError(_, source) => Failure::Write {
                name: format!("`{}`", file.path.display()),
                source,
            },
            other => Failure::Print(other),
        })
    }

    /// Notes that the file has a result in a format that needs a file.
    pub(crate) fn finish_columnar(&mut self) {
        if let Sink::File(file) = &mut self.sink {
            file.has_columns = true;
        }
    }

    /// Passes the next result to a pager if it has more than `height` lines; returns the process
    /// of the pager.
    pub(crate) fn begin_paging(&mut self, command: String, height: usize) -> PagerProcess {
        let pager = Pager::new(command, height, self.interrupt.clone());
        self.pager.insert(pager).process().clone()
    }

    /// Writes what fits on the screen, or waits until the pager is quit. Returns true if it was
    /// quit before the end of the result.
    ///
    /// # Errors
    ///
    /// If standard output fails.
    pub(crate) fn end_paging(&mut self) -> io::Result<bool> {
        let Some(pager) = self.pager.take() else {
            return Ok(false);
        };
        let was_quit = self.stop == Some(Stop::PagerQuit) || pager.process().has_ended();
        let held = pager.finish()?;
        if self.stop.is_none() && !held.is_empty() {
            write_standard(&held)?;
        }
        Ok(was_quit)
    }

    /// Writes an error that ends a result below its rows, if a pager shows them.
    pub(crate) fn show_in_pager(&mut self, failure: &Failure) {
        let is_started = |pager: &Pager| pager.process().is_started();
        if self.stop.is_none() && self.pager.as_ref().is_some_and(is_started) {
            // The user may leave the pager at any time: the error is reported after it.
            let line = message(&failure.to_string());
            let _ = writeln!(self, "error: {line}").and_then(|()| self.flush());
        }
    }

    /// Forgets why an earlier result was stopped.
    pub(crate) fn clear_stop(&mut self) {
        self.stop = None;
        self.buffer.clear();
    }

    /// Replaces an error of printing by the reason for which the output stopped.
    pub(crate) fn explain(&self, failure: Failure) -> Failure {
        match (failure, self.stop) {
            (Failure::Print(_), Some(Stop::BrokenPipe)) => Failure::BrokenPipe,
            (Failure::Print(_), Some(Stop::Interrupted)) => Failure::Cancelled,
            (other, _) => other,
        }
    }

    fn drain(&mut self) -> io::Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        for chunk in buffer.chunks(CHUNK_BYTES) {
            self.check_interrupt()?;
            let written = match (&mut self.pager, &mut self.sink) {
                (Some(pager), _) => pager.write(chunk),
                (None, Sink::File(file)) => file.text().and_then(|file| file.write_all(chunk)),
                (None, Sink::Pipe(pipe)) => {
                    let stdin = pipe.process.stdin.as_mut();
                    stdin.map_or(Ok(()), |stdin| stdin.write_all(chunk))
                }
                (None, Sink::Standard) => {
                    self.is_within_line = chunk.last() != Some(&b'\n');
                    write_standard(chunk)
                }
            };
            if let Err(error) = written {
                if error.kind() == io::ErrorKind::BrokenPipe {
                    self.stop = Some(match (&self.pager, &self.sink) {
                        (Some(_), _) => Stop::PagerQuit,
                        (None, Sink::Pipe(_)) => Stop::PipeClosed,
                        (None, _) => Stop::BrokenPipe,
                    });
                }
                return Err(error);
            }
        }
        // The buffer is used again.
        self.buffer = buffer;
        self.buffer.clear();
        Ok(())
    }

    fn check_interrupt(&mut self) -> io::Result<()> {
        if self.interrupt.is_set() {
            self.stop = Some(Stop::Interrupted);
            self.buffer.clear();
            if std::mem::take(&mut self.is_within_line) && io::stdout().is_terminal() {
                // The message has a line of its own.
                write_standard(b"\n")?;
            }
            // Not `Interrupted`, after which `write_all` tries again.
            return Err(io::Error::other("cancelled"));
        }
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES {
            self.drain()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.drain()?;
        match (&self.pager, &mut self.sink) {
            // A result without text replaces the file too.
            (None, Sink::File(file)) => file.text().map(drop),
            _ => Ok(()),
        }
    }
}

/// Writes to standard output at once: it would keep a line that is not complete.
fn write_standard(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

impl OutputFile {
    /// Returns the file for text, which is emptied before the first.
    fn text(&mut self) -> io::Result<&mut File> {
        if self.has_columns {
            return Err(io::Error::other(HAS_RESULT));
        }
        let file = match self.text.take() {
            Some(file) => file,
            None => open(&self.path)?,
        };
        if !self.has_text && file.metadata()?.is_file() {
            file.set_len(0)?;
        }
        self.has_text = true;
        Ok(self.text.insert(file))
    }
}

/// Opens a file to write at its end, and creates it if it does not exist.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Checks that a file can have this path, without creating it.
fn check_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    if !folder.metadata()?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    match path.metadata() {
        Ok(metadata) if !metadata.is_file() => Err(io::Error::other("expected a regular file")),
        _ => Ok(()),
    }
}
