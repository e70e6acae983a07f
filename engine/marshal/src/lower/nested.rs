//! Children of nested columns: offsets and selected rows.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{ArrowNativeType, Buffer};
use arrow_schema::{DataType, UnionFields};

use super::row_selection::{NULL_ROW, RowSelection};
use super::{ArgumentsTooLarge, selected_bytes_min};
use crate::budget::ByteBudget;

/// A child array and its selected rows.
pub(super) type ChildSelection = (ArrayRef, RowSelection);

/// Offsets or sizes of either width.
enum OffsetValues<'a> {
    I32(&'a [i32]),
    I64(&'a [i64]),
}

impl OffsetValues<'_> {
    fn get(&self, position: usize) -> usize {
        match self {
            Self::I32(values) => values.get(position).map_or(0, |n| n.as_usize()),
            Self::I64(values) => values.get(position).map_or(0, |n| n.as_usize()),
        }
    }

    /// Subtracts `first` from every value. The differences are below 2³¹.
    fn relative_to(&self, first: usize) -> Vec<i32> {
        fn subtract<T: ArrowNativeType>(values: &[T], first: usize) -> Vec<i32> {
            let values = values.iter().map(|value| value.as_usize());
            values.map(|n| n.wrapping_sub(first) as i32).collect()
        }
        match self {
            Self::I32(values) => subtract(values, first),
            Self::I64(values) => subtract(values, first),
        }
    }
}

/// Ranges of lists in their elements.
enum ListRanges<'a> {
    /// Adjacent ranges between offsets.
    Offsets(OffsetValues<'a>),
    /// Ranges in any order, which may overlap.
    Views {
        offsets: OffsetValues<'a>,
        sizes: OffsetValues<'a>,
    },
}

impl ListRanges<'_> {
    /// Start and end of the elements of the list at `position`.
    fn get(&self, position: usize) -> (usize, usize) {
        match self {
            _ if position == NULL_ROW => (0, 0),
            Self::Offsets(offsets) => (
                offsets.get(position),
                offsets.get(position.saturating_add(1)),
            ),
            Self::Views { offsets, sizes } => {
                let start = offsets.get(position);
                (start, start.saturating_add(sizes.get(position)))
            }
        }
    }
}

/// The elements of an array of lists or maps, and the range of each list.
fn list_ranges(array: &ArrayRef) -> (ArrayRef, ListRanges<'_>) {
    match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let offsets = OffsetValues::I32(list.value_offsets());
            (Arc::clone(list.values()), ListRanges::Offsets(offsets))
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            let offsets = OffsetValues::I64(list.value_offsets());
            (Arc::clone(list.values()), ListRanges::Offsets(offsets))
        }
        DataType::ListView(_) => {
            let list = array.as_list_view::<i32>();
            let offsets = OffsetValues::I32(list.offsets());
            let sizes = OffsetValues::I32(list.sizes());
            let ranges = ListRanges::Views { offsets, sizes };
            (Arc::clone(list.values()), ranges)
        }
        DataType::LargeListView(_) => {
            let list = array.as_list_view::<i64>();
            let offsets = OffsetValues::I64(list.offsets());
            let sizes = OffsetValues::I64(list.sizes());
            let ranges = ListRanges::Views { offsets, sizes };
            (Arc::clone(list.values()), ranges)
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let offsets = OffsetValues::I32(map.value_offsets());
            let entries: ArrayRef = Arc::new(map.entries().clone());
            (entries, ListRanges::Offsets(offsets))
        }
        other => unreachable!("{other} is not a list"),
    }
}

