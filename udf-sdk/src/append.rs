//! Rust types that become parts of SQL results: items, fields, keys and values.

use crate::calendar::{Date, Duration, Interval, Time};
use crate::decimal::Decimal;
use crate::entry::as_bytes;
use crate::float::F16;
use crate::item::Item;
use crate::list::{List, Map};
use crate::node::{Full, Layout, Node};
use crate::sql::{InVec, SqlPart, SqlType};
use crate::timestamp::{Timestamp, TimestampTz, Unit};

/// What an item or a field is settled with, in bytes, on top of those that its
/// value has: to append it takes some steps whatever its size. Measured: some 70
/// units for each number, 230 for each null, 250 for each text with its memory.
pub(crate) const PART_BYTES: usize = 512;

/// A Rust type that becomes an item of a list, a field of a struct, or a key or
/// value of a map: one of [the table](crate#types).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type that can be inside of a list, a struct or a map",
    label = "no SQL type for this item or field",
    note = "use a type of a SQL argument or result, a struct with #[derive(Row)], or an Option of either"
)]
pub trait Append: SqlType {
    /// Forgets what a column holds, and gives it the layout of the type.
    fn start(column: &mut Node);

    /// Appends the value.
    fn append(&self, column: &mut Node) -> Result<(), Full>;

    /// How many bytes it adds to the column, or more, and to those inside.
    fn settled_bytes(&self) -> usize;

    /// Appends values.
    fn append_all(values: &[Self], column: &mut Node) -> Result<(), Full>
    where
        Self: Sized,
    {
        values.iter().try_for_each(|value| value.append(column))
    }

    /// How many bytes they add.
    fn all_settled_bytes(values: &[Self]) -> usize
    where
        Self: Sized,
    {
        let bytes = values
            .iter()
            .map(|value| PART_BYTES + value.settled_bytes());
        bytes.fold(0, usize::saturating_add)
    }
}

/// An [`Append`], or `Option` of one for nulls.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type that can be inside of a list, a struct or a map",
    label = "no SQL type for this item or field",
    note = "use a type of a SQL argument or result, a struct with #[derive(Row)], or an Option of either"
)]
pub trait AppendPart: SqlPart + Sized {
    /// Forgets what a column holds, and gives it the layout of the type.
    fn start_part(column: &mut Node);

    /// Appends the value.
    fn append_part(&self, column: &mut Node) -> Result<(), Full>;

    /// How many bytes it adds to the column, or more, and to those inside.
    fn part_bytes(&self) -> usize;

    /// Appends values.
    fn append_parts(values: &[Self], column: &mut Node) -> Result<(), Full>;

    /// How many bytes they add.
    fn all_part_bytes(values: &[Self]) -> usize;
}

impl<T: Append> AppendPart for T {
    fn start_part(column: &mut Node) {
        T::start(column);
    }

    fn append_part(&self, column: &mut Node) -> Result<(), Full> {
        self.append(column)
    }

    fn part_bytes(&self) -> usize {
        PART_BYTES + self.settled_bytes()
    }

    fn append_parts(values: &[Self], column: &mut Node) -> Result<(), Full> {
        T::append_all(values, column)
    }

    fn all_part_bytes(values: &[Self]) -> usize {
        T::all_settled_bytes(values)
    }
}

impl<T: Append> AppendPart for Option<T> {
    fn start_part(column: &mut Node) {
        T::start(column);
    }

    fn append_part(&self, column: &mut Node) -> Result<(), Full> {
        match self {
            Some(value) => value.append(column),
            None => {
                column.append_null();
                Ok(())
            }
        }
    }

    fn part_bytes(&self) -> usize {
        PART_BYTES + self.as_ref().map_or(0, T::settled_bytes)
    }

    fn append_parts(values: &[Self], column: &mut Node) -> Result<(), Full> {
        values
            .iter()
            .try_for_each(|value| value.append_part(column))
    }

    fn all_part_bytes(values: &[Self]) -> usize {
        let bytes = values.iter().map(Self::part_bytes);
        bytes.fold(0, usize::saturating_add)
    }
}

