//! Output of results: standard output, or a file.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use crate::failure::Failure;

/// Buffered output, to standard output or a file, that records a broken pipe.
///
/// The writers of CSV and JSON wrap errors in a way that loses their kind.
pub(crate) struct Output {
    inner: BufWriter<Box<dyn Write + Send>>,
    is_broken: bool,
    is_file: bool,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self {
            inner: BufWriter::new(Box::new(io::stdout())),
            is_broken: false,
            is_file: false,
        }
    }

    /// Writes to a file.
    pub(crate) fn to(file: File) -> Self {
        Self {
            inner: BufWriter::new(Box::new(file)),
            is_broken: false,
            is_file: true,
        }
    }

    /// Returns true if it writes to a file.
    pub(crate) fn is_file(&self) -> bool {
        self.is_file
    }

    /// Replaces an error of printing by [`Failure::BrokenPipe`] if the pipe is broken.
    pub(crate) fn map_broken_pipe(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Print(_) if self.is_broken => Failure::BrokenPipe,
            other => other,
        }
    }

    fn record_error<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result {
            self.is_broken |= error.kind() == io::ErrorKind::BrokenPipe;
        }
        result
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes);
        self.record_error(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.inner.flush();
        self.record_error(flushed)
    }
}