/// The offsets of lists or maps, which start at 0, and the selected elements.
pub(super) fn plan_list(
    array: &ArrayRef,
    selection: &RowSelection,
    budget: &mut ByteBudget,
) -> Result<(Buffer, ChildSelection), ArgumentsTooLarge> {
    let (values, ranges) = list_ranges(array);
    if let (ListRanges::Offsets(offsets), RowSelection::All) = (&ranges, selection) {
        let (first, last) = (offsets.get(0), offsets.get(array.len()));
        let elements = last.saturating_sub(first);
        check_element_count(elements as u64, &values)?;
        let offsets = Buffer::from_vec(offsets.relative_to(first));
        let elements = values.slice(first, elements);
        return Ok((offsets, (elements, RowSelection::All)));
    }
    // The elements of a null list are not selected.
    let ranges = || {
        let rows = selection.positions_or_null(array);
        rows.map(|row| ranges.get(row))
    };
    let mut elements = 0_u64;
    let mut is_contiguous = true;
    let mut span: Option<(usize, usize)> = None;
    for (start, end) in ranges().filter(|(start, end)| start < end) {
        elements = elements.saturating_add(end.saturating_sub(start) as u64);
        is_contiguous = is_contiguous && span.is_none_or(|(_, before)| before == start);
        span = Some((span.map_or(start, |(first, _)| first), end));
    }
    check_element_count(elements, &values)?;
    let mut offsets = Vec::with_capacity(selection.len(array).saturating_add(1));
    let mut next = 0_i32;
    offsets.push(next);
    for (start, end) in ranges() {
        next = next.wrapping_add(end.saturating_sub(start) as i32);
        offsets.push(next);
    }
    let child = if is_contiguous {
        let (first, last) = span.unwrap_or_default();
        let elements = values.slice(first, last.saturating_sub(first));
        (elements, RowSelection::All)
    } else {
        budget.take(selected_bytes_min(elements, values.data_type()))?;
        let positions = ranges().flat_map(|(start, end)| start..end);
        (values, RowSelection::Positions(positions.collect()))
    };
    Ok((Buffer::from_vec(offsets), child))
}

/// Returns an error if there are more elements than 32-bit offsets can count.
fn check_element_count(elements: u64, values: &ArrayRef) -> Result<(), ArgumentsTooLarge> {
    match i32::try_from(elements) {
        Ok(_) => Ok(()),
        Err(_) => {
            let bytes = selected_bytes_min(elements, values.data_type());
            Err(ArgumentsTooLarge { bytes })
        }
    }
}

/// The selected elements of fixed-size lists. A null list has elements too.
pub(super) fn plan_fixed_size_list(
    array: &ArrayRef,
    selection: &RowSelection,
    budget: &mut ByteBudget,
) -> Result<ChildSelection, ArgumentsTooLarge> {
    let list = array.as_fixed_size_list();
    let values = list.values();
    let RowSelection::Positions(positions) = selection else {
        return Ok((Arc::clone(values), RowSelection::All));
    };
    let size = list.value_length() as usize;
    let elements = (positions.len() as u64).saturating_mul(size as u64);
    budget.take(selected_bytes_min(elements, values.data_type()))?;
    let elements = positions.iter().flat_map(|&position| {
        let start = position.wrapping_mul(size);
        (0..size).map(move |element| match position {
            NULL_ROW => NULL_ROW,
            _ => start.wrapping_add(element),
        })
    });
    Ok(RowSelection::of_positions(values, elements.collect()))
}

/// The type ids and offsets of a dense union, and its children, each with the
/// rows that the union references.
pub(super) fn plan_union(
    array: &ArrayRef,
    fields: &UnionFields,
    selection: &RowSelection,
) -> (Buffer, Buffer, Vec<ChildSelection>) {
    let union = array.as_union();
    let len = selection.len(array);
    let mut child_of_id = [0_usize; 128];
    for (child, (id, _)) in fields.iter().enumerate() {
        if let Some(entry) = child_of_id.get_mut(id as usize) {
            *entry = child;
        }
    }
    // A union has no validity: a null row is a null of a child, of a nullable one
    // if there is one.
    let nullable = fields.iter().find(|(_, field)| field.is_nullable());
    let null_id = nullable.or(fields.iter().next()).map_or(0, |(id, _)| id);
    let mut ids = Vec::with_capacity(len);
    let mut offsets = Vec::with_capacity(len);
    let mut selected = vec![Vec::new(); fields.len()];
    for position in selection.positions(array) {
        let (id, value) = match position {
            NULL_ROW => (null_id, NULL_ROW),
            _ => (union.type_id(position), union.value_offset(position)),
        };
        let child = child_of_id.get(id as usize).copied().unwrap_or_default();
        ids.push(id);
        if let Some(selected) = selected.get_mut(child) {
            offsets.push(selected.len() as i32);
            selected.push(value);
        }
    }
    let children = fields.iter().zip(selected);
    let children =
        children.map(|((id, _), selected)| RowSelection::of_positions(union.child(id), selected));
    let children = children.collect();
    (Buffer::from_vec(ids), Buffer::from_vec(offsets), children)
}
