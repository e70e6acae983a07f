//! Lowered argument columns, read as slices of guest memory.
//!
//! Natively there is no host: columns of tests are read in their place.

#[cfg(not(target_arch = "wasm32"))]
use std::fmt::Debug;
use std::marker::PhantomData;
use std::ptr;

use fusebox_abi::ArrowArray;

use crate::aligned_copy::CopySlots;

use super::buffers::{BufferLayout, Buffers};
use super::memory::{bytes_at, word_at};
use super::strings::{ByteStrings, TextStrings};

/// A column of a test, in the layout of a lowered one.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) trait NativeColumn: Debug {
    /// Returns the buffers, for a batch of `rows` rows.
    fn native_buffers(&self, rows: usize) -> Buffers<'_>;

    /// Returns the texts of a column of type VARCHAR.
    fn native_texts(&self) -> TextStrings<'_>;

    /// Returns a child.
    fn native_child(&self, index: usize) -> &dyn NativeColumn;

    /// Returns the number of rows of the column.
    fn native_length(&self) -> usize;
}

/// The columns of a call.
#[derive(Debug)]
enum Source<'c> {
    Guest(*const ArrowArray, PhantomData<&'c ArrowArray>),
    #[cfg(not(target_arch = "wasm32"))]
    Native(std::slice::Iter<'c, &'c dyn NativeColumn>),
}

/// The argument columns of a call that have not been read yet.
#[derive(Debug)]
pub struct Arguments<'c> {
    next: Source<'c>,
    /// Slots for aligned copies of values.
    pub(crate) slots: CopySlots,
    /// Number of rows of the batch.
    pub(crate) rows: usize,
}

impl<'c> Arguments<'c> {
    /// Takes the arguments of a call.
    ///
    /// # Safety
    ///
    /// `args` is the address of one lowered array per argument of the function,
    /// in the order of its signature. They and all memory that they refer to stay
    /// unchanged during `'c`.
    pub(super) unsafe fn new(args: *const ArrowArray, rows: usize) -> Self {
        Self {
            next: Source::Guest(args, PhantomData),
            slots: CopySlots::default(),
            rows,
        }
    }

    /// Takes columns of a test, for a batch of `rows` rows.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn native(columns: &'c [&'c dyn NativeColumn], rows: usize) -> Self {
        Self {
            next: Source::Native(columns.iter()),
            slots: CopySlots::default(),
            rows,
        }
    }

    /// Reads the buffers of the next column. Each argument reads one column, in
    /// the order of the signature and in the layout of its type.
    #[inline(always)]
    pub(crate) fn next(&mut self, layout: BufferLayout) -> Buffers<'c> {
        let array = self.next_array();
        let slot = self.slots.allocate();
        array.buffers(layout, slot, self.rows)
    }

    /// Reads the next column, which is of type VARCHAR.
    pub(crate) fn next_text(&mut self) -> (Buffers<'c>, TextStrings<'c>) {
        let array = self.next_array();
        let slot = self.slots.allocate();
        array.text(slot, self.rows)
    }

    /// Returns the next column unread.
    #[inline(always)]
    pub(crate) fn next_array(&mut self) -> RawArray<'c> {
        match &mut self.next {
            Source::Guest(next, _) => {
                // SAFETY: the caller of `new` guarantees one array per argument,
                // unchanged during `'c`; each argument advances by one.
                let array = unsafe { &**next };
                *next = next.wrapping_add(1);
                RawArray(Array::Guest(array))
            }
            #[cfg(not(target_arch = "wasm32"))]
            Source::Native(columns) => {
                let column = columns.next().expect("there is a column for each argument");
                RawArray(Array::Native(*column))
            }
        }
    }
}

/// The `ArrowArray` of a lowered column, or of a child of one.
///
/// The caller of [`Arguments::new`] guarantees that it is of the type of its
/// argument, and that all memory it refers to stays unchanged during `'c`. Each
/// method is called only by the code for a type that has what it reads.
#[derive(Clone, Copy, Debug)]
pub struct RawArray<'c>(Array<'c>);

