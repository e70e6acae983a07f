//! Rust types that arrive inside of lists, structs and maps.

use crate::calendar::{Date, Duration, Interval, Time};
use crate::decimal::Decimal;
use crate::entry::{Array, TextView};
use crate::float::F16;
use crate::places::Places;
use crate::sql::{InVec, SqlPart, SqlType};
use crate::timestamp::{Timestamp, TimestampTz, Unit};
use crate::view::{BitView, ByteView, ListView, NumberView, StructView, View};

/// A Rust type that arrives as an item of a list, a field of a struct, or a key
/// or value of a map: one of [the table](crate#types).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type that can be inside of a list, a struct or a map",
    label = "no SQL type for this item or field",
    note = "use a type of a SQL argument or result, a struct with #[derive(Row)], or an Option of either"
)]
pub trait Item: SqlType {
    /// The type, borrowing from a call's arguments where it borrows.
    type At<'c>;

    /// What it is read from.
    type View<'c>: View<'c>;

    /// Reads a column.
    fn view<'c>(array: Array<'c>, places: &mut Places) -> Self::View<'c>;

    /// The value of a row; none where it is null.
    fn item<'c>(view: &Self::View<'c>, index: usize) -> Option<Self::At<'c>>;

    /// What [`lone_item`](Self::lone_item) reads the value of a row from, which
    /// is not null. If `ALONE`, what it holds is copied to its places.
    #[inline]
    fn lone<'c, const ALONE: bool>(view: &Self::View<'c>, row: usize) -> Self::View<'c> {
        view.part::<ALONE>(row, row + 1)
    }

    /// The value of that row; none where something inside is null that the type
    /// does not let be.
    #[inline]
    fn lone_item<'c>(view: &Self::View<'c>) -> Option<Self::At<'c>> {
        Self::item(view, 0)
    }
}

/// An [`Item`], or `Option` of one, which sees nulls.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type that can be inside of a list, a struct or a map",
    label = "no SQL type for this item or field",
    note = "use a type of a SQL argument or result, a struct with #[derive(Row)], or an Option of either"
)]
pub trait Part: SqlPart {
    /// The type, borrowing from a call's arguments where it borrows.
    type PartAt<'c>;

    /// What it is read from.
    type PartView<'c>: View<'c>;

    /// Reads a column.
    fn part_view<'c>(array: Array<'c>, places: &mut Places) -> Self::PartView<'c>;

    /// The value of a row; none where that is null and the type has none.
    fn part<'c>(view: &Self::PartView<'c>, index: usize) -> Option<Self::PartAt<'c>>;
}

impl<T: Item> Part for T {
    type PartAt<'c> = T::At<'c>;
    type PartView<'c> = T::View<'c>;

    fn part_view<'c>(array: Array<'c>, places: &mut Places) -> T::View<'c> {
        T::view(array, places)
    }

    #[inline]
    fn part<'c>(view: &T::View<'c>, index: usize) -> Option<T::At<'c>> {
        T::item(view, index)
    }
}

impl<T: Item> Part for Option<T> {
    type PartAt<'c> = Option<T::At<'c>>;
    type PartView<'c> = T::View<'c>;

    fn part_view<'c>(array: Array<'c>, places: &mut Places) -> T::View<'c> {
        T::view(array, places)
    }

    #[inline]
    fn part<'c>(view: &T::View<'c>, index: usize) -> Option<Option<T::At<'c>>> {
        Some(T::item(view, index))
    }
}

/// The fields of a struct, as pairs: `(A, (B, ()))`.
pub trait Fields {
    /// What they are read from.
    type Views<'c>: View<'c>;

    /// Reads the columns of the fields, the first of which is that `index`.
    fn views<'c>(array: Array<'c>, index: usize, places: &mut Places) -> Self::Views<'c>;
}

impl Fields for () {
    type Views<'c> = ();

    fn views<'c>(_array: Array<'c>, _index: usize, _places: &mut Places) {}
}

