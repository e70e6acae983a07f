//! Samples guest backtraces for profiling.
//!
//! With epoch interruption, compiled code compares a counter with a deadline at
//! function entries and loop back edges. A thread increments the counter; a guest past
//! its deadline calls back on its own thread. That needs no signals and no privileges,
//! on any platform.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::store_limiter::StoreLimiter;
use crate::metrics::{Profile, SAMPLES_MAX, Sample};

/// Maximum frames of a sample.
pub(super) const FRAMES_MAX: usize = 64;

/// Sampling profiler of all guests of a compiler.
pub(crate) struct Sampler {
    since: Instant,
    samples: Mutex<Samples>,
}

#[derive(Default)]
struct Samples {
    profile: Profile,
    /// Indices of functions in the profile, by their mangled names.
    indices: HashMap<String, usize>,
}

impl Sampler {
    /// Starts sampling at `interval`, until both engines are dropped.
    pub(super) fn start(
        interval: Duration,
        engines: [&wasmtime::Engine; 2],
    ) -> std::io::Result<Arc<Self>> {
        let engines = engines.map(wasmtime::Engine::weak);
        let tick = move || {
            loop {
                thread::sleep(interval);
                let engines = engines.iter().filter_map(|engine| engine.upgrade());
                if engines.map(|engine| engine.increment_epoch()).count() == 0 {
                    return;
                }
            }
        };
        thread::Builder::new().spawn(tick)?;
        Ok(Arc::new(Self {
            since: Instant::now(),
            samples: Mutex::default(),
        }))
    }

    /// Attaches the profiler to a store.
    pub(super) fn attach(self: &Arc<Self>, store: &mut wasmtime::Store<StoreLimiter>) {
        let sampler = Arc::clone(self);
        store.epoch_deadline_callback(move |context| {
            sampler.sample(&wasmtime::WasmBacktrace::force_capture(context));
            Ok(wasmtime::UpdateDeadline::Continue(1))
        });
        store.set_epoch_deadline(1);
        store.data_mut().is_sampled = true;
    }

    fn sample(&self, backtrace: &wasmtime::WasmBacktrace) {
        // While an instance is created, code of Wasmtime runs that has no function.
        if backtrace.frames().is_empty() {
            return;
        }
        let at = self.since.elapsed();
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.profile.samples.len() < SAMPLES_MAX {
            let frames = backtrace.frames().iter().rev();
            let stack = frames.map(|frame| samples.index(frame)).collect();
            samples.profile.samples.push(Sample { at, stack });
        }
    }

    /// Takes the samples recorded since the last call.
    pub(crate) fn take(&self) -> Profile {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *samples).profile
    }
}

impl Samples {
    /// Returns the index of the frame's function in the profile.
    fn index(&mut self, frame: &wasmtime::FrameInfo) -> usize {
        let numbered;
        let name = match frame.func_name() {
            Some(name) => name,
            None => {
                numbered = format!("function {}", frame.func_index());
                &numbered
            }
        };
        if let Some(index) = self.indices.get(name) {
            return *index;
        }
        // The instances of a generic function share one demangled name.
        let readable = format!("{:#}", rustc_demangle::demangle(name));
        let functions = &mut self.profile.functions;
        let known = functions.iter().position(|known| *known == readable);
        let index = known.unwrap_or_else(|| {
            functions.push(readable);
            functions.len() - 1
        });
        self.indices.insert(name.to_owned(), index);
        index
    }
}
