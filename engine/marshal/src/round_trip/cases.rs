//! One case at a time.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{
    Array, ArrayRef, Decimal128Array, DictionaryArray, FixedSizeListArray, Int32Array, ListArray,
    ListViewArray, NullArray, StringArray, StringViewArray, StructArray, UnionArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, UnionFields, UnionMode};
use fusebox_abi::ArrowArray;

use super::arbitrary::numbers;
use super::show::show;
use super::{BYTES_MAX, lowered, returned, rows};
use crate::address::GuestAddr;
use crate::breach::Breach;
use crate::layout::tests::{field, item, union_fields};
use crate::lift::{self, Unlifted, lift};
use crate::lower::{Lowering, TooLarge};

/// A header in memory, and one of its children.
fn header(memory: &[u8], at: GuestAddr) -> ArrowArray {
    ArrowArray::from_bytes(&at.array(memory).unwrap())
}

fn word(memory: &[u8], at: u32) -> u32 {
    u32::from_le_bytes(GuestAddr(at).array(memory).unwrap())
}

fn child(memory: &[u8], parent: &ArrowArray, position: u32) -> GuestAddr {
    GuestAddr(word(memory, parent.children + 4 * position))
}

fn buffer<const N: usize>(memory: &[u8], header: &ArrowArray, position: u32) -> [u8; N] {
    let address = word(memory, header.buffers + 4 * position);
    GuestAddr(address).array(memory).unwrap()
}

fn words<const N: usize>(memory: &[u8], header: &ArrowArray, position: u32) -> [i32; N] {
    let address = word(memory, header.buffers + 4 * position);
    std::array::from_fn(|n| word(memory, address + 4 * n as u32) as i32)
}

/// What a guest is told that overwrites a field of a header, at a place in it.
fn tampered(column: &ArrayRef, at: impl Fn(&[u8], GuestAddr) -> u32, bytes: &[u8]) -> Unlifted {
    let (mut memory, args) = lowered(std::slice::from_ref(column));
    let at = at(&memory, args) as usize;
    memory[at..at + bytes.len()].copy_from_slice(bytes);
    let rows = column.len() as u64;
    lift(args, &memory, column.data_type(), rows, None, BYTES_MAX).unwrap_err()
}

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
fn views_of_lists_are_lowered_one_behind_the_other() {
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
    assert_eq!(rows(&back), rows(&list));
}

#[test]
fn sparse_unions_are_lowered_as_dense_ones() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c", "d"]));
    let children = vec![numbers(&[1, 2, -1, 4]), texts];
    let ids = vec![7, 3, 3, 7];
    let union = UnionArray::try_new(union_fields(), ids.into(), None, children).unwrap();
    let union: ArrayRef = Arc::new(union);
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
            rows(&back),
            ["7:\"a\"", &show(&union, 1), "null", "7:\"d\""]
        );
    }
}

#[test]
fn rows_of_a_union_that_strict_makes_null_are_null_in_a_child_that_may() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let children = vec![numbers(&[]), texts];
    let (ids, offsets) = (vec![7, 7], vec![0, 1]);
    let union =
        UnionArray::try_new(union_fields(), ids.into(), Some(offsets.into()), children).unwrap();
    let (memory, args) = lowered(&[Arc::new(union.clone())]);
    let nulls = NullBuffer::from(vec![false, true]);
    let back = lift(args, &memory, union.data_type(), 2, Some(&nulls), BYTES_MAX).unwrap();
    assert_eq!(rows(&back), ["null", "7:\"b\""]);
    assert_eq!(back.as_union().type_ids().as_ref(), [3, 7]);
}

#[test]
fn dictionaries_are_lowered_as_the_values_that_are_referred_to() {
    let values = StringArray::from(vec![Some("never asked for"), Some("x"), None, Some("yz")]);
    let keys = [Some(3), Some(1), None, Some(2), Some(3)];
    let keys = arrow_array::PrimitiveArray::<Int8Type>::from_iter(keys);
    let dictionary: ArrayRef = Arc::new(DictionaryArray::new(keys, Arc::new(values)));
    let (memory, args) = lowered(&[Arc::clone(&dictionary)]);
    let lowered = header(&memory, args);
    let shape = (lowered.length, lowered.null_count, lowered.dictionary);
    assert_eq!(shape, (5, 2, 0));
    assert_eq!(buffer(&memory, &lowered, 0), [0b10011]);
    assert_eq!(words(&memory, &lowered, 1), [0, 2, 3, 3, 3, 5]);
    assert_eq!(buffer(&memory, &lowered, 2), *b"yzxyz");
    let back = returned(&dictionary, dictionary.data_type()).unwrap();
    assert_eq!(rows(&back), rows(&dictionary));
}

