use super::*;

use crate::sample::Sample;

#[test]
fn constant_has_the_same_validity_in_every_row() {
    for (constant, word) in [(Some(7), u64::MAX), (None, 0)] {
        let sample = Sample::numbers(1000, &[constant]);
        let column = sample.as_numbers();
        assert!(column.validity().is_constant());
        assert_eq!(column.validity().has_nulls(), constant.is_none());
        assert_eq!(column.validity().word(0), word);
        assert_eq!(column.validity().word(960), word);
        assert_eq!(column.validity().is_valid(999), constant.is_some());
    }
}

#[test]
fn column_of_one_row_is_not_constant() {
    assert!(
        !Sample::numbers(1, &[Some(7)])
            .as_numbers()
            .validity()
            .is_constant()
    );
}

#[test]
fn bit_past_the_end_is_null() {
    let mut rows = [Some(7); 65];
    rows[0] = None;
    let sample = Sample::numbers(65, &rows);
    let column = sample.as_numbers();
    assert_eq!(column.validity().word(0), u64::MAX - 1);
    assert_eq!(column.validity().word(64), 1);
}

#[test]
fn column_shorter_than_the_batch_has_no_more_rows() {
    let sample = Sample::texts(2, &[Some("ab"), Some("c")]);
    let column = sample.as_bytes();
    let rows: Vec<&[u8]> = column.rows(0, 2).collect();
    assert_eq!(rows, [&b"ab"[..], b"c"]);
    assert_eq!(column.at(1000), b"");
    let sample = Sample::numbers(8, &[Some(7); 8]);
    assert_eq!(sample.as_numbers().rows(8, 8).count(), 0);
}
