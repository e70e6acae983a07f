//! Worker threads and Ctrl-C.
//!
//! A query is executed on worker threads and printed on the main thread. Ctrl-C
//! therefore takes effect at once, even while a worker processes a batch; the worker
//! stops at the next cancellation check of DataFusion or of the session. One that has
//! none soon is left with its threads, and the next statement gets others.

use std::future::Future;
use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::sync::watch;

use crate::failure::Failure;
use crate::progress::Progress;

/// Exit status after a second Ctrl-C: that of a process ended by SIGINT.
const INTERRUPTED: i32 = 128 + 2;

/// Stack of a worker thread, in bytes. The planner recurses into expressions, and
/// tokio's default of 2 MiB overflows at a sum of some thousand terms. Memory is
/// committed only as far as the stack is used.
pub(crate) const STACK_BYTES: usize = 64 << 20;

/// Threads besides the workers: for files, and for compilation.
const SPARE_THREADS: usize = 2;

/// Time that a cancelled query has to stop before it is left alone.
const STOP_TIME: Duration = Duration::from_millis(120);

/// Time between two drawings of progress.
const TICK: Duration = Duration::from_millis(100);

/// Starts as many threads at once as will be needed, and ends them: where one cannot be
/// started, tokio panics, and then waits for the others without end.
fn check_threads(count: usize) -> io::Result<()> {
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let ended = Arc::new(std::sync::Mutex::new(ended));
    let mut threads = Vec::new();
    let mut result = Ok(());
    for _ in 0..count {
        let ended = Arc::clone(&ended);
        let wait = move || {
            let ended = ended
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            // Returns when the sender is dropped.
            let _ = ended.recv();
        };
        match thread::Builder::new().stack_size(STACK_BYTES).spawn(wait) {
            Ok(thread) => threads.push(thread),
            Err(error) => result = Err(error),
        }
    }
    drop(end);
    for thread in threads {
        let _ = thread.join();
    }
    result
}

/// The tokio runtime and the state of Ctrl-C.
pub(crate) struct Runtime {
    tokio: Option<tokio::runtime::Runtime>,
    /// Clock and wakers of the main thread: queries that occupy all workers do not stop it.
    waiting: tokio::runtime::Runtime,
    interrupt: Interrupt,
    is_patient: Arc<AtomicBool>,
}

/// State of Ctrl-C, for work on the main thread.
#[derive(Clone, Default)]
pub(crate) struct Interrupt {
    pressed: Arc<watch::Sender<bool>>,
    is_paused: Arc<AtomicBool>,
}

impl Interrupt {
    /// Returns true if Ctrl-C was pressed since the statement began.
    pub(crate) fn is_set(&self) -> bool {
        *self.pressed.borrow()
    }

    /// Leaves Ctrl-C to another program until the returned value is dropped.
    pub(crate) fn pause(&self) -> InterruptPause {
        self.is_paused.store(true, Ordering::Relaxed);
        InterruptPause(Arc::clone(&self.is_paused))
    }
}

/// Time in which Ctrl-C has no effect on statements.
pub(crate) struct InterruptPause(Arc<AtomicBool>);

impl Drop for InterruptPause {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Runtime {
    /// Starts the threads. From then on, Ctrl-C calls `cancel` instead of ending the
    /// process.
    ///
    /// # Errors
    ///
    /// If a thread cannot be started.
    pub(crate) fn start(cancel: impl Fn() + Send + 'static) -> io::Result<Self> {
        let interrupt = Interrupt::default();
        let is_patient = Arc::new(AtomicBool::new(false));
        let Interrupt { pressed, is_paused } = interrupt.clone();
        let patience = Arc::clone(&is_patient);
        // A separate thread, since guests can occupy all worker threads.
        let listener = Builder::new_current_thread().enable_all().build()?;
        // Before the thread runs: no Ctrl-C from now on ends the process, or is missed.
        let mut interrupts = {
            let _context = listener.enter();
            interrupts()?
        };
        thread::Builder::new().spawn(move || {
            listener.block_on(async {
                while interrupts.recv().await.is_some() {
                    if is_paused.load(Ordering::Relaxed) {
                        continue;
                    }
                    let is_second = pressed.send_replace(true);
                    if is_second && !patience.load(Ordering::Relaxed) {
                        process::exit(INTERRUPTED);
                    }
                    cancel();
                }
            });
        })?;
        Ok(Self {
            tokio: Some(workers()?),
            waiting: Builder::new_current_thread().enable_time().build()?,
            interrupt,
            is_patient,
        })
    }

