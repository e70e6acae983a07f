//! Types of WIT, and the core types that carry them.
//!
//! Numbers of core types, sizes and alignments are those of "Flattening" and "Despecialization"
//! in the Canonical ABI of the component model, with a memory of 32 bits.

use wasmparser::ValType;

/// Core parameters that a function has at most: more are passed in memory.
pub(crate) const FLAT_PARAMETERS_MAX: usize = 16;

/// Core results that a function has at most: more are passed in memory.
pub(crate) const FLAT_RESULTS_MAX: usize = 1;

/// Type of a parameter or a result in WIT.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WitType {
    /// `bool`.
    Bool,
    /// `s8`.
    S8,
    /// `u8`.
    U8,
    /// `s16`.
    S16,
    /// `u16`.
    U16,
    /// `s32`.
    S32,
    /// `u32`.
    U32,
    /// `s64`.
    S64,
    /// `u64`.
    U64,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `char`: a Unicode scalar value.
    Char,
    /// `string`.
    String,
    /// `list<T>`.
    List(Box<WitType>),
    /// `record`: names and types of the fields.
    Record(Vec<(String, WitType)>),
    /// `tuple<...>`.
    Tuple(Vec<WitType>),
    /// `option<T>`.
    Option(Box<WitType>),
    /// `result<T, E>`, where each part may be absent.
    Result {
        /// Type of a success.
        ok: Option<Box<WitType>>,
        /// Type of a failure.
        error: Option<Box<WitType>>,
    },
    /// `enum`: names of the cases.
    Enum(Vec<String>),
    /// `flags`: names of the bits.
    Flags(Vec<String>),
    /// `variant`: names of the cases, and types of their values.
    Variant(Vec<(String, Option<WitType>)>),
}

impl WitType {
    /// The core types of a value outside of memory, in order. `None` if there are more than
    /// `types_max`.
    pub fn flat(&self, types_max: usize) -> Option<Vec<ValType>> {
        let mut flat = Vec::new();
        self.push_flat(&mut flat, types_max).then_some(flat)
    }

    /// Appends core types, and returns false if there are more than `types_max`.
    fn push_flat(&self, flat: &mut Vec<ValType>, types_max: usize) -> bool {
        match self {
            Self::Bool | Self::S8 | Self::U8 | Self::S16 | Self::U16 | Self::S32 | Self::U32 => {
                flat.push(ValType::I32);
            }
            Self::Char | Self::Enum(_) => flat.push(ValType::I32),
            Self::S64 | Self::U64 => flat.push(ValType::I64),
            Self::F32 => flat.push(ValType::F32),
            Self::F64 => flat.push(ValType::F64),
            Self::String | Self::List(_) => flat.extend([ValType::I32, ValType::I32]),
            Self::Flags(names) => {
                flat.extend(std::iter::repeat_n(ValType::I32, names.len().div_ceil(32)));
            }
            Self::Record(fields) => {
                return fields.iter().all(|(_, ty)| ty.push_flat(flat, types_max));
            }
            Self::Tuple(types) => return types.iter().all(|ty| ty.push_flat(flat, types_max)),
            Self::Option(_) | Self::Result { .. } | Self::Variant(_) => {
                flat.push(ValType::I32);
                return self.push_joined(flat, types_max);
            }
        }
        flat.len() <= types_max
    }

    /// Appends the core types that can carry the value of any case.
    fn push_joined(&self, flat: &mut Vec<ValType>, types_max: usize) -> bool {
        let first = flat.len();
        for case in self.cases().into_iter().flatten() {
            let mut types = Vec::new();
            if !case.push_flat(&mut types, types_max) {
                return false;
            }
            for (position, ty) in types.into_iter().enumerate() {
                match flat.get_mut(first + position) {
                    Some(joined) => *joined = join(*joined, ty),
                    None => flat.push(ty),
                }
            }
        }
        flat.len() <= types_max
    }

    /// Types of the cases of an option, a result or a variant; of others, none.
    pub fn cases(&self) -> Vec<Option<&WitType>> {
        match self {
            Self::Option(ty) => vec![None, Some(ty)],
            Self::Result { ok, error } => vec![ok.as_deref(), error.as_deref()],
            Self::Variant(cases) => cases.iter().map(|(_, ty)| ty.as_ref()).collect(),
            _ => Vec::new(),
        }
    }
}

