//! Result columns, built row by row in memory that is kept from call to call.

use std::iter::repeat_n;

use crate::append::{Append, AppendPart};
use crate::column::{BLOCK_ROWS, bits};
use crate::entry::Call;
use crate::node::Node;

/// The most bytes that one result column of text or bytes may have, since its
/// offsets are `i32`.
const DATA_BYTES_MAX: usize = i32::MAX as usize;

/// A result column in the making.
pub trait Results: Default + 'static {
    /// Why a row does not fit.
    const OVERFLOW: &'static str = "the column of results has more than 2147483647 bytes";

    /// Forgets the last call's rows, but keeps its memory, and makes room for
    /// `rows` rows.
    fn start(&mut self, rows: usize);

    /// Makes those of the rows from `start`, a multiple of [`BLOCK_ROWS`], null
    /// whose bits are 1.
    fn set_nulls(&mut self, start: usize, nulls: u64);

    /// Answers a call with the column.
    fn answer(&mut self, call: &Call) -> u32;

    /// The row whose value did not fit any more.
    fn overflow(&self) -> Option<usize> {
        None
    }
}

/// Which result rows are null. The bitmap is made when the first one is.
#[derive(Debug, Default)]
struct Nulls {
    words: Vec<u64>,
    rows: usize,
}

impl Nulls {
    const fn new() -> Self {
        Self {
            words: Vec::new(),
            rows: 0,
        }
    }

    fn start(&mut self, rows: usize) {
        self.words.clear();
        self.rows = rows;
    }

    /// Makes a row null. Not inlined, since loops that never come here would
    /// keep less in registers.
    #[inline(never)]
    fn set_null(&mut self, row: usize) {
        self.set_nulls(row - row % BLOCK_ROWS, 1 << (row % BLOCK_ROWS));
    }

    /// Makes those of the [`BLOCK_ROWS`] rows from `start` null whose bits are 1.
    #[inline]
    fn set_nulls(&mut self, start: usize, nulls: u64) {
        if nulls == 0 {
            return;
        }
        if self.words.is_empty() {
            self.words.resize(self.rows.div_ceil(BLOCK_ROWS), u64::MAX);
        }
        if let Some(word) = self.words.get_mut(start / BLOCK_ROWS) {
            *word &= !nulls;
        }
    }

    fn buffer(&self) -> *const u8 {
        if self.words.is_empty() {
            std::ptr::null()
        } else {
            self.words.as_ptr().cast()
        }
    }
}

/// Some of the [`BLOCK_ROWS`] rows from one on: the others are null whatever
/// the function would say.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// The first row, a multiple of [`BLOCK_ROWS`].
    pub(crate) start: usize,
    /// How many rows there are.
    pub(crate) rows: usize,
    /// 1 for each row that the function is called for, the first lowest.
    pub(crate) called: u64,
    /// Among how many rows, from the first that it is called for, are those of a
    /// group.
    pub(crate) group: usize,
}

impl Block {
    /// Goes through the rows that the function is called for, each as its place
    /// in the block. Returns which rows are null.
    ///
    /// A loop for each group, so that what `begin` calls is not in the way of
    /// what the rows have in registers.
    #[inline]
    fn each(self, mut begin: impl FnMut(usize), mut is_null: impl FnMut(usize) -> bool) -> u64 {
        let all = bits(self.rows);
        let mut rest = self.called & all;
        let mut nulls = !rest & all;
        while rest != 0 {
            let first = rest.trailing_zeros() as usize;
            begin(self.start + first);
            let mut left = rest & bits(self.group) << first;
            rest &= !left;
            while left != 0 {
                let place = left.trailing_zeros() as usize;
                left &= left - 1;
                nulls |= u64::from(is_null(place)) << place;
            }
        }
        nulls
    }
}

/// A result column of numbers.
#[derive(Debug, Default)]
pub struct NumberResults<N> {
    values: Vec<N>,
    nulls: Nulls,
}

impl<N: Copy + Default> NumberResults<N> {
    /// A column without rows and without memory.
    pub(crate) const fn new() -> Self {
        Self {
            values: Vec::new(),
            nulls: Nulls::new(),
        }
    }

