//! Rust types of parts of SQL results: items, fields, keys and values.

use crate::calendar::{Date, Duration, Interval, Time};
use crate::column_builder::{ColumnBuilder, ColumnLayout, OffsetOverflow};
use crate::decimal::Decimal;
use crate::float::F16;
use crate::item::Item;
use crate::list::{List, Map};
use crate::raw::as_bytes;
use crate::sql::{ListItem, SqlItem, SqlType};
use crate::timestamp::{Timestamp, TimestampTz, Unit};

/// Bytes that an item or a field is charged for in addition to those of its
/// value, for the work of appending it. Measured: some 70 units of fuel for
/// each number, 230 for each null, 250 for each text including its memory.
pub(crate) const ITEM_CHARGE_BYTES: usize = 512;

/// A Rust type of a list's items, a struct's fields or a map's keys or values:
/// one of [the table](crate#types).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of an item or a field in SQL",
    label = "no SQL type for this item or field",
    note = "use a type of a SQL argument or result, a struct with #[derive(Row)], or an Option of either"
)]
pub trait Append: SqlType {
    /// Removes all rows of a column and sets the layout of the type.
    fn start(column: &mut ColumnBuilder);

    /// Appends the value.
    fn append(&self, column: &mut ColumnBuilder) -> Result<(), OffsetOverflow>;

    /// Returns the number of bytes that the value adds to the column and its
    /// children, or more.
    fn charged_bytes(&self) -> usize;

    /// Appends values.
    fn append_all(values: &[Self], column: &mut ColumnBuilder) -> Result<(), OffsetOverflow>
    where
        Self: Sized,
    {
        values.iter().try_for_each(|value| value.append(column))
    }

    /// Returns the number of bytes that the values add.
    fn all_charged_bytes(values: &[Self]) -> usize
    where
        Self: Sized,
    {
        let bytes = values
            .iter()
            .map(|value| ITEM_CHARGE_BYTES + value.charged_bytes());
        bytes.fold(0, usize::saturating_add)
    }
}

/// An [`Append`], or `Option` of one for nulls.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of an item or a field in SQL",
    label = "no SQL type for this item or field",
    note = "use a type of a SQL argument or result, a struct with #[derive(Row)], or an Option of either"
)]
pub trait AppendNullable: SqlItem + Sized {
    /// Removes all rows of a column and sets the layout of the type.
    fn start_nullable(column: &mut ColumnBuilder);

    /// Appends the value.
    fn append_nullable(&self, column: &mut ColumnBuilder) -> Result<(), OffsetOverflow>;

    /// Returns the number of bytes that the value adds to the column and its
    /// children, or more.
    fn nullable_bytes(&self) -> usize;

    /// Appends values.
    fn append_all_nullable(
        values: &[Self],
        column: &mut ColumnBuilder,
    ) -> Result<(), OffsetOverflow>;

    /// Returns the number of bytes that the values add.
    fn all_nullable_bytes(values: &[Self]) -> usize;
}

#[diagnostic::do_not_recommend]
impl<T: Append> AppendNullable for T {
    fn start_nullable(column: &mut ColumnBuilder) {
        T::start(column);
    }

    fn append_nullable(&self, column: &mut ColumnBuilder) -> Result<(), OffsetOverflow> {
        self.append(column)
    }

    fn nullable_bytes(&self) -> usize {
        ITEM_CHARGE_BYTES + self.charged_bytes()
    }

    fn append_all_nullable(
        values: &[Self],
        column: &mut ColumnBuilder,
    ) -> Result<(), OffsetOverflow> {
        T::append_all(values, column)
    }

