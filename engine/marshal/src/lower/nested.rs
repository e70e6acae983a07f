//! Which rows of its children a nested column has in use.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{ArrowNativeType, Buffer};
use arrow_schema::{DataType, UnionFields};

use super::TooLarge;
use super::rows::{Allowance, NULL, Rows};

/// A child, and which of its rows are lowered.
pub(super) type Child = (ArrayRef, Rows);

/// Offsets or sizes of either width.
enum Numbers<'a> {
    Narrow(&'a [i32]),
    Wide(&'a [i64]),
}

impl Numbers<'_> {
    fn at(&self, position: usize) -> usize {
        match self {
            Self::Narrow(numbers) => numbers.get(position).map_or(0, |n| n.as_usize()),
            Self::Wide(numbers) => numbers.get(position).map_or(0, |n| n.as_usize()),
        }
    }

    /// How far each is from `first`, which is less than 2³¹.
    fn from(&self, first: usize) -> Vec<i32> {
        fn all<T: ArrowNativeType>(numbers: &[T], first: usize) -> Vec<i32> {
            let numbers = numbers.iter().map(|number| number.as_usize());
            numbers.map(|n| n.wrapping_sub(first) as i32).collect()
        }
        match self {
            Self::Narrow(numbers) => all(numbers, first),
            Self::Wide(numbers) => all(numbers, first),
        }
    }
}

/// Where the elements of a list stand among all.
enum Ranges<'a> {
    /// Between offsets, one list behind the other.
    Packed(Numbers<'a>),
    /// Anywhere.
    Views {
        offsets: Numbers<'a>,
        sizes: Numbers<'a>,
    },
}

impl Ranges<'_> {
    /// Where the elements of the list at `position` begin and end.
    fn get(&self, position: usize) -> (usize, usize) {
        match self {
            _ if position == NULL => (0, 0),
            Self::Packed(offsets) => (offsets.at(position), offsets.at(position.saturating_add(1))),
            Self::Views { offsets, sizes } => {
                let start = offsets.at(position);
                (start, start.saturating_add(sizes.at(position)))
            }
        }
    }
}

/// The offsets of lists or maps, from 0 on, and their elements.
pub(super) fn list(
    array: &ArrayRef,
    rows: &Rows,
    allowance: &mut Allowance,
) -> Result<(Buffer, Child), TooLarge> {
    let (values, ranges) = match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            (
                Arc::clone(list.values()),
                Ranges::Packed(Numbers::Narrow(list.value_offsets())),
            )
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            (
                Arc::clone(list.values()),
                Ranges::Packed(Numbers::Wide(list.value_offsets())),
            )
        }
        DataType::ListView(_) => {
            let list = array.as_list_view::<i32>();
            (
                Arc::clone(list.values()),
                Ranges::Views {
                    offsets: Numbers::Narrow(list.offsets()),
                    sizes: Numbers::Narrow(list.sizes()),
                },
            )
        }
        DataType::LargeListView(_) => {
            let list = array.as_list_view::<i64>();
            (
                Arc::clone(list.values()),
                Ranges::Views {
                    offsets: Numbers::Wide(list.offsets()),
                    sizes: Numbers::Wide(list.sizes()),
                },
            )
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            (
                entries,
                Ranges::Packed(Numbers::Narrow(map.value_offsets())),
            )
        }
        other => unreachable!("{other} is no list"),
    };
    if let (Ranges::Packed(offsets), Rows::All) = (&ranges, rows) {
        let (first, last) = (offsets.at(0), offsets.at(array.len()));
        let elements = last.saturating_sub(first);
        check_offset(elements as u64, &values)?;
        let offsets = Buffer::from_vec(offsets.from(first));
        return Ok((offsets, (values.slice(first, elements), Rows::All)));
    }
    // The elements of a null list are not in use.
    let ranges = || rows.valid(array).map(|row| ranges.get(row));
    let mut elements = 0_u64;
    let mut in_a_row = true;
    let mut span: Option<(usize, usize)> = None;
    for (start, end) in ranges().filter(|(start, end)| start < end) {
        elements = elements.saturating_add(end.saturating_sub(start) as u64);
        in_a_row = in_a_row && span.is_none_or(|(_, before)| before == start);
        span = Some((span.map_or(start, |(first, _)| first), end));
    }
    check_offset(elements, &values)?;
    let mut offsets = Vec::with_capacity(rows.len(array).saturating_add(1));
    let mut next = 0_i32;
    offsets.push(next);
    for (start, end) in ranges() {
        next = next.wrapping_add(end.saturating_sub(start) as i32);
        offsets.push(next);
    }
    let child = if in_a_row {
        let (first, last) = span.unwrap_or_default();
        (values.slice(first, last.saturating_sub(first)), Rows::All)
    } else {
        allowance.take(elements, values.data_type())?;
        let positions = ranges().flat_map(|(start, end)| start..end);
        (values, Rows::Picked(positions.collect()))
    };
    Ok((Buffer::from_vec(offsets), child))
}