    /// Appends rows, each with its number.
    #[inline]
    pub(crate) fn extend(&mut self, rows: impl Iterator<Item = (usize, Option<N>)>) {
        let Self { values, nulls } = self;
        values.extend(rows.map(|(row, value)| {
            value.unwrap_or_else(|| {
                nulls.set_null(row);
                N::default()
            })
        }));
    }

    /// Appends the rows of a block, of which `value` has those that the function
    /// is called for.
    #[inline]
    pub(crate) fn extend_some(
        &mut self,
        block: Block,
        begin: impl FnMut(usize),
        mut value: impl FnMut(usize) -> Option<N>,
    ) {
        let base = self.values.len();
        self.values.resize(base + block.rows, N::default());
        let values = self.values.get_mut(base..).unwrap_or_default();
        let nulls = block.each(begin, |place| {
            let value = value(block.start + place);
            if let (Some(to), Some(value)) = (values.get_mut(place), value) {
                *to = value;
            }
            value.is_none()
        });
        self.nulls.set_nulls(block.start, nulls);
    }

    /// The buffers in the order of the layout, the validity bitmap first.
    fn buffers(&self) -> impl AsRef<[*const u8]> {
        [self.nulls.buffer(), self.values.as_ptr().cast()]
    }
}

impl<N: Copy + Default + 'static> Results for NumberResults<N> {
    fn start(&mut self, rows: usize) {
        self.values.clear();
        self.values.reserve(rows);
        self.nulls.start(rows);
    }

    #[inline]
    fn set_nulls(&mut self, start: usize, nulls: u64) {
        self.nulls.set_nulls(start, nulls);
    }

    #[inline]
    fn answer(&mut self, call: &Call) -> u32 {
        call.answer(self.buffers().as_ref())
    }
}

/// A result column of booleans.
#[derive(Debug, Default)]
pub struct BitResults {
    words: Vec<u64>,
    nulls: Nulls,
}

impl BitResults {
    /// A column without rows and without memory.
    pub(crate) const fn new() -> Self {
        Self {
            words: Vec::new(),
            nulls: Nulls::new(),
        }
    }

    /// Appends rows, each with its number: a multiple of 64 but for the last
    /// time.
    #[inline]
    pub(crate) fn extend(&mut self, rows: impl Iterator<Item = (usize, Option<bool>)>) {
        let mut word = 0;
        let mut bits = 0;
        for (row, value) in rows {
            if value.is_none() {
                self.nulls.set_null(row);
            }
            word |= u64::from(value == Some(true)) << bits;
            bits += 1;
            if bits == u64::BITS {
                self.words.push(word);
                (word, bits) = (0, 0);
            }
        }
        if bits > 0 {
            self.words.push(word);
        }
    }

    /// Appends the rows of a block, of which `value` has those that the function
    /// is called for.
    #[inline]
    pub(crate) fn extend_some(
        &mut self,
        block: Block,
        begin: impl FnMut(usize),
        mut value: impl FnMut(usize) -> Option<bool>,
    ) {
        let mut word = 0;
        let nulls = block.each(begin, |place| {
            let value = value(block.start + place);
            word |= u64::from(value == Some(true)) << place;
            value.is_none()
        });
        self.words.push(word);
        self.nulls.set_nulls(block.start, nulls);
    }

    /// The buffers in the order of the layout, the validity bitmap first.
    fn buffers(&self) -> impl AsRef<[*const u8]> {
        [self.nulls.buffer(), self.words.as_ptr().cast()]
    }
}

impl Results for BitResults {
    fn start(&mut self, rows: usize) {
        self.words.clear();
        self.words.reserve(rows.div_ceil(64));
        self.nulls.start(rows);
    }

    #[inline]
    fn set_nulls(&mut self, start: usize, nulls: u64) {
        self.nulls.set_nulls(start, nulls);
    }

    #[inline]
    fn answer(&mut self, call: &Call) -> u32 {
        call.answer(self.buffers().as_ref())
    }
}

/// A result column of text or bytes.
#[derive(Debug, Default)]
pub struct ByteResults {
    offsets: Vec<i32>,
    data: Vec<u8>,
    nulls: Nulls,
    overflow: Option<usize>,
}

impl ByteResults {
    /// A column without rows and without memory.
    pub(crate) const fn new() -> Self {
        Self {
            offsets: Vec::new(),
            data: Vec::new(),
            nulls: Nulls::new(),
            overflow: None,
        }
    }

