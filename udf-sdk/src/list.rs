//! Lists and maps that borrow from an argument.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::Range;

use crate::aligned_copy::CopySlots;
use crate::input_array::InputArray;
use crate::item::{Item, MapView, fields_view};
use crate::number::Number;
use crate::sql::{ListItem, Nested, Sql, SqlItem, SqlType};
use crate::view::{ListView, NumberView, View};

/// A view, of which the compiler knows without its type that it is not dropped: an
/// item of a wrong type is not an error in each function that has the list, too. For
/// the same reason, the last field of a list and of a map has a size whatever their
/// items are.
type Kept<V> = ManuallyDrop<V>;

/// The items of a list, each of which may be null: `T[]`.
///
/// It borrows and costs the row nothing. A `Vec<T>` or `Vec<Option<T>>` is a
/// copy, made on the row's fuel.
///
/// ```no_run
/// use fusebox_sdk::{List, udf};
///
/// /// The sum, without a test per item if none is null.
/// #[udf]
/// fn sum(numbers: List<f64>) -> f64 {
///     match numbers.as_slice() {
///         Some(numbers) => numbers.iter().sum(),
///         None => numbers.iter().flatten().sum(),
///     }
/// }
/// ```
pub struct List<'c, T: Item> {
    items: Kept<T::View<'c>>,
    _sized: (),
}

impl<'c, T: Item> List<'c, T> {
    #[inline]
    pub(crate) fn of_view(items: T::View<'c>) -> Self {
        Self {
            items: ManuallyDrop::new(items),
            _sized: (),
        }
    }

    /// Returns the number of items, nulls included.
    #[inline]
    pub fn len(&self) -> usize {
        self.items.rows()
    }

    /// Returns true if there are no items.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns an item; none if it is null or past the end.
    #[inline]
    pub fn get(&self, index: usize) -> Option<T::At<'c>> {
        T::item(&self.items, index)
    }

    /// Returns the items in order, none for a null.
    #[inline]
    pub fn iter(&self) -> Iter<'c, T> {
        Iter {
            items: *self.items,
            range: 0..self.len(),
        }
    }
}

impl<'c, N> List<'c, N>
where
    N: Number + Item<View<'c> = NumberView<'c, N>>,
{
    /// Returns all numbers as a slice; none if one of them is null.
    #[inline]
    pub fn as_slice(&self) -> Option<&'c [N]> {
        self.items.as_slice()
    }
}

impl<T: Item> Clone for List<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Item> Copy for List<'_, T> {}

impl<'c, T: Item<At<'c>: fmt::Debug>> fmt::Debug for List<'c, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

impl<'c, T: Item> IntoIterator for List<'c, T> {
    type Item = Option<T::At<'c>>;
    type IntoIter = Iter<'c, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Iterator over the items of a [`List`], none for a null.
pub struct Iter<'c, T: Item> {
    items: T::View<'c>,
    range: Range<usize>,
}

impl<T: Item> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Iter").field(&self.range).finish()
    }
}

impl<'c, T: Item> Iterator for Iter<'c, T> {
    type Item = Option<T::At<'c>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.range.next().map(|index| T::item(&self.items, index))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.range.size_hint()
    }
}

impl<T: Item> DoubleEndedIterator for Iter<'_, T> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let index = self.range.next_back();
        index.map(|index| T::item(&self.items, index))
    }
}

impl<T: Item> ExactSizeIterator for Iter<'_, T> {}

impl<T: Item> SqlType for List<'_, T> {
    const SQL: Sql = Sql::List(&T::SQL);
}

impl<T: Item> ListItem for List<'_, T> {}
impl<T: Item> Nested for List<'_, T> {}

