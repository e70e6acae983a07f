//! Fuel of aggregates whose states grow, and the group that ended a call.
//!
//! Returning, merging and evaluating a state is work in proportion to its size, which
//! the rows that made it paid for one by one. So these operations may burn more than
//! one row: in proportion to the bytes that the instance took in.

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use fusebox_definition::Definition;

use crate::error::{Error, LimitExceeded};
use crate::module::Operation;
use crate::sandbox::Budget;

/// Fuel of a group in addition to that of a row, in units for each byte that the instance
/// took in: enough to insert some hundred thousand texts into a sorted vector.
const FUEL_PER_BYTE: u64 = 2048;

/// Fuel of a row of an update, in rows: the row that exceeds the space of a state moves the
/// state to where it can grow, 8 bytes a unit. 128 MB at the default limits.
const UPDATE_ROWS: u64 = 16;

/// Maximum fuel of a group in addition to that of a row, in units.
const STATE_FUEL_MAX: u64 = 1 << 32;

/// Bytes that an aggregate's instance took in, by which its states may have grown.
#[derive(Debug, Default)]
pub(super) struct StateFuel {
    /// True if the states grow.
    grows: bool,
    bytes: u64,
}

impl StateFuel {
    pub(super) fn of(definition: &Definition) -> Self {
        Self {
            grows: has_growing_state(definition),
            bytes: 0,
        }
    }

    /// Returns the budget of a call of an operation on `rows` rows of `columns`, and adds
    /// what it takes in.
    pub(super) fn budget(
        &mut self,
        operation: Operation,
        columns: &[ArrayRef],
        rows: usize,
        budget: Budget,
    ) -> Budget {
        if !self.grows {
            return budget;
        }
        if let Operation::Update | Operation::Merge = operation {
            let bytes = columns.iter().map(|column| match column.len() {
                1 => value_bytes(column).saturating_mul(rows as u64),
                _ => value_bytes(column),
            });
            self.bytes = bytes.fold(self.bytes, u64::saturating_add);
        }
        let fuel = match operation {
            // The same for every row: a figure that grew with the calls before would let the
            // size of batches decide.
            Operation::Update | Operation::Retract => {
                budget.fuel_per_row.saturating_mul(UPDATE_ROWS - 1)
            }
            Operation::Merge | Operation::State | Operation::Finish => {
                self.bytes.saturating_mul(FUEL_PER_BYTE)
            }
            _ => 0,
        };
        Budget {
            fuel_per_row: budget.fuel_per_row.saturating_add(fuel.min(STATE_FUEL_MAX)),
            ..budget
        }
    }
}

/// Returns true for an aggregate whose states have lists, maps, texts or bytes.
pub(crate) fn has_growing_state(definition: &Definition) -> bool {
    definition.state.iter().any(|field| grows(&field.data_type))
}

/// Returns true if the size of values of the type is not fixed.
fn grows(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(fields) => fields.iter().any(|field| grows(field.data_type())),
        DataType::FixedSizeList(item, _) => grows(item.data_type()),
        DataType::Union(fields, _) => fields.iter().any(|(_, field)| grows(field.data_type())),
        DataType::Dictionary(_, values) => grows(values),
        DataType::RunEndEncoded(_, values) => grows(values.data_type()),
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::List(_)
        | DataType::LargeList(_)
        | DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::Map(_, _) => true,
        _ => false,
    }
}

/// Returns the bytes of a column's values. The sum is that of its rows, however they are
/// divided into columns.
fn value_bytes(column: &ArrayRef) -> u64 {
    let rows = column.len() as u64;
    let length = |bytes: usize| bytes as u64 + 4 * rows;
    match column.data_type() {
        DataType::Utf8 => length(span(column.as_string::<i32>().value_offsets())),
        DataType::LargeUtf8 => length(span(column.as_string::<i64>().value_offsets())),
        DataType::Binary => length(span(column.as_binary::<i32>().value_offsets())),
        DataType::LargeBinary => length(span(column.as_binary::<i64>().value_offsets())),
        DataType::Utf8View => length(view_bytes(column.as_string_view().views())),
        DataType::BinaryView => length(view_bytes(column.as_binary_view().views())),
        DataType::List(_) => {
            let lists = column.as_list::<i32>();
            let first = lists
                .value_offsets()
                .first()
                .map_or(0, |first| *first as usize);
            let items = lists.values().slice(first, span(lists.value_offsets()));
            value_bytes(&items).saturating_add(4 * rows)
        }
        DataType::Map(_, _) => {
            let maps = column.as_map();
            let first = maps
                .value_offsets()
                .first()
                .map_or(0, |first| *first as usize);
            let entries = maps.entries().slice(first, span(maps.value_offsets()));
            let columns = entries.columns().iter().map(value_bytes);
            columns.fold(4 * rows, u64::saturating_add)
        }
        DataType::Struct(_) => {
            let columns = column.as_struct().columns().iter().map(value_bytes);
            columns.fold(0, u64::saturating_add)
        }
        other => rows * other.primitive_width().unwrap_or(8) as u64,
    }
}