#[test]
fn dictionary_with_more_values_than_keys_is_refused() {
    let distinct = |count: i32| -> ArrayRef { Arc::new((0..count).collect::<Int32Array>()) };
    let data_type = |values| DataType::Dictionary(Box::new(DataType::Int8), Box::new(values));
    assert!(returned(&distinct(128), &data_type(DataType::Int32)).is_ok());
    let refused = returned(&distinct(129), &data_type(DataType::Int32));
    assert!(matches!(refused, Err(Unlifted::Breach(Breach::Misfit(_)))));
}

#[test]
fn null_where_there_are_none_names_its_row_and_its_path() {
    let inner = StructArray::from(vec![(
        field("n", DataType::Int32, true),
        numbers(&[0, 1, 2, -1, 4]),
    )]);
    let list = |nullable| {
        let fields = vec![field("n", DataType::Int32, nullable)];
        DataType::List(field("item", DataType::Struct(fields.into()), true))
    };
    let DataType::List(element) = list(true) else {
        unreachable!()
    };
    let offsets = OffsetBuffer::from_lengths([2, 0, 2, 1]);
    let column: ArrayRef = Arc::new(ListArray::new(element, offsets, Arc::new(inner), None));
    assert!(returned(&column, &list(true)).is_ok());
    let breach = Breach::Child {
        path: "item.n".to_owned(),
        breach: Box::new(Breach::Null { row: 2 }),
    };
    let message = "its result is null at row 2, where its type has no nulls, in its child `item.n`";
    assert_eq!(breach.to_string(), message);
    assert_eq!(returned(&column, &list(false)), Err(breach.into()));
}

#[test]
fn nulls_below_a_null_struct_are_fine() {
    let fields = |nullable| vec![field("n", DataType::Int32, nullable)];
    let nulls = NullBuffer::from(vec![true, false]);
    let children = vec![numbers(&[1, -1])];
    let column = StructArray::new(fields(true).into(), children, Some(nulls));
    let column: ArrayRef = Arc::new(column);
    let back = returned(&column, &DataType::Struct(fields(false).into())).unwrap();
    assert_eq!(back.null_count(), 1);
}

#[test]
fn decimals_with_too_many_digits_name_their_row() {
    let decimals = Decimal128Array::from(vec![Some(999), None, Some(-1_000)]);
    let decimals: ArrayRef = Arc::new(decimals.with_precision_and_scale(4, 0).unwrap());
    let refused = returned(&decimals, &DataType::Decimal128(3, 0));
    let breach = Breach::Decimal {
        row: 2,
        precision: 3,
    };
    assert_eq!(refused, Err(breach.into()));
    assert!(returned(&decimals.slice(0, 2), &DataType::Decimal128(3, 0)).is_ok());
}

#[test]
fn decimals_may_have_as_many_digits_as_their_type_and_no_more() {
    for precision in [1, 18, 19, 20, 25, 38] {
        let max = 10_i128.pow(precision.into()) - 1;
        let data_type = DataType::Decimal128(precision, 0);
        // At each place, since several are looked at together.
        let returned = |value: i128| {
            let places = (1..6).flat_map(|rows| (0..rows).map(move |place| (rows, place)));
            let mut returned = places.map(|(rows, place)| {
                let wide = (0..rows).map(|row| if row == place { value } else { -row });
                let wide = Decimal128Array::from_iter_values(wide);
                let wide: ArrayRef = Arc::new(wide.with_data_type(DataType::Decimal128(38, 0)));
                let back = returned(&wide, &data_type);
                back.is_ok_and(|back| back.to_data().buffers() == wide.to_data().buffers())
            });
            let first = returned.next().unwrap();
            assert!(
                returned.all(|other| other == first),
                "{value} as {precision}"
            );
            first
        };
        assert!(returned(max) && returned(-max), "{precision}");
        assert!(!returned(max + 1) && !returned(-max - 1), "{precision}");
    }
}

