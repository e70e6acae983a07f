//! Looks at what guests do, again and again.
//!
//! Wasmtime compiles code so that it compares a counter with a deadline where
//! functions begin and where loops turn. A thread counts, and a guest that finds
//! itself behind its deadline calls here, on its own thread: no signal and no
//! privilege is needed, on any machine.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::guard::Guard;
use crate::measure::{Profile, SAMPLES_MAX, Sample};

/// How many calls in calls a sample has.
pub(super) const FRAMES_MAX: usize = 64;

/// What the guests of a machine were seen to do.
pub(crate) struct Sampler {
    since: Instant,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    profile: Profile,
    /// The places of functions in the profile, by their names as they are in the
    /// module.
    places: HashMap<String, usize>,
}

impl Sampler {
    /// Begins to look at guests every `interval`, for as long as one of the
    /// engines is there.
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
            seen: Mutex::default(),
        }))
    }

    /// Has an instance looked at.
    pub(super) fn watch(self: &Arc<Self>, store: &mut wasmtime::Store<Guard>) {
        let sampler = Arc::clone(self);
        store.epoch_deadline_callback(move |context| {
            sampler.look(&wasmtime::WasmBacktrace::force_capture(context));
            Ok(wasmtime::UpdateDeadline::Continue(1))
        });
        store.set_epoch_deadline(1);
        store.data_mut().is_watched = true;
    }

    fn look(&self, backtrace: &wasmtime::WasmBacktrace) {
        let at = self.since.elapsed();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.profile.samples.len() < SAMPLES_MAX {
            let frames = backtrace.frames().iter().rev();
            let stack = frames.map(|frame| seen.place(frame)).collect();
            seen.profile.samples.push(Sample { at, stack });
        }
    }

    /// What was seen since this was last asked.
    pub(crate) fn take(&self) -> Profile {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        seen.profile
    }
}

impl Seen {
    fn place(&mut self, frame: &wasmtime::FrameInfo) -> usize {
        let numbered;
        let name = match frame.func_name() {
            Some(name) => name,
            None => {
                numbered = format!("function {}", frame.func_index());
                &numbered
            }
        };
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        // Generic functions have one name, whatever they were made for.
        let readable = format!("{:#}", rustc_demangle::demangle(name));
        let functions = &mut self.profile.functions;
        let known = functions.iter().position(|known| *known == readable);
        let place = known.unwrap_or_else(|| {
            functions.push(readable);
            functions.len() - 1
        });
        self.places.insert(name.to_owned(), place);
        place
    }
}
