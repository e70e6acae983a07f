//! What stands in guest memory, byte by byte: a column, and why there is none.
//!
//! Both sides go through these structs; what they mean is said in the crate's
//! own documentation.

/// A column: `struct ArrowArray` of the Arrow C Data Interface on wasm32.
///
/// Pointers are `u32` byte offsets into linear memory, 0 being the null
/// pointer.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArrowArray {
    /// Rows in the column.
    pub length: i64,
    /// Null rows in the column, or -1 where the guest has not counted.
    pub null_count: i64,
    /// Rows to skip at the start of every buffer.
    pub offset: i64,
    /// Addresses behind `buffers`.
    pub n_buffers: i64,
    /// Addresses behind `children`.
    pub n_children: i64,
    /// The address of the buffers' addresses.
    pub buffers: u32,
    /// The address of the children's addresses.
    pub children: u32,
    /// The address of the dictionary's `ArrowArray`.
    pub dictionary: u32,
    /// A function of the guest, as an index of its table. The host never
    /// calls it.
    pub release: u32,
    /// Whatever the guest likes.
    pub private_data: u32,
    /// What C leaves between the last field and the end of the struct.
    pub padding: u32,
}

impl ArrowArray {
    /// The struct's size, in bytes.
    pub const SIZE: usize = 64;

    /// The bytes that stand in guest memory.
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        let wide = [
            self.length,
            self.null_count,
            self.offset,
            self.n_buffers,
            self.n_children,
        ];
        let narrow = [
            self.buffers,
            self.children,
            self.dictionary,
            self.release,
            self.private_data,
            self.padding,
        ];
        let (front, back) = bytes.split_at_mut(size_of_val(&wide));
        for (bytes, field) in front.chunks_exact_mut(8).zip(wide) {
            bytes.copy_from_slice(&field.to_le_bytes());
        }
        for (bytes, field) in back.chunks_exact_mut(4).zip(narrow) {
            bytes.copy_from_slice(&field.to_le_bytes());
        }
        bytes
    }

    /// Reads the struct back from the bytes of guest memory. Any bytes are a
    /// struct; whether it makes sense is for the reader to check.
    pub fn from_bytes(bytes: &[u8; Self::SIZE]) -> Self {
        let wide = |at| i64::from_le_bytes(array(bytes, at));
        let narrow = |at| u32::from_le_bytes(array(bytes, at));
        Self {
            length: wide(0),
            null_count: wide(8),
            offset: wide(16),
            n_buffers: wide(24),
            n_children: wide(32),
            buffers: narrow(40),
            children: narrow(44),
            dictionary: narrow(48),
            release: narrow(52),
            private_data: narrow(56),
            padding: narrow(60),
        }
    }
}

/// Why a function gave no result, written where the result would have been.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// The row of the batch, from 0, or -1 where no single row is to blame.
    pub row: i64,
    /// The address of the message, which should be UTF-8.
    pub message: u32,
    /// The message's length, in bytes.
    pub message_len: u32,
}

impl Failure {
    /// The struct's size, in bytes.
    pub const SIZE: usize = 16;

    /// The bytes that stand in guest memory.
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        bytes[..8].copy_from_slice(&self.row.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.message.to_le_bytes());
        bytes[12..].copy_from_slice(&self.message_len.to_le_bytes());
        bytes
    }

    /// Reads the struct back from the bytes of guest memory.
    pub fn from_bytes(bytes: &[u8; Self::SIZE]) -> Self {
        Self {
            row: i64::from_le_bytes(array(bytes, 0)),
            message: u32::from_le_bytes(array(bytes, 8)),
            message_len: u32::from_le_bytes(array(bytes, 12)),
        }
    }
}

/// What a guest says before it traps, where [`EXPORT_PANIC`](crate::EXPORT_PANIC) says.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Panic {
    /// The address of the message, which should be UTF-8, or 0 for none.
    pub message: u32,
    /// The message's length, in bytes.
    pub message_len: u32,
    /// The address of the name of the source file, or 0 for none.
    pub file: u32,
    /// The name's length, in bytes.
    pub file_len: u32,
    /// The line in the file, from 1.
    pub line: u32,
    /// The column in the line, from 1.
    pub column: u32,
}

impl Panic {
    /// The struct's size, in bytes.
    pub const SIZE: usize = 24;

