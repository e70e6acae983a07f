//! Collections of the standard library as lists, maps and texts.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hash, Hasher};

use crate::aligned_copy::CopySlots;
use crate::append::{Append, AppendNullable, append_entry, entry_bytes, start_list, start_map};
use crate::calendar::{Date, Duration, Interval, Time};
use crate::column_builder::{ColumnBuilder, ColumnLayout, OffsetOverflow};
use crate::float::F16;
use crate::input_array::InputArray;
use crate::item::{Item, MapView, NullableItem, fields_view};
use crate::sql::{ListItem, Nested, Sql, SqlItem, SqlType};
use crate::timestamp::TimestampTz;
use crate::view::{ByteView, ListView, NumberView, TextView, View};

macro_rules! slices {
    ($($number:ty)*) => {$(
        impl SqlType for &[$number] {
            const SQL: Sql = Sql::List(&<$number as SqlType>::SQL);
        }

        impl ListItem for &[$number] {}
        impl Nested for &[$number] {}

        /// A list without nulls; one with a null makes the row null.
        #[diagnostic::do_not_recommend]
        impl Item for &[$number] {
            type At<'c> = &'c [$number];
            type View<'c> = ListView<'c, NumberView<'c, $number>>;

            fn view<'c>(array: InputArray<'c>, slots: &mut CopySlots) -> Self::View<'c> {
                ListView::new(array, slots, <$number as Item>::view)
            }

            #[inline]
            fn item<'c>(view: &Self::View<'c>, index: usize) -> Option<Self::At<'c>> {
                view.get(index)?.as_slice()
            }

            #[inline]
            fn row_view<'c, const COPY: bool>(view: &Self::View<'c>, row: usize) -> Self::View<'c> {
                view.row_view::<COPY>(row)
            }

            #[inline]
            fn row_value<'c>(view: &Self::View<'c>) -> Option<Self::At<'c>> {
                view.row_items().as_slice()
            }
        }

        impl Append for &[$number] {
            fn start(column: &mut ColumnBuilder) {
                start_list(column, <$number as Append>::start);
            }

            fn append(&self, column: &mut ColumnBuilder) -> Result<(), OffsetOverflow> {
                column.append_list(|items| Append::append_all(self, items))
            }

            fn charged_bytes(&self) -> usize {
                Append::all_charged_bytes(self)
            }
        }
    )*};
}
slices! { i8 i16 i32 i64 u16 u32 u64 f32 f64 F16 Date Time TimestampTz Duration Interval }

macro_rules! cows {
    ($($borrowed:ty, $view:ident;)*) => {$(
        impl SqlType for Cow<'_, $borrowed> {
            const SQL: Sql = <&$borrowed as SqlType>::SQL;
        }

        impl ListItem for Cow<'_, $borrowed> {}
        impl Nested for Cow<'_, $borrowed> {}

        #[diagnostic::do_not_recommend]
        impl Item for Cow<'_, $borrowed> {
            type At<'c> = Cow<'c, $borrowed>;
            type View<'c> = $view<'c>;

            fn view<'c>(array: InputArray<'c>, slots: &mut CopySlots) -> Self::View<'c> {
                $view::new(array, slots)
            }

            #[inline]
            fn item<'c>(view: &Self::View<'c>, index: usize) -> Option<Self::At<'c>> {
                view.get(index).map(Cow::Borrowed)
            }
        }

        impl Append for Cow<'_, $borrowed> {
            fn start(column: &mut ColumnBuilder) {
                column.start(ColumnLayout::Bytes, 0);
            }

            fn append(&self, column: &mut ColumnBuilder) -> Result<(), OffsetOverflow> {
                column.append_bytes((**self).as_ref())
            }

            fn charged_bytes(&self) -> usize {
                self.len()
            }
        }
    )*};
}
cows! {
    str, TextView;
    [u8], ByteView;
}

/// Collects the entries of a map; none if one has a null that its type does not
/// allow.
fn entries<'c, K: Item, V: NullableItem, M>(view: &MapView<'c, K, V>, index: usize) -> Option<M>
where
    M: FromIterator<(K::At<'c>, V::NullableAt<'c>)>,
{
    let entries = view.get(index)?;
    let mut all = (0..entries.rows()).map(|index| {
        let (keys, (values, ())) = entries.get(index)?;
        Some((K::item(keys, index)?, V::nullable_item(values, index)?))
    });
    all.by_ref().collect()
}

macro_rules! maps {
    ($([$($generics:ident)*] $map:ty, $at:ty, ($($order:tt)*);)*) => {$(
        impl<K: SqlType, V: SqlItem $(, $generics)*> SqlType for $map {
            const SQL: Sql = Sql::Map(&K::SQL, &V::ITEM_SQL);
        }

        impl<K, V $(, $generics)*> ListItem for $map {}
        impl<K, V $(, $generics)*> Nested for $map {}

        /// Of entries with equal keys, the last counts.
        #[diagnostic::do_not_recommend]
        impl<K: Item, V: NullableItem $(, $generics: Default + Hasher)*> Item for $map
        where
            for<'x> K::At<'x>: $($order)*,
        {
            type At<'c> = $at;
            type View<'c> = MapView<'c, K, V>;

            fn view<'c>(array: InputArray<'c>, slots: &mut CopySlots) -> Self::View<'c> {
                ListView::new(array, slots, fields_view::<(K, (V, ()))>)
            }

            fn item<'c>(view: &Self::View<'c>, index: usize) -> Option<Self::At<'c>> {
                entries::<K, V, _>(view, index)
            }
        }

        impl<K: Append, V: AppendNullable $(, $generics)*> Append for $map {
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
    )*};
}
maps! {
    [] BTreeMap<K, V>, BTreeMap<K::At<'c>, V::NullableAt<'c>>, (Ord);
    [H] HashMap<K, V, BuildHasherDefault<H>>,
        HashMap<K::At<'c>, V::NullableAt<'c>, BuildHasherDefault<H>>, (Eq + Hash);
}
