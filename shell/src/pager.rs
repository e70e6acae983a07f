//! The program that shows a long result page by page.

use std::io::{self, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::runtime::{Interrupt, InterruptPause};

/// Pager of one result, which is started when the result is longer than the screen.
pub(crate) struct Pager {
    command: String,
    /// Lines of the screen.
    height: usize,
    /// Text that may still fit on the screen.
    held: Vec<u8>,
    process: PagerProcess,
    stdin: Option<ChildStdin>,
    interrupt: Interrupt,
    /// Ctrl-C is the pager's while it runs.
    pause: Option<InterruptPause>,
}

/// Process of a pager, if it was started.
#[derive(Clone, Default)]
pub(crate) struct PagerProcess(Arc<Mutex<Option<Child>>>);

impl PagerProcess {
    /// Returns true once the pager has been started.
    pub(crate) fn is_started(&self) -> bool {
        self.child().is_some()
    }

    /// Returns true if the user has left the pager.
    pub(crate) fn has_ended(&self) -> bool {
        let mut child = self.child();
        let status = child.as_mut().map(Child::try_wait);
        matches!(status, Some(Ok(Some(_))))
    }

    fn wait(&self) -> io::Result<()> {
        match &mut *self.child() {
            Some(child) => child.wait().map(drop),
            None => Ok(()),
        }
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pager {
    /// Prepares a pager of a result with more than `height` lines.
    pub(crate) fn new(command: String, height: usize, interrupt: Interrupt) -> Self {
        Self {
            command,
            height,
            held: Vec::new(),
            process: PagerProcess::default(),
            stdin: None,
            interrupt,
            pause: None,
        }
    }

    /// Returns the process, which is started later.
    pub(crate) fn process(&self) -> &PagerProcess {
        &self.process
    }

    /// Passes text to the pager, or holds it while it may fit on the screen.
    ///
    /// # Errors
    ///
    /// If the pager cannot be started, or [`io::ErrorKind::BrokenPipe`] after the user has left
    /// it.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(stdin) = &mut self.stdin {
            return stdin.write_all(bytes);
        }
        self.held.extend_from_slice(bytes);
        let lines = self.held.iter().filter(|byte| **byte == b'\n').count();
        if lines < self.height {
            return Ok(());
        }
        self.start()
    }

    fn start(&mut self) -> io::Result<()> {
        // Before the process, which the terminal sends its keys to as well.
        self.pause = Some(self.interrupt.pause());
        let mut command = Command::new("sh");
        command.args(["-c", &self.command]).stdin(Stdio::piped());
        let mut child = command.spawn()?;
        self.stdin = child.stdin.take();
        *self.process.child() = Some(child);
        let held = std::mem::take(&mut self.held);
        let stdin = self.stdin.as_mut();
        stdin.map_or(Ok(()), |stdin| stdin.write_all(&held))
    }

    /// Waits until the user leaves the pager. Returns the text that fits on the screen, if it was
    /// not started.
    ///
    /// # Errors
    ///
    /// If the process cannot be waited for.
    pub(crate) fn finish(mut self) -> io::Result<Vec<u8>> {
        // The end of its input.
        drop(self.stdin.take());
        self.process.wait()?;
        Ok(self.held)
    }
}
