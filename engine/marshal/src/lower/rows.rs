//! Which rows of an array are lowered, in which order.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, downcast_integer_array, downcast_run_array};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use arrow_schema::DataType;

use super::TooLarge;
use crate::layout::Layout;

/// Which rows of an array are lowered, in which order. To pick rows costs no
/// copy: each is written from where it stands.
#[derive(Clone)]
pub(super) enum Rows {
    All,
    /// The rows at these positions, some perhaps more than once.
    Picked(Arc<[usize]>),
}

/// The position of a row that is null, whatever the array holds.
pub(super) const NULL: usize = usize::MAX;

/// What a lowering may come to, so that a small array that stands for many rows
/// is given up before they are counted out.
pub(super) struct Allowance {
    pub(super) bytes: u64,
    pub(super) bytes_max: u64,
}

impl Allowance {
    /// Takes `rows` rows of a type, which are more than those of any array.
    pub(super) fn take(&mut self, rows: u64, data_type: &DataType) -> Result<(), TooLarge> {
        // Each takes a place in a list of positions, if no byte in the arena.
        let bytes = Layout::of(data_type).map_or(0, |layout| layout.bytes(rows));
        self.bytes = self.bytes.saturating_add(bytes.max(rows));
        match self.bytes > self.bytes_max {
            true => Err(TooLarge { bytes: self.bytes }),
            false => Ok(()),
        }
    }
}

impl Rows {
    /// The rows at these positions of `array`, and what is left of it.
    pub(super) fn picked(array: &ArrayRef, positions: Vec<usize>) -> (ArrayRef, Self) {
        let Some(&first) = positions.first() else {
            return (array.slice(0, 0), Self::All);
        };
        let mut pairs = (first..NULL).zip(&positions);
        let in_a_row = first != NULL && pairs.all(|(next, position)| next == *position);
        match in_a_row {
            true => (array.slice(first, positions.len()), Self::All),
            false => (Arc::clone(array), Self::Picked(positions.into())),
        }
    }

    pub(super) fn len(&self, array: &dyn Array) -> usize {
        match self {
            Self::All => array.len(),
            Self::Picked(positions) => positions.len(),
        }
    }

    /// The positions, one by one.
    pub(super) fn positions(&self, array: &dyn Array) -> impl Iterator<Item = usize> + '_ {
        let (all, picked) = match self {
            Self::All => (0..array.len(), &[][..]),
            Self::Picked(positions) => (0..0, &positions[..]),
        };
        all.chain(picked.iter().copied())
    }

    /// The positions, without those of rows that are null.
    pub(super) fn valid<'a>(&'a self, array: &'a dyn Array) -> impl Iterator<Item = usize> + 'a {
        let nulls = array.nulls();
        self.positions(array).map(move |position| match nulls {
            Some(nulls) if position != NULL && nulls.is_null(position) => NULL,
            _ => position,
        })
    }

    /// How many of them are null.
    pub(super) fn null_count(&self, array: &dyn Array) -> usize {
        match self {
            Self::All => array.null_count(),
            Self::Picked(_) => self
                .valid(array)
                .filter(|position| *position == NULL)
                .count(),
        }
    }
}

/// The array behind dictionaries and runs, which have no layout of their own at
/// the border, and its rows that stand for those.
pub(super) fn resolved(array: ArrayRef, rows: Rows) -> (ArrayRef, Rows) {
    let (values, positions) = match array.data_type() {
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let positions = keys(dictionary.keys(), &rows);
            (Arc::clone(dictionary.values()), positions)
        }
        DataType::RunEndEncoded(..) => runs(&array, &rows),
        _ => return (array, rows),
    };
    let (values, rows) = Rows::picked(&values, positions);
    resolved(values, rows)
}

fn keys(keys: &dyn Array, rows: &Rows) -> Vec<usize> {
    let positions = rows.valid(keys);
    downcast_integer_array!(
        keys => {
            let keys = keys.values();
            let key = |position: usize| keys.get(position).map_or(NULL, |key| key.as_usize());
            positions.map(key).collect()
        }
        other => unreachable!("{other} is no key of a dictionary"),
    )
}

fn runs(array: &ArrayRef, rows: &Rows) -> (ArrayRef, Vec<usize>) {
    downcast_run_array!(
        array => {
            let ends = array.run_ends();
            let mut positions = Vec::with_capacity(rows.len(array));
            match rows {
                Rows::All => {
                    let mut run = ends.get_start_physical_index();
                    for row in 0..ends.len() {
                        let row = ends.offset().saturating_add(row);
                        while ends.values().get(run).is_some_and(|end| end.as_usize() <= row) {
                            run = run.saturating_add(1);
                        }
                        positions.push(run);
                    }
                }
                Rows::Picked(picked) => positions.extend(picked.iter().map(|&row| match row {
                    NULL => NULL,
                    row => ends.get_physical_index(row),
                })),
            }
            (Arc::clone(array.values()), positions)
        },
        other => unreachable!("{other} has no runs"),
    )
}

/// Whether a row is neither null in the array nor for whom picked it.
pub(super) fn is_valid(nulls: Option<&NullBuffer>, position: usize) -> bool {
    position != NULL && nulls.is_none_or(|nulls| nulls.is_valid(position))
}
