//! Unions, whose rows stand in several children.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, UnionArray, new_null_array};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use arrow_schema::UnionFields;
use arrow_select::concat::concat;

use super::Unlifted;
use super::column::{Column, Reader, check_nulls, misfit};
use crate::breach::Breach;

/// The rows of a child that are referred to, rising, and by which rows.
#[derive(Clone, Default)]
struct Referred {
    places: Vec<i32>,
    rows: Vec<usize>,
}

impl Referred {
    fn first(&self) -> i32 {
        self.places.first().copied().unwrap_or_default()
    }

    /// How many rows of the child there are from the first to the last.
    fn span(&self) -> u64 {
        let last = self.places.last().copied();
        last.map_or(0, |last| {
            u64::from(last.abs_diff(self.first())).saturating_add(1)
        })
    }

    /// Who refers to the row that comes so many behind the first.
    fn row_of(&self, child_row: u64) -> Option<usize> {
        let place = i64::from(self.first()).checked_add_unsigned(child_row)?;
        let found = self
            .places
            .binary_search(&i32::try_from(place).ok()?)
            .ok()?;
        self.rows.get(found).copied()
    }
}

impl Reader<'_> {
    /// Copies a union as a dense one. A row that `nulls` says is null becomes a
    /// null of a child, since a union has none of its own.
    pub(super) fn union(
        &mut self,
        column: &Column,
        fields: &UnionFields,
        nulls: Option<&NullBuffer>,
    ) -> Result<ArrayRef, Unlifted> {
        let ids = ScalarBuffer::<i8>::from(self.fixed(column, 0, 1, 0)?);
        let offsets = ScalarBuffer::<i32>::from(self.fixed(column, 1, 4, 0)?);
        let is_null = |row: usize| nulls.is_some_and(|nulls| nulls.is_null(row));
        let places = Places::of(fields);
        let referred = referred(&places, &ids, &offsets, is_null)?;

        let mut children = Vec::with_capacity(fields.len());
        for (position, ((_, field), referred)) in fields.iter().zip(&referred).enumerate() {
            let row_of = |row| referred.row_of(row).unwrap_or_default() as u64;
            let in_between = |row| referred.row_of(row as u64).is_none();
            let (first, rows) = (referred.first() as u64, referred.span());
            let child = self
                .child(column, position, first, rows, field.data_type())
                .and_then(|child| check_nulls(field, &child, in_between).map(|()| child));
            children.push(child.map_err(|unlifted| unlifted.in_child(field.name(), row_of))?);
        }

        let (null_place, null_id) = null_child(fields);
        let mut null_offset = 0;
        if let Some(child) = children.get_mut(null_place)
            && nulls.is_some_and(|nulls| nulls.null_count() > 0)
        {
            self.allowance.take_nulls(1, child.data_type())?;
            null_offset = child.len() as i32;
            let null = new_null_array(child.data_type(), 1);
            *child = concat(&[child, &null]).map_err(misfit)?;
        }
        let rows = || ids.iter().zip(&offsets).enumerate();
        let new_offsets = rows().map(|(row, (id, offset))| {
            let referred = places.get(*id).and_then(|place| referred.get(place));
            match is_null(row) {
                true => null_offset,
                false => offset.wrapping_sub(referred.map_or(0, Referred::first)),
            }
        });
        let new_offsets = new_offsets.collect();
        let new_ids = rows().map(|(row, (id, _))| if is_null(row) { null_id } else { *id });
        let new_ids = new_ids.collect();
        let union = UnionArray::try_new(fields.clone(), new_ids, Some(new_offsets), children);
        Ok(Arc::new(union.map_err(misfit)?))
    }
}

/// Which child holds the nulls: one that may, if there is one.
fn null_child(fields: &UnionFields) -> (usize, i8) {
    let nullable = fields.iter().position(|(_, field)| field.is_nullable());
    let place = nullable.unwrap_or_default();
    (place, fields.iter().nth(place).map_or(0, |(id, _)| id))
}

/// At which place each type id has its child.
pub(super) struct Places([Option<usize>; 128]);

impl Places {
    pub(super) fn of(fields: &UnionFields) -> Self {
        let mut places = [None; 128];
        for (place, (id, _)) in fields.iter().enumerate() {
            if let Some(entry) = places.get_mut(id as usize) {
                *entry = Some(place);
            }
        }
        Self(places)
    }

    pub(super) fn get(&self, id: i8) -> Option<usize> {
        self.0.get(usize::try_from(id).ok()?).copied().flatten()
    }
}

/// Which rows of each child are referred to. Within each child they must rise,
/// so that no row is referred to twice.
fn referred(
    places: &Places,
    ids: &[i8],
    offsets: &[i32],
    is_null: impl Fn(usize) -> bool,
) -> Result<Vec<Referred>, Breach> {
    let children = places.0.iter().flatten().max();
    let children = children.map_or(0, |last| last.saturating_add(1));
    let mut referred = vec![Referred::default(); children];
    for (row, (&id, &offset)) in ids.iter().zip(offsets).enumerate() {
        if is_null(row) {
            continue;
        }
        let child = places.get(id).and_then(|place| referred.get_mut(place));
        let child = child.ok_or(Breach::TypeId {
            row: row as u64,
            id,
        })?;
        if offset < 0 || child.places.last().is_some_and(|last| *last >= offset) {
            return Err(Breach::UnionOffset { row: row as u64 });
        }
        child.places.push(offset);
        child.rows.push(row);
    }
    Ok(referred)
}
