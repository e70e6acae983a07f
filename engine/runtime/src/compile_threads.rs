//! Threads that load and compile modules.
//!
//! Compilation takes seconds, so it must not run on threads that serve async tasks. The
//! threads start with the first jobs, one with each, and end with the runtime.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use futures_channel::oneshot;

use crate::error::{Error, Result};

type Job = Box<dyn FnOnce() + Send>;

/// Threads that run jobs in order, up to a fixed number of them.
pub(crate) struct CompileThreads {
    /// `None` before the first job.
    queue: Mutex<Option<Queue>>,
    threads_max: usize,
}

/// Jobs, and the threads that take them.
struct Queue {
    jobs: Sender<Job>,
    receiver: Arc<Mutex<Receiver<Job>>>,
    threads: usize,
}

impl CompileThreads {
    pub(crate) fn new(threads_max: usize) -> Self {
        Self {
            queue: Mutex::new(None),
            threads_max,
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
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queue.get_or_insert_with(Queue::new);
        if queue.threads < self.threads_max {
            // The threads that there are take the job.
            let started = queue.start_thread();
            started.or_else(|error| match queue.threads {
                0 => Err(error),
                _ => Ok(()),
            })?;
        }
        let sent = queue.jobs.send(job);
        sent.map_err(|_| Error::Internal("the compile threads are gone".to_owned()))
    }
}

impl Queue {
    fn new() -> Self {
        let (jobs, receiver) = mpsc::channel();
        Self {
            jobs,
            receiver: Arc::new(Mutex::new(receiver)),
            threads: 0,
        }
    }

    fn start_thread(&mut self) -> Result<()> {
        let receiver = Arc::clone(&self.receiver);
        thread::Builder::new()
            .name("fusebox-compile".to_owned())
            .spawn(move || serve(&receiver))
            .map_err(|error| Error::Internal(format!("no compile thread starts: {error}")))?;
        self.threads += 1;
        Ok(())
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

    #[test]
    fn as_many_jobs_run_at_the_same_time_as_there_may_be_threads() {
        const THREADS: usize = 3;
        let threads = CompileThreads::new(THREADS);
        let barrier = Arc::new(std::sync::Barrier::new(THREADS));
        for _ in 0..2 {
            let wait = || {
                let barrier = Arc::clone(&barrier);
                threads.run(move || barrier.wait())
            };
            let jobs: Vec<_> = (0..THREADS).map(|_| wait()).collect();
            let waited = jobs.into_iter().map(wait_for);
            assert_eq!(waited.filter(|barrier| barrier.is_leader()).count(), 1);
        }
        let queue = threads.queue.lock().unwrap();
        assert_eq!(queue.as_ref().unwrap().threads, THREADS);
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
