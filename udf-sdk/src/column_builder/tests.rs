use super::*;

#[test]
fn fields_of_a_null_struct_are_padded_at_the_end() {
    let mut node = ColumnBuilder::new();
    let fields = node.start(ColumnLayout::Struct, 2);
    fields[0].start(ColumnLayout::Numbers(4), 0);
    fields[1].start(ColumnLayout::Bytes, 0);
    node.append_null();
    node.append_null();
    let [number, text] = node.append_struct() else {
        panic!("there are two fields");
    };
    number.append_numbers(&[1, 2, 3, 4], 1);
    text.append_bytes(b"abc").unwrap();
    node.append_null();
    assert_eq!(node.finish().length, 4);
    let [number, text] = &node.children[..] else {
        panic!("there are two fields");
    };
    assert_eq!(number.data, [[0; 4], [0; 4], [1, 2, 3, 4], [0; 4]].concat());
    assert_eq!(text.offsets, [0, 0, 0, 3, 3]);
    assert_eq!(node.validity, [0b1111_0100]);
    assert_eq!((number.len, text.len), (4, 4));
}

#[test]
fn column_accepts_bytes_up_to_the_limit() {
    let mut node = ColumnBuilder::new();
    node.start(ColumnLayout::Bytes, 0);
    assert_eq!(node.append_bytes_up_to(8, b"12345"), Ok(()));
    assert_eq!(node.append_bytes_up_to(8, b"6789"), Err(OffsetOverflow));
    assert_eq!(node.append_bytes_up_to(8, b"678"), Ok(()));
    assert_eq!(node.append_bytes_up_to(8, b"9"), Err(OffsetOverflow));
    assert_eq!(node.append_bytes_up_to(8, b""), Ok(()));
    assert_eq!(node.offsets, [0, 5, 8, 8]);
}

#[test]
fn start_removes_all_rows_of_the_last_batch() {
    let mut node = ColumnBuilder::new();
    for _ in 0..2 {
        let items = node.start(ColumnLayout::List, 1);
        items[0].start(ColumnLayout::Bits, 0);
        node.append_null();
        let append = |items: &mut ColumnBuilder| {
            items.append_bit(true);
            items.append_null();
            items.append_bit(true);
            Ok(())
        };
        node.append_list(append).unwrap();
        let array = node.finish();
        assert_eq!((array.length, array.n_buffers, array.n_children), (2, 2, 1));
        assert_eq!(
            (node.offsets.clone(), node.validity.clone()),
            (vec![0, 0, 3], vec![0xfe])
        );
        let items = &node.children[0];
        assert_eq!(
            (&items.data[..], &items.validity[..]),
            (&[0b101][..], &[0xfd][..])
        );
    }
    // Reuses the builder for another type.
    node.start(ColumnLayout::Numbers(1), 0);
    node.append_numbers(b"ab", 2);
    let array = node.finish();
    assert_eq!((array.length, array.n_buffers, array.n_children), (2, 2, 0));
    assert_eq!(node.buffers[0], 0);
}