    /// Appends rows, each with its number.
    #[inline]
    pub(crate) fn extend<B: AsRef<[u8]>>(
        &mut self,
        rows: impl Iterator<Item = (usize, Option<B>)>,
    ) {
        self.extend_up_to(DATA_BYTES_MAX, rows);
    }

    /// Appends rows, of which those that do not fit `bytes_max` stay empty.
    #[inline]
    fn extend_up_to<B: AsRef<[u8]>>(
        &mut self,
        bytes_max: usize,
        rows: impl Iterator<Item = (usize, Option<B>)>,
    ) {
        let Self {
            offsets,
            data,
            nulls,
            overflow,
        } = self;
        offsets.extend(rows.map(|(row, value)| {
            match &value {
                Some(value) => {
                    if !append(data, value.as_ref(), bytes_max) {
                        overflow.get_or_insert(row);
                    }
                }
                None => nulls.set_null(row),
            }
            data.len() as i32
        }));
    }

    /// Appends the rows of a block, of which `value` has those that the function
    /// is called for.
    #[inline]
    pub(crate) fn extend_some<B: AsRef<[u8]>>(
        &mut self,
        block: Block,
        begin: impl FnMut(usize),
        mut value: impl FnMut(usize) -> Option<B>,
    ) {
        let Self {
            offsets,
            data,
            nulls,
            overflow,
        } = self;
        let mut next = 0;
        let null_rows = block.each(begin, |place| {
            let row = block.start + place;
            offsets.extend(repeat_n(data.len() as i32, place - next));
            next = place + 1;
            let value = value(row);
            if let Some(value) = &value
                && !append(data, value.as_ref(), DATA_BYTES_MAX)
            {
                overflow.get_or_insert(row);
            }
            offsets.push(data.len() as i32);
            value.is_none()
        });
        offsets.extend(repeat_n(data.len() as i32, block.rows - next));
        nulls.set_nulls(block.start, null_rows);
    }

    /// The buffers in the order of the layout, the validity bitmap first.
    fn buffers(&self) -> impl AsRef<[*const u8]> {
        [
            self.nulls.buffer(),
            self.offsets.as_ptr().cast(),
            self.data.as_ptr(),
        ]
    }
}

/// Appends a value, if it fits.
#[inline]
fn append(data: &mut Vec<u8>, value: &[u8], bytes_max: usize) -> bool {
    if value.len() > bytes_max - data.len() {
        return false;
    }
    if value.len() > data.capacity() - data.len() {
        grow(data, value.len(), bytes_max);
    }
    data.extend_from_slice(value);
    true
}

/// Makes room for `bytes` more, and for as many again as there are, but not for
/// more than `bytes_max` in all: a `Vec` that doubles would ask for more
/// address space than there is.
#[cold]
fn grow(data: &mut Vec<u8>, bytes: usize, bytes_max: usize) {
    let double = data.capacity().saturating_mul(2).min(bytes_max);
    data.reserve_exact(bytes.max(double - data.len()));
}

impl Results for ByteResults {
    fn start(&mut self, rows: usize) {
        self.offsets.clear();
        self.offsets.reserve(rows + 1);
        self.offsets.push(0);
        self.data.clear();
        self.nulls.start(rows);
        self.overflow = None;
    }

    #[inline]
    fn set_nulls(&mut self, start: usize, nulls: u64) {
        self.nulls.set_nulls(start, nulls);
    }

    #[inline]
    fn answer(&mut self, call: &Call) -> u32 {
        call.answer(self.buffers().as_ref())
    }

    fn overflow(&self) -> Option<usize> {
        self.overflow
    }
}

/// A result column of lists, structs or maps.
#[derive(Debug)]
pub struct NestedResults {
    pub(crate) root: Node,
    overflow: Option<usize>,
}

impl NestedResults {
    /// A column without rows and without memory.
    pub(crate) const fn new() -> Self {
        Self {
            root: Node::new(),
            overflow: None,
        }
    }

    /// Appends rows, each with its number: none any more after one that does
    /// not fit.
    pub(crate) fn extend<V: Append>(&mut self, rows: impl Iterator<Item = (usize, Option<V>)>) {
        for (row, value) in rows {
            if self.overflow.is_none() && value.append_part(&mut self.root).is_err() {
                self.overflow = Some(row);
            }
        }
    }

