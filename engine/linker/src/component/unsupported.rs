//! Parts of the component model that exported functions may not use.

/// Reason for which an exported function cannot be called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// A parameter or the result has a type without a column.
    #[error("passes {ty}, expected a type of plain data; return the data itself")]
    Type {
        /// The type: `a resource`, `a stream`.
        ty: &'static str,
    },
    /// A parameter or the result has a type that is nested too deeply.
    #[error("passes a type of more than {depth_max} levels; flatten it")]
    DeepType {
        /// Maximum: [`TYPE_DEPTH_MAX`](super::TYPE_DEPTH_MAX).
        depth_max: usize,
    },
    /// The function is asynchronous.
    #[error("is async, expected a synchronous function; declare it without `async`")]
    Async,
    /// The function is an import of the component.
    #[error("is an import of the component, expected a function of its own")]
    Imported,
}
