use super::*;

impl Nulls {
    fn is_null(&self, row: usize) -> bool {
        let word = self.words.get(row / BLOCK_ROWS);
        word.is_some_and(|word| word >> (row % BLOCK_ROWS) & 1 == 0)
    }
}

impl<N: Copy + Default + 'static> NumberBuilder<N> {
    pub(crate) fn to_options(&self) -> Vec<Option<N>> {
        let value = |(row, value)| (!self.nulls.is_null(row)).then_some(value);
        self.values.iter().copied().enumerate().map(value).collect()
    }
}

impl BitBuilder {
    pub(crate) fn to_options(&self, rows: usize) -> Vec<Option<bool>> {
        assert_eq!(self.words.len(), rows.div_ceil(64));
        let bit = |row: usize| self.words[row / 64] >> (row % 64) & 1 == 1;
        let value = |row| (!self.nulls.is_null(row)).then(|| bit(row));
        (0..rows).map(value).collect()
    }
}

impl BytesBuilder {
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
fn bitmap_is_absent_without_nulls() {
    let mut results = NumberBuilder::new();
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
    let mut results = BytesBuilder::new();
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
fn data_may_end_at_the_limit() {
    let mut results = BytesBuilder::new();
    results.start(3);
    results.extend_up_to(8, numbered([Some("1234"), None, Some("5678")]));
    assert_eq!(results.overflow(), None);
    assert_eq!(
        results.to_options(),
        [Some(&b"1234"[..]), None, Some(b"5678")]
    );
}

#[test]
fn overflow_is_the_first_row_past_the_limit() {
    let mut results = BytesBuilder::new();
    results.start(4);
    results.extend_up_to(8, numbered(["1234", "56789", "567890", "5678"].map(Some)));
    assert_eq!(results.overflow(), Some(1));
    results.start(1);
    assert_eq!(results.overflow(), None);
}