#[diagnostic::do_not_recommend]
impl<T: Item> Item for List<'_, T> {
    type At<'c> = List<'c, T>;
    type View<'c> = ListView<'c, T::View<'c>>;

    fn view<'c>(array: InputArray<'c>, slots: &mut CopySlots) -> Self::View<'c> {
        ListView::new(array, slots, T::view)
    }

    #[inline]
    fn item<'c>(view: &Self::View<'c>, index: usize) -> Option<List<'c, T>> {
        view.get(index).map(List::of_view)
    }

    #[inline]
    fn row_view<'c, const COPY: bool>(view: &Self::View<'c>, row: usize) -> Self::View<'c> {
        view.row_view::<COPY>(row)
    }

    #[inline]
    fn row_value<'c>(view: &Self::View<'c>) -> Option<List<'c, T>> {
        let items = *view.row_items();
        Some(List::of_view(items))
    }
}

/// The entries of a map, each value of which may be null: `MAP(K, V)`.
///
/// It borrows and costs the row nothing. A `Vec<(K, V)>` or `Vec<(K,
/// Option<V>)>` is a copy, made on the row's fuel.
pub struct Map<'c, K: Item, V: Item> {
    keys: Kept<K::View<'c>>,
    values: Kept<V::View<'c>>,
    _sized: (),
}

impl<'c, K: Item, V: Item> Map<'c, K, V> {
    #[inline]
    pub(crate) fn of_views(keys: K::View<'c>, values: V::View<'c>) -> Self {
        Self {
            keys: ManuallyDrop::new(keys),
            values: ManuallyDrop::new(values),
            _sized: (),
        }
    }

    /// Returns the number of entries.
    #[inline]
    pub fn len(&self) -> usize {
        self.keys.rows()
    }

    /// Returns true if there are no entries.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns keys and values in the order of the map, none for a null value.
    pub fn iter(&self) -> impl Iterator<Item = (K::At<'c>, Option<V::At<'c>>)> + use<'c, K, V> {
        let Self { keys, values, .. } = *self;
        // No key is null. A struct key with a null field that is not an
        // `Option` is left out.
        let entry = move |index| Some((K::item(&keys, index)?, V::item(&values, index)));
        (0..self.len()).filter_map(entry)
    }

    /// Returns the value of the first entry with a key, by a search from the
    /// start; none if that is null or if no entry has the key.
    pub fn get<Q>(&self, key: Q) -> Option<V::At<'c>>
    where
        K::At<'c>: PartialEq<Q>,
    {
        let mut entries = self.iter();
        entries
            .find(|entry| entry.0 == key)
            .and_then(|entry| entry.1)
    }
}

impl<K: Item, V: Item> Clone for Map<'_, K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: Item, V: Item> Copy for Map<'_, K, V> {}

impl<'c, K, V> fmt::Debug for Map<'c, K, V>
where
    K: Item<At<'c>: fmt::Debug>,
    V: Item<At<'c>: fmt::Debug>,
{
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Item, V: Item> SqlType for Map<'_, K, V> {
    const SQL: Sql = Sql::Map(&K::SQL, &<V as SqlItem>::ITEM_SQL);
}

impl<K: Item, V: Item> ListItem for Map<'_, K, V> {}
impl<K: Item, V: Item> Nested for Map<'_, K, V> {}

#[diagnostic::do_not_recommend]
impl<K: Item, V: Item> Item for Map<'_, K, V> {
    type At<'c> = Map<'c, K, V>;
    type View<'c> = MapView<'c, K, V>;

    fn view<'c>(array: InputArray<'c>, slots: &mut CopySlots) -> Self::View<'c> {
        ListView::new(array, slots, fields_view::<(K, (V, ()))>)
    }

    #[inline]
    fn item<'c>(view: &Self::View<'c>, index: usize) -> Option<Map<'c, K, V>> {
        let (keys, (values, ())) = *view.get(index)?.fields();
        Some(Map::of_views(keys, values))
    }

    #[inline]
    fn row_view<'c, const COPY: bool>(view: &Self::View<'c>, row: usize) -> Self::View<'c> {
        view.row_view::<COPY>(row)
    }

    #[inline]
    fn row_value<'c>(view: &Self::View<'c>) -> Option<Map<'c, K, V>> {
        let (keys, (values, ())) = *view.row_items().fields();
        Some(Map::of_views(keys, values))
    }
}
