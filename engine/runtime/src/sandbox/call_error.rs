//! Errors of calls.

use fusebox_marshal::lift::LiftError;
use fusebox_marshal::lower::ArgumentsTooLarge;
use fusebox_marshal::{AbiViolation, ResultRefused};

use super::memory_reservation::MemoryRefused;
use crate::error::{Trap, TrapKind};
use crate::notices::FailureCause;

/// Error of one call. Rows are numbered from 0 within the call, and known where the
/// guest begins rows.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The function reported a failure.
    Failed { row: Option<u64>, message: String },
    /// The guest violated the ABI.
    Abi(AbiViolation),
    /// The guest trapped.
    Trap { row: Option<u64>, trap: Trap },
    /// Out of fuel: that of the row, or that of the call if no row is named.
    Fuel { row: Option<u64> },
    /// The initialisation of an instance is out of fuel.
    InitFuel,
    /// The rows together exceeded the fuel of one call, or came near its memory limit:
    /// fewer rows might not.
    BatchTooLarge,
    /// The query was cancelled.
    Cancelled,
    /// Stack overflow.
    Stack { row: Option<u64> },
    /// The guest was denied memory and trapped.
    Memory { row: Option<u64> },
    /// The guest cannot allocate an arena of `bytes` bytes.
    Arena { bytes: u64 },
    /// The result exceeds its limit. The instance remains usable.
    Result { bytes: u64 },
    /// The function has its maximum of concurrent calls.
    Instances { instances_max: u64 },
    /// The process has its maximum of concurrent calls.
    ProcessInstances { instances_max: u64 },
    /// The memory pool refused `bytes` bytes.
    MemoryPool { bytes: u64 },
    /// The results of one batch exceed `bytes_max` bytes.
    BatchBytes { bytes_max: u64 },
    /// The operating system refused memory.
    System(String),
    /// The operating system refused the addresses of an instance or of a stack.
    AddressSpace(String),
    /// Instantiation failed.
    Instantiate(String),
}

impl CallError {
    /// Returns the row that ended the call, if it is known.
    pub(crate) fn row(&self) -> Option<u64> {
        match self {
            Self::Failed { row, .. }
            | Self::Trap { row, .. }
            | Self::Fuel { row }
            | Self::Stack { row } => *row,
            _ => None,
        }
    }

    /// Returns the cause if the error, of a call of one row, is the fault of that row: not of
    /// the module, the memory of the query or the process.
    pub(crate) fn failure_cause(&self) -> Option<FailureCause> {
        match self {
            Self::Failed { .. } => Some(FailureCause::Reported),
            Self::Fuel { .. } | Self::BatchTooLarge => Some(FailureCause::Fuel),
            Self::Trap { .. } => Some(FailureCause::Trap),
            Self::Stack { .. } | Self::Memory { .. } | Self::Arena { .. } | Self::Result { .. } => {
                Some(FailureCause::Limit)
            }
            Self::Abi(_)
            | Self::InitFuel
            | Self::Cancelled
            | Self::Instances { .. }
            | Self::ProcessInstances { .. }
            | Self::MemoryPool { .. }
            | Self::BatchBytes { .. }
            | Self::System(_)
            | Self::AddressSpace(_)
            | Self::Instantiate(_) => None,
        }
    }
}

impl From<ArgumentsTooLarge> for CallError {
    fn from(arguments: ArgumentsTooLarge) -> Self {
        Self::Arena {
            bytes: arguments.bytes,
        }
    }
}

impl From<AbiViolation> for CallError {
    fn from(violation: AbiViolation) -> Self {
        Self::Abi(violation)
    }
}

impl From<LiftError> for CallError {
    fn from(error: LiftError) -> Self {
        match error {
            LiftError::AbiViolation(violation) => Self::Abi(violation),
            LiftError::TooLarge { bytes } => Self::Result { bytes },
            LiftError::Refused(refused) => refused.into(),
        }
    }
}

impl From<ResultRefused> for CallError {
    fn from(refused: ResultRefused) -> Self {
        match refused {
            ResultRefused::Pool { bytes } => Self::MemoryPool { bytes },
            ResultRefused::Batch { bytes_max } => Self::BatchBytes { bytes_max },
        }
    }
}

