//! Facts about the NaNs of a value.

/// Width of a float: a scalar, or a lane of a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    F32,
    F64,
}

/// Facts about a value, in comparison with the value that it would have if every
/// result of float arithmetic were canonicalized at once (the *specified* value).
/// A set of facts: those that hold for either of two values are the intersection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NanFacts(u8);

impl NanFacts {
    /// The empty set.
    pub(crate) const NONE: Self = Self(0);
    /// All facts: the value is exact and not a NaN, for example zero.
    pub(crate) const ALL: Self = Self(0x7f);
    /// The value equals the specified one, bit for bit.
    pub(crate) const EXACT: Self = Self(1)
        .union(Self::equal_but_nans(Width::F32))
        .union(Self::equal_but_nans(Width::F64));

    /// As floats of this width, the value equals the specified one, apart from the
    /// bits of NaNs.
    pub(crate) const fn equal_but_nans(width: Width) -> Self {
        Self([2, 4][width as usize])
    }

    /// The value equals the specified one after every NaN is replaced by the
    /// canonical one, or by the canonical one negated.
    pub(crate) const fn canonical_if_nan(width: Width, negative: bool) -> Self {
        Self([8, 16, 32, 64][2 * width as usize + negative as usize])
    }

    /// All facts about floats of this width.
    pub(crate) const fn all_of(width: Width) -> Self {
        Self::equal_but_nans(width)
            .union(Self::canonical_if_nan(width, false))
            .union(Self::canonical_if_nan(width, true))
    }

    /// Facts about a result of arithmetic.
    pub(crate) const fn arithmetic(width: Width) -> Self {
        Self::equal_but_nans(width).union(Self::canonical_if_nan(width, false))
    }

    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Facts about a constant of this length in bytes.
    pub(crate) fn constant(bytes: [u8; 16], length: usize) -> Self {
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
            .union(Self::lanes(f32s, Width::F32))
            .union(Self::lanes(f64s, Width::F64))
    }

    /// Facts about constant lanes: whether each is a NaN, and the canonical one.
    fn lanes(mut lanes: impl Iterator<Item = (bool, bool)> + Clone, width: Width) -> Self {
        if !lanes.clone().any(|(is_nan, _)| is_nan) {
            Self::all_of(width)
        } else if lanes.all(|(is_nan, is_canonical)| !is_nan || is_canonical) {
            Self::arithmetic(width)
        } else {
            Self::NONE
        }
    }
}

/// Bits of the canonical `f32` NaN.
pub(crate) const CANONICAL_F32: u32 = 0x7fc0_0000;

/// Bits of the canonical `f64` NaN.
pub(crate) const CANONICAL_F64: u64 = 0x7ff8_0000_0000_0000;

/// Transfer function: facts about a result from those about an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transfer {
    /// Keeps these facts, and exactness.
    Keep(NanFacts),
    /// Clears the signs.
    Absolute(Width),
    /// Inverts the signs.
    Negate(Width),
}

impl Transfer {
    /// The facts about the result.
    pub(crate) fn apply(self, operand: NanFacts) -> NanFacts {
        let exact = match operand.contains(NanFacts::EXACT) {
            true => NanFacts::EXACT,
            false => NanFacts::NONE,
        };
        let only_if = |holds, facts| if holds { facts } else { NanFacts::NONE };
        let signed = |width, positive, negative| {
            let equal = operand.intersection(NanFacts::equal_but_nans(width));
            let positive = only_if(positive, NanFacts::canonical_if_nan(width, false));
            let negative = only_if(negative, NanFacts::canonical_if_nan(width, true));
            equal.union(positive).union(negative)
        };
        let both = |width| {
            [false, true].map(|sign| operand.contains(NanFacts::canonical_if_nan(width, sign)))
        };
        exact.union(match self {
            Self::Keep(mask) => operand.intersection(mask),
            Self::Absolute(width) => {
                let [positive, negative] = both(width);
                // A value that is canonical with either sign is not a NaN.
                signed(width, positive || negative, positive && negative)
            }
            Self::Negate(width) => {
                let [positive, negative] = both(width);
                signed(width, negative, positive)
            }
        })
    }
}
