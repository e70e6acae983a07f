//! The threads that compute, and Ctrl-C, which leaves them behind.
//!
//! A query runs on the runtime's threads and is printed on the main one. So
//! Ctrl-C is answered at once, even while a thread is deep inside a batch; that
//! thread stops where DataFusion, or the session, next looks.

use std::future::Future;
use std::io;
use std::process;
use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::failure::Failure;

/// What a second Ctrl-C ends the shell with, as a signal would.
const INTERRUPTED: i32 = 128 + 2;

/// The stack of a thread that computes, in bytes. The planner recurses into
/// expressions, and tokio's 2 MiB end at a sum of some thousand terms; memory
/// is used only when the stack is.
const STACK_BYTES: usize = 64 << 20;

/// The runtime, and whether the user has asked to stop.
pub(crate) struct Threads {
    runtime: Option<Runtime>,
    interrupted: Arc<watch::Sender<bool>>,
}

impl Threads {
    /// Starts the threads; from now on Ctrl-C does not end the process, but
    /// calls `cancel`.
    ///
    /// # Errors
    ///
    /// What the machine says if it refuses a thread.
    pub(crate) fn start(cancel: impl Fn() + Send + 'static) -> io::Result<Self> {
        let interrupted = Arc::new(watch::Sender::new(false));
        let sender = Arc::clone(&interrupted);
        // A thread of its own: a busy guest may hold all those of the runtime.
        let listener = Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().spawn(move || {
            listener.block_on(async {
                while tokio::signal::ctrl_c().await.is_ok() {
                    if sender.send_replace(true) {
                        process::exit(INTERRUPTED);
                    }
                    cancel();
                }
            });
        })?;
        let runtime = Builder::new_multi_thread()
            .enable_all()
            .thread_stack_size(STACK_BYTES)
            .build()?;
        Ok(Self {
            runtime: Some(runtime),
            interrupted,
        })
    }

    /// Forgets a Ctrl-C that was meant for something else.
    pub(crate) fn forget_interrupt(&self) {
        self.interrupted.send_replace(false);
    }

    /// Runs `work` on the runtime until it ends or the user asks to stop.
    ///
    /// # Errors
    ///
    /// [`Failure::Cancelled`] after Ctrl-C, [`Failure::Panicked`] after a bug.
    pub(crate) fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Failure> {
        let runtime = self.runtime.as_ref().expect("taken only by drop");
        let mut interrupted = self.interrupted.subscribe();
        runtime.block_on(async {
            let mut task = tokio::spawn(work);
            tokio::select! {
                // In this order: a query that was cancelled fails, and that it
                // was the user's wish is the better message.
                biased;
                _ = interrupted.wait_for(|interrupted| *interrupted) => {
                    task.abort();
                    Err(Failure::Cancelled)
                }
                output = &mut task => output.map_err(|_| Failure::Panicked),
            }
        })
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Waiting for a cancelled query would keep the user from leaving.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
