//! Guest addresses into columns, and results into addresses.
//!
//! The only file with unsafe code. What crosses is specified in
//! [`fusebox_abi`]: the host keeps that contract, and this file believes it.
//! An address is a `u32`, so only a 32-bit target can make a call; the columns
//! that come out are plain slices, and what is done with them is safe code
//! that runs anywhere.
#![expect(unsafe_code, reason = "the border is where addresses become slices")]

use std::marker::PhantomData;
use std::ptr;
use std::slice;
#[cfg(feature = "arrow")]
use std::sync::Arc;

#[cfg(feature = "arrow")]
use arrow_array::ffi::{FFI_ArrowArray, from_ffi_and_data_type};
#[cfg(feature = "arrow")]
use arrow_data::ArrayData;
use fusebox_abi::{ArrowArray, Failure, STATUS_FAILURE, STATUS_OK};

#[cfg(feature = "arrow")]
use crate::array::{Borrowed, Copied, data_type};
use crate::calendar::{Date, Duration, Interval, Time};
use crate::column::{Buffers, Bytes, Column, Layout, Validity};
use crate::decimal::{AnyDecimal, Decimal};
use crate::float::F16;
use crate::places::Places;
#[cfg(target_arch = "wasm32")]
use crate::places::place;
use crate::report::failure;
#[cfg(test)]
use crate::sample::Sample;
#[cfg(feature = "arrow")]
use crate::sql::Parameter;
use crate::timestamp::{Timestamp, TimestampTz, Unit};
use crate::view::{ByteView, View};

/// One call of a function by the host.
#[derive(Debug)]
pub struct Call {
    args: *const ArrowArray,
    rows: usize,
    result: *mut ArrowArray,
}

impl Call {
    /// Takes what the host passed to an export.
    ///
    /// # Safety
    ///
    /// The three come from a host that keeps ABI 1. `args` are columns of the
    /// types of the function that the call is run with, and everything behind
    /// the addresses stays as it is until the export returns.
    pub unsafe fn new(args: *const ArrowArray, rows: u32, result: *mut ArrowArray) -> Self {
        Self {
            args,
            rows: rows as usize,
            result,
        }
    }

    /// The rows of the batch.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The same call, answered for its first `rows` rows.
    pub(crate) fn of_first(&self, rows: usize) -> Self {
        Self { rows, ..*self }
    }

    /// The argument columns, which live no longer than the call.
    pub(crate) fn arguments(&self) -> Arguments<'_> {
        Arguments {
            next: self.args,
            places: Places::default(),
            rows: self.rows,
            call: PhantomData,
        }
    }

    /// Answers with a column, all of which stays as it is until the next call.
    pub(crate) fn answer_with(&self, array: ArrowArray) -> u32 {
        // SAFETY: `new`'s caller vouches that `result` is 64 writable bytes,
        // aligned to 64, and `ArrowArray` has 64 bytes and any alignment up to
        // that.
        unsafe { self.result.write(array) };
        STATUS_OK
    }

    /// Answers that there is no result, and which row is to blame, if any is.
    pub fn fail(&self, row: Option<usize>, message: &str) -> u32 {
        let failure = failure(row, message);
        // SAFETY: `new`'s caller vouches that `result` is 64 writable bytes,
        // aligned to 64, and `Failure` has 16 bytes and the alignment of i64.
        unsafe { self.result.cast::<Failure>().write(failure) };
        STATUS_FAILURE
    }
}

/// The argument columns of a call that have not been read yet.
#[derive(Debug)]
pub struct Arguments<'c> {
    next: *const ArrowArray,
    /// For `aligned` copies of what the arguments hold.
    pub(crate) places: Places,
    /// The rows of the batch.
    pub(crate) rows: usize,
    call: PhantomData<&'c Call>,
}

