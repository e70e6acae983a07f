//! Where guests spend their time: the hottest of their functions, and a file for
//! the Firefox Profiler, which speedscope and others read too.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::time::{Duration, SystemTime};

use fusebox::Profile;
use fxprof_processed_profile::{
    CategoryHandle, CpuDelta, Frame, FrameFlags, FrameInfo, ProcessHandle, Profile as Firefox,
    SamplingInterval, Timestamp,
};

/// How often guests are looked at.
pub(super) const INTERVAL: Duration = Duration::from_millis(1);

/// How many functions of a guest are listed.
const HOTTEST_MAX: usize = 10;

/// A function of a guest, as often as it was seen.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// The SQL function.
    pub(super) function: String,
    /// How often its guest was looked at.
    pub(super) samples: usize,
    /// The guest's function.
    pub(super) guest_function: String,
    /// In which part of the samples it was running itself, and in which it was
    /// that or waiting for what it had called.
    pub(super) own: f64,
    pub(super) total: f64,
}

/// Profiles of SQL functions, one behind the other.
pub(super) struct Profiles {
    file: Firefox,
    process: ProcessHandle,
    threads: u32,
    pub(super) rows: Vec<Row>,
}

impl Profiles {
    /// Of functions of a module of that name.
    pub(super) fn new(module: &str) -> Self {
        let interval = SamplingInterval::from_nanos(INTERVAL.as_nanos() as u64);
        let mut file = Firefox::new("fusebox bench", SystemTime::now().into(), interval);
        let process = file.add_process(module, 0, Timestamp::from_nanos_since_reference(0));
        Self {
            file,
            process,
            threads: 0,
            rows: Vec::new(),
        }
    }

    /// Adds what was seen of one SQL function: a thread of its own in the file.
    pub(super) fn add(&mut self, function: &str, profile: &Profile) {
        let samples = profile.samples.len();
        let part = |count: usize| count as f64 / samples as f64;
        let hottest = profile.hottest().into_iter().take(HOTTEST_MAX);
        self.rows.extend(hottest.map(|hot| Row {
            function: function.to_owned(),
            samples,
            guest_function: profile.functions[hot.function].clone(),
            own: part(hot.own),
            total: part(hot.total),
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
            let frames = sample.stack.iter().map(|place| FrameInfo {
                frame: Frame::Label(names[*place]),
                category_pair: CategoryHandle::OTHER.into(),
                flags: FrameFlags::empty(),
            });
            let stack = self.file.intern_stack_frames(thread, frames);
            let cpu = CpuDelta::from_nanos(INTERVAL.as_nanos() as u64);
            self.file.add_sample(thread, time(sample.at), stack, cpu, 1);
        }
    }

    /// Writes all of it.
    pub(super) fn write(&self, file: File) -> io::Result<()> {
        let mut out = BufWriter::new(file);
        serde_json::to_writer(&mut out, &self.file)?;
        out.flush()
    }
}
