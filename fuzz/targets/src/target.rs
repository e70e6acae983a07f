//! A target, and the outcome of one input.

/// Outcome of one input: an input whose property fails panics instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The input was processed.
    Accepted,
    /// The input was refused with an error.
    Refused,
    /// The input is too short to describe a case.
    Incomplete,
}

/// A fuzz target: its name, which is that of its corpus, and its body.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Name of the executable and of the folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Processes one input, and panics if a property fails.
    pub run: fn(&[u8]) -> Outcome,
}