/// Returns the distance of the first and the last offset.
fn span<O: arrow_array::OffsetSizeTrait>(offsets: &[O]) -> usize {
    match offsets {
        [first, .., last] => last.as_usize() - first.as_usize(),
        _ => 0,
    }
}

/// Returns the lengths of the texts behind views: their lowest 32 bits.
fn view_bytes(views: &[u128]) -> usize {
    views.iter().map(|view| *view as u32 as usize).sum()
}

/// Names the operation and the group in an error of an aggregate's call, whose first
/// column is that of the groups. `row` is the row of the columns that ended the call.
pub(super) fn in_group(
    error: Error,
    operation: Operation,
    columns: &[ArrayRef],
    row: Option<u64>,
) -> Error {
    let Some((operation, is_row)) = name(operation) else {
        return error;
    };
    let group = columns.first().and_then(|groups| {
        let groups = groups.as_primitive_opt::<UInt32Type>()?;
        let row = match groups.len() {
            1 => 0,
            _ => usize::try_from(row?).ok()?,
        };
        (row < groups.len()).then(|| groups.value(row))
    });
    let place = match group {
        Some(group) => format!("{operation} of group {group}"),
        None => operation.to_owned(),
    };
    match error {
        Error::Failed {
            function,
            row,
            message,
        } => Error::Failed {
            function,
            row: row.filter(|_| is_row),
            message: format!("{message} (in {place})"),
        },
        Error::Trap {
            function,
            row,
            mut trap,
        } => {
            trap.message = format!("{} (in {place})", trap.message);
            Error::Trap {
                function,
                row: row.filter(|_| is_row),
                trap,
            }
        }
        Error::Limit {
            function,
            limit,
            created_with,
        } => Error::Limit {
            function,
            created_with,
            limit: match limit {
                LimitExceeded::RowFuel { fuel_per_row, row } => LimitExceeded::GroupFuel {
                    place,
                    row: is_row.then_some(row),
                    fuel_per_row,
                },
                LimitExceeded::Memory {
                    row,
                    memory_bytes_max,
                } => LimitExceeded::GroupMemory {
                    place,
                    row: row.filter(|_| is_row),
                    memory_bytes_max,
                },
                limit => limit,
            },
        },
        error => error,
    }
}

/// Returns the name of an aggregate's operation, and true if its rows are those of the
/// query.
fn name(operation: Operation) -> Option<(&'static str, bool)> {
    match operation {
        Operation::Update => Some(("update", true)),
        Operation::Retract => Some(("retract", true)),
        Operation::Merge => Some(("merge", false)),
        Operation::State => Some(("state", false)),
        Operation::Finish => Some(("finish", false)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::Arc;

    use arrow_array::builder::{ListBuilder, StringBuilder};
    use arrow_array::{Int64Array, StringArray, StringViewArray, StructArray};

    fn columns() -> Vec<ArrayRef> {
        let texts = || {
            (0..40).map(|row| (row % 7 > 0).then(|| "long enough to be outside ".repeat(row % 5)))
        };
        let mut lists = ListBuilder::new(StringBuilder::new());
        for row in 0..40 {
            for item in 0..row % 4 {
                lists.values().append_value("x".repeat(item * 3));
            }
            lists.append(row % 5 > 0);
        }
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..40));
        let lists: ArrayRef = Arc::new(lists.finish());
        let structs = StructArray::from(vec![
            (
                Arc::new(arrow_schema::Field::new("n", DataType::Int64, true)),
                Arc::clone(&numbers),
            ),
            (
                Arc::new(arrow_schema::Field::new(
                    "l",
                    lists.data_type().clone(),
                    true,
                )),
                Arc::clone(&lists),
            ),
        ]);
        vec![
            numbers,
            lists,
            Arc::new(structs),
            Arc::new(texts().collect::<StringArray>()),
            Arc::new(texts().collect::<StringViewArray>()),
        ]
    }

    #[test]
    fn bytes_do_not_depend_on_the_division_into_batches() {
        for column in columns() {
            let all = value_bytes(&column);
            assert!(all >= 40 * 4, "{:?}", column.data_type());
            for size in [1, 3, 7, 39, 40] {
                let starts = (0..40).step_by(size);
                let parts = starts.map(|start| column.slice(start, size.min(40 - start)));
                assert_eq!(parts.map(|part| value_bytes(&part)).sum::<u64>(), all);
            }
        }
    }

    #[test]
    fn texts_count_alike_as_views() {
        let columns = columns();
        assert_eq!(value_bytes(&columns[3]), value_bytes(&columns[4]));
    }

    #[test]
    fn state_of_numbers_does_not_grow() {
        let list = DataType::new_list(DataType::Int8, true);
        let within = |data_type| {
            DataType::Struct(vec![arrow_schema::Field::new("a", data_type, true)].into())
        };
        assert!(!grows(&DataType::Decimal128(38, 0)) && !grows(&within(DataType::Boolean)));
        assert!(grows(&DataType::Utf8View) && grows(&within(list)));
    }
}
