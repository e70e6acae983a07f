//! Threads that load and compile modules.
//!
//! Compilation takes seconds, so it must not run on threads that serve async tasks. The
//! threads start with the first work, and end with the runtime.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use futures_channel::oneshot;

use crate::error::{Error, Result};

type Job = Box<dyn FnOnce() + Send>;

/// Fixed number of threads that run jobs in order.
pub(crate) struct CompileThreads {
    jobs: Mutex<Option<Sender<Job>>>,
    threads: usize,
}

impl CompileThreads {
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            jobs: Mutex::new(None),
            threads,
        }
    }

    /// Runs `work` on one of the threads. Work that has not begun ends with the future.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send + 'static {
        let (result, received) = oneshot::channel();
        let waiting = Waiting(Arc::new(Mutex::new(Some(work))));
        let begun = Arc::clone(&waiting.0);
        let job = move || {
            let work = begun.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(work) = work {
                // The receiver may be dropped while the work runs.
                let _ = result.send(work());
            }
        };
        let sent = self.send(Box::new(job));
        async move {
            let _waiting = waiting;
            sent?;
            let received = received.await;
            received.map_err(|_| Error::Internal("a compile thread panicked".to_owned()))
        }
    }

    fn send(&self, job: Job) -> Result<()> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = match &mut *jobs {
            Some(sender) => sender,
            none => none.insert(self.start()?),
        };
        let sent = sender.send(job);
        sent.map_err(|_| Error::Internal("the compile threads are gone".to_owned()))
    }

    fn start(&self) -> Result<Sender<Job>> {
        let (sender, receiver) = mpsc::channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..self.threads {
            let receiver = Arc::clone(&receiver);
            thread::Builder::new()
                .name("fusebox-compile".to_owned())
                .spawn(move || serve(&receiver))
                .map_err(|error| Error::Internal(format!("no compile thread starts: {error}")))?;
        }
        Ok(sender)
    }
}

/// Work in the queue. Dropped with its future, since it may hold a large module.
struct Waiting<F>(Arc<Mutex<Option<F>>>);

impl<F> Drop for Waiting<F> {
    fn drop(&mut self) {
        let work = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(work);
    }
}

fn serve(jobs: &Mutex<Receiver<Job>>) {
    loop {
        // A statement of its own, so that the lock is released before the job runs.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A panic drops the job's sender, which is the error of its future.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn work_that_waits_ends_with_its_future() {
        let threads = CompileThreads::new(1);
        let (end, ended) = mpsc::channel::<()>();
        let first = threads.run(move || ended.recv().is_ok());
        let large = Arc::new([0_u8; 1_000]);
        let held = Arc::clone(&large);
        let second = threads.run(move || held.len());
        assert_eq!(Arc::strong_count(&large), 2);
        drop(second);
        assert_eq!(Arc::strong_count(&large), 1);
        end.send(()).unwrap();
        assert!(wait_for(first));
    }

    /// Waits for a result, which a thread sends.
    fn wait_for<T>(future: impl Future<Output = Result<T>>) -> T {
        let mut future = std::pin::pin!(future);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        loop {
            if let std::task::Poll::Ready(result) = future.as_mut().poll(&mut context) {
                return result.unwrap();
            }
            thread::yield_now();
        }
    }
}