#[test]
fn views_of_any_length_are_lowered_whole() {
    let text = |len: usize| -> String { ('a'..='z').cycle().take(len).collect() };
    let texts = [65, 0, 12, 13, 300, 15, 63, 64, 16, 1].map(text);
    let views: ArrayRef = Arc::new(StringViewArray::from_iter_values(texts));
    for column in [views.slice(3, 6), views] {
        let back = returned(&column, &DataType::Utf8).unwrap();
        assert_eq!(rows(&back), rows(&column));
    }
}

#[test]
fn unions_refer_to_each_row_once_and_to_children_they_have() {
    let children = vec![
        numbers(&[1, 2, 3]),
        Arc::new(StringArray::from(vec!["a"])) as _,
    ];
    let (ids, offsets) = (vec![3, 3, 7], vec![0, 1, 0]);
    let union =
        UnionArray::try_new(union_fields(), ids.into(), Some(offsets.into()), children).unwrap();
    let union: ArrayRef = Arc::new(union);
    let places = |memory: &[u8], args: GuestAddr, buffer: u32| {
        word(memory, header(memory, args).buffers + 4 * buffer)
    };
    let again = tampered(&union, |m, args| places(m, args, 1) + 4, &[0]);
    assert_eq!(again, Breach::UnionOffset { row: 1 }.into());
    let negative = tampered(&union, |m, args| places(m, args, 1), &[0xff; 4]);
    assert_eq!(negative, Breach::UnionOffset { row: 0 }.into());
    let other = tampered(&union, |m, args| places(m, args, 0) + 2, &[4]);
    assert_eq!(other, Breach::TypeId { row: 2, id: 4 }.into());
    let behind = tampered(&union, |m, args| places(m, args, 1) + 4, &[9]);
    let rows = Breach::ChildRows {
        found: 2,
        expected: 10,
    };
    assert_eq!(behind, rows.in_child("number", |row| row).into());
}

#[test]
fn number_of_children_follows_from_the_type() {
    let offsets = OffsetBuffer::from_lengths([1]);
    let list: ArrayRef = Arc::new(ListArray::new(item(true), offsets, numbers(&[1]), None));
    let breach = |found, expected| Unlifted::from(Breach::Children { found, expected });
    assert_eq!(tampered(&list, |_, args| args.0 + 32, &[0]), breach(0, 1));
    assert_eq!(tampered(&list, |_, args| args.0 + 32, &[2]), breach(2, 1));
    assert_eq!(
        tampered(&numbers(&[1]), |_, args| args.0 + 32, &[1]),
        breach(1, 0)
    );
    let dictionary = tampered(&list, |_, args| args.0 + 48, &[1]);
    assert_eq!(dictionary, Breach::Dictionary.into());
    let below = tampered(
        &list,
        |m, args| child(m, &header(m, args), 0).0 + 16,
        &[0xff; 8],
    );
    assert_eq!(below, Breach::Offset(-1).in_child("item", |row| row).into());
}

/// A guest needs no bytes for rows without any, and must not make the host
/// count to 2⁶⁴ for them.
#[test]
fn rows_without_bytes_are_counted_too() {
    let nulls = field("item", DataType::Null, true);
    let sized = |size: i32| DataType::FixedSizeList(Arc::clone(&nulls), size);
    let nested = DataType::FixedSizeList(field("item", sized(1_000_000_000), true), 1_000_000_000);
    let list = FixedSizeListArray::new(nulls.clone(), 2, Arc::new(NullArray::new(4)), None);
    let (mut memory, args) = lowered(&[Arc::new(list)]);
    let at = child(&memory, &header(&memory, args), 0).0 as usize;
    memory[at..at + 8].copy_from_slice(&i64::MAX.to_le_bytes());
    assert!(lift(args, &memory, &sized(2), 2, None, 4).is_ok());
    let many = lift(args, &memory, &sized(1_000_000_000), 2, None, BYTES_MAX);
    let bytes = 2_000_000_000;
    assert_eq!(many, Err(Unlifted::TooLarge { bytes }));
    assert!(lift(args, &memory, &nested, 2, None, BYTES_MAX).is_err());
}