/// The memory of an array.
#[derive(Clone, Copy, Debug)]
enum Array<'c> {
    Guest(&'c ArrowArray),
    #[cfg(not(target_arch = "wasm32"))]
    Native(&'c dyn NativeColumn),
}

impl<'c> RawArray<'c> {
    /// Reads the buffers, for a batch of `rows` rows.
    #[inline(always)]
    pub(crate) fn buffers(self, layout: BufferLayout, slot: usize, rows: usize) -> Buffers<'c> {
        let array = match self.0 {
            Array::Guest(array) => array,
            #[cfg(not(target_arch = "wasm32"))]
            Array::Native(column) => return column.native_buffers(rows),
        };
        let length = self.length();
        let bitmap_bytes = length.div_ceil(64) * 8;
        let values_bytes = match layout {
            BufferLayout::Bits => bitmap_bytes,
            BufferLayout::Numbers(width) => length * width,
            BufferLayout::Bytes => (length + 1) * size_of::<i32>(),
        };
        // SAFETY: by the guarantee of `RawArray`, `buffers` is the address of the
        // addresses of the validity bitmap, which may be 0, of the values, and,
        // under `BufferLayout::Bytes`, of the data, which ends at the last offset.
        // Bitmaps may be read in whole words, since the host pads every buffer to
        // 64 bytes with zeros.
        unsafe {
            let addresses = array.buffers;
            let (validity, values) = (word_at(addresses), word_at(addresses + 4));
            let data = match layout {
                BufferLayout::Bytes => {
                    let last_offset = values + length as u32 * 4;
                    bytes_at(word_at(addresses + 8), word_at(last_offset) as usize)
                }
                BufferLayout::Bits | BufferLayout::Numbers(_) => &[],
            };
            Buffers {
                slot,
                rows,
                length,
                validity: (validity != 0).then(|| bytes_at(validity, bitmap_bytes)),
                values: bytes_at(values, values_bytes),
                data,
            }
        }
    }

    /// Reads the buffers and the texts of a column of type VARCHAR.
    pub(crate) fn text(self, slot: usize, rows: usize) -> (Buffers<'c>, TextStrings<'c>) {
        let buffers = self.buffers(BufferLayout::Bytes, slot, rows);
        #[cfg(not(target_arch = "wasm32"))]
        if let Array::Native(column) = self.0 {
            return (buffers, column.native_texts());
        }
        // SAFETY: by the guarantee of `RawArray`, this is an argument of type
        // VARCHAR, which is UTF-8 in every row, null or not.
        let texts = unsafe { TextStrings::new_unchecked(ByteStrings::new(&buffers)) };
        (buffers, texts)
    }

    /// Reads the buffers of a nested column: the validity bitmap, and offsets if
    /// it has any, for a batch of `rows` rows.
    pub(crate) fn nested_buffers(self, has_offsets: bool, rows: usize) -> Buffers<'c> {
        let array = match self.0 {
            Array::Guest(array) => array,
            #[cfg(not(target_arch = "wasm32"))]
            Array::Native(column) => return column.native_buffers(rows),
        };
        let length = self.length();
        // SAFETY: by the guarantee of `RawArray`, of a nested type: `buffers` is
        // the address of the addresses of the validity bitmap, which may be 0, and
        // of the offsets if the type has any, one more than rows.
        unsafe {
            let validity = word_at(array.buffers);
            Buffers {
                slot: 0,
                rows,
                length,
                validity: (validity != 0).then(|| bytes_at(validity, length.div_ceil(64) * 8)),
                values: match has_offsets {
                    true => bytes_at(word_at(array.buffers + 4), (length + 1) * size_of::<i32>()),
                    false => &[],
                },
                data: &[],
            }
        }
    }

    /// Returns a child: the items of a list, the entries of a map, or a field.
    pub(crate) fn child(self, index: usize) -> Self {
        let array = match self.0 {
            Array::Guest(array) => array,
            #[cfg(not(target_arch = "wasm32"))]
            Array::Native(column) => return Self(Array::Native(column.native_child(index))),
        };
        // SAFETY: by the guarantee of `RawArray`, `children` is the address of the
        // addresses of as many arrays as the type has, all of which stay unchanged
        // during `'c`; the code for the type asks for no others.
        Self(Array::Guest(unsafe {
            let child = word_at(array.children + index as u32 * 4);
            &*ptr::with_exposed_provenance::<ArrowArray>(child as usize)
        }))
    }

    /// Returns the number of rows of the column.
    pub(crate) fn length(self) -> usize {
        match self.0 {
            Array::Guest(array) => array.length as usize,
            #[cfg(not(target_arch = "wasm32"))]
            Array::Native(column) => column.native_length(),
        }
    }
}
