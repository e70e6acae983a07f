//! What an instruction does with the bits of floats.
//!
//! Whatever is not listed here is taken to look at the bits of all its
//! operands, and to make results of which every bit is determined.

use wasmparser::Operator;

/// How wide a float is: alone, or as a lane of a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    F32,
    F64,
}

/// What is known of a value, in comparison to what it would be, had every
/// result of float arithmetic been canonicalised at once. A set: what is known
/// of either of two values is the intersection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known(u8);

impl Known {
    pub(crate) const NOTHING: Self = Self(0);
    /// The value is zero, or one of its kind: exact, and not a NaN.
    pub(crate) const ALL: Self = Self(0x7f);
    /// It is the same, bit by bit.
    pub(crate) const EXACT: Self = Self(1)
        .with(Self::same(Width::F32))
        .with(Self::same(Width::F64));

    /// As floats of that width, it is the same but for the bits of NaNs.
    pub(crate) const fn same(width: Width) -> Self {
        Self([2, 4][width as usize])
    }

    /// It is the same once every NaN is made the canonical one: positive, or
    /// negative.
    pub(crate) const fn repaired(width: Width, negative: bool) -> Self {
        Self([8, 16, 32, 64][2 * width as usize + negative as usize])
    }

    /// All that can be known of floats of that width.
    pub(crate) const fn of(width: Width) -> Self {
        Self::same(width)
            .with(Self::repaired(width, false))
            .with(Self::repaired(width, true))
    }

    /// What is known of a result of arithmetic.
    pub(crate) const fn arithmetic(width: Width) -> Self {
        Self::same(width).with(Self::repaired(width, false))
    }

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What is known of a constant of so many bytes.
    fn constant(bytes: [u8; 16], length: usize) -> Self {
        let bytes = &bytes[..length];
        let f32s = bytes.chunks(4).map(|lane| {
            let bits = u32::from_le_bytes([lane[0], lane[1], lane[2], lane[3]]);
            (f32::from_bits(bits).is_nan(), bits == CANONICAL_F32)
        });
        let f64s = bytes.chunks_exact(8).map(|lane| {
            let lane = [0, 1, 2, 3, 4, 5, 6, 7].map(|n: usize| lane[n]);
            let bits = u64::from_le_bytes(lane);
            (f64::from_bits(bits).is_nan(), bits == CANONICAL_F64)
        });
        Self::EXACT
            .with(Self::lanes(f32s, Width::F32))
            .with(Self::lanes(f64s, Width::F64))
    }

    /// What is known of lanes that are NaNs, and canonical ones.
    fn lanes(mut lanes: impl Iterator<Item = (bool, bool)> + Clone, width: Width) -> Self {
        if !lanes.clone().any(|(is_nan, _)| is_nan) {
            Self::of(width)
        } else if lanes.all(|(is_nan, is_canonical)| !is_nan || is_canonical) {
            Self::arithmetic(width)
        } else {
            Self::NOTHING
        }
    }
}

/// The canonical NaN of 32 bits.
pub(crate) const CANONICAL_F32: u32 = 0x7fc0_0000;

/// The canonical NaN of 64 bits.
pub(crate) const CANONICAL_F64: u64 = 0x7ff8_0000_0000_0000;

/// How what is known of an operand becomes what is known of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// So much of it stays, and that the operand is exact.
    Keep(Known),
    /// The signs are cleared.
    Absolute(Width),
    /// The signs are turned.
    Negate(Width),
}

