//! Why a call gave no column.

use fusebox_marshal::lift::Unlifted;
use fusebox_marshal::lower::TooLarge;

use super::account::NoMemory;
use crate::error::Breach;

/// Why a call gave no column. A row is that of the batch, from 0, and known
/// where the guest announces its rows.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The function says so itself.
    Failed { row: Option<u64>, message: String },
    /// The guest broke the contract.
    Breach(Breach),
    /// The guest trapped.
    Trap { row: Option<u64>, trap: String },
    /// The fuel of the row is spent, or, without one, that of the call.
    Fuel { row: Option<u64> },
    /// The rows have together burnt what one call may burn, or taken much of the
    /// memory that they may: fewer might not.
    Spent,
    /// Nobody wants the answer any more.
    Cancelled,
    /// The guest's stack is full.
    Stack { row: Option<u64> },
    /// The guest was denied memory, and trapped.
    Memory { row: Option<u64> },
    /// The guest has no room for an arena of so many bytes.
    Arena { bytes: u64 },
    /// The result is larger than it may be. The instance is as good as before.
    Result { bytes: u64 },
    /// There are as many instances of the function at work as there may be.
    Instances { instances_max: u64 },
    /// There are as many instances at work in the process as there may be.
    ProcessInstances { instances_max: u64 },
    /// The account refuses so many bytes.
    Account { bytes: u64 },
    /// The machine refuses memory.
    Machine(String),
    /// There is no instance to be had.
    Instantiate(String),
}

impl Stop {
    /// The row that stopped the call, where it is known.
    pub(crate) fn row(&self) -> Option<u64> {
        match self {
            Self::Failed { row, .. }
            | Self::Trap { row, .. }
            | Self::Fuel { row }
            | Self::Stack { row } => *row,
            _ => None,
        }
    }
}

impl From<TooLarge> for Stop {
    fn from(arguments: TooLarge) -> Self {
        Self::Arena {
            bytes: arguments.bytes,
        }
    }
}

impl From<Breach> for Stop {
    fn from(breach: Breach) -> Self {
        Self::Breach(breach)
    }
}

impl From<Unlifted> for Stop {
    fn from(unlifted: Unlifted) -> Self {
        match unlifted {
            Unlifted::Breach(breach) => Self::Breach(breach),
            Unlifted::TooLarge { bytes } => Self::Result { bytes },
        }
    }
}

/// What stopped a running guest, where it was not a counter. It may have `said`
/// something before, and it may have been denied memory.
pub(super) fn running(
    error: &wasmtime::Error,
    row: Option<u64>,
    said: Option<String>,
    denied: bool,
) -> Stop {
    let Some(trap) = error.downcast_ref::<wasmtime::Trap>() else {
        let trap = format!("{error:#}");
        return NoMemory::behind(error).unwrap_or(Stop::Trap { row, trap });
    };
    if *trap == wasmtime::Trap::StackOverflow {
        return Stop::Stack { row };
    }
    if denied {
        return Stop::Memory { row };
    }
    let trap = said.unwrap_or_else(|| {
        let trap = trap.to_string();
        trap.strip_prefix("wasm trap: ").unwrap_or(&trap).to_owned()
    });
    let trap = format!("{trap}{}", place(error));
    Stop::Trap { row, trap }
}

/// What stopped an instance that is not ready yet.
pub(super) fn instantiating(error: wasmtime::Error) -> Stop {
    match error.downcast_ref::<wasmtime::Trap>() {
        Some(_) => running(&error, None, None, false),
        None => NoMemory::behind(&error).unwrap_or_else(|| Stop::Instantiate(format!("{error:#}"))),
    }
}

/// Names the innermost functions of the guest that were running.
fn place(error: &wasmtime::Error) -> String {
    const FRAMES_MAX: usize = 4;
    let Some(backtrace) = error.downcast_ref::<wasmtime::WasmBacktrace>() else {
        return String::new();
    };
    let names = backtrace
        .frames()
        .iter()
        .map(|frame| match frame.func_name() {
            Some(name) => format!("{:#}", rustc_demangle::demangle(name)),
            None => format!("function {}", frame.func_index()),
        });
    // What stands around every function of the SDK, and what a panic does before
    // it traps, is no news.
    let machinery = |name: &String| {
        let parts = [
            "rust_panic",
            "rust_begin_unwind",
            "core::panicking::",
            "std::panicking::",
            "std::sys::backtrace::",
            "fusebox_sdk::batch::",
        ];
        parts.iter().any(|part| name.contains(part))
    };
    let names: Vec<String> = names
        .filter(|name| !machinery(name))
        .take(FRAMES_MAX)
        .map(|name| match name.starts_with("function ") {
            true => name,
            false => format!("`{}`", name.escape_debug()),
        })
        .collect();
    match names.is_empty() {
        true => String::new(),
        false => format!(" in {}", names.join(" called by ")),
    }
}
