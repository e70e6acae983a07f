//! Columns of which keys are made.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BinaryViewArray, FixedSizeBinaryArray,
    LargeBinaryArray, LargeStringArray, PrimitiveArray, StringArray, StringViewArray,
    downcast_primitive_array,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{ArrowError, DataType};
use arrow_select::take::take;

/// Returns true if a column of this type can be a part of a key.
pub(crate) fn is_key_type(data_type: &DataType) -> bool {
    use DataType::*;
    match data_type {
        Boolean | Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView => true,
        // Kernels lose rows without bytes.
        FixedSizeBinary(size) => *size > 0,
        Dictionary(_, values) => !matches!(**values, Dictionary(..)) && is_key_type(values),
        Decimal256(..) => false,
        other => other.is_primitive(),
    }
}

/// Returns the column without a dictionary.
pub(super) fn plain(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match column.as_any_dictionary_opt() {
        Some(dictionary) => take(dictionary.values(), dictionary.keys(), None),
        None => Ok(ArrayRef::clone(column)),
    }
}

/// A column, by the size of its values.
pub(super) enum KeyColumn<'a> {
    /// Values of at most 8 bytes.
    Words(Words<'a>),
    /// Values of 16 bytes.
    Wide([Vec<u64>; 2], Nulls<'a>),
    /// Values of any length.
    Texts(Texts<'a>, Nulls<'a>),
}

/// Nulls of a column, if there are any.
pub(super) type Nulls<'a> = Option<&'a NullBuffer>;

/// Values of at most 8 bytes, floats by their bits; 0 where they are null, whatever the
/// column has there.
pub(super) struct Words<'a> {
    pub(super) words: Cow<'a, [u64]>,
    pub(super) nulls: Nulls<'a>,
}