/// A column that has not been read yet, or one inside of another.
#[derive(Clone, Copy, Debug)]
pub enum Array<'c> {
    /// Where the host left it.
    Guest(&'c ArrowArray),
    /// Where a test did.
    #[cfg(test)]
    Sample(&'c Sample),
}

impl<'c> Array<'c> {
    /// Reads the buffers, in the layout of the column's type. Of the batch are
    /// `rows` rows; the position is the place of its copies.
    #[inline(always)]
    pub(crate) fn buffers(self, layout: Layout, position: usize, rows: usize) -> Buffers<'c> {
        let array = match self {
            Self::Guest(array) => array,
            #[cfg(test)]
            Self::Sample(sample) => return sample.buffers_of(rows),
        };
        let length = array.length as usize;
        let bitmap_bytes = length.div_ceil(64) * 8;
        let values_bytes = match layout {
            Layout::Bits => bitmap_bytes,
            Layout::Numbers(width) => length * width,
            Layout::Bytes => (length + 1) * size_of::<i32>(),
        };
        // SAFETY: `Call::new`'s caller vouches for an array of the argument's
        // type, so at `buffers` stand the address of a validity bitmap or 0,
        // that of the values, and, under `Layout::Bytes`, that of the data,
        // which ends at the last offset. Bitmaps may be read in whole words,
        // since zeros pad every buffer to 64 bytes.
        unsafe {
            let addresses = array.buffers;
            let (validity, values) = (word(addresses), word(addresses + 4));
            let data = match layout {
                Layout::Bytes => {
                    let last_offset = values + length as u32 * 4;
                    view(word(addresses + 8), word(last_offset) as usize)
                }
                Layout::Bits | Layout::Numbers(_) => &[],
            };
            Buffers {
                position,
                rows,
                length,
                validity: (validity != 0).then(|| view(validity, bitmap_bytes)),
                values: view(values, values_bytes),
                data,
            }
        }
    }

    /// Reads the buffers of a column with others inside: the validity bitmap,
    /// and offsets if it has any. Of the batch are `rows` rows.
    pub(crate) fn outer_buffers(self, has_offsets: bool, rows: usize) -> Buffers<'c> {
        let array = match self {
            Self::Guest(array) => array,
            #[cfg(test)]
            Self::Sample(sample) => return sample.buffers_of(rows),
        };
        let length = array.length as usize;
        // SAFETY: as for `buffers`, of a type that has others inside: at
        // `buffers` stands the address of a validity bitmap or 0, and that of
        // the offsets, one more than rows, if it has any.
        unsafe {
            let validity = word(array.buffers);
            Buffers {
                position: 0,
                rows,
                length,
                validity: (validity != 0).then(|| view(validity, length.div_ceil(64) * 8)),
                values: match has_offsets {
                    true => view(word(array.buffers + 4), (length + 1) * size_of::<i32>()),
                    false => &[],
                },
                data: &[],
            }
        }
    }

    /// The column of a list's items, of a map's entries, or of a field.
    pub(crate) fn child(self, index: usize) -> Self {
        match self {
            // SAFETY: `Call::new`'s caller vouches for an array of the
            // argument's type, so at `children` stand the addresses of as many
            // arrays as the type has, which stay as they are during `'c`. Only
            // those are asked for, by the code that stands for the type.
            Self::Guest(array) => Self::Guest(unsafe {
                let child = word(array.children + index as u32 * 4);
                &*ptr::with_exposed_provenance::<ArrowArray>(child as usize)
            }),
            #[cfg(test)]
            Self::Sample(sample) => Self::Sample(sample.child(index)),
        }
    }

    /// The rows of the column.
    pub(crate) fn length(self) -> usize {
        match self {
            Self::Guest(array) => array.length as usize,
            #[cfg(test)]
            Self::Sample(sample) => sample.length(),
        }
    }
}

impl<'c> Arguments<'c> {
    /// The next column. Each argument reads one, in the order of the
    /// signature and in the layout of its type.
    #[inline(always)]
    pub(crate) fn next(&mut self, layout: Layout) -> Buffers<'c> {
        let array = self.next_array();
        let position = self.places.next();
        array.buffers(layout, position, self.rows)
    }

    /// The next column, to be read in parts.
    #[inline(always)]
    pub(crate) fn next_array(&mut self) -> Array<'c> {
        // SAFETY: `Call::new`'s caller vouches for one array per argument, and
        // each argument advances by one.
        let array = unsafe { &*self.next };
        self.next = self.next.wrapping_add(1);
        Array::Guest(array)
    }

    /// The next column, of the type VARCHAR.
    pub(crate) fn next_text(&mut self) -> Text<'c> {
        Text(Bytes::new(self.next(Layout::Bytes)))
    }
}