impl Step {
    pub(crate) fn apply(self, operand: Known) -> Known {
        let exact = match operand.has(Known::EXACT) {
            true => Known::EXACT,
            false => Known::NOTHING,
        };
        let if_known = |is_known, known| if is_known { known } else { Known::NOTHING };
        let signed = |width, positive, negative| {
            let same = operand.and(Known::same(width));
            let positive = if_known(positive, Known::repaired(width, false));
            let negative = if_known(negative, Known::repaired(width, true));
            same.with(positive).with(negative)
        };
        let both = |width| [false, true].map(|sign| operand.has(Known::repaired(width, sign)));
        exact.with(match self {
            Self::Keep(mask) => operand.and(mask),
            Self::Absolute(width) => {
                let [positive, negative] = both(width);
                // Whatever is both is no NaN.
                signed(width, positive || negative, positive && negative)
            }
            Self::Negate(width) => {
                let [positive, negative] = both(width);
                signed(width, negative, positive)
            }
        })
    }
}

/// What an instruction does with floats and vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Effect {
    /// It looks at the bits of all its operands; its results are exact.
    Other,
    /// Arithmetic on so many operands, of one width, to another: the bits of a
    /// NaN that results are anyone's guess.
    Arithmetic {
        operands: u8,
        from: Width,
        to: Width,
        vector: bool,
    },
    /// Reads so many operands as floats, whose NaNs are all the same to it; the
    /// result is exact.
    Read(u8, Width),
    /// A constant, or a number that was an integer: what is known of it, and
    /// whether it has an operand, which may be a vector, to look at.
    Made { known: Known, operands: u8 },
    /// Passes on what its operand has, which it takes to be of that width.
    Pass {
        step: Step,
        width: Width,
        vector: bool,
    },
    /// Gives the sign of one to the other.
    CopySign(Width),
    /// Passes on the first operand, or else the second, which is then no NaN.
    Compare(Width),
    /// Passes on one operand or the other, or some lanes of each.
    Mix(Known),
    /// The same, for operands below an `i32`.
    Select,
}

