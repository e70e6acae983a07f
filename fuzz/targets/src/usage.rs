//! Peak memory and CPU time of this process, as the kernel counts them.

use std::fs;
use std::time::Duration;

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

/// Returns the resident memory of this process and its peak, in bytes.
fn resident() -> Option<(u64, u64)> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
        Some(kibibytes << 10)
    };
    Some((bytes("VmRSS:")?, bytes("VmHWM:")?))
}

/// Growth of the resident memory of this process from one moment on.
pub(crate) struct PeakMemory {
    before: u64,
}

impl PeakMemory {
    /// Resets the peak; `None` where the kernel cannot.
    pub(crate) fn reset() -> Option<Self> {
        fs::write("/proc/self/clear_refs", "5").ok()?;
        let (before, _) = resident()?;
        Some(Self { before })
    }

    /// Returns by how much the peak exceeds the memory at the reset, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        resident().map_or(0, |(_, peak)| peak.saturating_sub(self.before))
    }
}
