//! Arrow columns into guest memory.
//!
//! Only the rows in use are written: a slice, a bitmap at an odd bit offset, a
//! view over a huge buffer becomes a compact column on the way, without an
//! intermediate copy. [`Lowering`] first measures, so that the sandbox can ask
//! the guest for an arena that is large enough, and then writes.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use arrow::array::{Array, ArrayRef, AsArray, GenericByteArray, GenericByteViewArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowNativeType, BinaryType, BinaryViewType, ByteArrayType, ByteViewType, DataType,
    LargeBinaryType, LargeUtf8Type, StringViewType, Utf8Type,
};
use arrow::error::ArrowError;
use fusebox_abi::{ALIGNMENT, ArrowArray};

use super::{GuestAddr, Layout};
use crate::error::Breach;

/// The arguments of one call, measured and ready to be written.
pub(crate) struct Lowering {
    columns: Vec<Column>,
    rows: u32,
    bytes: u64,
}

/// Where a call finds what was lowered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lowered {
    pub(crate) args: GuestAddr,
    pub(crate) result: GuestAddr,
}

/// A column and the sizes of its buffers at the border, in bytes.
struct Column {
    array: ArrayRef,
    layout: Layout,
    sizes: Vec<u64>,
}

/// The size of a column, where it is more than offsets of 32 bits can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge {
    pub(crate) bytes: u64,
}

/// The address space of a guest: no arena is larger.
const ARENA_BYTES_MAX: u64 = u32::MAX as u64;

impl Lowering {
    /// Measures `arrays`, each of `rows` rows or, where it is constant for the
    /// batch, of one.
    ///
    /// The caller has [flattened](flatten) the arrays and checked that each
    /// one's type has a [`Layout`].
    pub(crate) fn measure(arrays: &[ArrayRef], rows: u32) -> Result<Self, TooLarge> {
        let columns: Vec<Column> = arrays.iter().map(Column::measure).collect();
        let mut bytes = align(ArrowArray::SIZE as u64).saturating_mul(
            (columns.len() as u64).saturating_add(1), // the result's header
        );
        for column in &columns {
            bytes = bytes.saturating_add(align(8)); // the buffers' addresses
            for &size in &column.sizes {
                bytes = bytes.saturating_add(align(size));
            }
        }
        let data_max = columns
            .iter()
            .filter(|column| column.layout == Layout::Bytes)
            .filter_map(|column| column.sizes.last().copied())
            .max();
        if bytes > ARENA_BYTES_MAX || data_max.is_some_and(|data| data > i32::MAX as u64) {
            return Err(TooLarge { bytes });
        }
        Ok(Self {
            columns,
            rows,
            bytes,
        })
    }

    /// How large the arena must be, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many rows the call is about.
    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// Writes everything to the arena at `arena`, which lies in `memory` and
    /// is as large as [`bytes`](Self::bytes) says.
    pub(crate) fn write(&self, arena: GuestAddr, memory: &mut [u8]) -> Result<Lowered, Breach> {
        let mut writer = Writer {
            memory,
            next: arena.0,
        };
        let args = writer.next;
        let headers = self.columns.len().saturating_mul(ArrowArray::SIZE);
        writer.reserve(headers as u64)?;
        let result = writer.next;
        writer.reserve(ArrowArray::SIZE as u64)?.fill(0);

        let mut header_at = args;
        for column in &self.columns {
            let header = column.write(&mut writer)?;
            writer.patch(header_at, &header.to_bytes())?;
            header_at = header_at.wrapping_add(ArrowArray::SIZE as u32);
        }
        Ok(Lowered {
            args: GuestAddr(args),
            result: GuestAddr(result),
        })
    }
}

/// Resolves dictionaries, which have no layout of their own at the border.
pub(crate) fn flatten(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let mut array = array.clone();
    while let DataType::Dictionary(_, values) = array.data_type() {
        array = cast(&array, &values.clone())?;
    }
    Ok(array)
}

/// The next multiple of the ABI's alignment.
fn align(bytes: u64) -> u64 {
    bytes
        .checked_next_multiple_of(ALIGNMENT as u64)
        .unwrap_or(u64::MAX)
}

