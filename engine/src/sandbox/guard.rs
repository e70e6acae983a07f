//! What an instance is held to while it runs.

/// The limits of an instance's memory and tables, and whether it came up
/// against them.
pub(crate) struct Guard {
    memory_bytes_max: usize,
    /// The elements of all tables together.
    table_elements: usize,
    /// Whether the guest asked for more memory than it may have, since that was
    /// last looked at.
    denied: bool,
}

/// How many elements a guest's tables may have together. Only function pointers
/// go there, and the largest programs have some ten thousand.
const TABLE_ELEMENTS_MAX: usize = 1 << 17;

impl Guard {
    pub(super) fn new(memory_bytes_max: u64) -> Self {
        Self {
            memory_bytes_max: usize::try_from(memory_bytes_max).unwrap_or(usize::MAX),
            table_elements: 0,
            denied: false,
        }
    }

    /// Whether the guest was denied memory since the last time.
    pub(super) fn take_denied(&mut self) -> bool {
        std::mem::take(&mut self.denied)
    }
}

impl wasmtime::ResourceLimiter for Guard {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = desired <= self.memory_bytes_max;
        self.denied |= !fits;
        Ok(fits)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let all = self.table_elements.saturating_add(more);
        let fits = all <= TABLE_ELEMENTS_MAX;
        if fits {
            self.table_elements = all;
        }
        Ok(fits)
    }
}