    /// From now on, a second Ctrl-C does not end the process.
    pub(crate) fn set_patient(&self) {
        self.is_patient.store(true, Ordering::Relaxed);
    }

    /// Returns the state of Ctrl-C.
    pub(crate) fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }

    /// Discards a Ctrl-C that was meant for earlier work.
    pub(crate) fn clear_interrupt(&self) {
        self.interrupt.pressed.send_replace(false);
    }

    /// Runs `work` on the worker threads until it ends or Ctrl-C is pressed.
    ///
    /// # Errors
    ///
    /// [`Failure::Cancelled`] after Ctrl-C, [`Failure::Panicked`] if `work` panics.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Failure> {
        self.run_with(work, || true)
    }

    /// The same as [`run`](Self::run), and draws the progress meanwhile.
    pub(crate) fn run_watched<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
        progress: &mut Progress,
    ) -> Result<T, Failure> {
        self.run_while(work, progress, || true)
    }

    /// The same as [`run_watched`](Self::run_watched), and ends `work` as Ctrl-C does when it is
    /// no longer wanted.
    pub(crate) fn run_while<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
        progress: &mut Progress,
        is_wanted: impl Fn() -> bool,
    ) -> Result<T, Failure> {
        let output = self.run_with(work, || {
            progress.draw();
            is_wanted()
        });
        progress.erase();
        output
    }

    /// Runs `work` until it ends, Ctrl-C is pressed, or `tick`, which is called now and then,
    /// returns false.
    fn run_with<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
        mut tick: impl FnMut() -> bool,
    ) -> Result<T, Failure> {
        let tokio = self.tokio.as_ref().expect("only drop takes the runtime");
        let mut interrupted = self.interrupt.pressed.subscribe();
        let mut task = tokio.spawn(work);
        self.waiting.block_on(async {
            let mut ticks = tokio::time::interval(TICK);
            loop {
                tokio::select! {
                    // In this order: a cancelled query fails as well, and its error is
                    // less clear than the message about the cancellation.
                    biased;
                    _ = interrupted.wait_for(|interrupted| *interrupted) => {
                        task.abort();
                        return Err(Failure::Cancelled);
                    }
                    output = &mut task => return output.map_err(|_| Failure::Panicked),
                    _ = ticks.tick() => {
                        if !tick() {
                            task.abort();
                            return Err(Failure::Cancelled);
                        }
                    }
                }
            }
        })
    }

    /// Waits a moment for what a statement left behind. Returns false if it does not stop:
    /// then its threads are left to it, and the next statement has others.
    ///
    /// # Errors
    ///
    /// If a thread cannot be started.
    pub(crate) fn settle(&mut self) -> io::Result<bool> {
        let Some(tokio) = &self.tokio else {
            return Ok(true);
        };
        let begin = Instant::now();
        while tokio.metrics().num_alive_tasks() > 0 {
            if begin.elapsed() > STOP_TIME {
                let left = self.tokio.replace(workers()?);
                left.into_iter()
                    .for_each(tokio::runtime::Runtime::shutdown_background);
                return Ok(false);
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(true)
    }
}

/// Returns the presses of Ctrl-C from now on.
#[cfg(unix)]
fn interrupts() -> io::Result<tokio::signal::unix::Signal> {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())
}

/// Returns the presses of Ctrl-C from now on.
#[cfg(windows)]
fn interrupts() -> io::Result<tokio::signal::windows::CtrlC> {
    tokio::signal::windows::ctrl_c()
}

/// Starts worker threads.
fn workers() -> io::Result<tokio::runtime::Runtime> {
    let workers = thread::available_parallelism()?.get();
    check_threads(workers + SPARE_THREADS)?;
    Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // Waiting for a cancelled query would delay the exit.
        if let Some(tokio) = self.tokio.take() {
            tokio.shutdown_background();
        }
    }
}