/// Refuses more elements than offsets of 32 bits can count.
fn check_offset(elements: u64, values: &ArrayRef) -> Result<(), TooLarge> {
    let mut all = Allowance {
        bytes: 0,
        bytes_max: 0,
    };
    match i32::try_from(elements) {
        Ok(_) => Ok(()),
        Err(_) => all.take(elements, values.data_type()),
    }
}

/// The elements of lists of a fixed size; a null list has as many as any.
pub(super) fn fixed_list(
    array: &ArrayRef,
    rows: &Rows,
    allowance: &mut Allowance,
) -> Result<Child, TooLarge> {
    let list = array.as_fixed_size_list();
    let values = list.values();
    let Rows::Picked(positions) = rows else {
        return Ok((Arc::clone(values), Rows::All));
    };
    let size = list.value_length() as usize;
    let elements = (positions.len() as u64).saturating_mul(size as u64);
    allowance.take(elements, values.data_type())?;
    let elements = positions.iter().flat_map(|&position| {
        let start = position.wrapping_mul(size);
        (0..size).map(move |element| match position {
            NULL => NULL,
            _ => start.wrapping_add(element),
        })
    });
    Ok(Rows::picked(values, elements.collect()))
}

/// The type ids and the offsets of a union, and its children, each with the rows
/// that are referred to.
pub(super) fn union(
    array: &ArrayRef,
    fields: &UnionFields,
    rows: &Rows,
) -> (Buffer, Buffer, Vec<Child>) {
    let union = array.as_union();
    let len = rows.len(array);
    let mut places = [0_usize; 128];
    for (place, (id, _)) in fields.iter().enumerate() {
        if let Some(entry) = places.get_mut(id as usize) {
            *entry = place;
        }
    }
    // A union has no nulls but those of its children.
    let nullable = fields.iter().find(|(_, field)| field.is_nullable());
    let null_id = nullable.or(fields.iter().next()).map_or(0, |(id, _)| id);
    let mut ids = Vec::with_capacity(len);
    let mut offsets = Vec::with_capacity(len);
    let mut picked = vec![Vec::new(); fields.len()];
    for position in rows.positions(array) {
        let (id, value) = match position {
            NULL => (null_id, NULL),
            _ => (union.type_id(position), union.value_offset(position)),
        };
        let place = places.get(id as usize).copied().unwrap_or_default();
        ids.push(id);
        if let Some(picked) = picked.get_mut(place) {
            offsets.push(picked.len() as i32);
            picked.push(value);
        }
    }
    let children = fields.iter().zip(picked);
    let children = children.map(|((id, _), picked)| Rows::picked(union.child(id), picked));
    let children = children.collect();
    (Buffer::from_vec(ids), Buffer::from_vec(offsets), children)
}
