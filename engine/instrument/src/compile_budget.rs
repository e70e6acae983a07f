//! Budget of compilation.

use std::fmt;

/// Maximum estimated cost of compiling a module: a constant, and a part in proportion to
/// the module's size.
///
/// The cost is estimated from the module alone, so that the verdict is the same on every
/// machine: as the time of one core, and the memory of two compiling threads, of a build
/// of the profile `dev` on the machine of `benches/RESULTS.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileBudget {
    /// Milliseconds for a module of any size.
    pub milliseconds: u64,
    /// Further milliseconds for each megabyte of the module.
    pub milliseconds_per_megabyte: u64,
    /// Bytes of memory for a module of any size.
    pub memory_bytes: u64,
    /// Further bytes of memory for each byte of the module.
    pub memory_bytes_per_byte: u64,
    /// Maximum number of functions that a module defines.
    pub functions_max: usize,
    /// Maximum nesting depth of blocks in a function. Compile time grows with its square.
    pub nesting_max: usize,
}

impl CompileBudget {
    /// A second and a further one for 200 kB; 256 MB and 200 bytes for each byte.
    ///
    /// Modules of compilers need about half of that in time and in memory.
    pub const DEFAULT: Self = Self {
        milliseconds: 1_000,
        milliseconds_per_megabyte: 5_000,
        memory_bytes: 256_000_000,
        memory_bytes_per_byte: 200,
        functions_max: 30_000,
        nesting_max: 1_000,
    };

    /// No limit, for trusted modules.
    pub const UNLIMITED: Self = Self {
        milliseconds: u64::MAX,
        milliseconds_per_megabyte: 0,
        memory_bytes: u64::MAX,
        memory_bytes_per_byte: 0,
        functions_max: usize::MAX,
        nesting_max: usize::MAX,
    };
}

impl Default for CompileBudget {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Resource of compilation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompileResource {
    /// Time, in milliseconds.
    Time,
    /// Memory, in bytes.
    Memory,
}

impl fmt::Display for CompileResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Time => "milliseconds",
            Self::Memory => "bytes of memory",
        })
    }
}
