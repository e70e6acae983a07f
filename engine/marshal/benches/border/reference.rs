//! Least work to lower or lift a column.

use std::hint::black_box;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Decimal128Type;
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, Decimal128Array, ListArray,
    PrimitiveArray, StringArray, StringViewArray, StructArray, downcast_primitive_array,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer};
use arrow_cast::cast;
use arrow_schema::DataType;

/// Bytes in use of an array's buffers, with the alignment they have, which
/// matters to a copy.
fn in_use(array: &ArrayRef) -> Vec<Buffer> {
    let rows = array.len();
    let data = array.to_data();
    let mut pieces = Vec::new();
    if let Some(nulls) = data.nulls() {
        pieces.push(nulls.inner().sliced());
    }
    match array.data_type() {
        DataType::Boolean => pieces.push(array.as_boolean().values().sliced()),
        DataType::Utf8 | DataType::Binary => {
            let offsets: &[i32] = &data.buffers()[0].typed_data()[data.offset()..][..=rows];
            pieces.push(data.buffers()[0].slice_with_length(data.offset() * 4, rows * 4 + 4));
            let range = offsets[0] as usize..offsets[rows] as usize;
            pieces.push(data.buffers()[1].slice_with_length(range.start, range.len()));
        }
        _ => {
            for buffer in data.buffers() {
                let width = array.data_type().primitive_width().unwrap_or(4);
                let start = data.offset() * width;
                pieces.push(buffer.slice_with_length(start, rows * width));
            }
            for child in data.child_data() {
                pieces.extend(in_use(&arrow_array::make_array(child.clone())));
            }
        }
    }
    pieces
}

/// The least work to lower a column.
pub(crate) fn lower_at_least(column: &ArrayRef) -> Box<dyn FnMut() + '_> {
    if let DataType::Utf8View = column.data_type() {
        return Box::new(|| {
            black_box(
                cast(black_box(column), &DataType::Utf8).expect("a string view casts to a string"),
            );
        });
    }
    let pieces = in_use(column);
    let bytes = pieces.iter().map(Buffer::len).sum();
    Box::new(move || {
        let mut fresh = Vec::with_capacity(bytes);
        for piece in black_box(&pieces) {
            fresh.extend_from_slice(piece);
        }
        black_box(&fresh);
    })
}

/// The least work to lift a column.
pub(crate) fn lift_at_least(column: &ArrayRef) -> Box<dyn FnMut() + '_> {
    let is_view = column.data_type() == &DataType::Utf8View;
    let strings = match is_view {
        true => cast(column, &DataType::Utf8).expect("a string view casts to a string"),
        false => ArrayRef::clone(column),
    };
    let is_text = strings.data_type() == &DataType::Utf8;
    let pieces = in_use(&strings);
    Box::new(move || {
        let copies = black_box(&pieces).iter().map(|piece| piece.to_vec());
        let copies: Vec<Vec<u8>> = copies.collect();
        if is_text {
            let text = copies.last().map(|text| std::str::from_utf8(text));
            assert!(black_box(text).is_some_and(|text| text.is_ok()));
        }
        black_box(&copies);
    })
}

/// Makes a column with Arrow's safe constructors, which check all values, from
/// copies of its buffers: the least work to lift a column without `unsafe`.
pub(crate) fn made_by_arrow(column: &ArrayRef) -> ArrayRef {
    let nulls = column.nulls().map(|nulls| {
        let bits = copied_bits(nulls.inner());
        NullBuffer::new(bits)
    });
    let bytes = |offsets: &[i32], data: &[u8]| {
        let (first, last) = (offsets[0], offsets[column.len()]);
        let offsets = offsets.iter().map(|offset| offset - first).collect();
        let data = &data[first as usize..last as usize];
        (OffsetBuffer::new(offsets), Buffer::from(data))
    };
    match column.data_type() {
        DataType::Boolean => {
            let bits = copied_bits(column.as_boolean().values());
            Arc::new(BooleanArray::new(bits, nulls))
        }
        DataType::Decimal128(precision, scale) => {
            let values = column.as_primitive::<Decimal128Type>().values();
            let decimals = Decimal128Array::new(values.to_vec().into(), nulls);
            let decimals = decimals.with_precision_and_scale(*precision, *scale);
            let decimals = decimals.expect("the type is valid");
            let fits = decimals.validate_decimal_precision(*precision);
            fits.expect("the values have the type's precision");
            Arc::new(decimals)
        }
        DataType::Utf8 => {
            let text = column.as_string::<i32>();
            let (offsets, data) = bytes(text.value_offsets(), text.value_data());
            Arc::new(StringArray::new(offsets, data, nulls))
        }
        DataType::Binary => {
            let binary = column.as_binary::<i32>();
            let (offsets, data) = bytes(binary.value_offsets(), binary.value_data());
            Arc::new(BinaryArray::new(offsets, data, nulls))
        }
        DataType::List(field) => {
            let list = column.as_list::<i32>();
            let offsets = list.value_offsets();
            let (first, last) = (offsets[0], offsets[column.len()]);
            let items = list.values().slice(first as usize, (last - first) as usize);
            let offsets = offsets.iter().map(|offset| offset - first).collect();
            let offsets = OffsetBuffer::new(offsets);
            let items = made_by_arrow(&items);
            Arc::new(ListArray::new(Arc::clone(field), offsets, items, nulls))
        }
        DataType::Struct(fields) => {
            let columns = column.as_struct().columns().iter().map(made_by_arrow);
            Arc::new(StructArray::new(fields.clone(), columns.collect(), nulls))
        }
        _ => downcast_primitive_array!(
            column => Arc::new(primitive(column, nulls)),
            other => unreachable!("{other} is not measured"),
        ),
    }
}

fn primitive<T: ArrowPrimitiveType>(
    column: &PrimitiveArray<T>,
    nulls: Option<NullBuffer>,
) -> PrimitiveArray<T> {
    PrimitiveArray::new(column.values().to_vec().into(), nulls)
}

/// Copies whole bytes; the first may have some bits before the first bit in
/// use.
fn copied_bits(bits: &BooleanBuffer) -> BooleanBuffer {
    let (start, end) = (bits.offset(), bits.offset() + bits.len());
    let bytes = &bits.values()[start / 8..end.div_ceil(8)];
    BooleanBuffer::new(Buffer::from(bytes), start % 8, bits.len())
}

/// Work of Arrow to make a column from copies of its buffers; of string views,
/// from the layout that the ABI has for them.
pub(crate) fn lift_by_arrow(column: &ArrayRef) -> Box<dyn FnMut() + '_> {
    if column.data_type() != &DataType::Utf8View {
        return Box::new(|| drop(black_box(made_by_arrow(black_box(column)))));
    }
    let text = cast(column, &DataType::Utf8).expect("a string view casts to a string");
    Box::new(move || {
        let text = made_by_arrow(black_box(&text));
        let views = StringViewArray::from(text.as_string::<i32>());
        black_box(views);
    })
}