/// A column of text: of every row, null or not, the bytes are UTF-8.
#[derive(Clone, Copy, Debug)]
pub struct Text<'c>(Bytes<'c>);

impl<'c> Text<'c> {
    /// The text of a row; an unspecified one where it is null.
    #[inline]
    fn text(&self, row: usize) -> &'c str {
        // SAFETY: `Text` is made only from columns that are UTF-8 in every row: by
        // the host's word, which it gives for nulls too, or by `checked`.
        unsafe { str::from_utf8_unchecked(self.0.slice(row)) }
    }

    /// Makes a column of `length` rows, and checks what the host promises.
    #[cfg(test)]
    pub(crate) fn checked(bytes: Bytes<'c>, length: usize) -> Self {
        assert!((0..length).all(|row| str::from_utf8(bytes.get(row)).is_ok()));
        Self(bytes)
    }
}

impl<'c> Column for Text<'c> {
    type Item = &'c str;

    #[inline]
    fn validity(&self) -> &Validity<'_> {
        self.0.validity()
    }

    #[inline]
    fn at(&self, row: usize) -> &'c str {
        self.text(row)
    }

    #[inline]
    fn get(&self, row: usize) -> &'c str {
        let text = aligned(self.text(row).as_bytes(), self.0.position());
        // SAFETY: a copy of a text is one.
        unsafe { str::from_utf8_unchecked(text) }
    }

    #[inline]
    fn rows(&self, start: usize, rows: usize) -> impl Iterator<Item = &'c str> {
        (start..start + rows).map(|row| self.text(row))
    }
}

/// Texts of a column, consecutive ones: of every one that is not null, the
/// bytes are UTF-8.
#[derive(Clone, Copy, Debug)]
pub struct TextView<'c>(ByteView<'c>);

impl<'c> TextView<'c> {
    /// Reads a column of the type VARCHAR.
    pub(crate) fn new(array: Array<'c>, places: &mut Places) -> Self {
        #[cfg(test)]
        if let Array::Sample(sample) = array {
            sample.check_text();
        }
        Self(ByteView::new(array, places))
    }

    /// A text, unless it is null or there is none.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&'c str> {
        // SAFETY: what is there is not null, and `TextView` is made only of
        // columns of VARCHAR, by the type that the host was told.
        self.0
            .get(index)
            .map(|text| unsafe { str::from_utf8_unchecked(text) })
    }
}

impl<'c> View<'c> for TextView<'c> {
    const READ_BYTES: usize = ByteView::READ_BYTES;

    #[inline]
    fn rows(&self) -> usize {
        self.0.rows()
    }

    #[inline]
    fn part<const ALONE: bool>(self, start: usize, end: usize) -> Self {
        Self(self.0.part::<ALONE>(start, end))
    }
}

/// The same bytes at an aligned address, until the next row's are wanted.
///
/// What a text costs to look through depends on where it lies, since the
/// standard library goes by words, and in a column it lies where the rows
/// before it end.
#[inline]
pub(crate) fn aligned(bytes: &[u8], position: usize) -> &[u8] {
    #[cfg(target_arch = "wasm32")]
    {
        let place = place(position, bytes.len());
        // SAFETY: the place has room for the bytes, which lie elsewhere. Its
        // memory stays as it is until the next row asks for this argument, and
        // then nothing is left of the values of this row: they were made from
        // it in `batch::one` and appended to the results, or dropped.
        unsafe {
            copy(bytes, place);
            slice::from_raw_parts(place, bytes.len())
        }
    }
    #[cfg(not(target_arch = "wasm32"))]
    {
        let _ = position;
        bytes
    }
}

