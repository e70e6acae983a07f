//! The imports.

use fusebox_abi::{
    IMPORT_HAS_FUEL, IMPORT_METERING_MODE, IMPORT_MODULE, IMPORT_ROW_BEGIN, IMPORT_ROW_END,
    IMPORT_ROW_GROUP_BEGIN, IMPORT_ROW_PAUSE, IMPORT_ROW_RESUME,
};
use wasmparser::FuncType;

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
        }
    }

    /// Returns true if a call switches between the fuel of the row and that of the
    /// call.
    pub(crate) fn switches_fuel(self) -> bool {
        !matches!(self, Self::MeteringMode | Self::HasFuel)
    }

    /// Returns true if a call has an operand.
    pub(crate) fn has_operand(self) -> bool {
        matches!(
            self,
            Self::RowBegin | Self::RowEnd | Self::RowPause | Self::RowGroupBegin
        )
    }
}
