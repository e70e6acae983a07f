//! Input that is typed while a statement runs.
//!
//! A terminal that edits lines (`ICANON` of POSIX) keeps at most 4,095 bytes of a line, and
//! discards what is typed or pasted beyond. Without line editing it has the sender wait instead,
//! so that the next prompt reads everything.

use std::io::{self, Stdin};

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

/// A terminal that keeps long lines of input, until it is dropped.
pub(super) struct TypeAhead {
    input: Stdin,
    before: Termios,
}

impl TypeAhead {
    /// Keeps long lines of standard input; nothing if that is no terminal. Ctrl-C sends its signal
    /// as before.
    pub(super) fn keep() -> Option<Self> {
        let input = io::stdin();
        let before = tcgetattr(&input).ok()?;
        let mut during = before.clone();
        during.local_flags.remove(LocalFlags::ICANON);
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