/// Copies bytes in a few steps where they are few: Wasm's own instruction calls
/// the host, which takes longer than that.
///
/// # Safety
///
/// At `to` is room for the bytes, which lie elsewhere.
#[cfg(target_arch = "wasm32")]
#[inline(always)]
unsafe fn copy(bytes: &[u8], to: *mut u8) {
    let (from, len) = (bytes.as_ptr(), bytes.len());
    // SAFETY: pieces end where the bytes do, at the latest: they may overlap,
    // and no byte is left out. They have a size each that the compiler knows,
    // so it takes a load and a store for each.
    unsafe {
        let piece = |start: usize, size: usize| {
            to.add(start)
                .copy_from_nonoverlapping(from.add(start), size)
        };
        match len {
            0 => {}
            1..4 => {
                piece(0, 1);
                piece(len / 2, 1);
                piece(len - 1, 1);
            }
            4..8 => {
                piece(0, 4);
                piece(len - 4, 4);
            }
            8..16 => {
                piece(0, 8);
                piece(len - 8, 8);
            }
            16..32 => {
                piece(0, 16);
                piece(len - 16, 16);
            }
            32..64 => {
                piece(0, 16);
                piece(16, 16);
                piece(len - 32, 16);
                piece(len - 16, 16);
            }
            _ => piece(0, len),
        }
    }
}

/// Borrows `len` bytes at an address.
///
/// # Safety
///
/// At `address`, which is not 0, lie `len` initialised bytes that nothing
/// writes or frees during `'c`.
unsafe fn view<'c>(address: u32, len: usize) -> &'c [u8] {
    let start = ptr::with_exposed_provenance(address as usize);
    // SAFETY: the caller vouches for `len` bytes at `start`, which is not null.
    unsafe { slice::from_raw_parts(start, len) }
}

/// Reads the word at an address.
///
/// # Safety
///
/// At `address`, a multiple of 4, lie 4 initialised bytes.
unsafe fn word(address: u32) -> u32 {
    // SAFETY: the caller vouches for the bytes and their alignment.
    unsafe { ptr::with_exposed_provenance::<u32>(address as usize).read() }
}

/// The argument columns of a call, as structs of the C Data Interface: of the
/// types of the parameters, in the layout of ABI 1, and they stay as they are
/// during `'c`.
#[cfg(feature = "arrow")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Headers<'c> {
    headers: &'c [FFI_ArrowArray],
    parameters: &'c [Parameter],
}

#[cfg(feature = "arrow")]
impl<'c> Headers<'c> {
    /// Reads the headers of a call of a function that has these parameters.
    pub(crate) fn new(call: &'c Call, parameters: &'c [Parameter]) -> Self {
        if parameters.is_empty() {
            return Self {
                headers: &[],
                parameters,
            };
        }
        // SAFETY: `Call::new`'s caller vouches for one array per argument, side
        // by side, which stay as they are until the export returns. On wasm32,
        // the one target that makes calls, both structs are the C Data
        // Interface's, field by field; a `release` of 0 is none.
        let headers = unsafe { slice::from_raw_parts(call.args.cast(), parameters.len()) };
        Self {
            headers,
            parameters,
        }
    }

    /// Takes what Arrow itself has written, and checks its types.
    #[cfg(test)]
    pub(crate) fn checked(
        headers: &'c [FFI_ArrowArray],
        types: &[arrow_schema::DataType],
        parameters: &'c [Parameter],
    ) -> Self {
        let expected = parameters.iter().map(|parameter| data_type(&parameter.sql));
        assert!(headers.len() == types.len() && expected.eq(types.iter().cloned().map(Ok)));
        Self {
            headers,
            parameters,
        }
    }

