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
//! To lift texts, binaries and views, Arrow's own safe constructors take turns
//! too: they look at each offset twice, or make a view of each row, and there is
//! no way around them but `unsafe`. The last lines are the ratios of the
//! medians, and the worst of each way.

mod columns;
mod turns;

use std::hint::black_box;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray, StringArray, StringViewArray};
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

/// A column of texts or binaries as Arrow makes it of copies of its buffers.
fn lift_by_arrow(column: &ArrayRef) -> Option<Box<dyn FnMut() + '_>> {
    let (is_view, is_text) = match column.data_type() {
        DataType::Utf8View => (true, true),
        DataType::Utf8 => (false, true),
        DataType::Binary => (false, false),
        _ => return None,
    };
    let plain = match is_text {
        true => cast(column, &DataType::Utf8).expect("it is text"),
        false => ArrayRef::clone(column),
    };
    let pieces = in_use(&plain);
    let [.., offsets, data] = &pieces[..] else {
        unreachable!("such a column has both");
    };
    let (offsets, _) = offsets.as_chunks();
    let offsets: Vec<i32> = offsets.iter().map(|o| i32::from_le_bytes(*o)).collect();
    let offsets: Vec<i32> = offsets.iter().map(|offset| offset - offsets[0]).collect();
    let data = data.to_vec();
    let bits = plain.nulls().map(|_| pieces[0].to_vec());
    Some(Box::new(move || {
        let offsets = OffsetBuffer::new(black_box(&offsets).clone().into());
        let data = Buffer::from_vec(black_box(&data).clone());
        let bits = black_box(&bits).clone().map(Buffer::from_vec);
        let bits = bits.map(|bits| BooleanBuffer::new(bits, 0, column.len()));
        let nulls = bits.map(NullBuffer::new);
        if !is_text {
            black_box(BinaryArray::new(offsets, data, nulls));
            return;
        }
        let text = StringArray::new(offsets, data, nulls);
        match is_view {
            true => drop(black_box(StringViewArray::from(&text))),
            false => drop(black_box(text)),
        }
    }))
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
    turns.compare(
        criterion,
        &format!("lift/{}", column.name),
        column.goal(Some(1.3), None),
        &mut || {
            black_box(guest.lift(black_box(header), data_type, rows));
        },
        &mut *lift_at_least(array),
        lift_by_arrow(array),
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
