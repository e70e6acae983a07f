//! Conventions by which plain functions take and return text and bytes.

use wasmparser::ValType;

use super::plain_type::PlainType;

/// Convention for text and bytes. Numbers are the same in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextConvention {
    /// Address and length as two parameters; a result in an `i64` (address in the high half),
    /// as two results, or by a return area.
    PtrLen,
    /// Address of bytes that end with a zero byte.
    CString,
    /// Objects of AssemblyScript: `String` in UTF-16, `ArrayBuffer` for bytes.
    AssemblyScript,
    /// Address of a length (`u32`, little endian) and as many bytes.
    LengthPrefixed,
    /// Core function of a component: address and length, both by `cabi_realloc`.
    Canonical,
}

/// Result of a function, as its type tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResultShape {
    /// Numbers alone.
    Numbers,
    /// Address and length in an `i64`.
    Packed,
    /// Address and length as two results.
    Pair,
    /// Address and length in an area whose address is the first parameter.
    Area,
    /// Address alone.
    Pointer,
}

/// Maximum number of parameters of a core function of a component: more are passed in memory.
pub(super) const CANONICAL_PARAMETERS_MAX: usize = 16;

impl TextConvention {
    /// Returns true if arguments are copied to a block of the driver, not of the guest.
    ///
    /// The bytes are in linear memory already, but a function that gets them where they are
    /// would depend on other rows: it may look for an alignment, read past the end, or write.
    /// A copy at one address makes all of that the same in each batch, and costs less than an
    /// allocator. Objects of AssemblyScript need a header that its collector knows, and a
    /// component owns its arguments and frees them, so that these come from the guest.
    pub(super) fn borrows_arguments(self) -> bool {
        !matches!(self, Self::AssemblyScript | Self::Canonical)
    }

    /// Returns the number of parameters of a text.
    pub(super) fn parameters(self) -> usize {
        match self {
            Self::PtrLen | Self::Canonical => 2,
            _ => 1,
        }
    }

    /// Returns the ways of returning a text.
    pub(super) fn shapes(self) -> &'static [ResultShape] {
        match self {
            Self::PtrLen => &[ResultShape::Packed, ResultShape::Pair, ResultShape::Area],
            _ => &[ResultShape::Pointer],
        }
    }
}

impl ResultShape {
    /// Returns the types of the results; those of `numbers` if it is one of numbers.
    pub(super) fn results(self, numbers: &[PlainType]) -> Vec<ValType> {
        match self {
            Self::Numbers => numbers.iter().map(|ty| ty.wasm()).collect(),
            Self::Packed => vec![ValType::I64],
            Self::Pair => vec![ValType::I32; 2],
            Self::Area => Vec::new(),
            Self::Pointer => vec![ValType::I32],
        }
    }
}