/// Hands out one aligned piece of the arena after the other.
struct Writer<'a> {
    memory: &'a mut [u8],
    next: u32,
}

impl Writer<'_> {
    /// Takes the next `bytes` bytes; the padding behind them is zeroed.
    fn reserve(&mut self, bytes: u64) -> Result<&mut [u8], Breach> {
        let padded = align(bytes);
        let address = self.next;
        let memory_len = self.memory.len() as u64;
        let start = address as usize;
        let piece = usize::try_from(padded)
            .ok()
            .and_then(|len| start.checked_add(len))
            .and_then(|end| self.memory.get_mut(start..end))
            .and_then(|piece| piece.split_at_mut_checked(bytes as usize));
        let Some((content, padding)) = piece else {
            return Err(Breach::OutOfBounds {
                address,
                len: padded,
                memory_len,
            });
        };
        padding.fill(0);
        // In bounds, so it fits: a memory of 4 GiB at most ends at 2³².
        self.next = address.wrapping_add(padded as u32);
        Ok(content)
    }

    /// Overwrites bytes that were reserved before.
    fn patch(&mut self, address: u32, bytes: &[u8]) -> Result<(), Breach> {
        let start = address as usize;
        let memory_len = self.memory.len() as u64;
        start
            .checked_add(bytes.len())
            .and_then(|end| self.memory.get_mut(start..end))
            .map(|target| target.copy_from_slice(bytes))
            .ok_or(Breach::OutOfBounds {
                address,
                len: bytes.len() as u64,
                memory_len,
            })
    }
}

impl Column {
    fn measure(array: &ArrayRef) -> Self {
        let rows = array.len() as u64;
        let validity = match array.nulls() {
            Some(nulls) if nulls.null_count() > 0 => rows.div_ceil(8),
            _ => 0,
        };
        let layout =
            Layout::of(array.data_type()).expect("the caller checked the type of every argument");
        let sizes = match layout {
            Layout::Bits => vec![validity, rows.div_ceil(8)],
            Layout::Fixed { width } => vec![validity, rows.saturating_mul(width as u64)],
            Layout::Bytes => {
                let offsets = rows.saturating_add(1).saturating_mul(4);
                vec![validity, offsets, data_bytes(array)]
            }
        };
        Self {
            array: array.clone(),
            layout,
            sizes,
        }
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<ArrowArray, Breach> {
        let array = &self.array;
        let buffers = writer.next;
        writer.reserve(8)?;
        let mut addresses = [0_u32; 3];
        for (position, (&size, address)) in self.sizes.iter().zip(&mut addresses).enumerate() {
            let absent = position == 0 && size == 0;
            *address = if absent { 0 } else { writer.next };
            let target = writer.reserve(size)?;
            match (position, self.layout) {
                (0, _) => write_validity(array.nulls(), target),
                (_, Layout::Bits) => write_bits(array.as_boolean().values(), target),
                (_, Layout::Fixed { width }) => write_fixed(array, width, target),
                (1, Layout::Bytes) => write_offsets(array, target),
                (_, Layout::Bytes) => write_data(array, target),
            }
        }
        let addresses: Vec<u8> = addresses.iter().flat_map(|a| a.to_le_bytes()).collect();
        writer.patch(buffers, &addresses)?;
        Ok(ArrowArray {
            length: array.len() as i64,
            null_count: array.null_count() as i64,
            n_buffers: self.layout.buffers() as i64,
            buffers,
            ..ArrowArray::default()
        })
    }
}

fn write_validity(nulls: Option<&NullBuffer>, target: &mut [u8]) {
    if let Some(nulls) = nulls
        && !target.is_empty()
    {
        write_bits(nulls.inner(), target);
    }
}

/// Writes bits from bit 0 on, whatever the offset at which they were stored.
/// Bits past the last are 0.
fn write_bits(bits: &BooleanBuffer, target: &mut [u8]) {
    let chunks = bits.bit_chunks();
    for (target, chunk) in target.chunks_mut(8).zip(chunks.iter_padded()) {
        for (byte, bits) in target.iter_mut().zip(chunk.to_le_bytes()) {
            *byte = bits;
        }
    }
}

/// Writes `width` bytes a row: the one buffer of such a type, from the array's
/// first row on.
fn write_fixed(array: &ArrayRef, width: usize, target: &mut [u8]) {
    let data = array.to_data();
    let start = data.offset().saturating_mul(width);
    let values = data
        .buffers()
        .first()
        .and_then(|values| values.get(start..start.checked_add(target.len())?))
        .expect("an array's values are as long as the array");
    target.copy_from_slice(values);
}

/// Calls `$read` with the array as what its type says it is.
macro_rules! with_bytes {
    ($array:expr, $read:ident $(, $argument:expr)*) => {
        match $array.data_type() {
            DataType::Utf8 => Packed($array.as_bytes::<Utf8Type>()).$read($($argument),*),
            DataType::LargeUtf8 => Packed($array.as_bytes::<LargeUtf8Type>()).$read($($argument),*),
            DataType::Binary => Packed($array.as_bytes::<BinaryType>()).$read($($argument),*),
            DataType::LargeBinary => Packed($array.as_bytes::<LargeBinaryType>()).$read($($argument),*),
            DataType::Utf8View => Views($array.as_byte_view::<StringViewType>()).$read($($argument),*),
            DataType::BinaryView => Views($array.as_byte_view::<BinaryViewType>()).$read($($argument),*),
            other => unreachable!("{other} has another layout"),
        }
    };
}

fn data_bytes(array: &ArrayRef) -> u64 {
    with_bytes!(array, data_bytes)
}

fn write_offsets(array: &ArrayRef, target: &mut [u8]) {
    with_bytes!(array, write_offsets, target);
}

fn write_data(array: &ArrayRef, target: &mut [u8]) {
    with_bytes!(array, write_data, target);
}

/// Rows that stand one behind the other, between offsets.
struct Packed<'a, T: ByteArrayType>(&'a GenericByteArray<T>);

