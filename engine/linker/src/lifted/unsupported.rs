//! Reasons for refusing a function.

/// Reason for which a lifted function has no driver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsupportedFunction {
    /// A part of a parameter or of the result has a type without a column.
    #[error("passes {ty} in {place}, expected a type that has a column; {hint}")]
    Type {
        /// The type: `flags`, `a variant`.
        ty: &'static str,
        /// The part: `argument `a[].x``.
        place: String,
        /// Advice for the author of the component.
        hint: &'static str,
    },
    /// The function returns nothing.
    #[error("returns nothing, expected a result; return a bool")]
    NoResult,
    /// There are too many types.
    #[error("has more than {types_max} types in its parameters and its result; pass less")]
    TooManyTypes {
        /// Maximum: [`TYPES_MAX`](super::TYPES_MAX).
        types_max: usize,
    },
    /// A type is nested too deeply.
    #[error("passes a type of more than {depth_max} levels in {place}; flatten it")]
    DeepType {
        /// Maximum: [`DEPTH_MAX`](super::DEPTH_MAX).
        depth_max: usize,
        /// The part.
        place: String,
    },
    /// The function lacks an option of the canonical ABI that its types need.
    #[error("has no {option}, which its types need; lift it with that option")]
    MissingOption {
        /// The option: `memory`, `realloc`.
        option: &'static str,
    },
}
