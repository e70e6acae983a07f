//! The imports.

use fusebox_abi::{
    IMPORT_HAS_FUEL, IMPORT_LOG, IMPORT_METERING_MODE, IMPORT_MODULE, IMPORT_ROW_BEGIN,
    IMPORT_ROW_END, IMPORT_ROW_GROUP_BEGIN, IMPORT_ROW_PAUSE, IMPORT_ROW_RESUME,
};
use wasmparser::FuncType;

use crate::weights::{IMPORT_FUEL, LOG_FUEL};

/// Bytes of overhead that a row pays for with a unit of fuel, as a power of two.
/// The call receives that fuel.
pub(crate) const ROW_END_BYTES_PER_FUEL_LOG2: u32 = 1;

/// A permitted import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Import {
    RowBegin,
    RowEnd,
    RowPause,
    RowResume,
    RowGroupBegin,
    MeteringMode,
    HasFuel,
    Log,
}

impl Import {
    /// The import of this name and type, if it is permitted.
    pub(crate) fn of(module: &str, name: &str, ty: &FuncType) -> Option<Self> {
        let all = [
            Self::RowBegin,
            Self::RowEnd,
            Self::RowPause,
            Self::RowResume,
            Self::RowGroupBegin,
            Self::MeteringMode,
            Self::HasFuel,
            Self::Log,
        ];
        let named = all.into_iter().find(|import| import.name() == name);
        named.filter(|import| module == IMPORT_MODULE && import.ty() == *ty)
    }

    fn name(self) -> &'static str {
        match self {
            Self::RowBegin => IMPORT_ROW_BEGIN,
            Self::RowEnd => IMPORT_ROW_END,
            Self::RowPause => IMPORT_ROW_PAUSE,
            Self::RowResume => IMPORT_ROW_RESUME,
            Self::RowGroupBegin => IMPORT_ROW_GROUP_BEGIN,
            Self::MeteringMode => IMPORT_METERING_MODE,
            Self::HasFuel => IMPORT_HAS_FUEL,
            Self::Log => IMPORT_LOG,
        }
    }

    fn ty(self) -> FuncType {
        use wasmparser::ValType::I32;
        match self {
            Self::RowBegin | Self::RowEnd | Self::RowPause | Self::RowGroupBegin => {
                FuncType::new([I32], [])
            }
            Self::RowResume => FuncType::new([], []),
            Self::MeteringMode | Self::HasFuel => FuncType::new([], [I32]),
            Self::Log => FuncType::new([I32, I32], []),
        }
    }

    /// Returns true if a call switches between the fuel of the row and that of the
    /// call.
    pub(crate) fn switches_fuel(self) -> bool {
        !matches!(self, Self::MeteringMode | Self::HasFuel | Self::Log)
    }

    /// Returns true if a call is replaced by a call of a function, not by its code.
    pub(crate) fn is_called(self) -> bool {
        self == Self::Log
    }

    /// Returns the fuel of the replacement, in addition to the call.
    pub(crate) fn fuel(self) -> u64 {
        match self {
            Self::Log => LOG_FUEL,
            _ => IMPORT_FUEL,
        }
    }

    /// Returns true if a call that is replaced by code has an operand.
    pub(crate) fn has_operand(self) -> bool {
        matches!(
            self,
            Self::RowBegin | Self::RowEnd | Self::RowPause | Self::RowGroupBegin
        )
    }
}
