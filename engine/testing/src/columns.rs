//! Columns of a type, with random values, nulls and slices.

// Columns with children.
mod nested;

// Columns without children.
mod leaf;

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, NullArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field};
use proptest::prelude::*;

use crate::random::SplitMix64;
use crate::types::{TypeOptions, data_type};

/// A strategy of columns of any type with fewer than 70 rows, most of them
/// slices of longer columns.
pub fn column() -> impl Strategy<Value = ArrayRef> {
    let content = (data_type(TypeOptions::default()), 0..70_usize, any::<u64>());
    content.prop_map(|(data_type, rows, seed)| {
        random_array(&data_type, rows, true, &mut SplitMix64(seed))
    })
}

/// Makes a column of `rows` random rows.
///
/// The column and its children may be slices of longer arrays. About a quarter
/// of the rows are null, or none; no row is if the column is not `nullable`,
/// apart from nulls that its type requires. Strings have up to 18 characters,
/// lists up to 3 elements.
///
/// # Panics
///
/// If Arrow has no such arrays; see [`TypeOptions::has_arrays`].
pub fn random_array(
    data_type: &DataType,
    rows: usize,
    nullable: bool,
    random: &mut SplitMix64,
) -> ArrayRef {
    let (before, after) = match random.one_in(3) {
        true => (0, 0),
        false => (random.below(11), random.below(4)),
    };
    let whole = unsliced_array(data_type, before + rows + after, nullable, random);
    assert_eq!(whole.data_type(), data_type);
    whole.slice(before, rows)
}

fn unsliced_array(
    data_type: &DataType,
    rows: usize,
    nullable: bool,
    random: &mut SplitMix64,
) -> ArrayRef {
    use DataType::*;
    let mut nulls = || random_nulls(rows, nullable, random);
    match data_type {
        Null => Arc::new(NullArray::new(rows)),
        List(item) | LargeList(item) => nested::list(data_type, item, nulls(), rows, random),
        ListView(item) | LargeListView(item) => {
            nested::list_view(data_type, item, nulls(), rows, random)
        }
        FixedSizeList(item, size) => nested::fixed_size_list(item, *size, nulls(), rows, random),
        Struct(fields) => nested::structure(fields, nulls(), rows, random),
        Map(entries, sorted) => nested::map(entries, *sorted, nulls(), rows, random),
        Union(fields, mode) => nested::union(fields, *mode, nullable, rows, random),
        Dictionary(_, values) => nested::dictionary(data_type, values, nullable, rows, random),
        RunEndEncoded(ends, values) => {
            nested::runs(data_type, (ends, values), nullable, rows, random)
        }
        _ => leaf::leaf(data_type, nulls(), rows, random),
    }
}

/// A child column, which has nulls if its field is nullable.
fn child(field: &Field, rows: usize, random: &mut SplitMix64) -> ArrayRef {
    random_array(field.data_type(), rows, field.is_nullable(), random)
}

/// Validity in which about a quarter of the rows are null, or none.
fn random_nulls(rows: usize, nullable: bool, random: &mut SplitMix64) -> Option<NullBuffer> {
    let has_nulls = nullable && !random.one_in(4);
    has_nulls.then(|| {
        let valid: Vec<bool> = (0..rows).map(|_| !random.one_in(4)).collect();
        valid.into()
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::cases::check_cases;

    #[test]
    fn columns_of_every_type_are_valid_and_reproducible() {
        let cases = (data_type(TypeOptions::default()), any::<u64>());
        check_cases(1_000, &cases, |(data_type, seed)| {
            let [column, again] =
                [(); 2].map(|()| random_array(&data_type, 20, true, &mut SplitMix64(seed)));
            assert_eq!(column.data_type(), &data_type);
            assert_eq!(column.len(), 20);
            column.to_data().validate_full().unwrap();
            assert_eq!(column.to_data(), again.to_data());
        });
    }

    #[test]
    fn columns_that_are_not_nullable_have_no_nulls_of_their_own() {
        let cases = (data_type(TypeOptions::default()), any::<u64>());
        let nullable = Cell::new(0);
        check_cases(1_000, &cases, |(data_type, seed)| {
            let nulls = |nullable| {
                let column = random_array(&data_type, 20, nullable, &mut SplitMix64(seed));
                column.null_count()
            };
            assert_eq!(nulls(false), 0, "{data_type}");
            nullable.set(nullable.get() + u32::from(nulls(true) > 0));
        });
        assert!(nullable.get() > 300, "{nullable:?}");
    }
}
