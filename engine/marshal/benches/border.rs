//! What a column costs at the border, beside what it costs at least.
//!
//! Measured: all that the host does for a batch of one column. Lowering is
//! measuring the column and writing it into memory that was used before, as a
//! guest's is; lifting is copying it out of that memory, as an identity would
//! answer. Not measured: calling the guest, making room in it. Names read
//! `border/<way>/<type>/<rows>/<nulls>/<slice>/<variant>`. `sliced` is cut out
//! of a longer column at an odd row, and for lifting, is what a guest answers
//! whose header has an offset.
//!
//! Each is compared with what nobody can do without, which takes turns with it,
//! so that what else the machine does falls on both:
//!
//! - to lower a flat column, a copy of its bytes in use into a fresh buffer;
//! - to lower views, Arrow's cast to the layout that the border has;
//! - to lift, a copy of each buffer and, of text, a check that it is UTF-8.
//!
//! To lift, Arrow's own safe constructors take turns too: they count nulls, look
//! at each offset and digit, and make a view of each row, and there is no way
//! around them but `unsafe`. The last lines are the ratios of the medians, and
//! the worst of each way.

mod columns;
mod turns;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Decimal128Type;
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, Decimal128Array, ListArray,
    PrimitiveArray, StringArray, StringViewArray, StructArray, downcast_primitive_array,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer};
use arrow_cast::cast;
use arrow_schema::DataType;
use criterion::Criterion;
use fusebox_abi::ArrowArray;
use fusebox_marshal::GuestAddr;
use fusebox_marshal::lift::lift;
use fusebox_marshal::lower::Lowering;

use columns::{Column, columns};
use turns::Turns;

/// Where the arena lies in the guest's memory.
const ARENA: u32 = 1 << 16;

/// More than any of the columns has.
const BYTES_MAX: u64 = 1 << 30;

/// A guest's memory, in which columns were lowered before.
struct Guest {
    memory: Vec<u8>,
}

impl Guest {
    fn with(column: &ArrayRef) -> Self {
        let lowering = measured(column);
        let bytes = ARENA as usize + lowering.bytes() as usize;
        let mut guest = Self {
            memory: vec![0; bytes],
        };
        guest.lower(column);
        guest
    }

    fn lower(&mut self, column: &ArrayRef) -> GuestAddr {
        let lowered = measured(column).write(GuestAddr(ARENA), &mut self.memory);
        lowered.expect("the memory is large enough").args
    }

    fn lift(&self, header: GuestAddr, data_type: &DataType, rows: usize) -> ArrayRef {
        let rows = rows as u64;
        let lifted = lift(header, &self.memory, data_type, rows, None, BYTES_MAX);
        lifted.expect("the answer is what was lowered")
    }

    /// Has the answer at `header` begin at row `first`.
    fn skip(&mut self, header: GuestAddr, first: usize) {
        let at = header.0 as usize;
        let bytes = self.memory[at..].first_chunk();
        let mut answer = ArrowArray::from_bytes(bytes.expect("it lies in the memory"));
        answer.length -= first as i64;
        answer.offset = first as i64;
        self.memory[at..at + ArrowArray::SIZE].copy_from_slice(&answer.to_bytes());
    }
}

fn measured(column: &ArrayRef) -> Lowering {
    let lowering = Lowering::measure(std::slice::from_ref(column), column.len() as u32, BYTES_MAX);
    lowering.expect("the column is small enough")
}

/// The bytes in use of an array's buffers, where they stand: how they are
/// aligned matters to a copy.
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

/// What nobody can do without to lower a column.
fn lower_at_least(column: &ArrayRef) -> Box<dyn FnMut() + '_> {
    if let DataType::Utf8View = column.data_type() {
        return Box::new(|| {
            black_box(cast(black_box(column), &DataType::Utf8).expect("it is text"));
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

/// What nobody can do without to lift a column.
fn lift_at_least(column: &ArrayRef) -> Box<dyn FnMut() + '_> {
    let is_view = column.data_type() == &DataType::Utf8View;
    let plain = match is_view {
        true => cast(column, &DataType::Utf8).expect("it is text"),
        false => ArrayRef::clone(column),
    };
    let is_text = plain.data_type() == &DataType::Utf8;
    let pieces = in_use(&plain);
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

/// A column as Arrow's safe constructors make it of copies of its buffers, with
/// all that they check: what no program without `unsafe` can do without.
fn made_by_arrow(column: &ArrayRef) -> ArrayRef {
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
            let decimals = decimals.expect("the type is one");
            let fits = decimals.validate_decimal_precision(*precision);
            fits.expect("the digits are as many");
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

/// Whole bytes, of which the first has some bits before the first that counts.
fn copied_bits(bits: &BooleanBuffer) -> BooleanBuffer {
    let (start, end) = (bits.offset(), bits.offset() + bits.len());
    let bytes = &bits.values()[start / 8..end.div_ceil(8)];
    BooleanBuffer::new(Buffer::from(bytes), start % 8, bits.len())
}

/// What Arrow takes to make a column of copies of its buffers; of views, from
/// the layout that a guest has of them.
fn lift_by_arrow(column: &ArrayRef) -> Box<dyn FnMut() + '_> {
    if column.data_type() != &DataType::Utf8View {
        return Box::new(|| drop(black_box(made_by_arrow(black_box(column)))));
    }
    let text = cast(column, &DataType::Utf8).expect("it is text");
    Box::new(move || {
        let text = made_by_arrow(black_box(&text));
        let views = StringViewArray::from(text.as_string::<i32>());
        black_box(views);
    })
}

fn lowering(column: &Column, criterion: &mut Criterion, turns: &mut Turns) {
    let array = &column.array;
    let mut guest = Guest::with(array);
    let header = guest.lower(array);
    assert_eq!(&guest.lift(header, array.data_type(), array.len()), array);
    turns.compare(
        criterion,
        &format!("lower/{}", column.name),
        column.goal(Some(1.5), Some(1.2)),
        &mut || {
            black_box(guest.lower(black_box(array)));
        },
        &mut *lower_at_least(array),
        None,
    );
}

fn lifting(column: &Column, criterion: &mut Criterion, turns: &mut Turns) {
    let array = &column.array;
    let mut guest = Guest::with(&column.whole);
    let header = guest.lower(&column.whole);
    guest.skip(header, column.whole.len() - array.len());
    let (rows, data_type) = (array.len(), array.data_type());
    assert_eq!(&guest.lift(header, data_type, rows), array);
    if data_type != &DataType::Utf8View {
        assert_eq!(&made_by_arrow(array), array);
    }
    turns.compare(
        criterion,
        &format!("lift/{}", column.name),
        column.goal(Some(1.3), None),
        &mut || {
            black_box(guest.lift(black_box(header), data_type, rows));
        },
        &mut *lift_at_least(array),
        Some(lift_by_arrow(array)),
    );
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(20))
        .measurement_time(Duration::from_millis(60))
        .sample_size(10)
        .nresamples(2_000)
        .without_plots()
        .configure_from_args();
    let mut turns = Turns::default();
    for rows in [8_192, 65_536] {
        let columns = columns(rows);
        for column in &columns {
            lowering(column, &mut criterion, &mut turns);
        }
        for column in &columns {
            lifting(column, &mut criterion, &mut turns);
        }
    }
    criterion.final_summary();
    turns.report();
}
