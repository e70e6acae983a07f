//! Peak memory and CPU time of this process, as the kernel counts them.

use std::fs;
use std::time::Duration;

use fusebox_testing::{peak_resident_bytes, resident_bytes};

/// The kernel's unit of CPU time in `/proc`, the same on every Linux of today.
const TICK: Duration = Duration::from_millis(10);

/// Returns the CPU time of all threads so far, or `None` where the kernel does not
/// tell. Unlike elapsed time, it does not depend on what else the machine does.
pub(crate) fn cpu_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in brackets, may have spaces.
    let (_, numbers) = stat.rsplit_once(')')?;
    let mut ticks = numbers.split_whitespace().skip(11);
    let [user, system] = [ticks.next()?, ticks.next()?];
    Some(TICK * (user.parse::<u32>().ok()? + system.parse::<u32>().ok()?))
}

/// Growth of the resident memory of this process from one moment on.
pub(crate) struct PeakMemory {
    before: u64,
}

impl PeakMemory {
    /// Resets the peak; `None` where the kernel cannot.
    pub(crate) fn reset() -> Option<Self> {
        fs::write("/proc/self/clear_refs", "5").ok()?;
        Some(Self {
            before: resident_bytes(),
        })
    }

    /// Returns by how much the peak exceeds the memory at the reset, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        peak_resident_bytes().saturating_sub(self.before)
    }
}
