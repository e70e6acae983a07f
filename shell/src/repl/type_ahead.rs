//! Input that is typed while a statement runs, and the settings of the terminal.
//!
//! A terminal that edits lines (`ICANON` of POSIX) keeps at most 4,095 bytes of a line, and
//! discards what is typed or pasted beyond. Without line editing it has the sender wait instead,
//! so that the next prompt reads everything. The prompt draws what it reads: drawn by the terminal
//! too (`ECHO`), it would stay among progress and results.

use std::io::{self, Stdin};
use std::process;
use std::thread;

use futures::future::select_all;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// A terminal that keeps long lines of input, until it is dropped.
pub(super) struct TypeAhead {
    input: Stdin,
    before: Termios,
}

impl TypeAhead {
    /// Keeps long lines of standard input, and does not draw them; nothing if that is no terminal.
    /// Ctrl-C sends its signal as before.
    pub(super) fn keep() -> Option<Self> {
        let input = io::stdin();
        let before = tcgetattr(&input).ok()?;
        let mut during = before.clone();
        let editing = LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ECHONL;
        during.local_flags.remove(editing);
        // What was typed before stays: the input is not flushed.
        tcsetattr(&input, SetArg::TCSANOW, &during).ok()?;
        Some(Self { input, before })
    }
}

impl Drop for TypeAhead {
    fn drop(&mut self) {
        // A terminal that has gone has no settings to restore.
        let _ = tcsetattr(&self.input, SetArg::TCSANOW, &self.before);
    }
}

/// From now on, restores the present settings of the terminal before a signal ends the process.
/// Does nothing without a terminal.
///
/// # Errors
///
/// If a thread cannot be started.
pub(super) fn restore_at_signals() -> io::Result<()> {
    let Ok(before) = tcgetattr(io::stdin()) else {
        return Ok(());
    };
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let kinds = [
        SignalKind::hangup(),
        SignalKind::quit(),
        SignalKind::terminate(),
    ];
    // Before the thread runs: no signal from now on ends the process at once.
    let signals = {
        let _context = runtime.enter();
        let signals = kinds.iter().map(|kind| Ok((*kind, signal(*kind)?)));
        signals.collect::<io::Result<Vec<_>>>()?
    };
    let wait = move || {
        let received = signals.into_iter().map(|(kind, mut signal)| {
            Box::pin(async move {
                signal.recv().await;
                kind.as_raw_value()
            })
        });
        let (number, ..) = runtime.block_on(select_all(received));
        end(&before, number);
    };
    thread::Builder::new().spawn(wait)?;
    Ok(())
}

/// Restores the settings of the terminal, and ends the process as a signal does.
fn end(before: &Termios, number: i32) {
    let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, before);
    process::exit(128 + number);
}