    /// Lends the arguments to `work`, and answers with what it has made. What
    /// that shares with an argument is copied.
    ///
    /// The arrays own the arguments as far as their types can tell, and may be
    /// cloned and kept, while the host overwrites the arena after the call. So
    /// each buffer that lies there shares in a loan, and here is the one way
    /// out of a call: past the end of the loan.
    ///
    /// # Panics
    ///
    /// If anything else keeps memory of an argument.
    pub(crate) fn lend(
        self,
        function: &str,
        work: impl FnOnce(Vec<ArrayData>) -> Result<ArrayData, String>,
    ) -> Result<ArrayData, String> {
        let mut loan = Arc::new(());
        let arguments = self.arrays(&loan)?;
        let borrowed = Borrowed::of(&arguments);
        let result = work(arguments).map(|result| owned(result, &borrowed));
        // Whoever has a buffer of an argument has a share in the loan as well.
        // Nothing of the author's runs from here to the next call: a panic ends
        // the instance.
        let is_over = Arc::get_mut(&mut loan).is_some();
        assert!(is_over, "an argument of `{function}` outlives its call");
        result
    }

    fn arrays(self, loan: &Arc<()>) -> Result<Vec<ArrayData>, String> {
        let columns = self.headers.iter().zip(self.parameters);
        let arrays = columns.map(|(header, parameter)| {
            let data_type = data_type(&parameter.sql)?;
            // Children need no copy: only the array itself is ever released.
            let mut lent = FFI_ArrowArray::empty();
            lent.length = header.length;
            lent.null_count = header.null_count;
            lent.n_buffers = header.n_buffers;
            lent.n_children = header.n_children;
            lent.buffers = header.buffers;
            lent.children = header.children;
            lent.private_data = Arc::into_raw(Arc::clone(loan)).cast_mut().cast();
            lent.release = Some(give_back);
            // SAFETY: `Headers` vouches for columns of the types in a layout
            // that is Arrow's too. Every buffer of theirs that is made keeps
            // `lent`, and so the loan, and `lend` does not return during it.
            let array = unsafe { from_ffi_and_data_type(lent, data_type) };
            array.map_err(|error| error.to_string())
        });
        arrays.collect()
    }
}

/// The `release` of an argument: ends one share in the loan.
#[cfg(feature = "arrow")]
unsafe extern "C" fn give_back(lent: *mut FFI_ArrowArray) {
    // SAFETY: Arrow releases an array once, by its own address, and
    // `Headers::arrays` left a share of its own there.
    unsafe {
        drop(Arc::from_raw(
            (*lent).private_data.cast::<()>().cast_const(),
        ))
    }
}

/// The same array, with a copy of each buffer that is borrowed.
#[cfg(feature = "arrow")]
fn owned(array: ArrayData, borrowed: &Borrowed) -> ArrayData {
    let Copied { nulls, buffers } = borrowed.copied(&array);
    let children = array.child_data().iter().cloned();
    let children = children.map(|child| owned(child, borrowed)).collect();
    let builder = array.into_builder().nulls(nulls).buffers(buffers);
    // SAFETY: the array was valid, and all its buffers are as long as they were
    // and hold the same bytes.
    unsafe { builder.child_data(children).build_unchecked() }
}

/// A number of which any bytes of its width are one.
///
/// # Safety
///
/// That is so, it has no padding, and in memory it is little endian on
/// wasm32.
pub unsafe trait Fixed: Copy + 'static {}

macro_rules! fixed {
    ($([$($generics:tt)*] $number:ty;)*) => {$(
        // SAFETY: a primitive number, one in a transparent struct, or an
        // `Interval`, whose three numbers fill 16 bytes in the order of C.
        unsafe impl<$($generics)*> Fixed for $number {}
    )*};
}
fixed! {
    [] i8; [] i16; [] i32; [] i64;
    [] u8; [] u16; [] u32; [] u64;
    [] f32; [] f64; [] F16;
    [const P: u8, const S: i8] Decimal<P, S>;
    [] AnyDecimal; [] Date; [] Time; [U: Unit] Timestamp<U>; [] TimestampTz; [] Duration; [] Interval;
}
const _: () = assert!(size_of::<Interval>() == 16);

/// Borrows bytes as numbers, if they are whole numbers and lie where numbers
/// do: every column of the host's does.
pub(crate) fn as_numbers<N: Fixed>(bytes: &[u8]) -> Option<&[N]> {
    let numbers = bytes.len() / size_of::<N>();
    let first: *const N = bytes.as_ptr().cast();
    if numbers == 0 || !first.is_aligned() || numbers * size_of::<N>() != bytes.len() {
        return bytes.is_empty().then_some(&[]);
    }
    // SAFETY: the bytes are so many numbers and lie where numbers do, and any
    // bytes are a number of the type. The borrow is that of the bytes.
    Some(unsafe { slice::from_raw_parts(first, numbers) })
}

