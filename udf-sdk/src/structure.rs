//! Rust structs as SQL structs, or as the rows of a table.

use crate::append::{Append, AppendNullable};
use crate::column_builder::{ColumnBuilder, ColumnLayout, OffsetOverflow};
use crate::sql::{Nested, Sql};

/// A Rust struct with a SQL struct type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a SQL struct",
    label = "not a struct with #[derive(Row)]",
    note = "use a struct with #[derive(Row)]"
)]
pub trait Structure: Append + Nested {
    /// The names and types of the fields.
    const FIELDS: &'static [(&'static str, Sql)];

    /// Appends the projected fields. The other fields are appended at the end,
    /// as nulls.
    fn append_projected(
        &self,
        projection: &[bool],
        column: &mut ColumnBuilder,
    ) -> Result<(), OffsetOverflow>;

    /// Returns the number of bytes that the projected fields add.
    fn projected_bytes(&self, projection: &[bool]) -> usize;
}

/// The types of a struct's fields, as pairs: `(A, (B, ()))`.
pub(crate) trait StartFields {
    /// Number of fields.
    const COUNT: usize;

    /// Starts the columns of the fields.
    fn start(columns: &mut [ColumnBuilder]);
}

impl StartFields for () {
    const COUNT: usize = 0;

    fn start(_columns: &mut [ColumnBuilder]) {}
}

impl<P: AppendNullable, R: StartFields> StartFields for (P, R) {
    const COUNT: usize = 1 + R::COUNT;

    fn start(columns: &mut [ColumnBuilder]) {
        if let [first, rest @ ..] = columns {
            P::start_nullable(first);
            R::start(rest);
        }
    }
}

/// The fields of a struct, as pairs of borrows: `(&A, (&B, ()))`.
pub(crate) trait AppendFields {
    /// Appends each field to its column.
    fn append(self, columns: &mut [ColumnBuilder]) -> Result<(), OffsetOverflow>;

    /// Appends the projected fields. Fields past the end of `projection` are
    /// projected.
    fn append_projected(
        self,
        projection: &[bool],
        columns: &mut [ColumnBuilder],
    ) -> Result<(), OffsetOverflow>;

    /// Returns the number of bytes that the fields add.
    fn charged_bytes(self) -> usize;

    /// Returns the number of bytes that the projected fields add.
    fn projected_bytes(self, projection: &[bool]) -> usize;
}

impl AppendFields for () {
    fn append(self, _columns: &mut [ColumnBuilder]) -> Result<(), OffsetOverflow> {
        Ok(())
    }

    fn append_projected(
        self,
        _wanted: &[bool],
        _columns: &mut [ColumnBuilder],
    ) -> Result<(), OffsetOverflow> {
        Ok(())
    }

    fn projected_bytes(self, _wanted: &[bool]) -> usize {
        0
    }

    fn charged_bytes(self) -> usize {
        0
    }
}

impl<P: AppendNullable, R: AppendFields> AppendFields for (&P, R) {
    fn append(self, columns: &mut [ColumnBuilder]) -> Result<(), OffsetOverflow> {
        if let [first, rest @ ..] = columns {
            self.0.append_nullable(first)?;
            self.1.append(rest)?;
        }
        Ok(())
    }

    fn append_projected(
        self,
        projection: &[bool],
        columns: &mut [ColumnBuilder],
    ) -> Result<(), OffsetOverflow> {
        if let [first, rest @ ..] = columns {
            let (is_projected, projection) = split_projection(projection);
            if is_projected {
                self.0.append_nullable(first)?;
            }
            self.1.append_projected(projection, rest)?;
        }
        Ok(())
    }

    fn charged_bytes(self) -> usize {
        self.0
            .nullable_bytes()
            .saturating_add(self.1.charged_bytes())
    }

    fn projected_bytes(self, projection: &[bool]) -> usize {
        let (is_projected, projection) = split_projection(projection);
        let first = if is_projected {
            self.0.nullable_bytes()
        } else {
            0
        };
        first.saturating_add(self.1.projected_bytes(projection))
    }
}

/// Splits off the first flag of a projection. Missing flags are true.
pub fn split_projection(projection: &[bool]) -> (bool, &[bool]) {
    projection
        .split_first()
        .map_or((true, &[]), |(first, rest)| (*first, rest))
}

/// Starts a column of structs.
pub(crate) fn start_fields<F: StartFields>(column: &mut ColumnBuilder) {
    F::start(column.start(ColumnLayout::Struct, F::COUNT));
}

/// Appends a struct.
pub(crate) fn append_fields<F: AppendFields>(
    fields: F,
    column: &mut ColumnBuilder,
) -> Result<(), OffsetOverflow> {
    fields.append(column.append_struct())
}

/// Returns the number of bytes that a struct adds.
pub(crate) fn fields_bytes<F: AppendFields>(fields: F) -> usize {
    fields.charged_bytes()
}

/// Appends the projected fields of a struct.
pub(crate) fn append_projected_fields<F: AppendFields>(
    fields: F,
    projection: &[bool],
    column: &mut ColumnBuilder,
) -> Result<(), OffsetOverflow> {
    fields.append_projected(projection, column.append_row())
}

/// Returns the number of bytes that the projected fields of a struct add.
pub(crate) fn projected_fields_bytes<F: AppendFields>(fields: F, projection: &[bool]) -> usize {
    fields.projected_bytes(projection)
}