macro_rules! numbers {
    ($([$($generics:tt)*] $number:ty as $width:ty,)*) => {$(
        impl<$($generics)*> Append for $number {
            fn start(column: &mut Node) {
                column.start(Layout::Numbers(size_of::<Self>()), 0);
            }

            #[inline]
            fn append(&self, column: &mut Node) -> Result<(), Full> {
                let bytes = as_bytes(std::slice::from_ref(self));
                if let Some(bytes) = bytes.first_chunk::<{ size_of::<$width>() }>() {
                    column.append_number(*bytes);
                }
                Ok(())
            }

            #[inline]
            fn settled_bytes(&self) -> usize {
                size_of::<Self>()
            }

            // Side by side they are one piece of memory.
            #[inline]
            fn append_all(values: &[Self], column: &mut Node) -> Result<(), Full> {
                column.append_numbers(as_bytes(values), values.len());
                Ok(())
            }

            #[inline]
            fn all_settled_bytes(values: &[Self]) -> usize {
                PART_BYTES + size_of_val(values)
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
    fn start(column: &mut Node) {
        column.start(Layout::Bits, 0);
    }

    fn append(&self, column: &mut Node) -> Result<(), Full> {
        column.append_bit(*self);
        Ok(())
    }

    fn settled_bytes(&self) -> usize {
        0
    }
}

macro_rules! bytes {
    ($($rust:ty)*) => {$(
        impl Append for $rust {
            fn start(column: &mut Node) {
                column.start(Layout::Bytes, 0);
            }

            fn append(&self, column: &mut Node) -> Result<(), Full> {
                column.append_bytes(self.as_ref())
            }

            fn settled_bytes(&self) -> usize {
                self.len()
            }
        }
    )*};
}
bytes!(&str String &[u8] Vec<u8>);

/// Starts a column of lists or maps, whose items `start` starts.
fn start_list(column: &mut Node, start: impl FnOnce(&mut Node)) {
    if let [items] = column.start(Layout::List, 1) {
        start(items);
    }
}

impl<T: AppendPart + InVec> Append for Vec<T> {
    fn start(column: &mut Node) {
        start_list(column, T::start_part);
    }

    fn append(&self, column: &mut Node) -> Result<(), Full> {
        column.append_list(|items| T::append_parts(self, items))
    }

    fn settled_bytes(&self) -> usize {
        T::all_part_bytes(self)
    }
}

impl<'c, T: Item<At<'c>: Append>> Append for List<'c, T> {
    fn start(column: &mut Node) {
        start_list(column, <T::At<'c>>::start);
    }

    fn append(&self, column: &mut Node) -> Result<(), Full> {
        column.append_list(|items| self.iter().try_for_each(|item| item.append_part(items)))
    }

    fn settled_bytes(&self) -> usize {
        let bytes = self.iter().map(|item| item.part_bytes());
        bytes.fold(0, usize::saturating_add)
    }
}

/// Starts a column of maps.
fn start_map<K: Append, V: AppendPart>(column: &mut Node) {
    start_list(column, |entries| {
        if let [keys, values] = entries.start(Layout::Struct, 2) {
            K::start(keys);
            V::start_part(values);
        }
    });
}

/// Appends an entry of a map.
fn append_entry<K: Append, V: AppendPart>(
    (key, value): &(K, V),
    entries: &mut Node,
) -> Result<(), Full> {
    if let [keys, values] = entries.append_struct() {
        key.append(keys)?;
        value.append_part(values)?;
    }
    Ok(())
}

/// How many bytes an entry of a map adds.
fn entry_bytes<K: Append, V: AppendPart>((key, value): &(K, V)) -> usize {
    PART_BYTES + key.part_bytes() + value.part_bytes()
}

impl<K: Append, V: AppendPart> Append for Vec<(K, V)> {
    fn start(column: &mut Node) {
        start_map::<K, V>(column);
    }

    fn append(&self, column: &mut Node) -> Result<(), Full> {
        column.append_list(|entries| {
            let mut all = self.iter();
            all.try_for_each(|entry| append_entry(entry, entries))
        })
    }

    fn settled_bytes(&self) -> usize {
        let bytes = self.iter().map(entry_bytes);
        bytes.fold(0, usize::saturating_add)
    }
}

impl<'c, K, V> Append for Map<'c, K, V>
where
    K: Item<At<'c>: Append>,
    V: Item<At<'c>: Append>,
{
    fn start(column: &mut Node) {
        start_map::<K::At<'c>, V::At<'c>>(column);
    }

    fn append(&self, column: &mut Node) -> Result<(), Full> {
        column.append_list(|entries| {
            let mut all = self.iter();
            all.try_for_each(|entry| append_entry(&entry, entries))
        })
    }

    fn settled_bytes(&self) -> usize {
        let bytes = self.iter().map(|entry| entry_bytes(&entry));
        bytes.fold(0, usize::saturating_add)
    }
}
