//! Bytes in guest memory after lowering.

use std::sync::Arc;

use arrow_array::types::Int8Type;
use arrow_array::{
    ArrayRef, DictionaryArray, ListArray, ListViewArray, PrimitiveArray, StringArray,
    StringViewArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, UnionMode};
use fusebox_testing::{show_row, show_rows};

use crate::memory::{buffer, child, header, lowered, returned, words};
use crate::samples::{item, numbers, union, union_fields};

#[test]
fn only_elements_in_use_of_a_sliced_list_are_lowered() {
    let offsets = OffsetBuffer::from_lengths([2, 3, 0, 1, 4]);
    let values = numbers(&[0, 1, 2, -1, 4, 5, 6, 7, 8, 9]);
    let list = ListArray::new(item(true), offsets, values, None).slice(1, 3);
    let (memory, args) = lowered(&[Arc::new(list)]);
    let list = header(&memory, args);
    assert_eq!((list.length, list.n_buffers, list.n_children), (3, 2, 1));
    assert_eq!(words(&memory, &list, 1), [0, 3, 3, 4]);
    let values = header(&memory, child(&memory, &list, 0));
    assert_eq!(
        (values.length, values.null_count, values.n_buffers),
        (4, 1, 2)
    );
    assert_eq!(buffer(&memory, &values, 0), [0b1101]);
    let [a, _, b, c] = words(&memory, &values, 1);
    assert_eq!([a, b, c], [2, 4, 5]);
}

#[test]
fn elements_of_list_views_are_lowered_back_to_back() {
    let values = numbers(&[10, 11, 12, 13, 14, 15]);
    let (offsets, sizes) = (vec![3, 0, 5, 2], vec![2, 2, 1, 3]);
    let nulls = NullBuffer::from(vec![true, true, false, true]);
    let list = ListViewArray::new(
        item(true),
        offsets.into(),
        sizes.into(),
        values,
        Some(nulls),
    );
    let list: ArrayRef = Arc::new(list);
    let (memory, args) = lowered(&[Arc::clone(&list)]);
    let lowered = header(&memory, args);
    assert_eq!(words(&memory, &lowered, 1), [0, 2, 4, 4, 7]);
    let values = header(&memory, child(&memory, &lowered, 0));
    assert_eq!(values.length, 7);
    assert_eq!(words(&memory, &values, 1), [13, 14, 10, 11, 12, 13, 14]);
    let back = returned(&list, list.data_type()).unwrap();
    assert_eq!(show_rows(&back), show_rows(&list));
}

#[test]
fn sparse_unions_are_lowered_as_dense_ones() {
    let union = union(
        &[7, 3, 3, 7],
        None,
        numbers(&[1, 2, -1, 4]),
        &["a", "b", "c", "d"],
    );
    let (memory, args) = lowered(&[Arc::clone(&union)]);
    let lowered = header(&memory, args);
    let shape = (lowered.n_buffers, lowered.null_count, lowered.n_children);
    assert_eq!(shape, (2, 0, 2));
    assert_eq!(buffer(&memory, &lowered, 0), [7, 3, 3, 7]);
    assert_eq!(words(&memory, &lowered, 1), [0, 0, 1, 1]);
    let number = header(&memory, child(&memory, &lowered, 0));
    assert_eq!((number.length, number.null_count), (2, 1));
    let text = header(&memory, child(&memory, &lowered, 1));
    assert_eq!(words(&memory, &text, 1), [0, 1, 2]);
    assert_eq!(buffer(&memory, &text, 2), *b"ad");

    let dense = DataType::Union(union_fields(), UnionMode::Dense);
    for returns in [union.data_type(), &dense] {
        let back = returned(&union, returns).unwrap();
        assert_eq!(
            show_rows(&back),
            ["7:\"a\"", &show_row(&union, 1), "null", "7:\"d\""]
        );
    }
}

#[test]
fn dictionaries_are_lowered_as_their_used_values() {
    let values = StringArray::from(vec![Some("unused"), Some("x"), None, Some("yz")]);
    let keys = [Some(3), Some(1), None, Some(2), Some(3)];
    let keys = PrimitiveArray::<Int8Type>::from_iter(keys);
    let dictionary: ArrayRef = Arc::new(DictionaryArray::new(keys, Arc::new(values)));
    let (memory, args) = lowered(&[Arc::clone(&dictionary)]);
    let lowered = header(&memory, args);
    let shape = (lowered.length, lowered.null_count, lowered.dictionary);
    assert_eq!(shape, (5, 2, 0));
    assert_eq!(buffer(&memory, &lowered, 0), [0b10011]);
    assert_eq!(words(&memory, &lowered, 1), [0, 2, 3, 3, 3, 5]);
    assert_eq!(buffer(&memory, &lowered, 2), *b"yzxyz");
    let back = returned(&dictionary, dictionary.data_type()).unwrap();
    assert_eq!(show_rows(&back), show_rows(&dictionary));
}

#[test]
fn string_views_of_any_length_are_lowered_whole() {
    let text = |len: usize| -> String { ('a'..='z').cycle().take(len).collect() };
    let texts = [65, 0, 12, 13, 300, 15, 63, 64, 16, 1].map(text);
    let views: ArrayRef = Arc::new(StringViewArray::from_iter_values(texts));
    for column in [views.slice(3, 6), views] {
        let back = returned(&column, &DataType::Utf8).unwrap();
        assert_eq!(show_rows(&back), show_rows(&column));
    }
}
