//! Structs in guest memory, byte by byte: a column, a failure, a panic.
//!
//! Host and guest both read and write guest memory through these structs. [The
//! page of the crate](crate) specifies their meaning.

/// A column: `struct ArrowArray` of the Arrow C Data Interface on wasm32.
///
/// Pointers are `u32` byte offsets into linear memory, 0 being the null
/// pointer.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArrowArray {
    /// Number of rows.
    pub length: i64,
    /// Number of null rows, or -1 if not counted.
    pub null_count: i64,
    /// Number of rows to skip at the start of every buffer.
    pub offset: i64,
    /// Number of addresses at `buffers`.
    pub n_buffers: i64,
    /// Number of addresses at `children`.
    pub n_children: i64,
    /// Address of the buffers' addresses.
    pub buffers: u32,
    /// Address of the children's addresses.
    pub children: u32,
    /// Address of the dictionary's `ArrowArray`.
    pub dictionary: u32,
    /// Index of a guest function in its table. The host never calls it.
    pub release: u32,
    /// Private data of the guest; the host ignores it.
    pub private_data: u32,
    /// Padding of the C struct after its last field.
    pub padding: u32,
}

impl ArrowArray {
    /// Size of the struct, in bytes.
    pub const SIZE: usize = 64;

    /// Returns the bytes of the struct in guest memory.
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

    /// Reads the struct from bytes of guest memory. Any bytes are valid here: the
    /// caller checks the values.
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

/// Failure of a call, written to `result` instead of a column. The bytes of `result` after it are
/// reserved, and 0.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// Row of the batch that failed, from 0, or -1 for no particular row.
    pub row: i64,
    /// Address of the message, which should be UTF-8.
    pub message: u32,
    /// Length of the message, in bytes.
    pub message_len: u32,
}

impl Failure {
    /// Size of the struct, in bytes.
    pub const SIZE: usize = 16;

    /// Returns the bytes of the struct in guest memory.
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        bytes[..8].copy_from_slice(&self.row.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.message.to_le_bytes());
        bytes[12..].copy_from_slice(&self.message_len.to_le_bytes());
        bytes
    }

    /// Reads the struct from bytes of guest memory.
    pub fn from_bytes(bytes: &[u8; Self::SIZE]) -> Self {
        Self {
            row: i64::from_le_bytes(array(bytes, 0)),
            message: u32::from_le_bytes(array(bytes, 8)),
            message_len: u32::from_le_bytes(array(bytes, 12)),
        }
    }
}

/// Message and location of a panic, at the address that the global
/// [`EXPORT_PANIC`](crate::EXPORT_PANIC) holds. It has no room for more: another struct would have
/// another export.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Panic {
    /// Address of the message, which should be UTF-8, or 0 for none.
    pub message: u32,
    /// Length of the message, in bytes.
    pub message_len: u32,
    /// Address of the name of the source file, or 0 for none.
    pub file: u32,
    /// Length of the name, in bytes.
    pub file_len: u32,
    /// Line in the file, from 1.
    pub line: u32,
    /// Column in the line, from 1.
    pub column: u32,
}

impl Panic {
    /// Size of the struct, in bytes.
    pub const SIZE: usize = 24;

    /// Reads the struct from bytes of guest memory.
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

/// Returns the `N` bytes at offset `at`, which lies in the struct's layout.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

// Guests compiled years ago read these structs: their layout is part of the ABI.
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
    fn bytes_of_an_array_do_not_change() {
        assert_eq!(ARRAY.to_bytes(), ARRAY_BYTES);
        assert_eq!(ArrowArray::from_bytes(&ARRAY_BYTES), ARRAY);
    }

    #[test]
    fn bytes_of_a_failure_do_not_change() {
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
    fn bytes_of_a_panic_do_not_change() {
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