/// Classifies an error of a running guest that no counter caused. `message` is the
/// panic message that the guest left, `denied` is true if it was denied memory.
pub(super) fn running(
    error: &wasmtime::Error,
    row: Option<u64>,
    message: Option<String>,
    denied: bool,
) -> CallError {
    let Some(trap) = error.downcast_ref::<wasmtime::Trap>() else {
        let other = || CallError::Trap {
            row,
            trap: Trap {
                kind: TrapKind::Other,
                message: format!("{error:#}"),
                functions: Vec::new(),
            },
        };
        return MemoryRefused::find_in(error).unwrap_or_else(other);
    };
    if *trap == wasmtime::Trap::StackOverflow {
        return CallError::Stack { row };
    }
    if denied {
        return CallError::Memory { row };
    }
    let (kind, message) = match message {
        Some(message) => (TrapKind::Panic, message),
        None => {
            let text = trap.to_string();
            let text = text.strip_prefix("wasm trap: ").unwrap_or(&text);
            (trap_kind(*trap), text.to_owned())
        }
    };
    let trap = Trap {
        kind,
        message,
        functions: backtrace(error),
    };
    CallError::Trap { row, trap }
}

fn trap_kind(trap: wasmtime::Trap) -> TrapKind {
    use wasmtime::Trap as Wasm;
    match trap {
        Wasm::UnreachableCodeReached => TrapKind::Unreachable,
        Wasm::MemoryOutOfBounds | Wasm::HeapMisaligned => TrapKind::MemoryOutOfBounds,
        Wasm::TableOutOfBounds => TrapKind::TableOutOfBounds,
        Wasm::IndirectCallToNull | Wasm::BadSignature => TrapKind::IndirectCall,
        Wasm::IntegerOverflow | Wasm::BadConversionToInteger => TrapKind::IntegerOverflow,
        Wasm::IntegerDivisionByZero => TrapKind::IntegerDivisionByZero,
        _ => TrapKind::Other,
    }
}

/// Classifies an error of instantiation.
pub(super) fn instantiating(error: wasmtime::Error) -> CallError {
    match error.downcast_ref::<wasmtime::Trap>() {
        Some(_) => running(&error, None, None, false),
        None => MemoryRefused::find_in(&error).unwrap_or_else(|| {
            let cause = format!("{error:#}");
            match is_of_system(&error) {
                true => CallError::AddressSpace(cause),
                false => CallError::Instantiate(cause),
            }
        }),
    }
}

/// Returns true if the operating system caused an error of instantiation, in which Wasmtime maps
/// memory and changes mappings. The cause is an error of the libraries that Wasmtime calls, and
/// has the text of the standard library's.
fn is_of_system(error: &wasmtime::Error) -> bool {
    error.is::<wasmtime::OutOfMemory>() || error.root_cause().to_string().contains("os error ")
}

/// Returns the names of the innermost guest functions that were running.
fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    const FRAMES_MAX: usize = 4;
    let Some(backtrace) = error.downcast_ref::<wasmtime::WasmBacktrace>() else {
        return Vec::new();
    };
    let names = backtrace
        .frames()
        .iter()
        .map(|frame| match frame.func_name() {
            Some(name) => format!("{:#}", rustc_demangle::demangle(name)),
            None => format!("function {}", frame.func_index()),
        });
    // Frames of panicking, and those of the SDK around every function, say nothing
    // about the fault.
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
    names
        .filter(|name| !machinery(name))
        .take(FRAMES_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn refusals_of_the_system_are_not_faults_of_the_module() {
        let refused = || wasmtime::Error::from(io::Error::from_raw_os_error(12));
        let mapping = refused().context("mmap failed to reserve 0x104000000 bytes");
        // A change of a mapping has no context.
        for error in [mapping, refused()] {
            let error = instantiating(error);
            assert!(matches!(error, CallError::AddressSpace(_)), "{error:?}");
        }
        let fault = wasmtime::Error::msg("memory minimum size of 2 pages exceeds memory limits");
        let error = instantiating(fault);
        assert!(matches!(error, CallError::Instantiate(_)), "{error:?}");
    }
}