    /// Appends the rows of a block, of which `value` has those that the function
    /// is called for.
    pub(crate) fn extend_some<V: Append>(
        &mut self,
        block: Block,
        mut begin: impl FnMut(usize),
        mut value: impl FnMut(usize) -> Option<V>,
    ) {
        let mut next = 0;
        self.extend((0..block.rows).map(|place| {
            let row = block.start + place;
            if block.called >> place & 1 == 0 {
                return (row, None);
            }
            if place >= next {
                begin(row);
                next = place + block.group;
            }
            (row, value(row))
        }));
    }
}

impl Default for NestedResults {
    fn default() -> Self {
        Self::new()
    }
}

impl Results for NestedResults {
    const OVERFLOW: &'static str =
        "a column of results has more than 2147483647 bytes of text or items";

    fn start(&mut self, _rows: usize) {
        self.overflow = None;
    }

    fn set_nulls(&mut self, start: usize, nulls: u64) {
        self.root.set_nulls(start, nulls);
    }

    fn answer(&mut self, call: &Call) -> u32 {
        call.answer_with(self.root.finish())
    }

    fn overflow(&self) -> Option<usize> {
        self.overflow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Nulls {
        fn is_null(&self, row: usize) -> bool {
            let word = self.words.get(row / BLOCK_ROWS);
            word.is_some_and(|word| word >> (row % BLOCK_ROWS) & 1 == 0)
        }
    }

    impl<N: Copy + Default + 'static> NumberResults<N> {
        pub(crate) fn to_options(&self) -> Vec<Option<N>> {
            let value = |(row, value)| (!self.nulls.is_null(row)).then_some(value);
            self.values.iter().copied().enumerate().map(value).collect()
        }
    }

    impl BitResults {
        pub(crate) fn to_options(&self, rows: usize) -> Vec<Option<bool>> {
            assert_eq!(self.words.len(), rows.div_ceil(64));
            let bit = |row: usize| self.words[row / 64] >> (row % 64) & 1 == 1;
            let value = |row| (!self.nulls.is_null(row)).then(|| bit(row));
            (0..rows).map(value).collect()
        }
    }

    impl ByteResults {
        pub(crate) fn to_options(&self) -> Vec<Option<&[u8]>> {
            let range = |row: usize| self.offsets[row] as usize..self.offsets[row + 1] as usize;
            let value = |row| (!self.nulls.is_null(row)).then(|| &self.data[range(row)]);
            (0..self.offsets.len() - 1).map(value).collect()
        }
    }

    fn numbered<T>(values: impl IntoIterator<Item = T>) -> impl Iterator<Item = (usize, T)> {
        (0..).zip(values)
    }

    #[test]
    fn bitmap_is_absent_where_no_row_is_null() {
        let mut results = NumberResults::new();
        results.start(2);
        results.extend(numbered([Some(1), None]));
        assert!(!results.buffers().as_ref()[0].is_null());
        results.start(2);
        results.extend(numbered([Some(1), Some(2)]));
        assert!(results.buffers().as_ref()[0].is_null());
        assert_eq!(results.to_options(), [Some(1), Some(2)]);
    }

    #[test]
    fn memory_is_kept_from_call_to_call() {
        let mut results = ByteResults::new();
        let mut addresses = Vec::new();
        for _ in 0..3 {
            results.start(3);
            results.extend(numbered(["one", "two", "three"].map(Some)));
            addresses.push(results.buffers().as_ref().to_vec());
            assert_eq!(results.to_options()[2], Some(&b"three"[..]));
        }
        assert!(addresses.iter().all(|buffers| *buffers == addresses[0]));
    }

    #[test]
    fn data_may_end_at_the_last_byte() {
        let mut results = ByteResults::new();
        results.start(3);
        results.extend_up_to(8, numbered([Some("1234"), None, Some("5678")]));
        assert_eq!(results.overflow(), None);
        assert_eq!(
            results.to_options(),
            [Some(&b"1234"[..]), None, Some(b"5678")]
        );
    }

    #[test]
    fn first_row_past_the_last_byte_is_to_blame() {
        let mut results = ByteResults::new();
        results.start(4);
        results.extend_up_to(8, numbered(["1234", "56789", "567890", "5678"].map(Some)));
        assert_eq!(results.overflow(), Some(1));
        results.start(1);
        assert_eq!(results.overflow(), None);
    }
}
