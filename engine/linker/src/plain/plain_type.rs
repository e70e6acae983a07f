//! Types of the columns of plain functions.

use wasmparser::ValType;

/// Type of a value of a column that a plain function takes or returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of Arrow")]
pub enum PlainType {
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float32,
    Float64,
    /// UTF-8.
    Text,
    /// Any bytes.
    Bytes,
}

impl PlainType {
    /// Returns the type of Wasm that holds all values, and no more.
    pub fn wasm(self) -> ValType {
        match self {
            Self::Float32 => ValType::F32,
            Self::Float64 => ValType::F64,
            Self::Int64 | Self::UInt64 => ValType::I64,
            _ => ValType::I32,
        }
    }

    /// Returns true for text and bytes, which have a convention.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Bytes)
    }

    /// Returns the base-two logarithm of the size in bytes, of the offset for text and bytes;
    /// 0 for bits.
    pub(super) fn size_log2(self) -> u32 {
        match self {
            Self::Boolean | Self::Int8 | Self::UInt8 => 0,
            Self::Int16 | Self::UInt16 => 1,
            Self::Int32 | Self::UInt32 | Self::Float32 | Self::Text | Self::Bytes => 2,
            Self::Int64 | Self::UInt64 | Self::Float64 => 3,
        }
    }

    /// Returns true if a value is passed as a `wasm` without loss.
    pub(super) fn is_passed_as(self, wasm: ValType) -> bool {
        match wasm {
            _ if self.is_text() => false,
            ValType::I32 => self.size_log2() <= 2 && self != Self::Float32,
            ValType::I64 => !self.is_float(),
            ValType::F32 => self == Self::Float32,
            ValType::F64 => self.is_float(),
            _ => false,
        }
    }

    /// Returns true if a `wasm` is read as a value, after a check of its range if it is wider.
    pub(super) fn is_result_of(self, wasm: ValType) -> bool {
        match wasm {
            _ if self.is_text() => false,
            ValType::I32 => !self.is_float() && self.size_log2() <= 2,
            ValType::I64 => !self.is_float(),
            ValType::F32 => self.is_float(),
            ValType::F64 => self == Self::Float64,
            _ => false,
        }
    }

    fn is_float(self) -> bool {
        matches!(self, Self::Float32 | Self::Float64)
    }

    pub(super) fn is_signed(self) -> bool {
        matches!(self, Self::Int8 | Self::Int16 | Self::Int32 | Self::Int64)
    }
}