/// What the instruction does.
pub(crate) fn effect(operator: &Operator<'_>) -> Effect {
    use Operator::*;
    use Width::*;
    let arithmetic = |operands, width, vector| Effect::Arithmetic {
        operands,
        from: width,
        to: width,
        vector,
    };
    let convert = |from, to, vector| Effect::Arithmetic {
        operands: 1,
        from,
        to,
        vector,
    };
    let pass = |step, width, vector| Effect::Pass {
        step,
        width,
        vector,
    };
    let keep = |width, vector| pass(Step::Keep(Known::of(width)), width, vector);
    let made = |operands, known: Known| Effect::Made {
        operands,
        known: known.with(Known::EXACT),
    };
    match operator {
        F32Add | F32Sub | F32Mul | F32Div | F32Min | F32Max => arithmetic(2, F32, false),
        F64Add | F64Sub | F64Mul | F64Div | F64Min | F64Max => arithmetic(2, F64, false),
        F32Sqrt | F32Ceil | F32Floor | F32Trunc | F32Nearest => arithmetic(1, F32, false),
        F64Sqrt | F64Ceil | F64Floor | F64Trunc | F64Nearest => arithmetic(1, F64, false),
        F32DemoteF64 => convert(F64, F32, false),
        F64PromoteF32 => convert(F32, F64, false),
        F32x4Add | F32x4Sub | F32x4Mul | F32x4Div | F32x4Min | F32x4Max => arithmetic(2, F32, true),
        F64x2Add | F64x2Sub | F64x2Mul | F64x2Div | F64x2Min | F64x2Max => arithmetic(2, F64, true),
        F32x4Sqrt | F32x4Ceil | F32x4Floor | F32x4Trunc | F32x4Nearest => arithmetic(1, F32, true),
        F64x2Sqrt | F64x2Ceil | F64x2Floor | F64x2Trunc | F64x2Nearest => arithmetic(1, F64, true),
        F32x4DemoteF64x2Zero => convert(F64, F32, true),
        F64x2PromoteLowF32x4 => convert(F32, F64, true),

        F32Eq | F32Ne | F32Lt | F32Gt | F32Le | F32Ge => Effect::Read(2, F32),
        F64Eq | F64Ne | F64Lt | F64Gt | F64Le | F64Ge => Effect::Read(2, F64),
        F32x4Eq | F32x4Ne | F32x4Lt | F32x4Gt | F32x4Le | F32x4Ge => Effect::Read(2, F32),
        F64x2Eq | F64x2Ne | F64x2Lt | F64x2Gt | F64x2Le | F64x2Ge => Effect::Read(2, F64),
        I32TruncF32S | I32TruncF32U | I64TruncF32S | I64TruncF32U | I32TruncSatF32S
        | I32TruncSatF32U | I64TruncSatF32S | I64TruncSatF32U | I32x4TruncSatF32x4S
        | I32x4TruncSatF32x4U => Effect::Read(1, F32),
        I32TruncF64S
        | I32TruncF64U
        | I64TruncF64S
        | I64TruncF64U
        | I32TruncSatF64S
        | I32TruncSatF64U
        | I64TruncSatF64S
        | I64TruncSatF64U
        | I32x4TruncSatF64x2SZero
        | I32x4TruncSatF64x2UZero => Effect::Read(1, F64),

        F32ConvertI32S | F32ConvertI32U | F32ConvertI64S | F32ConvertI64U | F32x4ConvertI32x4S
        | F32x4ConvertI32x4U => made(1, Known::of(F32)),
        F64ConvertI32S
        | F64ConvertI32U
        | F64ConvertI64S
        | F64ConvertI64U
        | F64x2ConvertLowI32x4S
        | F64x2ConvertLowI32x4U => made(1, Known::of(F64)),
        F32Const { value } => {
            let bytes = u128::from(value.bits()).to_le_bytes();
            made(0, Known::constant(bytes, 4))
        }
        F64Const { value } => {
            let bytes = u128::from(value.bits()).to_le_bytes();
            made(0, Known::constant(bytes, 8))
        }
        V128Const { value } => made(0, Known::constant(*value.bytes(), 16)),

        F32Abs => pass(Step::Absolute(F32), F32, false),
        F64Abs => pass(Step::Absolute(F64), F64, false),
        F32x4Abs => pass(Step::Absolute(F32), F32, true),
        F64x2Abs => pass(Step::Absolute(F64), F64, true),
        F32Neg => pass(Step::Negate(F32), F32, false),
        F64Neg => pass(Step::Negate(F64), F64, false),
        F32x4Neg => pass(Step::Negate(F32), F32, true),
        F64x2Neg => pass(Step::Negate(F64), F64, true),
        F32x4Splat => keep(F32, true),
        F64x2Splat => keep(F64, true),
        F32x4ExtractLane { .. } => keep(F32, false),
        F64x2ExtractLane { .. } => keep(F64, false),
        F32Copysign => Effect::CopySign(F32),
        F64Copysign => Effect::CopySign(F64),
        F32x4PMin | F32x4PMax => Effect::Compare(F32),
        F64x2PMin | F64x2PMax => Effect::Compare(F64),
        F32x4ReplaceLane { .. } => Effect::Mix(Known::of(F32)),
        F64x2ReplaceLane { .. } => Effect::Mix(Known::of(F64)),
        I8x16Shuffle { lanes } => shuffled(lanes),
        Select | TypedSelect { .. } => Effect::Select,
        _ => Effect::Other,
    }
}

/// What a shuffle does that leaves the lanes of one width, or of both, whole.
fn shuffled(lanes: &[u8; 16]) -> Effect {
    let are_whole = |bytes: usize| {
        lanes.chunks(bytes).all(|lane| {
            let first = usize::from(lane[0]);
            let follow = lane.iter().enumerate();
            first.is_multiple_of(bytes)
                && follow
                    .into_iter()
                    .all(|(n, byte)| usize::from(*byte) == first + n)
        })
    };
    match (are_whole(4), are_whole(8)) {
        (true, true) => Effect::Mix(Known::of(Width::F32).with(Known::of(Width::F64))),
        (true, false) => Effect::Mix(Known::of(Width::F32)),
        _ => Effect::Other,
    }
}
