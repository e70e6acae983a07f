//! Traps of guests.

use std::fmt;

/// Trap of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trap {
    /// Kind of the trap.
    pub kind: TrapKind,
    /// Message of the panic, or description of the trap.
    pub message: String,
    /// Names of the innermost guest functions, the innermost first; `function N` for a
    /// function without a name.
    pub functions: Vec<String>,
}

/// Kind of a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TrapKind {
    /// The guest panicked and left a message.
    Panic,
    /// `unreachable` was executed.
    Unreachable,
    /// Access outside of linear memory.
    MemoryOutOfBounds,
    /// Access outside of a table.
    TableOutOfBounds,
    /// Indirect call of a null element, or of a function of another type.
    IndirectCall,
    /// Integer overflow, or a float that no integer represents.
    IntegerOverflow,
    /// Integer division by zero.
    IntegerDivisionByZero,
    /// Any other trap.
    Other,
}

/// Prints message and innermost functions: `… in `f` called by `g``.
impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (position, name) in self.functions.iter().enumerate() {
            f.write_str(if position == 0 { " in " } else { " called by " })?;
            match name.starts_with("function ") {
                true => f.write_str(name)?,
                false => write!(f, "`{}`", name.escape_debug())?,
            }
        }
        Ok(())
    }
}
