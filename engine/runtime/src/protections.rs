//! Protections of the sandbox that benches disable, to measure their cost.

/// Protections that are disabled. Each is a promise that no longer holds.
///
/// Without the cargo feature `disable-protections`, all protections are enabled: no
/// statement, option or module can disable one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DisabledProtections {
    /// Metering of fuel and stack. A guest may run forever, and nothing stops it.
    #[cfg(feature = "disable-protections")]
    pub fuel: bool,
    /// Canonical NaNs. Results may differ between machines.
    #[cfg(feature = "disable-protections")]
    pub canonical_nans: bool,
    /// Reset before each call of a scalar function. A guest may keep the arguments of
    /// earlier calls, those of other queries included.
    #[cfg(feature = "disable-protections")]
    pub reset: bool,
}

#[cfg(feature = "disable-protections")]
impl DisabledProtections {
    pub(crate) fn fuel(self) -> bool {
        self.fuel
    }

    pub(crate) fn canonical_nans(self) -> bool {
        self.canonical_nans
    }

    pub(crate) fn reset(self) -> bool {
        self.reset
    }
}

#[cfg(not(feature = "disable-protections"))]
impl DisabledProtections {
    pub(crate) fn fuel(self) -> bool {
        false
    }

    pub(crate) fn canonical_nans(self) -> bool {
        false
    }

    pub(crate) fn reset(self) -> bool {
        false
    }
}