/// A null of a list of a fixed size has its elements, which nobody has paid for
/// yet.
#[test]
fn nulls_that_the_host_makes_are_counted_too() {
    let bits = field("item", DataType::Boolean, true);
    let wide = DataType::FixedSizeList(bits, 1_000_000_000);
    let bytes = 125_000_000 + 1;
    let refused = lift::nulls(&wide, 1, BYTES_MAX);
    assert_eq!(refused, Err(Unlifted::TooLarge { bytes }));
    assert_eq!(lift::nulls(&DataType::Int32, 3, 15).unwrap().len(), 3);
    assert!(lift::nulls(&DataType::Int32, 3, 14).is_err());

    let fields = [(0, field("wide", wide, true)), (1, item(true))];
    let fields: UnionFields = fields.into_iter().collect();
    let (ids, offsets) = (vec![1, 1], vec![0, 1]);
    let none = arrow_array::new_empty_array(fields.iter().next().unwrap().1.data_type());
    let children = vec![none, numbers(&[1, 2])];
    let union = UnionArray::try_new(fields.clone(), ids.into(), Some(offsets.into()), children);
    let union: ArrayRef = Arc::new(union.unwrap());
    let sparse = DataType::Union(fields, UnionMode::Sparse);
    assert!(returned(&union, union.data_type()).is_ok());
    let bytes = 3 * 125_000_000;
    assert!(matches!(
        returned(&union, &sparse),
        Err(Unlifted::TooLarge { bytes: counted }) if counted > bytes
    ));
    let (memory, args) = lowered(std::slice::from_ref(&union));
    let nulls = NullBuffer::from(vec![false, true]);
    let strict = lift(args, &memory, union.data_type(), 2, Some(&nulls), BYTES_MAX);
    assert!(matches!(strict, Err(Unlifted::TooLarge { .. })));
}

/// Each use of bytes counts, however often a guest points to the same.
#[test]
fn children_that_share_their_bytes_are_counted_each() {
    let names: Vec<String> = (0..100).map(|n| format!("f{n}")).collect();
    let fields = names.iter().map(|name| field(name, DataType::Int32, true));
    let column = numbers(&[1; 64]);
    let children = vec![Arc::clone(&column); names.len()];
    let column: ArrayRef = Arc::new(StructArray::new(fields.collect(), children, None));
    let (mut memory, args) = lowered(&[Arc::clone(&column)]);
    let first = child(&memory, &header(&memory, args), 0);
    let table = header(&memory, args).children as usize;
    for address in memory[table..table + 4 * names.len()].chunks_exact_mut(4) {
        address.copy_from_slice(&first.0.to_le_bytes());
    }
    let lift = |bytes_max| lift(args, &memory, column.data_type(), 64, None, bytes_max);
    assert_eq!(rows(&lift(100 * 64 * 4).unwrap()), rows(&column));
    let bytes = 100 * 64 * 4;
    assert_eq!(lift(bytes - 1), Err(Unlifted::TooLarge { bytes }));
}

/// Few rows can stand for many: of a dictionary, or of lists that overlap.
#[test]
fn what_is_too_large_is_refused_before_it_is_written() {
    let long: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1 << 20)]));
    let keys = arrow_array::PrimitiveArray::<Int8Type>::from(vec![0; 1_000]);
    let dictionary: ArrayRef = Arc::new(DictionaryArray::new(keys, long));
    let measured = Lowering::measure(&[dictionary], 1_000, 64 << 20);
    assert!(matches!(measured, Err(TooLarge { bytes }) if bytes >= 1_000 << 20));

    let mut column = numbers(&[7; 1_000]);
    for _ in 0..4 {
        let item = field("item", column.data_type().clone(), true);
        let (offsets, sizes) = (vec![0; 1_000], vec![1_000; 1_000]);
        let list = ListViewArray::new(item, offsets.into(), sizes.into(), column, None);
        column = Arc::new(list);
    }
    let measured = Lowering::measure(&[column.slice(0, 1)], 1, 64 << 20);
    assert!(matches!(measured, Err(TooLarge { bytes }) if bytes > 64 << 20));
}

/// The measure of the other tests.
#[test]
fn numbers_are_shown_by_their_bytes() {
    assert_eq!(rows(&numbers(&[1, -1])), ["[1, 0, 0, 0]", "null"]);
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(2)])]);
    assert_eq!(show(&(Arc::new(list) as ArrayRef), 0), "[[2, 0, 0, 0]]");
}
