//! Dense unions.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, UnionArray, new_null_array};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use arrow_schema::UnionFields;
use arrow_select::concat::concat;

use super::column::{ColumnReader, ColumnSlice, check_nulls, invalid_array};
use super::{LiftError, null_column_bytes};
use crate::abi_violation::AbiViolation;

/// Rows of a child that a union references, in ascending order, and the rows of
/// the union that reference them.
#[derive(Clone, Default)]
struct ReferencedRows {
    child_rows: Vec<i32>,
    rows: Vec<usize>,
}

impl ReferencedRows {
    fn first(&self) -> i32 {
        self.child_rows.first().copied().unwrap_or_default()
    }

    /// Number of rows from the first to the last referenced row.
    fn span(&self) -> u64 {
        let last = self.child_rows.last().copied();
        last.map_or(0, |last| {
            u64::from(last.abs_diff(self.first())).saturating_add(1)
        })
    }

    /// The row of the union that references row `row` of the child, counted
    /// from the first referenced row.
    fn row_of(&self, row: u64) -> Option<usize> {
        let child_row = i64::from(self.first()).checked_add_unsigned(row)?;
        let found = self
            .child_rows
            .binary_search(&i32::try_from(child_row).ok()?)
            .ok()?;
        self.rows.get(found).copied()
    }
}

impl ColumnReader<'_> {
    /// Copies a dense union. Rows that are null in `nulls` become a null of a
    /// child, since a union has no validity.
    pub(super) fn union(
        &mut self,
        column: &ColumnSlice,
        fields: &UnionFields,
        nulls: Option<&NullBuffer>,
    ) -> Result<ArrayRef, LiftError> {
        let ids = ScalarBuffer::<i8>::from(self.fixed_width_values(column, 0, 1, 0)?);
        let offsets = ScalarBuffer::<i32>::from(self.fixed_width_values(column, 1, 4, 0)?);
        let is_null = |row: usize| nulls.is_some_and(|nulls| nulls.is_null(row));
        let positions = ChildPositions::of(fields);
        let referenced = referenced_rows(&positions, &ids, &offsets, is_null)?;

        let mut children = Vec::with_capacity(fields.len());
        for (position, ((_, field), rows)) in fields.iter().zip(&referenced).enumerate() {
            let row_of = |row| rows.row_of(row).unwrap_or_default() as u64;
            let is_unreferenced = |row| rows.row_of(row as u64).is_none();
            let (first, span) = (rows.first() as u64, rows.span());
            let child = self
                .child(column, position, first, span, field.data_type())
                .and_then(|child| check_nulls(field, &child, is_unreferenced).map(|()| child));
            children.push(child.map_err(|error| error.in_child(field.name(), row_of))?);
        }

        let (null_position, null_id) = null_child(fields);
        let mut null_offset = 0;
        if let Some(child) = children.get_mut(null_position)
            && nulls.is_some_and(|nulls| nulls.null_count() > 0)
        {
            self.budget.take(null_column_bytes(1, child.data_type()))?;
            null_offset = child.len() as i32;
            let null = new_null_array(child.data_type(), 1);
            *child = concat(&[child, &null]).map_err(invalid_array)?;
        }
        let rows = || ids.iter().zip(&offsets).enumerate();
        let new_offsets = rows().map(|(row, (id, offset))| {
            let child = positions.get(*id).and_then(|child| referenced.get(child));
            match is_null(row) {
                true => null_offset,
                false => offset.wrapping_sub(child.map_or(0, ReferencedRows::first)),
            }
        });
        let new_offsets = new_offsets.collect();
        let new_ids = rows().map(|(row, (id, _))| if is_null(row) { null_id } else { *id });
        let new_ids = new_ids.collect();
        let union = UnionArray::try_new(fields.clone(), new_ids, Some(new_offsets), children);
        Ok(Arc::new(union.map_err(invalid_array)?))
    }
}

/// Position and type id of the child for nulls: the first nullable child, or
/// else the first.
fn null_child(fields: &UnionFields) -> (usize, i8) {
    let nullable = fields.iter().position(|(_, field)| field.is_nullable());
    let position = nullable.unwrap_or_default();
    (
        position,
        fields.iter().nth(position).map_or(0, |(id, _)| id),
    )
}

/// Positions of the children by type id.
pub(super) struct ChildPositions([Option<usize>; 128]);

impl ChildPositions {
    pub(super) fn of(fields: &UnionFields) -> Self {
        let mut positions = [None; 128];
        for (position, (id, _)) in fields.iter().enumerate() {
            if let Some(entry) = positions.get_mut(id as usize) {
                *entry = Some(position);
            }
        }
        Self(positions)
    }

    pub(super) fn get(&self, id: i8) -> Option<usize> {
        self.0.get(usize::try_from(id).ok()?).copied().flatten()
    }
}

/// Collects the referenced rows of each child. Within a child they must ascend,
/// so that no row is referenced twice.
fn referenced_rows(
    positions: &ChildPositions,
    ids: &[i8],
    offsets: &[i32],
    is_null: impl Fn(usize) -> bool,
) -> Result<Vec<ReferencedRows>, AbiViolation> {
    let children = positions.0.iter().flatten().max();
    let children = children.map_or(0, |last| last.saturating_add(1));
    let mut referenced = vec![ReferencedRows::default(); children];
    for (row, (&id, &offset)) in ids.iter().zip(offsets).enumerate() {
        if is_null(row) {
            continue;
        }
        let child = positions
            .get(id)
            .and_then(|child| referenced.get_mut(child));
        let child = child.ok_or(AbiViolation::TypeId {
            row: row as u64,
            id,
        })?;
        if offset < 0 || child.child_rows.last().is_some_and(|last| *last >= offset) {
            return Err(AbiViolation::UnionOffset { row: row as u64 });
        }
        child.child_rows.push(offset);
        child.rows.push(row);
    }
    Ok(referenced)
}
