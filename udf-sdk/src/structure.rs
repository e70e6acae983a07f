//! Rust structs that become SQL structs, or the rows of a table.

use crate::append::{Append, AppendPart};
use crate::node::{Full, Layout, Node};
use crate::sql::{Nested, Sql};

/// A Rust struct that stands for a SQL struct.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a struct of SQL",
    label = "not a struct with #[derive(Row)]",
    note = "use a struct with #[derive(Row)]"
)]
pub trait Structure: Append + Nested {
    /// The names and types of its fields.
    const FIELDS: &'static [(&'static str, Sql)];

    /// Appends the fields that are wanted. What stands in the others has to be
    /// added in the end.
    fn append_wanted(&self, wanted: &[bool], column: &mut Node) -> Result<(), Full>;

    /// How many bytes they add.
    fn wanted_bytes(&self, wanted: &[bool]) -> usize;
}

/// The types of a struct's fields, as pairs: `(A, (B, ()))`.
pub trait StartFields {
    /// How many there are.
    const COUNT: usize;

    /// Starts their columns.
    fn start(columns: &mut [Node]);
}

impl StartFields for () {
    const COUNT: usize = 0;

    fn start(_columns: &mut [Node]) {}
}

impl<P: AppendPart, R: StartFields> StartFields for (P, R) {
    const COUNT: usize = 1 + R::COUNT;

    fn start(columns: &mut [Node]) {
        if let [first, rest @ ..] = columns {
            P::start_part(first);
            R::start(rest);
        }
    }
}

/// The fields of a struct, as pairs of borrows: `(&A, (&B, ()))`.
pub trait AppendFields {
    /// Appends each to its column.
    fn append(self, columns: &mut [Node]) -> Result<(), Full>;

    /// Appends those that are wanted, as far as that is said.
    fn append_wanted(self, wanted: &[bool], columns: &mut [Node]) -> Result<(), Full>;

    /// How many bytes they add.
    fn settled_bytes(self) -> usize;

    /// How many bytes those add that are wanted.
    fn wanted_bytes(self, wanted: &[bool]) -> usize;
}

impl AppendFields for () {
    fn append(self, _columns: &mut [Node]) -> Result<(), Full> {
        Ok(())
    }

    fn append_wanted(self, _wanted: &[bool], _columns: &mut [Node]) -> Result<(), Full> {
        Ok(())
    }

    fn wanted_bytes(self, _wanted: &[bool]) -> usize {
        0
    }

    fn settled_bytes(self) -> usize {
        0
    }
}

impl<P: AppendPart, R: AppendFields> AppendFields for (&P, R) {
    fn append(self, columns: &mut [Node]) -> Result<(), Full> {
        if let [first, rest @ ..] = columns {
            self.0.append_part(first)?;
            self.1.append(rest)?;
        }
        Ok(())
    }

    fn append_wanted(self, wanted: &[bool], columns: &mut [Node]) -> Result<(), Full> {
        if let [first, rest @ ..] = columns {
            let (is_wanted, wanted) = split(wanted);
            if is_wanted {
                self.0.append_part(first)?;
            }
            self.1.append_wanted(wanted, rest)?;
        }
        Ok(())
    }

    fn settled_bytes(self) -> usize {
        self.0.part_bytes().saturating_add(self.1.settled_bytes())
    }

    fn wanted_bytes(self, wanted: &[bool]) -> usize {
        let (is_wanted, wanted) = split(wanted);
        let first = if is_wanted { self.0.part_bytes() } else { 0 };
        first.saturating_add(self.1.wanted_bytes(wanted))
    }
}

/// Whether the first is wanted, and the rest. What is not said is.
fn split(wanted: &[bool]) -> (bool, &[bool]) {
    wanted
        .split_first()
        .map_or((true, &[]), |(first, rest)| (*first, rest))
}

/// Starts a column of structs.
pub fn start_fields<F: StartFields>(column: &mut Node) {
    F::start(column.start(Layout::Struct, F::COUNT));
}

/// Appends a struct.
pub fn append_fields<F: AppendFields>(fields: F, column: &mut Node) -> Result<(), Full> {
    fields.append(column.append_struct())
}

/// How many bytes a struct adds.
pub fn fields_bytes<F: AppendFields>(fields: F) -> usize {
    fields.settled_bytes()
}

/// Appends the fields of a struct that are wanted.
pub fn append_wanted_fields<F: AppendFields>(
    fields: F,
    wanted: &[bool],
    column: &mut Node,
) -> Result<(), Full> {
    fields.append_wanted(wanted, column.append_row())
}

/// How many bytes the fields of a struct add that are wanted.
pub fn wanted_fields_bytes<F: AppendFields>(fields: F, wanted: &[bool]) -> usize {
    fields.wanted_bytes(wanted)
}