impl<P: Part, R: Fields> Fields for (P, R) {
    type Views<'c> = (P::PartView<'c>, R::Views<'c>);

    fn views<'c>(array: Array<'c>, index: usize, places: &mut Places) -> Self::Views<'c> {
        let first = P::part_view(array.child(index), places);
        (first, R::views(array, index + 1, places))
    }
}

/// What a struct is read from.
pub type FieldsView<'c, F> = StructView<'c, <F as Fields>::Views<'c>>;

/// Reads a column of structs.
pub fn fields_view<'c, F: Fields>(array: Array<'c>, places: &mut Places) -> FieldsView<'c, F> {
    StructView::new(array, places, |array, places| F::views(array, 0, places))
}

macro_rules! items {
    ($($view:ident: $([$($generics:tt)*] $rust:ty = $at:ty),+ => $make:expr;)*) => {$($(
        impl<$($generics)*> Item for $rust {
            type At<'c> = $at;
            type View<'c> = items!(@$view 'c $at);

            fn view<'c>(array: Array<'c>, places: &mut Places) -> Self::View<'c> {
                $view::new(array, places)
            }

            #[inline]
            fn item<'c>(view: &Self::View<'c>, index: usize) -> Option<Self::At<'c>> {
                view.get(index).map($make)
            }
        }
    )+)*};
    (@NumberView $c:lifetime $at:ty) => { NumberView<$c, $at> };
    (@$view:ident $c:lifetime $at:ty) => { $view<$c> };
}
items! {
    NumberView:
        [] i8 = i8, [] i16 = i16, [] i32 = i32, [] i64 = i64,
        [] u8 = u8, [] u16 = u16, [] u32 = u32, [] u64 = u64,
        [] f32 = f32, [] f64 = f64, [] F16 = F16,
        [const P: u8, const S: i8] Decimal<P, S> = Self,
        [] Date = Date, [] Time = Time, [U: Unit] Timestamp<U> = Self,
        [] TimestampTz = Self, [] Duration = Self, [] Interval = Self
        => |value| value;
    BitView: [] bool = bool => |value| value;
    TextView: [] &str = &'c str => |value| value;
    TextView: [] String = String => str::to_owned;
    ByteView: [] &[u8] = &'c [u8] => |value| value;
    ByteView: [] Vec<u8> = Vec<u8> => <[u8]>::to_vec;
}

impl<T: Part + InVec> Item for Vec<T> {
    type At<'c> = Vec<T::PartAt<'c>>;
    type View<'c> = ListView<'c, T::PartView<'c>>;

    fn view<'c>(array: Array<'c>, places: &mut Places) -> Self::View<'c> {
        ListView::new(array, places, T::part_view)
    }

    fn item<'c>(view: &Self::View<'c>, index: usize) -> Option<Self::At<'c>> {
        let items = view.get(index)?;
        let mut all = Vec::with_capacity(items.rows());
        for index in 0..items.rows() {
            all.push(T::part(&items, index)?);
        }
        Some(all)
    }
}

/// What a map is read from.
pub(crate) type MapView<'c, K, V> = ListView<'c, FieldsView<'c, (K, (V, ()))>>;

impl<K: Item, V: Part> Item for Vec<(K, V)> {
    type At<'c> = Vec<(K::At<'c>, V::PartAt<'c>)>;
    type View<'c> = MapView<'c, K, V>;

    fn view<'c>(array: Array<'c>, places: &mut Places) -> Self::View<'c> {
        ListView::new(array, places, fields_view::<(K, (V, ()))>)
    }

    fn item<'c>(view: &Self::View<'c>, index: usize) -> Option<Self::At<'c>> {
        let entries = view.get(index)?;
        let mut all = Vec::with_capacity(entries.rows());
        for index in 0..entries.rows() {
            let (keys, (values, ())) = entries.get(index)?;
            all.push((K::item(keys, index)?, V::part(values, index)?));
        }
        Some(all)
    }
}
