//! Memory of this process, as Linux counts it in `/proc`.

use std::fs;

/// Returns the resident memory of this process in bytes; 0 where the system does not tell.
pub fn resident_bytes() -> u64 {
    status_bytes("VmRSS:")
}

/// Returns the largest resident memory that this process has had, in bytes; 0 where the system
/// does not tell.
pub fn peak_resident_bytes() -> u64 {
    status_bytes("VmHWM:")
}

/// Returns the bytes of addresses that this process has mapped, used or not; 0 where the system
/// does not tell.
pub fn mapped_bytes() -> u64 {
    status_bytes("VmSize:")
}

/// Returns the number of memory mappings of this process; 0 where the system does not tell.
pub fn memory_mappings() -> u64 {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    maps.lines().count() as u64
}

fn status_bytes(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) << 10
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_written_is_resident() {
        let written = std::hint::black_box(vec![1_u8; 64 << 20]);
        let bytes = (resident_bytes(), peak_resident_bytes());
        // The kernel counts in batches of pages.
        let bytes_min = written.len() as u64 - (4 << 20);
        assert!(bytes.0 >= bytes_min && bytes.1 >= bytes_min, "{bytes:?}");
        assert!(mapped_bytes() >= bytes.0);
        assert!(memory_mappings() > 0);
        assert_eq!(status_bytes("VmNone:"), 0);
    }
}