/// Borrows numbers as bytes.
pub(crate) fn as_bytes<N: Fixed>(numbers: &[N]) -> &[u8] {
    // SAFETY: the numbers have no padding, so all of their bytes are
    // initialised; bytes need no alignment, and the borrow is that of the
    // numbers.
    unsafe { slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers)) }
}

/// What only a guest has: imports, exports, and its memory.
#[cfg(target_arch = "wasm32")]
pub(crate) mod guest {
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::ptr;
    use std::sync::atomic::AtomicU32;

    use crate::arena::arena;
    use crate::scratch::guest::{SCRATCH, offset, place};
    use crate::scratch::price;

    #[link(wasm_import_module = "fusebox")]
    unsafe extern "C" {
        // SAFETY: the types are those of ABI 1, and no address crosses.
        pub(crate) safe fn row_begin(row: u32);
        pub(crate) safe fn row_end(bytes: u32);
        safe fn row_pause(bytes: u32);
        safe fn row_resume();
        pub(crate) safe fn row_group_begin(row: u32);
        pub(crate) safe fn metering_mode() -> u32;
        pub(crate) safe fn has_fuel() -> u32;
    }

    #[unsafe(no_mangle)]
    extern "C" fn fusebox_abi_1() {}

    #[unsafe(no_mangle)]
    extern "C" fn fusebox_alloc(bytes: u32) -> u32 {
        arena(bytes)
    }

    /// `fusebox_abi::Panic`, word by word.
    #[unsafe(no_mangle)]
    pub(crate) static fusebox_panic: [AtomicU32; 6] = [const { AtomicU32::new(0) }; 6];

    /// Scratch memory in a row as far as it goes, the standard allocator
    /// otherwise.
    struct Allocator;

    #[global_allocator]
    static ALLOCATOR: Allocator = Allocator;

    /// Does what the standard allocator is asked for, at a price for the row.
    fn priced<T>(copied: usize, grown: usize, work: impl FnOnce() -> T) -> T {
        if !SCRATCH.is_in_row() {
            return work();
        }
        row_pause(price(copied, grown));
        let done = work();
        row_resume();
        done
    }

    // SAFETY: memory comes from the standard allocator, or from the piece:
    // `Scratch` hands out no byte twice while it is in use, at offsets of the
    // alignment asked for up to 64, which the piece has itself. Which of the
    // two memory came from is told by its address.
    unsafe impl GlobalAlloc for Allocator {
        #[inline]
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            match SCRATCH.place(layout.size(), layout.align()) {
                Some(offset) => place(offset),
                // SAFETY: the caller vouches for the layout.
                None => priced(0, layout.size(), || unsafe { System.alloc(layout) }),
            }
        }

        #[inline]
        unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
            match offset(pointer) {
                Some(offset) => SCRATCH.free(offset),
                // SAFETY: what is not in the piece is the standard allocator's,
                // and the caller vouches for the rest.
                None => priced(0, 0, || unsafe { System.dealloc(pointer, layout) }),
            }
        }

        #[inline]
        unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
            let Some(offset) = offset(pointer) else {
                // SAFETY: as for `dealloc`.
                return priced(bytes, bytes, || unsafe {
                    System.realloc(pointer, layout, bytes)
                });
            };
            if SCRATCH.resize(offset, bytes) {
                return pointer;
            }
            // SAFETY: the caller vouches that `bytes`, rounded up to the
            // alignment, is a size; the new memory does not overlap the old,
            // and both have the bytes that are copied.
            unsafe {
                let moved = self.alloc(Layout::from_size_align_unchecked(bytes, layout.align()));
                if !moved.is_null() {
                    ptr::copy_nonoverlapping(pointer, moved, layout.size().min(bytes));
                    self.dealloc(pointer, layout);
                }
                moved
            }
        }
    }
}