impl<T: ByteArrayType> Packed<'_, T> {
    /// Where the data of the first row begins and that of the last one ends.
    fn range(&self) -> (usize, usize) {
        let offsets = self.0.value_offsets();
        let end = |offset: Option<&T::Offset>| offset.map_or(0, |offset| offset.as_usize());
        (end(offsets.first()), end(offsets.last()))
    }

    fn data_bytes(&self) -> u64 {
        let (first, last) = self.range();
        last.saturating_sub(first) as u64
    }

    fn write_offsets(&self, target: &mut [u8]) {
        let (first, _) = self.range();
        for (target, offset) in target.chunks_exact_mut(4).zip(self.0.value_offsets()) {
            // The data was measured: it ends below 2³¹.
            let offset = offset.as_usize().wrapping_sub(first) as u32;
            target.copy_from_slice(&offset.to_le_bytes());
        }
    }

    fn write_data(&self, target: &mut [u8]) {
        let (first, last) = self.range();
        let data = self.0.value_data().get(first..last);
        target.copy_from_slice(data.expect("offsets end inside the data"));
    }
}

/// Rows that stand anywhere. A null row has no bytes here, whatever its view
/// says.
struct Views<'a, T: ByteViewType>(&'a GenericByteViewArray<T>);

impl<T: ByteViewType> Views<'_, T> {
    fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.0
            .iter()
            .map(|row| row.map_or(&[][..], |value| value.as_ref()))
    }

    fn data_bytes(&self) -> u64 {
        self.rows()
            .fold(0, |sum: u64, row| sum.saturating_add(row.len() as u64))
    }

    fn write_offsets(&self, target: &mut [u8]) {
        let mut end = 0_u32;
        let mut targets = target.chunks_exact_mut(4);
        if let Some(first) = targets.next() {
            first.copy_from_slice(&end.to_le_bytes());
        }
        for (target, row) in targets.zip(self.rows()) {
            end = end.wrapping_add(row.len() as u32);
            target.copy_from_slice(&end.to_le_bytes());
        }
    }

    fn write_data(&self, mut target: &mut [u8]) {
        for row in self.rows() {
            let Some((piece, rest)) = target.split_at_mut_checked(row.len()) else {
                return;
            };
            piece.copy_from_slice(row);
            target = rest;
        }
    }
}