/// Place of a value in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Size, in bytes: a multiple of the alignment.
    pub size: u32,
    /// Alignment, in bytes: a power of two.
    pub alignment: u32,
}

impl Layout {
    /// Layout of a number of so many bytes.
    fn number(size: u32) -> Self {
        Self {
            size,
            alignment: size,
        }
    }

    /// Appends a value of `other`, and returns its offset. The size is not yet that of the whole.
    fn push(&mut self, other: Self) -> u32 {
        let offset = self.size.next_multiple_of(other.alignment);
        self.size = offset + other.size;
        self.alignment = self.alignment.max(other.alignment);
        offset
    }

    /// Returns the layout of values in a sequence, and the offsets of these.
    pub(crate) fn sequence(layouts: impl IntoIterator<Item = Self>) -> (Self, Vec<u32>) {
        let mut whole = Self {
            size: 0,
            alignment: 1,
        };
        let offsets = layouts.into_iter().map(|layout| whole.push(layout));
        let offsets = offsets.collect();
        whole.size = whole.size.next_multiple_of(whole.alignment);
        (whole, offsets)
    }
}

impl WitType {
    /// The layout of a value in memory.
    pub fn layout(&self) -> Layout {
        match self {
            Self::Bool | Self::S8 | Self::U8 => Layout::number(1),
            Self::S16 | Self::U16 => Layout::number(2),
            Self::S32 | Self::U32 | Self::F32 | Self::Char => Layout::number(4),
            Self::S64 | Self::U64 | Self::F64 => Layout::number(8),
            Self::String | Self::List(_) => Layout {
                size: 8,
                alignment: 4,
            },
            Self::Record(fields) => Layout::sequence(fields.iter().map(|(_, ty)| ty.layout())).0,
            Self::Tuple(types) => Layout::sequence(types.iter().map(Self::layout)).0,
            Self::Option(_) | Self::Result { .. } | Self::Variant(_) => {
                let cases = self.cases();
                let number = Layout::number(case_size(cases.len()));
                let value = Self::value_of_cases(&cases);
                Layout::sequence([number, value]).0
            }
            Self::Enum(names) => Layout::number(case_size(names.len())),
            Self::Flags(names) => match names.len() {
                0..=8 => Layout::number(1),
                9..=16 => Layout::number(2),
                bits => Layout {
                    size: 4 * bits.div_ceil(32) as u32,
                    alignment: 4,
                },
            },
        }
    }

    /// The offset of the value of an option, a result or a variant, behind the number of the case.
    pub(crate) fn value_offset(&self) -> u32 {
        let cases = self.cases();
        let alignment = Self::value_of_cases(&cases).alignment;
        case_size(cases.len()).next_multiple_of(alignment)
    }

    /// The layout of the value of any case.
    fn value_of_cases(cases: &[Option<&Self>]) -> Layout {
        let mut value = Layout {
            size: 0,
            alignment: 1,
        };
        for case in cases.iter().flatten() {
            let Layout { size, alignment } = case.layout();
            value.size = value.size.max(size);
            value.alignment = value.alignment.max(alignment);
        }
        value
    }
}

/// Size of the number of a case, in bytes.
pub(crate) fn case_size(cases: usize) -> u32 {
    match cases {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}

/// The core type that carries values of both types.
fn join(first: ValType, second: ValType) -> ValType {
    match (first, second) {
        _ if first == second => first,
        (ValType::I32, ValType::F32) | (ValType::F32, ValType::I32) => ValType::I32,
        _ => ValType::I64,
    }
}

/// Core types of the parameters and results of a lifted function.
pub(crate) fn core_type(
    parameters: &[(String, WitType)],
    result: Option<&WitType>,
) -> (Vec<ValType>, Vec<ValType>) {
    let mut flat = Vec::new();
    let types = parameters.iter().map(|(_, ty)| ty);
    if !types
        .into_iter()
        .all(|ty| ty.push_flat(&mut flat, FLAT_PARAMETERS_MAX))
    {
        // The address of the parameters.
        flat = vec![ValType::I32];
    }
    let results = match result {
        None => Vec::new(),
        // Or the address of the result.
        Some(ty) => ty.flat(FLAT_RESULTS_MAX).unwrap_or(vec![ValType::I32]),
    };
    (flat, results)
}
