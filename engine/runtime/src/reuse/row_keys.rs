//! Keys of rows: two words if they suffice, or else the bytes of the row.

use std::borrow::Cow;

use arrow_array::ArrayRef;

use super::key_columns::{KeyColumn, Nulls, Texts, Words, is_null, masked};

/// Key of two words. Bits of the tag say which columns are null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) words: [u64; 2],
    pub(super) tag: u32,
}

/// Bytes of a row whose key has no two words.
pub(super) struct RowBytes<'a> {
    pub(super) bytes: &'a [u8],
    /// True if equal rows of a batch may share these bytes, so that their address may show
    /// that they are equal.
    pub(super) is_shared: bool,
}

/// Keys of the rows of a batch.
pub(super) trait RowKeys {
    /// Returns the key of a row, or `None` if only its bytes are one.
    fn packed(&self, row: usize) -> Option<Packed>;

    /// Returns the bytes of a row without a packed key. `scratch` is memory for them.
    fn bytes<'a>(&'a self, row: usize, scratch: &'a mut Vec<u8>) -> RowBytes<'a>;
}

/// Keys of the rows of a batch, by the columns that they are made of.
pub(super) enum Keys<'a> {
    One(Words<'a>),
    Two(Two<'a>),
    Views(Views<'a>),
    Texts(Texts<'a>, Nulls<'a>),
    Rows(Vec<KeyColumn<'a>>),
}

/// Runs an expression with the keys of a batch, of whichever type.
macro_rules! with_keys {
    ($keys:expr, $name:ident => $run:expr) => {
        match $keys {
            Keys::One($name) => $run,
            Keys::Two($name) => $run,
            Keys::Views($name) => $run,
            Keys::Texts(texts, nulls) => {
                let $name = &$crate::reuse::row_keys::OtherTexts(*texts, *nulls);
                $run
            }
            Keys::Rows(columns) => {
                let $name = &$crate::reuse::row_keys::Encoded(columns);
                $run
            }
        }
    };
}
pub(super) use with_keys;

/// Longest text that a view holds itself, in bytes.
pub(super) const INLINE_BYTES_MAX: usize = 12;

/// Longest text that is one word, in bytes; its length is the eighth.
const WORD_BYTES_MAX: usize = 7;

/// Costs of keys, in nanoseconds a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct KeyCosts {
    /// Making a key and looking it up.
    pub(super) find: f64,
    /// Adding one that was not found.
    pub(super) add: f64,
}

impl<'a> Keys<'a> {
    /// Returns the keys of rows of these columns, without dictionaries; `None` if there are
    /// no columns or a type cannot be a part of a key.
    pub(super) fn of(arrays: &'a [ArrayRef]) -> Option<Self> {
        let columns = arrays.iter().map(KeyColumn::of);
        let mut columns: Vec<_> = columns.collect::<Option<_>>()?;
        match columns.len() {
            0 => None,
            1 => Some(Self::of_one(columns.remove(0))),
            2 => {
                let is_wide = |column: &KeyColumn<'_>| matches!(column, KeyColumn::Wide(..));
                match columns.iter().any(is_wide) {
                    true => Some(Self::Rows(columns)),
                    false => Some(Self::Two(Two::of(columns))),
                }
            }
            _ => Some(Self::Rows(columns)),
        }
    }

    fn of_one(column: KeyColumn<'a>) -> Self {
        match column {
            KeyColumn::Words(words) => Self::One(words),
            KeyColumn::Wide(halves, nulls) => {
                let words = halves.map(Cow::Owned);
                let nulls = [nulls, None];
                Self::Two(Two {
                    words,
                    nulls,
                    long: Vec::new(),
                    columns: Vec::new(),
                })
            }
            KeyColumn::Texts(texts, nulls) => match texts.views() {
                Some(views) => Self::Views(Views {
                    views,
                    texts,
                    nulls,
                }),
                None => Self::Texts(texts, nulls),
            },
        }
    }

    /// Returns true if rows may have keys that are no words.
    pub(super) fn may_be_long(&self) -> bool {
        match self {
            Self::One(_) => false,
            Self::Two(two) => !two.long.is_empty(),
            Self::Views(_) | Self::Texts(..) | Self::Rows(_) => true,
        }
    }

    /// Returns the costs of keys, as measured for numbers in cache and texts of some 20 bytes.
    pub(super) fn costs(&self) -> KeyCosts {
        let (find, add) = match self {
            Self::One(_) => (1.6, 7.0),
            Self::Two(_) => (2.9, 8.0),
            Self::Views(_) => (3.6, 10.0),
            Self::Texts(..) => (5.0, 12.0),
            Self::Rows(columns) => (8.0 + 2.0 * columns.len() as f64, 25.0),
        };
        KeyCosts { find, add }
    }
}

impl RowKeys for Words<'_> {
    #[inline]
    fn packed(&self, row: usize) -> Option<Packed> {
        Some(Packed {
            words: [self.words[row], 0],
            tag: u32::from(is_null(self.nulls, row)),
        })
    }

    fn bytes<'a>(&'a self, _: usize, _: &'a mut Vec<u8>) -> RowBytes<'a> {
        unshared(&[])
    }
}

/// Two words of each row.
pub(super) struct Two<'a> {
    words: [Cow<'a, [u64]>; 2],
    nulls: [Nulls<'a>; 2],
    /// Rows with a text that is no word; empty if there are none.
    long: Vec<bool>,
    /// The columns, if rows may have such texts.
    columns: Vec<KeyColumn<'a>>,
}

impl<'a> Two<'a> {
    fn of(columns: Vec<KeyColumn<'a>>) -> Self {
        let mut long = Vec::new();
        let mut words = [Cow::Owned(Vec::new()), Cow::Owned(Vec::new())];
        let mut nulls = [None; 2];
        for (index, column) in columns.iter().enumerate() {
            match column {
                KeyColumn::Words(column) => {
                    words[index] = column.words.clone();
                    nulls[index] = column.nulls;
                }
                KeyColumn::Texts(texts, of_texts) => {
                    words[index] = short_words(*texts, *of_texts, &mut long).into();
                    nulls[index] = *of_texts;
                }
                // Such a column has two words itself.
                KeyColumn::Wide(..) => {}
            }
        }
        Self {
            words,
            nulls,
            long,
            columns,
        }
    }
}

impl RowKeys for Two<'_> {
    #[inline]
    fn packed(&self, row: usize) -> Option<Packed> {
        if !self.long.is_empty() && self.long[row] {
            return None;
        }
        let [first, second] = self.nulls.map(|nulls| u32::from(is_null(nulls, row)));
        Some(Packed {
            words: [self.words[0][row], self.words[1][row]],
            tag: first | second << 1,
        })
    }

    fn bytes<'a>(&'a self, row: usize, scratch: &'a mut Vec<u8>) -> RowBytes<'a> {
        encoded(&self.columns, row, scratch)
    }
}

/// Returns texts as words with their lengths; notes the rows whose texts are longer.
fn short_words(texts: Texts<'_>, nulls: Nulls<'_>, long: &mut Vec<bool>) -> Vec<u64> {
    let rows = texts.len();
    match texts.views() {
        Some(views) => noted(views.iter().map(|view| view_word(*view)), rows, nulls, long),
        None => {
            let texts = (0..rows).map(|row| text_word(texts.value(row)));
            noted(texts, rows, nulls, long)
        }
    }
}

/// Returns a short text as a word.
#[inline]
fn text_word(text: &[u8]) -> Option<u64> {
    let mut bytes = [0; 8];
    bytes[..WORD_BYTES_MAX]
        .get_mut(..text.len())?
        .copy_from_slice(text);
    bytes[WORD_BYTES_MAX] = text.len() as u8;
    Some(u64::from_le_bytes(bytes))
}

/// Returns a short text as a word: its bytes follow its length of four bytes.
#[inline]
fn view_word(view: u128) -> Option<u64> {
    let len = u64::from(view as u32);
    let first = (view >> 32) as u64 & (u64::MAX >> 8);
    (len <= WORD_BYTES_MAX as u64).then_some(first | len << 56)
}

/// Collects words, and notes the rows without.
fn noted(
    words: impl Iterator<Item = Option<u64>>,
    rows: usize,
    nulls: Nulls<'_>,
    long: &mut Vec<bool>,
) -> Vec<u64> {
    let mut all = Vec::with_capacity(rows);
    for (row, word) in words.enumerate() {
        if word.is_none() && !is_null(nulls, row) {
            long.resize(rows, false);
            long[row] = true;
        }
        all.push(word.unwrap_or(0));
    }
    masked(all, nulls)
}

/// Texts as views, which hold short ones themselves.
pub(super) struct Views<'a> {
    views: &'a [u128],
    texts: Texts<'a>,
    nulls: Nulls<'a>,
}

