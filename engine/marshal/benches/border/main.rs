//! Cost of lowering and lifting one column.
//!
//! Measured: all work of the host for a batch of one column. Lowering plans the
//! column and writes it into memory that was used before, as a guest's is;
//! lifting copies it out of that memory, as the result of an identity function.
//! Not measured: the call of the guest and the allocation of its arena. Names
//! read `border/<direction>/<type>/<rows>/<nulls>/<slice>`. A `sliced` column is
//! lowered from an odd row of a longer one, and lifted from a result whose header
//! has an offset.
//!
//! Each case is measured once, in alternation with the least work that any
//! implementation does, so that noise of the machine affects both:
//!
//! - for lowering a flat column, a copy of its bytes in use into a fresh buffer;
//! - for lowering string views, Arrow's cast to `Utf8`;
//! - for lifting, a copy of each buffer and, for strings, a UTF-8 validation.
//!
//! Lifting also alternates with Arrow's own safe constructors, which count nulls,
//! check each offset and each decimal, and make a view of each row; without
//! `unsafe`, none of that can be skipped. The last lines are the worst ratios of
//! each direction.

// Columns that are measured.
mod columns;

// Alternating measurements and their report.
mod paired;

// Least work to lower or lift a column.
mod reference;

use std::hint::black_box;

use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use fusebox_abi::ArrowArray;
use fusebox_marshal::GuestAddr;
use fusebox_marshal::lift::lift;
use fusebox_marshal::lower::Lowering;

use columns::{BenchColumn, columns};
use paired::{Case, Comparison};
use reference::{lift_at_least, lift_by_arrow, lower_at_least, made_by_arrow};

/// Address of the arena in guest memory.
const ARENA: u32 = 1 << 16;

/// A byte limit that no column reaches.
const BYTES_MAX: u64 = 1 << 30;

/// Guest memory in which a column was lowered before.
struct GuestMemory {
    bytes: Vec<u8>,
}

impl GuestMemory {
    fn with(column: &ArrayRef) -> Self {
        let lowering = planned(column);
        let bytes = ARENA as usize + lowering.bytes() as usize;
        let mut guest = Self {
            bytes: vec![0; bytes],
        };
        guest.lower(column);
        guest
    }

    fn lower(&mut self, column: &ArrayRef) -> GuestAddr {
        let lowered = planned(column).write(GuestAddr(ARENA), &mut self.bytes);
        lowered.expect("the memory is large enough").args
    }

    fn lift(&self, header: GuestAddr, data_type: &DataType, rows: usize) -> ArrayRef {
        let rows = rows as u64;
        let lifted = lift(header, &self.bytes, data_type, rows, None, BYTES_MAX);
        lifted.expect("the result is a lowered column")
    }

    /// Changes the result at `header` to start at row `first`.
    fn skip(&mut self, header: GuestAddr, first: usize) {
        let at = header.0 as usize;
        let bytes = self.bytes[at..].first_chunk();
        let mut result = ArrowArray::from_bytes(bytes.expect("the header lies in the memory"));
        result.length -= first as i64;
        result.offset = first as i64;
        self.bytes[at..at + ArrowArray::SIZE].copy_from_slice(&result.to_bytes());
    }
}

fn planned(column: &ArrayRef) -> Lowering {
    let lowering = Lowering::plan(std::slice::from_ref(column), column.len() as u32, BYTES_MAX);
    lowering.expect("the column is below the limit")
}

fn compare_lowering(column: &BenchColumn, comparison: &mut Comparison) {
    let array = &column.array;
    let mut guest = GuestMemory::with(array);
    let header = guest.lower(array);
    assert_eq!(&guest.lift(header, array.data_type(), array.len()), array);
    comparison.measure(Case {
        name: format!("lower/{}", column.name),
        goal: column.goal(Some(1.5), Some(1.2)),
        fusebox: &mut || {
            black_box(guest.lower(black_box(array)));
        },
        least: &mut *lower_at_least(array),
        arrow: None,
    });
}

fn compare_lifting(column: &BenchColumn, comparison: &mut Comparison) {
    let array = &column.array;
    let mut guest = GuestMemory::with(&column.whole);
    let header = guest.lower(&column.whole);
    guest.skip(header, column.whole.len() - array.len());
    let (rows, data_type) = (array.len(), array.data_type());
    assert_eq!(&guest.lift(header, data_type, rows), array);
    if data_type != &DataType::Utf8View {
        assert_eq!(&made_by_arrow(array), array);
    }
    comparison.measure(Case {
        name: format!("lift/{}", column.name),
        goal: column.goal(Some(1.3), None),
        fusebox: &mut || {
            black_box(guest.lift(black_box(header), data_type, rows));
        },
        least: &mut *lift_at_least(array),
        arrow: Some(&mut *lift_by_arrow(array)),
    });
}

fn main() {
    let mut comparison = Comparison::from_arguments();
    for rows in [8_192, 65_536] {
        let columns = columns(rows);
        for column in &columns {
            compare_lowering(column, &mut comparison);
        }
        for column in &columns {
            compare_lifting(column, &mut comparison);
        }
    }
    comparison.report();
}
