//! Results in guest memory, lifted as columns of any type.

use std::slice;
use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use fusebox_abi::ArrowArray;
use fusebox_marshal::lift::{lift_failure, lift_panic, lift_rows_within};
use fusebox_marshal::lower::Lowering;
use fusebox_marshal::{GuestAddr, Layout, ResultMemory};
use fusebox_testing::{SplitMix64, TypeOptions, data_type, random_array, show_rows};
use proptest::strategy::{BoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::target::Outcome;

/// Address of a result that was lowered. It is not 0, so that an address relative to
/// the arena is found.
const ARENA: u32 = 64;

/// Byte limit that no lowered column reaches.
const BYTES_MAX: u64 = 1 << 24;

thread_local! {
    static TYPES: BoxedStrategy<DataType> = data_type(TypeOptions::default());
}

/// Lifts a result of any type out of any memory: it is refused, or a valid column of
/// the type and of the number of rows that were asked for.
pub fn lift(data: &[u8]) -> Outcome {
    lift_input(&mut Unstructured::new(data)).unwrap_or(Outcome::Incomplete)
}

fn lift_input(input: &mut Unstructured<'_>) -> Result<Outcome> {
    let data_type = draw_type(input.arbitrary()?);
    let rows: u64 = input.int_in_range(0..=20)?;
    let mode: u8 = input.int_in_range(0..=2)?;
    let strict: bool = input.arbitrary()?;
    let bytes_max = match input.ratio(1, 4)? {
        true => input.int_in_range(0..=4_000)?,
        false => BYTES_MAX,
    };
    let fewer: u64 = input.int_in_range(0..=rows)?;
    let seed = input.arbitrary()?;
    let nulls: Vec<bool> = (0..rows).map(|row| seed >> (row % 60) & 1 == 1).collect();
    let nulls = strict.then(|| NullBuffer::from(nulls));
    let (memory, header) = match mode {
        0 => (
            input.peek_bytes(input.len()).unwrap_or_default().to_vec(),
            0,
        ),
        1 => with_headers(input, &data_type, rows, seed)?,
        _ => damaged(input, &data_type, rows as usize, seed)?,
    };
    let header = GuestAddr(header);
    let range = rows - fewer..=rows;
    let lifted = lift_rows_within(
        header,
        &memory,
        &data_type,
        range.clone(),
        nulls.as_ref(),
        bytes_max,
        &ResultMemory::default(),
    );
    // Each of these reads an address that the guest chose.
    let failure = lift_failure(header, &memory, rows);
    let panic = lift_panic(header, &memory);
    let messages = failure.map(|(_, message)| message).into_iter().chain(panic);
    messages.for_each(|message| assert!(!message.contains(char::is_control)));
    let Ok(column) = lifted else {
        return Ok(Outcome::Refused);
    };
    check(&column, &data_type, range, nulls.as_ref(), bytes_max);
    Ok(Outcome::Accepted)
}

fn check(
    column: &ArrayRef,
    data_type: &DataType,
    rows: std::ops::RangeInclusive<u64>,
    nulls: Option<&NullBuffer>,
    bytes_max: u64,
) {
    let data = column.to_data();
    let is_valid = data.validate_full();
    assert!(is_valid.is_ok(), "{data_type}: {is_valid:?} {data:?}");
    assert_eq!(column.data_type(), data_type);
    assert!(rows.contains(&(column.len() as u64)));
    // Arrow's encodings are larger than the ABI's layouts, and buffers are rounded up.
    assert!(column.get_array_memory_size() as u64 <= 16 * bytes_max + (1 << 20));
    let shown = show_rows(column);
    for (row, shown) in shown.iter().enumerate() {
        if nulls.is_some_and(|nulls| nulls.is_null(row)) {
            assert_eq!(shown, "null", "row {row} of {data_type}");
        }
    }
}

/// Draws the type that belongs to a seed.
fn draw_type(seed: u64) -> DataType {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let tree = TYPES.with(|types| types.new_tree(&mut runner));
    tree.expect("few types are filtered").current()
}

/// Lowers a random column of the type and changes some bytes.
fn damaged(
    input: &mut Unstructured<'_>,
    data_type: &DataType,
    rows: usize,
    seed: u64,
) -> Result<(Vec<u8>, u32)> {
    let column = random_array(data_type, rows, true, &mut SplitMix64(seed));
    let column: ArrayRef = Arc::clone(&column);
    let lowering = Lowering::plan(slice::from_ref(&column), rows as u32, BYTES_MAX)
        .expect("a random column is small");
    let mut memory = vec![0xa5; ARENA as usize + lowering.bytes() as usize];
    let lowered = lowering.write(GuestAddr(ARENA), &mut memory);
    let header = lowered.expect("the arena fits").args.0;
    while input.len() >= 3 {
        let at = usize::from(input.arbitrary::<u16>()?);
        if let Some(byte) = memory.get_mut(ARENA as usize + at) {
            *byte = input.arbitrary()?;
        }
    }
    Ok((memory, header))
}

/// Takes memory from the input and writes headers of the type's layout over it, whose
/// addresses are random.
fn with_headers(
    input: &mut Unstructured<'_>,
    data_type: &DataType,
    rows: u64,
    seed: u64,
) -> Result<(Vec<u8>, u32)> {
    let mut memory = input.bytes(input.len())?.to_vec();
    if memory.len() < ArrowArray::SIZE {
        return Err(arbitrary::Error::NotEnoughData);
    }
    let layout = Layout::of(data_type).expect("every type has a layout");
    let mut headers = Headers {
        memory: &mut memory,
        free: ArrowArray::SIZE,
        random: SplitMix64(seed),
    };
    headers.put(0, &layout, rows as usize);
    Ok((memory, 0))
}

/// Headers that are written into memory.
struct Headers<'a> {
    memory: &'a mut [u8],
    /// Address of the next header.
    free: usize,
    random: SplitMix64,
}

impl Headers<'_> {
    /// Writes the headers of a layout while there is space.
    fn put(&mut self, at: usize, layout: &Layout, rows: usize) {
        let buffers = self.free;
        let table = buffers + 4 * layout.n_buffers();
        let headers = table + 4 * layout.n_children();
        self.free = headers + ArrowArray::SIZE * layout.n_children();
        if self.free > self.memory.len() {
            return;
        }
        let header = ArrowArray {
            length: rows as i64,
            offset: self.random.below(3) as i64,
            n_buffers: layout.n_buffers() as i64,
            n_children: layout.n_children() as i64,
            buffers: buffers as u32,
            children: table as u32,
            ..ArrowArray::default()
        };
        self.memory[at..][..ArrowArray::SIZE].copy_from_slice(&header.to_bytes());
        for buffer in 0..layout.n_buffers() {
            let address = match self.random.one_in(20) {
                true => self.random.next_u64() as u32,
                false => self.random.below(self.memory.len()) as u32,
            };
            self.memory[buffers + 4 * buffer..][..4].copy_from_slice(&address.to_le_bytes());
        }
        for (n, child) in children(layout).iter().enumerate() {
            let header = headers + ArrowArray::SIZE * n;
            self.memory[table + 4 * n..][..4].copy_from_slice(&(header as u32).to_le_bytes());
            let rows = rows * 4 + self.random.below(300);
            self.put(header, child, rows);
        }
    }
}

fn children(layout: &Layout) -> &[Layout] {
    match layout {
        Layout::List(child) | Layout::FixedList { child, .. } => slice::from_ref(child),
        Layout::Struct(fields) | Layout::Union(fields) => fields,
        _ => &[],
    }
}
