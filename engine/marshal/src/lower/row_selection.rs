//! Selected rows of an array.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, downcast_integer_array, downcast_run_array};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use arrow_schema::DataType;

/// Selected rows of an array, in order. A selection is not copied first: each
/// row is written from its position in the array.
#[derive(Clone)]
pub(super) enum RowSelection {
    All,
    /// The rows at these positions, possibly with repetitions.
    Positions(Arc<[usize]>),
}

/// The position of a row that is null whatever the array contains.
pub(super) const NULL_ROW: usize = usize::MAX;

impl RowSelection {
    /// Selects the rows at `positions` of `array`. A contiguous range becomes a
    /// slice with all of its rows selected.
    pub(super) fn of_positions(array: &ArrayRef, positions: Vec<usize>) -> (ArrayRef, Self) {
        let Some(&first) = positions.first() else {
            return (array.slice(0, 0), Self::All);
        };
        let mut pairs = (first..NULL_ROW).zip(&positions);
        let is_contiguous = first != NULL_ROW && pairs.all(|(next, position)| next == *position);
        match is_contiguous {
            true => (array.slice(first, positions.len()), Self::All),
            false => (Arc::clone(array), Self::Positions(positions.into())),
        }
    }

    pub(super) fn len(&self, array: &dyn Array) -> usize {
        match self {
            Self::All => array.len(),
            Self::Positions(positions) => positions.len(),
        }
    }

    /// Iterates over the positions.
    pub(super) fn positions(&self, array: &dyn Array) -> impl Iterator<Item = usize> + '_ {
        let (all, selected) = match self {
            Self::All => (0..array.len(), &[][..]),
            Self::Positions(positions) => (0..0, &positions[..]),
        };
        all.chain(selected.iter().copied())
    }

    /// Iterates over the positions, with [`NULL_ROW`] for each null row.
    pub(super) fn positions_or_null<'a>(
        &'a self,
        array: &'a dyn Array,
    ) -> impl Iterator<Item = usize> + 'a {
        let nulls = array.nulls();
        self.positions(array).map(move |position| match nulls {
            Some(nulls) if position != NULL_ROW && nulls.is_null(position) => NULL_ROW,
            _ => position,
        })
    }

    /// Number of selected rows that are null.
    pub(super) fn null_count(&self, array: &dyn Array) -> usize {
        match self {
            Self::All => array.null_count(),
            Self::Positions(_) => self
                .positions_or_null(array)
                .filter(|position| *position == NULL_ROW)
                .count(),
        }
    }
}

/// Replaces a dictionary or run-end encoded array, which the ABI has no layout
/// for, by its values and a selection of them. Encodings may be nested.
pub(super) fn resolve_encoding(
    array: ArrayRef,
    selection: RowSelection,
) -> (ArrayRef, RowSelection) {
    let (values, positions) = match array.data_type() {
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let positions = dictionary_positions(dictionary.keys(), &selection);
            (Arc::clone(dictionary.values()), positions)
        }
        DataType::RunEndEncoded(..) => run_positions(&array, &selection),
        _ => return (array, selection),
    };
    let (values, selection) = RowSelection::of_positions(&values, positions);
    resolve_encoding(values, selection)
}

fn dictionary_positions(keys: &dyn Array, selection: &RowSelection) -> Vec<usize> {
    let positions = selection.positions_or_null(keys);
    downcast_integer_array!(
        keys => {
            let keys = keys.values();
            let key = |position: usize| keys.get(position).map_or(NULL_ROW, |key| key.as_usize());
            positions.map(key).collect()
        }
        other => unreachable!("{other} is not a dictionary key type"),
    )
}

fn run_positions(array: &ArrayRef, selection: &RowSelection) -> (ArrayRef, Vec<usize>) {
    downcast_run_array!(
        array => {
            let ends = array.run_ends();
            let mut positions = Vec::with_capacity(selection.len(array));
            match selection {
                RowSelection::All => {
                    let mut run = ends.get_start_physical_index();
                    for row in 0..ends.len() {
                        let row = ends.offset().saturating_add(row);
                        while ends.values().get(run).is_some_and(|end| end.as_usize() <= row) {
                            run = run.saturating_add(1);
                        }
                        positions.push(run);
                    }
                }
                RowSelection::Positions(selected) => positions.extend(selected.iter().map(|&row| match row {
                    NULL_ROW => NULL_ROW,
                    row => ends.get_physical_index(row),
                })),
            }
            (Arc::clone(array.values()), positions)
        },
        other => unreachable!("{other} is not run-end encoded"),
    )
}

/// Returns true if a row is null neither in the array nor in the selection.
pub(super) fn is_valid(nulls: Option<&NullBuffer>, position: usize) -> bool {
    position != NULL_ROW && nulls.is_none_or(|nulls| nulls.is_valid(position))
}
