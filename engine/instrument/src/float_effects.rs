//! Effects of instructions on the bits of floats.
//!
//! An instruction that is not listed observes the bits of all its operands, and
//! every bit of its results is determined.

use wasmparser::Operator;

use crate::nan_facts::{NanFacts, Transfer, Width};

/// Effect of an instruction on the bits of floats and vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Effect {
    /// Observes the bits of all operands; the results are exact.
    Opaque,
    /// Arithmetic on this number of operands, from one width to another. The bits
    /// of a resulting NaN are not determined.
    Arithmetic {
        operands: u8,
        from: Width,
        to: Width,
        vector: bool,
    },
    /// Reads this number of operands as floats without distinguishing NaNs; the
    /// result is exact.
    ReadFloats(u8, Width),
    /// Produces a constant, or converts integers, whose bits are observed.
    Source { facts: NanFacts, operands: u8 },
    /// Transforms one operand of this width.
    Unary {
        transfer: Transfer,
        width: Width,
        vector: bool,
    },
    /// Combines one operand with the sign of the other.
    CopySign(Width),
    /// Returns the first operand, or else the second, which is then not a NaN.
    PseudoMinMax(Width),
    /// Returns one of two operands, or some lanes of each. The facts are those that
    /// survive.
    Merge(NanFacts),
    /// Returns one of two operands below an `i32`.
    Select,
}

/// The effect of an instruction.
pub(crate) fn effect(operator: &Operator<'_>) -> Effect {
    arithmetic_effect(operator)
        .or_else(|| read_effect(operator))
        .or_else(|| source_effect(operator))
        .or_else(|| data_movement_effect(operator))
        .unwrap_or(Effect::Opaque)
}

fn arithmetic_effect(operator: &Operator<'_>) -> Option<Effect> {
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
    Some(match operator {
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
        _ => return None,
    })
}

fn read_effect(operator: &Operator<'_>) -> Option<Effect> {
    use Operator::*;
    use Width::*;
    Some(match operator {
        F32Eq | F32Ne | F32Lt | F32Gt | F32Le | F32Ge => Effect::ReadFloats(2, F32),
        F64Eq | F64Ne | F64Lt | F64Gt | F64Le | F64Ge => Effect::ReadFloats(2, F64),
        F32x4Eq | F32x4Ne | F32x4Lt | F32x4Gt | F32x4Le | F32x4Ge => Effect::ReadFloats(2, F32),
        F64x2Eq | F64x2Ne | F64x2Lt | F64x2Gt | F64x2Le | F64x2Ge => Effect::ReadFloats(2, F64),
        I32TruncF32S | I32TruncF32U | I64TruncF32S | I64TruncF32U | I32TruncSatF32S
        | I32TruncSatF32U | I64TruncSatF32S | I64TruncSatF32U | I32x4TruncSatF32x4S
        | I32x4TruncSatF32x4U => Effect::ReadFloats(1, F32),
        I32TruncF64S
        | I32TruncF64U
        | I64TruncF64S
        | I64TruncF64U
        | I32TruncSatF64S
        | I32TruncSatF64U
        | I64TruncSatF64S
        | I64TruncSatF64U
        | I32x4TruncSatF64x2SZero
        | I32x4TruncSatF64x2UZero => Effect::ReadFloats(1, F64),
        _ => return None,
    })
}

fn source_effect(operator: &Operator<'_>) -> Option<Effect> {
    use Operator::*;
    use Width::*;
    let source = |operands, facts: NanFacts| Effect::Source {
        operands,
        facts: facts.union(NanFacts::EXACT),
    };
    Some(match operator {
        F32ConvertI32S | F32ConvertI32U | F32ConvertI64S | F32ConvertI64U | F32x4ConvertI32x4S
        | F32x4ConvertI32x4U => source(1, NanFacts::all_of(F32)),
        F64ConvertI32S
        | F64ConvertI32U
        | F64ConvertI64S
        | F64ConvertI64U
        | F64x2ConvertLowI32x4S
        | F64x2ConvertLowI32x4U => source(1, NanFacts::all_of(F64)),
        F32Const { value } => {
            let bytes = u128::from(value.bits()).to_le_bytes();
            source(0, NanFacts::constant(bytes, 4))
        }
        F64Const { value } => {
            let bytes = u128::from(value.bits()).to_le_bytes();
            source(0, NanFacts::constant(bytes, 8))
        }
        V128Const { value } => source(0, NanFacts::constant(*value.bytes(), 16)),
        _ => return None,
    })
}

fn data_movement_effect(operator: &Operator<'_>) -> Option<Effect> {
    use Operator::*;
    use Width::*;
    let unary = |transfer, width, vector| Effect::Unary {
        transfer,
        width,
        vector,
    };
    let keep = |width, vector| unary(Transfer::Keep(NanFacts::all_of(width)), width, vector);
    Some(match operator {
        F32Abs => unary(Transfer::Absolute(F32), F32, false),
        F64Abs => unary(Transfer::Absolute(F64), F64, false),
        F32x4Abs => unary(Transfer::Absolute(F32), F32, true),
        F64x2Abs => unary(Transfer::Absolute(F64), F64, true),
        F32Neg => unary(Transfer::Negate(F32), F32, false),
        F64Neg => unary(Transfer::Negate(F64), F64, false),
        F32x4Neg => unary(Transfer::Negate(F32), F32, true),
        F64x2Neg => unary(Transfer::Negate(F64), F64, true),
        F32x4Splat => keep(F32, true),
        F64x2Splat => keep(F64, true),
        F32x4ExtractLane { .. } => keep(F32, false),
        F64x2ExtractLane { .. } => keep(F64, false),
        F32Copysign => Effect::CopySign(F32),
        F64Copysign => Effect::CopySign(F64),
        F32x4PMin | F32x4PMax => Effect::PseudoMinMax(F32),
        F64x2PMin | F64x2PMax => Effect::PseudoMinMax(F64),
        F32x4ReplaceLane { .. } => Effect::Merge(NanFacts::all_of(F32)),
        F64x2ReplaceLane { .. } => Effect::Merge(NanFacts::all_of(F64)),
        I8x16Shuffle { lanes } => shuffle_effect(lanes),
        Select | TypedSelect { .. } => Effect::Select,
        _ => return None,
    })
}

/// The effect of a shuffle, which may keep the lanes of one width, or of both,
/// intact.
fn shuffle_effect(lanes: &[u8; 16]) -> Effect {
    let are_intact = |bytes: usize| {
        lanes.chunks(bytes).all(|lane| {
            let first = usize::from(lane[0]);
            let mut bytes_of_lane = lane.iter().enumerate();
            first.is_multiple_of(bytes)
                && bytes_of_lane.all(|(n, byte)| usize::from(*byte) == first + n)
        })
    };
    match (are_intact(4), are_intact(8)) {
        (true, true) => {
            Effect::Merge(NanFacts::all_of(Width::F32).union(NanFacts::all_of(Width::F64)))
        }
        (true, false) => Effect::Merge(NanFacts::all_of(Width::F32)),
        _ => Effect::Opaque,
    }
}