/// Key of a row that is null.
const NULL: Packed = Packed {
    words: [0; 2],
    tag: 1,
};

impl RowKeys for Views<'_> {
    #[inline]
    fn packed(&self, row: usize) -> Option<Packed> {
        if is_null(self.nulls, row) {
            return Some(NULL);
        }
        let view = self.views[row];
        (view as u32 as usize <= INLINE_BYTES_MAX).then_some(Packed {
            words: [view as u64, (view >> 64) as u64],
            tag: 0,
        })
    }

    fn bytes<'a>(&'a self, row: usize, _: &'a mut Vec<u8>) -> RowBytes<'a> {
        RowBytes {
            bytes: self.texts.value(row),
            is_shared: true,
        }
    }
}

/// Texts that are no views.
pub(super) struct OtherTexts<'a>(pub(super) Texts<'a>, pub(super) Nulls<'a>);

impl RowKeys for OtherTexts<'_> {
    #[inline]
    fn packed(&self, row: usize) -> Option<Packed> {
        if is_null(self.1, row) {
            return Some(NULL);
        }
        let text = self.0.value(row);
        (text.len() <= INLINE_BYTES_MAX).then(|| {
            let mut bytes = [0; 16];
            bytes[0] = text.len() as u8;
            bytes[4..][..text.len()].copy_from_slice(text);
            let view = u128::from_le_bytes(bytes);
            Packed {
                words: [view as u64, (view >> 64) as u64],
                tag: 0,
            }
        })
    }

    fn bytes<'a>(&'a self, row: usize, _: &'a mut Vec<u8>) -> RowBytes<'a> {
        unshared(self.0.value(row))
    }
}

/// Rows of which only their bytes are keys.
pub(super) struct Encoded<'a>(pub(super) &'a [KeyColumn<'a>]);

impl RowKeys for Encoded<'_> {
    fn packed(&self, _: usize) -> Option<Packed> {
        None
    }

    fn bytes<'a>(&'a self, row: usize, scratch: &'a mut Vec<u8>) -> RowBytes<'a> {
        encoded(self.0, row, scratch)
    }
}

fn encoded<'a>(columns: &[KeyColumn<'_>], row: usize, scratch: &'a mut Vec<u8>) -> RowBytes<'a> {
    scratch.clear();
    for column in columns {
        column.append_to(row, scratch);
    }
    unshared(scratch)
}

fn unshared(bytes: &[u8]) -> RowBytes<'_> {
    RowBytes {
        bytes,
        is_shared: false,
    }
}
