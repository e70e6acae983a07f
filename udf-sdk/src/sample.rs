//! Columns as the host would lower them: padded, and with garbage under nulls.

use crate::raw::{Buffers, ByteStrings, NativeColumn, TextStrings};
#[cfg(test)]
use crate::raw::{Pod, as_bytes};

/// The buffers of a column, owned.
#[derive(Debug)]
#[cfg_attr(
    not(test),
    expect(
        unreachable_pub,
        reason = "tests read samples as a public `InputArray`"
    )
)]
pub struct Sample {
    rows: usize,
    length: usize,
    validity: Option<Vec<u8>>,
    values: Vec<u8>,
    data: Vec<u8>,
    children: Vec<Sample>,
}

impl Sample {
    /// Creates a column for a batch of `rows` rows, constant if it has a single
    /// one.
    fn new<T>(rows: usize, column: &[Option<T>], values: Vec<u8>, data: Vec<u8>) -> Self {
        assert!(column.len() == rows || column.len() == 1);
        let has_nulls = column.iter().any(Option::is_none);
        let validity = column.iter().map(Option::is_some).collect::<Vec<_>>();
        Self {
            rows,
            length: column.len(),
            validity: has_nulls.then(|| padded(bitmap(&validity))),
            values: padded(values),
            data,
            children: Vec::new(),
        }
    }

    #[cfg(test)]
    pub(crate) fn numbers(rows: usize, column: &[Option<i64>]) -> Self {
        let bytes = |value: &Option<i64>| value.unwrap_or(i64::MIN).to_le_bytes();
        Self::new(
            rows,
            column,
            column.iter().flat_map(bytes).collect(),
            vec![],
        )
    }

    #[cfg(test)]
    /// Creates a column of numbers of any width, with garbage under nulls.
    pub(crate) fn fixed<N: Pod>(rows: usize, column: &[Option<N>]) -> Self {
        let bytes = |value: &Option<N>| match value {
            Some(value) => as_bytes(std::slice::from_ref(value)).to_vec(),
            None => vec![u8::MAX; size_of::<N>()],
        };
        Self::new(
            rows,
            column,
            column.iter().flat_map(bytes).collect(),
            vec![],
        )
    }

    #[cfg(test)]
    pub(crate) fn bits(rows: usize, column: &[Option<bool>]) -> Self {
        let bits: Vec<bool> = column.iter().map(|value| value.unwrap_or(true)).collect();
        Self::new(rows, column, bitmap(&bits), vec![])
    }

    #[cfg(test)]
    pub(crate) fn texts(rows: usize, column: &[Option<&str>]) -> Self {
        let mut offsets = 0_u32.to_le_bytes().to_vec();
        let mut data = Vec::new();
        for value in column {
            data.extend(value.map_or(&b"?!"[..], str::as_bytes));
            offsets.extend((data.len() as u32).to_le_bytes());
        }
        Self::new(rows, column, offsets, data)
    }

    /// Creates a column of any layout, with children.
    pub(crate) fn of(
        valid: &[Option<()>],
        values: Vec<u8>,
        data: Vec<u8>,
        children: Vec<Sample>,
    ) -> Self {
        Self {
            children,
            ..Self::new(valid.len(), valid, values, data)
        }
    }

    #[cfg(test)]
    /// Returns the number of rows of the batch.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    #[cfg(test)]
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    pub(crate) fn child(&self, index: usize) -> &Self {
        &self.children[index]
    }

    /// Returns the texts of the column, checked to be UTF-8.
    pub(crate) fn texts_of(&self) -> TextStrings<'_> {
        TextStrings::checked(ByteStrings::new(&self.buffers_of(self.rows)), self.length)
    }

    #[cfg(test)]
    pub(crate) fn buffers(&self) -> Buffers<'_> {
        self.buffers_of(self.rows)
    }

    pub(crate) fn buffers_of(&self, rows: usize) -> Buffers<'_> {
        Buffers {
            slot: 0,
            rows,
            length: self.length,
            validity: self.validity.as_deref(),
            values: &self.values,
            data: &self.data,
        }
    }
}

impl NativeColumn for Sample {
    fn native_buffers(&self, rows: usize) -> Buffers<'_> {
        self.buffers_of(rows)
    }

    fn native_texts(&self) -> TextStrings<'_> {
        self.texts_of()
    }

    fn native_child(&self, index: usize) -> &dyn NativeColumn {
        self.child(index)
    }

    fn native_length(&self) -> usize {
        self.length
    }
}

/// Packs bits, least significant first.
pub(crate) fn bitmap(bits: &[bool]) -> Vec<u8> {
    let pack = |bits: &[bool]| {
        let bits = bits.iter().rev();
        bits.fold(0, |byte, bit| byte << 1 | u8::from(*bit))
    };
    bits.chunks(8).map(pack).collect()
}

fn padded(mut buffer: Vec<u8>) -> Vec<u8> {
    buffer.resize(buffer.len().next_multiple_of(64), 0);
    buffer
}