    /// Reads the struct back from the bytes of guest memory.
    pub fn from_bytes(bytes: &[u8; Self::SIZE]) -> Self {
        let word = |at| u32::from_le_bytes(array(bytes, at));
        Self {
            message: word(0),
            message_len: word(4),
            file: word(8),
            file_len: word(12),
            line: word(16),
            column: word(20),
        }
    }
}

/// The `N` bytes at `at`, which the caller takes from a struct's own layout.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

// Guests compiled years ago read these structs: their shape is the ABI.
const _: () = {
    use core::mem::offset_of;
    assert!(size_of::<ArrowArray>() == ArrowArray::SIZE);
    assert!(align_of::<ArrowArray>() == 8);
    assert!(offset_of!(ArrowArray, length) == 0);
    assert!(offset_of!(ArrowArray, null_count) == 8);
    assert!(offset_of!(ArrowArray, offset) == 16);
    assert!(offset_of!(ArrowArray, n_buffers) == 24);
    assert!(offset_of!(ArrowArray, n_children) == 32);
    assert!(offset_of!(ArrowArray, buffers) == 40);
    assert!(offset_of!(ArrowArray, children) == 44);
    assert!(offset_of!(ArrowArray, dictionary) == 48);
    assert!(offset_of!(ArrowArray, release) == 52);
    assert!(offset_of!(ArrowArray, private_data) == 56);
    assert!(size_of::<Failure>() == Failure::SIZE);
    assert!(offset_of!(Failure, row) == 0);
    assert!(offset_of!(Failure, message) == 8);
    assert!(offset_of!(Failure, message_len) == 12);
    assert!(size_of::<Panic>() == Panic::SIZE);
    assert!(align_of::<Panic>() == 4);
    assert!(offset_of!(Panic, message) == 0);
    assert!(offset_of!(Panic, message_len) == 4);
    assert!(offset_of!(Panic, file) == 8);
    assert!(offset_of!(Panic, file_len) == 12);
    assert!(offset_of!(Panic, line) == 16);
    assert!(offset_of!(Panic, column) == 20);
};

#[cfg(test)]
mod tests {
    use super::*;

    const ARRAY: ArrowArray = ArrowArray {
        length: 0x0102_0304_0506_0708,
        null_count: -1,
        offset: 2,
        n_buffers: 3,
        n_children: 4,
        buffers: 0x0a0b_0c0d,
        children: 5,
        dictionary: 6,
        release: 7,
        private_data: 8,
        padding: 0,
    };

    #[rustfmt::skip]
    const ARRAY_BYTES: [u8; 64] = [
        8, 7, 6, 5, 4, 3, 2, 1,
        255, 255, 255, 255, 255, 255, 255, 255,
        2, 0, 0, 0, 0, 0, 0, 0,
        3, 0, 0, 0, 0, 0, 0, 0,
        4, 0, 0, 0, 0, 0, 0, 0,
        0x0d, 0x0c, 0x0b, 0x0a, 5, 0, 0, 0,
        6, 0, 0, 0, 7, 0, 0, 0,
        8, 0, 0, 0, 0, 0, 0, 0,
    ];

    #[test]
    fn array_has_the_bytes_it_always_had() {
        assert_eq!(ARRAY.to_bytes(), ARRAY_BYTES);
        assert_eq!(ArrowArray::from_bytes(&ARRAY_BYTES), ARRAY);
    }

    #[test]
    fn failure_has_the_bytes_it_always_had() {
        let failure = Failure {
            row: 17,
            message: 0x0001_0040,
            message_len: 300,
        };
        let bytes = [17, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 1, 0, 44, 1, 0, 0];
        assert_eq!(failure.to_bytes(), bytes);
        assert_eq!(Failure::from_bytes(&bytes), failure);
    }

    #[test]
    fn panic_has_the_bytes_it_always_had() {
        #[rustfmt::skip]
        let bytes = [
            0x40, 0, 1, 0, 44, 1, 0, 0,
            0x80, 0, 1, 0, 10, 0, 0, 0,
            100, 0, 0, 0, 5, 0, 0, 0,
        ];
        let panic = Panic {
            message: 0x0001_0040,
            message_len: 300,
            file: 0x0001_0080,
            file_len: 10,
            line: 100,
            column: 5,
        };
        assert_eq!(Panic::from_bytes(&bytes), panic);
    }
}
