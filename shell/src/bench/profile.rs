//! Profiles of guests: the hottest functions, and a file in the format of the Firefox
//! Profiler, which speedscope and other tools read too.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::time::{Duration, SystemTime};

use fusebox::Profile;
use fxprof_processed_profile::{
    CategoryHandle, CpuDelta, Frame, FrameFlags, FrameInfo, ProcessHandle, Profile as Firefox,
    SamplingInterval, Timestamp,
};

/// Sampling interval of guest backtraces.
pub(super) const INTERVAL: Duration = Duration::from_millis(1);

/// Maximum number of listed functions of a guest.
const HOTTEST_MAX: usize = 10;

/// A function of a guest and its share of the samples.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HotFunction {
    /// SQL function.
    pub(super) function: String,
    /// Number of samples of the SQL function.
    pub(super) samples: usize,
    /// Function of the guest.
    pub(super) guest_function: String,
    /// Share of the samples in which it is the innermost frame.
    pub(super) own: f64,
    /// Share of the samples in which it is any frame.
    pub(super) total: f64,
}

/// Profiles of SQL functions.
pub(super) struct Profiles {
    file: Firefox,
    process: ProcessHandle,
    threads: u32,
    pub(super) hottest: Vec<HotFunction>,
}

impl Profiles {
    /// Creates an empty file for functions of a module.
    pub(super) fn new(module: &str) -> Self {
        let interval = SamplingInterval::from_nanos(INTERVAL.as_nanos() as u64);
        let mut file = Firefox::new("fusebox bench", SystemTime::now().into(), interval);
        let process = file.add_process(module, 0, Timestamp::from_nanos_since_reference(0));
        Self {
            file,
            process,
            threads: 0,
            hottest: Vec::new(),
        }
    }

    /// Adds the profile of an SQL function, as a thread of the file.
    pub(super) fn add(&mut self, function: &str, profile: &Profile) {
        let samples = profile.samples.len();
        let share = |count: usize| count as f64 / samples as f64;
        let hottest = profile.hottest().into_iter().take(HOTTEST_MAX);
        self.hottest.extend(hottest.map(|hot| HotFunction {
            function: function.to_owned(),
            samples,
            guest_function: profile.functions[hot.function].clone(),
            own: share(hot.own),
            total: share(hot.total),
        }));
        let time = |at: Duration| Timestamp::from_nanos_since_reference(at.as_nanos() as u64);
        let first = profile.samples.first().map_or(Duration::ZERO, |s| s.at);
        let thread = self
            .file
            .add_thread(self.process, self.threads, time(first), false);
        self.threads += 1;
        self.file.set_thread_name(thread, function);
        let names = profile.functions.iter();
        let names: Vec<_> = names.map(|name| self.file.intern_string(name)).collect();
        for sample in &profile.samples {
            let frames = sample.stack.iter().map(|function| FrameInfo {
                frame: Frame::Label(names[*function]),
                category_pair: CategoryHandle::OTHER.into(),
                flags: FrameFlags::empty(),
            });
            let stack = self.file.intern_stack_frames(thread, frames);
            let cpu = CpuDelta::from_nanos(INTERVAL.as_nanos() as u64);
            self.file.add_sample(thread, time(sample.at), stack, cpu, 1);
        }
    }

    /// Writes the file.
    pub(super) fn write(&self, file: File) -> io::Result<()> {
        let mut out = BufWriter::new(file);
        serde_json::to_writer(&mut out, &self.file)?;
        out.flush()
    }
}