/// Values of any length.
#[derive(Clone, Copy)]
pub(super) enum Texts<'a> {
    Utf8(&'a StringArray),
    LargeUtf8(&'a LargeStringArray),
    Utf8View(&'a StringViewArray),
    Binary(&'a BinaryArray),
    LargeBinary(&'a LargeBinaryArray),
    BinaryView(&'a BinaryViewArray),
    FixedSizeBinary(&'a FixedSizeBinaryArray),
}

impl<'a> KeyColumn<'a> {
    /// Returns the column of an array without a dictionary; `None` if its type cannot be a
    /// part of a key.
    pub(super) fn of(array: &'a ArrayRef) -> Option<Self> {
        use DataType::*;
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        let texts = match array.data_type() {
            Utf8 => Texts::Utf8(array.as_string()),
            LargeUtf8 => Texts::LargeUtf8(array.as_string()),
            Utf8View => Texts::Utf8View(array.as_string_view()),
            Binary => Texts::Binary(array.as_binary()),
            LargeBinary => Texts::LargeBinary(array.as_binary()),
            BinaryView => Texts::BinaryView(array.as_binary_view()),
            FixedSizeBinary(_) => Texts::FixedSizeBinary(array.as_fixed_size_binary()),
            Boolean => {
                let words = array.as_boolean().values().iter().map(u64::from).collect();
                let words = masked(words, nulls).into();
                return Some(Self::Words(Words { words, nulls }));
            }
            _ => {
                return downcast_primitive_array!(
                    array => of_primitive(array, nulls),
                    _ => None,
                );
            }
        };
        Some(Self::Texts(texts, nulls))
    }

    /// Appends the value of a row to `bytes`, so that different values of one type have
    /// different bytes, none of which is the beginning of others.
    pub(super) fn append_to(&self, row: usize, bytes: &mut Vec<u8>) {
        let nulls = match self {
            Self::Words(Words { nulls, .. }) | Self::Wide(_, nulls) | Self::Texts(_, nulls) => {
                nulls
            }
        };
        let is_null = is_null(*nulls, row);
        bytes.push(u8::from(is_null));
        if is_null {
            return;
        }
        match self {
            Self::Words(Words { words, .. }) => bytes.extend(words[row].to_le_bytes()),
            Self::Wide(halves, _) => {
                halves
                    .iter()
                    .for_each(|half| bytes.extend(half[row].to_le_bytes()));
            }
            Self::Texts(texts, _) => {
                let text = texts.value(row);
                bytes.extend((text.len() as u64).to_le_bytes());
                bytes.extend(text);
            }
        }
    }
}

impl<'a> Texts<'a> {
    /// Returns the bytes of a row.
    pub(super) fn value(self, row: usize) -> &'a [u8] {
        match self {
            Self::Utf8(array) => array.value(row).as_bytes(),
            Self::LargeUtf8(array) => array.value(row).as_bytes(),
            Self::Utf8View(array) => array.value(row).as_bytes(),
            Self::Binary(array) => array.value(row),
            Self::LargeBinary(array) => array.value(row),
            Self::BinaryView(array) => array.value(row),
            Self::FixedSizeBinary(array) => array.value(row),
        }
    }

    /// Returns the views, if the column has some.
    pub(super) fn views(self) -> Option<&'a [u128]> {
        match self {
            Self::Utf8View(array) => Some(array.views()),
            Self::BinaryView(array) => Some(array.views()),
            _ => None,
        }
    }

    /// Returns the number of rows.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Utf8(array) => array.len(),
            Self::LargeUtf8(array) => array.len(),
            Self::Utf8View(array) => array.len(),
            Self::Binary(array) => array.len(),
            Self::LargeBinary(array) => array.len(),
            Self::BinaryView(array) => array.len(),
            Self::FixedSizeBinary(array) => array.len(),
        }
    }
}

#[inline]
pub(super) fn is_null(nulls: Nulls<'_>, row: usize) -> bool {
    nulls.is_some_and(|nulls| nulls.is_null(row))
}

fn of_primitive<'a, T: ArrowPrimitiveType>(
    array: &'a PrimitiveArray<T>,
    nulls: Nulls<'a>,
) -> Option<KeyColumn<'a>> {
    let buffer = array.values().inner();
    let is_word = size_of::<T::Native>() == 8 && align_of::<T::Native>() == align_of::<u64>();
    let words = match size_of::<T::Native>() {
        8 if is_word && nulls.is_none() => Cow::Borrowed(buffer.typed_data::<u64>()),
        1 => widened::<1>(buffer, nulls).into(),
        2 => widened::<2>(buffer, nulls).into(),
        4 => widened::<4>(buffer, nulls).into(),
        8 => widened::<8>(buffer, nulls).into(),
        16 => {
            let (values, _) = buffer.as_chunks::<16>();
            let values = values.iter().map(|value| u128::from_le_bytes(*value));
            let halves = [0, 64].map(|shift| {
                let half = values.clone().map(|value| (value >> shift) as u64);
                masked(half.collect(), nulls)
            });
            return Some(KeyColumn::Wide(halves, nulls));
        }
        _ => return None,
    };
    Some(KeyColumn::Words(Words { words, nulls }))
}

/// Returns values of `N` bytes as words.
fn widened<const N: usize>(bytes: &[u8], nulls: Nulls<'_>) -> Vec<u64> {
    let (values, _) = bytes.as_chunks::<N>();
    let word = |value: &[u8; N]| {
        let mut word = [0; 8];
        word[..N].copy_from_slice(value);
        u64::from_le_bytes(word)
    };
    masked(values.iter().map(word).collect(), nulls)
}

/// Replaces words that are null by 0.
pub(super) fn masked(mut words: Vec<u64>, nulls: Nulls<'_>) -> Vec<u64> {
    if let Some(nulls) = nulls {
        for (word, is_valid) in words.iter_mut().zip(nulls) {
            *word = if is_valid { *word } else { 0 };
        }
    }
    words
}