    fn all_nullable_bytes(values: &[Self]) -> usize {
        T::all_charged_bytes(values)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Append> AppendNullable for Option<T> {
    fn start_nullable(column: &mut ColumnBuilder) {
        T::start(column);
    }

    fn append_nullable(&self, column: &mut ColumnBuilder) -> Result<(), OffsetOverflow> {
        match self {
            Some(value) => value.append(column),
            None => {
                column.append_null();
                Ok(())
            }
        }
    }

    fn nullable_bytes(&self) -> usize {
        ITEM_CHARGE_BYTES + self.as_ref().map_or(0, T::charged_bytes)
    }

    fn append_all_nullable(
        values: &[Self],
        column: &mut ColumnBuilder,
    ) -> Result<(), OffsetOverflow> {
        values
            .iter()
            .try_for_each(|value| value.append_nullable(column))
    }

    fn all_nullable_bytes(values: &[Self]) -> usize {
        let bytes = values.iter().map(Self::nullable_bytes);
        bytes.fold(0, usize::saturating_add)
    }
}

macro_rules! numbers {
    ($([$($generics:tt)*] $number:ty as $width:ty,)*) => {$(
        impl<$($generics)*> Append for $number {
            fn start(column: &mut ColumnBuilder) {
                column.start(ColumnLayout::Numbers(size_of::<Self>()), 0);
            }

            #[inline]
            fn append(&self, column: &mut ColumnBuilder) -> Result<(), OffsetOverflow> {
                let bytes = as_bytes(std::slice::from_ref(self));
                if let Some(bytes) = bytes.first_chunk::<{ size_of::<$width>() }>() {
                    column.append_number(*bytes);
                }
                Ok(())
            }

            #[inline]
            fn charged_bytes(&self) -> usize {
                size_of::<Self>()
            }

            // Contiguous numbers are one copy.
            #[inline]
            fn append_all(values: &[Self], column: &mut ColumnBuilder) -> Result<(), OffsetOverflow> {
                column.append_numbers(as_bytes(values), values.len());
                Ok(())
            }

            #[inline]
            fn all_charged_bytes(values: &[Self]) -> usize {
                ITEM_CHARGE_BYTES + size_of_val(values)
            }
        }
    )*};
}
numbers! {
    [] i8 as i8, [] i16 as i16, [] i32 as i32, [] i64 as i64,
    [] u8 as u8, [] u16 as u16, [] u32 as u32, [] u64 as u64,
    [] f32 as f32, [] f64 as f64, [] F16 as u16,
    [const P: u8, const S: i8] Decimal<P, S> as i128,
    [] Date as i32, [] Time as i64, [U: Unit] Timestamp<U> as i64, [] TimestampTz as i64,
    [] Duration as i64, [] Interval as i128,
}

impl Append for bool {
    fn start(column: &mut ColumnBuilder) {
        column.start(ColumnLayout::Bits, 0);
    }

    fn append(&self, column: &mut ColumnBuilder) -> Result<(), OffsetOverflow> {
        column.append_bit(*self);
        Ok(())
    }

    fn charged_bytes(&self) -> usize {
        0
    }
}

macro_rules! bytes {
    ($($rust:ty)*) => {$(
        impl Append for $rust {
            fn start(column: &mut ColumnBuilder) {
                column.start(ColumnLayout::Bytes, 0);
            }

            fn append(&self, column: &mut ColumnBuilder) -> Result<(), OffsetOverflow> {
                column.append_bytes(self.as_ref())
            }

            fn charged_bytes(&self) -> usize {
                self.len()
            }
        }
    )*};
}
bytes!(&str String &[u8] Vec<u8>);

/// Starts a column of lists or maps; `start` starts the column of their items.
pub(crate) fn start_list(column: &mut ColumnBuilder, start: impl FnOnce(&mut ColumnBuilder)) {
    if let [items] = column.start(ColumnLayout::List, 1) {
        start(items);
    }
}

impl<T: AppendNullable + ListItem> Append for Vec<T> {
    fn start(column: &mut ColumnBuilder) {
        start_list(column, T::start_nullable);
    }

    fn append(&self, column: &mut ColumnBuilder) -> Result<(), OffsetOverflow> {
        column.append_list(|items| T::append_all_nullable(self, items))
    }

    fn charged_bytes(&self) -> usize {
        T::all_nullable_bytes(self)
    }
}

impl<'c, T: Item<At<'c>: Append>> Append for List<'c, T> {
    fn start(column: &mut ColumnBuilder) {
        start_list(column, <T::At<'c>>::start);
    }

    fn append(&self, column: &mut ColumnBuilder) -> Result<(), OffsetOverflow> {
        column.append_list(|items| self.iter().try_for_each(|item| item.append_nullable(items)))
    }

    fn charged_bytes(&self) -> usize {
        let bytes = self.iter().map(|item| item.nullable_bytes());
        bytes.fold(0, usize::saturating_add)
    }
}

/// Starts a column of maps.
pub(crate) fn start_map<K: Append, V: AppendNullable>(column: &mut ColumnBuilder) {
    start_list(column, |entries| {
        if let [keys, values] = entries.start(ColumnLayout::Struct, 2) {
            K::start(keys);
            V::start_nullable(values);
        }
    });
}

/// Appends an entry of a map.
pub(crate) fn append_entry<K: Append, V: AppendNullable>(
    key: &K,
    value: &V,
    entries: &mut ColumnBuilder,
) -> Result<(), OffsetOverflow> {
    if let [keys, values] = entries.append_struct() {
        key.append(keys)?;
        value.append_nullable(values)?;
    }
    Ok(())
}

/// Returns the number of bytes that an entry of a map adds.
pub(crate) fn entry_bytes<K: Append, V: AppendNullable>(key: &K, value: &V) -> usize {
    ITEM_CHARGE_BYTES + key.nullable_bytes() + value.nullable_bytes()
}

impl<K: Append, V: AppendNullable> Append for Vec<(K, V)> {
    fn start(column: &mut ColumnBuilder) {
        start_map::<K, V>(column);
    }

    fn append(&self, column: &mut ColumnBuilder) -> Result<(), OffsetOverflow> {
        column.append_list(|entries| {
            let mut all = self.iter();
            all.try_for_each(|(key, value)| append_entry(key, value, entries))
        })
    }

    fn charged_bytes(&self) -> usize {
        let bytes = self.iter().map(|(key, value)| entry_bytes(key, value));
        bytes.fold(0, usize::saturating_add)
    }
}

impl<'c, K, V> Append for Map<'c, K, V>
where
    K: Item<At<'c>: Append>,
    V: Item<At<'c>: Append>,
{
    fn start(column: &mut ColumnBuilder) {
        start_map::<K::At<'c>, V::At<'c>>(column);
    }

    fn append(&self, column: &mut ColumnBuilder) -> Result<(), OffsetOverflow> {
        column.append_list(|entries| {
            let mut all = self.iter();
            all.try_for_each(|(key, value)| append_entry(&key, &value, entries))
        })
    }

    fn charged_bytes(&self) -> usize {
        let bytes = self.iter().map(|(key, value)| entry_bytes(&key, &value));
        bytes.fold(0, usize::saturating_add)
    }
}
