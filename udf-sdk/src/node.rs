//! Result columns that hold others: lists, structs, maps, and what is in them.
//!
//! One type serves columns of every SQL type, so that functions share its code
//! and the memory that it keeps from call to call.

use fusebox_abi::ArrowArray;

use crate::arena::address;

/// The most bytes or items that a column of texts or lists may have, since its
/// offsets are `i32`.
const OFFSET_MAX: usize = i32::MAX as usize;

/// A column has no room for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One bit a row.
    Bits,
    /// So many bytes a row.
    Numbers(usize),
    /// Offsets, and data.
    Bytes,
    /// Offsets of the rows of one column inside.
    List,
    /// As many rows of each column inside.
    Struct,
}

/// A result column in the making, with those inside of it.
#[derive(Debug)]
pub struct Node {
    layout: Layout,
    len: usize,
    /// Bits of rows up to the last that is null; empty where none is.
    validity: Vec<u8>,
    offsets: Vec<i32>,
    /// Values, bits or bytes.
    data: Vec<u8>,
    children: Vec<Node>,
    // What the host reads: addresses of buffers, addresses of children, and
    // the children themselves.
    buffers: Vec<u32>,
    arrays: Vec<ArrowArray>,
    addresses: Vec<u32>,
}

impl Node {
    /// A column without rows and without memory.
    pub(crate) const fn new() -> Self {
        Self {
            layout: Layout::Struct,
            len: 0,
            validity: Vec::new(),
            offsets: Vec::new(),
            data: Vec::new(),
            children: Vec::new(),
            buffers: Vec::new(),
            arrays: Vec::new(),
            addresses: Vec::new(),
        }
    }

    /// Forgets all rows, but keeps their memory; returns the children, of which
    /// there are so many.
    pub(crate) fn start(&mut self, layout: Layout, children: usize) -> &mut [Node] {
        self.layout = layout;
        self.len = 0;
        self.validity.clear();
        self.offsets.clear();
        if matches!(layout, Layout::Bytes | Layout::List) {
            self.offsets.push(0);
        }
        self.data.clear();
        self.children.resize_with(children, Self::new);
        &mut self.children
    }

    /// Appends a row that is null. Fields of a struct follow when one is
    /// appended that is not, or in the end.
    pub(crate) fn append_null(&mut self) {
        self.set_null(self.len);
        match self.layout {
            Layout::Bits => self.append_bit(false),
            Layout::Numbers(1) => self.append_number([0; 1]),
            Layout::Numbers(2) => self.append_number([0; 2]),
            Layout::Numbers(4) => self.append_number([0; 4]),
            Layout::Numbers(8) => self.append_number([0; 8]),
            Layout::Numbers(_) => self.append_number([0; 16]),
            Layout::Bytes | Layout::List => {
                let end = self.offsets.last().copied().unwrap_or(0);
                self.offsets.push(end);
                self.len += 1;
            }
            Layout::Struct => self.len += 1,
        }
    }

    /// Makes a row null, whatever is appended for it.
    fn set_null(&mut self, row: usize) {
        // By and by, and values in the same way: an instruction that fills
        // memory is dear.
        while row / 8 >= self.validity.len() {
            self.validity.push(u8::MAX);
        }
        if let Some(byte) = self.validity.get_mut(row / 8) {
            *byte &= !(1 << (row % 8));
        }
    }

    /// Makes those of the rows from `start` null whose bits are 1.
    pub(crate) fn set_nulls(&mut self, start: usize, mut nulls: u64) {
        while nulls != 0 {
            let row = start + nulls.trailing_zeros() as usize;
            if row < self.len {
                self.set_null(row);
            }
            nulls &= nulls - 1;
        }
    }

    /// Appends a number.
    #[inline]
    pub(crate) fn append_number<const WIDTH: usize>(&mut self, bytes: [u8; WIDTH]) {
        self.data.extend_from_slice(&bytes);
        self.len += 1;
    }

    /// Appends numbers.
    pub(crate) fn append_numbers(&mut self, bytes: &[u8], numbers: usize) {
        self.data.extend_from_slice(bytes);
        self.len += numbers;
    }

    /// Appends a boolean.
    pub(crate) fn append_bit(&mut self, bit: bool) {
        if self.len.is_multiple_of(8) {
            self.data.push(0);
        }
        if let Some(byte) = self.data.last_mut() {
            *byte |= u8::from(bit) << (self.len % 8);
        }
        self.len += 1;
    }

    /// Appends a text or bytes.
    pub(crate) fn append_bytes(&mut self, bytes: &[u8]) -> Result<(), Full> {
        self.append_bytes_up_to(OFFSET_MAX, bytes)
    }

    fn append_bytes_up_to(&mut self, bytes_max: usize, bytes: &[u8]) -> Result<(), Full> {
        if bytes.len() > bytes_max - self.data.len() {
            return Err(Full);
        }
        self.data.extend_from_slice(bytes);
        self.offsets.push(self.data.len() as i32);
        self.len += 1;
        Ok(())
    }

    /// Appends a list or map, whose items `append` appends to the child.
    pub(crate) fn append_list(
        &mut self,
        append: impl FnOnce(&mut Node) -> Result<(), Full>,
    ) -> Result<(), Full> {
        let [items] = &mut self.children[..] else {
            return Err(Full);
        };
        append(items)?;
        if items.len > OFFSET_MAX {
            return Err(Full);
        }
        self.offsets.push(items.len as i32);
        self.len += 1;
        Ok(())
    }

    /// Appends a struct, whose fields are appended to the children that this
    /// returns.
    pub(crate) fn append_struct(&mut self) -> &mut [Node] {
        for field in &mut self.children {
            if field.len < self.len {
                field.pad(self.len);
            }
        }
        self.len += 1;
        &mut self.children
    }

    /// Appends a struct in a column that has had no null. Fields that nobody
    /// appends are nulls [in the end](Self::append_nulls).
    pub(crate) fn append_row(&mut self) -> &mut [Node] {
        self.len += 1;
        &mut self.children
    }

    /// Makes nulls of all rows of the fields that are not wanted.
    pub(crate) fn append_nulls(&mut self, wanted: &[bool]) {
        let len = self.len;
        let fields = self.children.iter_mut().zip(wanted);
        for (field, _) in fields.filter(|(_, is_wanted)| !**is_wanted) {
            field.validity.resize(len.div_ceil(8), 0);
            field.pad(len);
        }
    }

    /// Appends rows of any value until there are `len`, which is more.
    #[inline(never)]
    fn pad(&mut self, len: usize) {
        self.len = len;
        match self.layout {
            Layout::Bits => self.data.resize(len.div_ceil(8), 0),
            Layout::Numbers(width) => self.data.resize(len * width, 0),
            Layout::Bytes | Layout::List => {
                let end = self.offsets.last().copied().unwrap_or(0);
                self.offsets.resize(len + 1, end);
            }
            Layout::Struct => {}
        }
    }

    /// The column as the host reads it, until it is changed again.
    pub(crate) fn finish(&mut self) -> ArrowArray {
        if self.layout == Layout::Struct {
            for field in &mut self.children {
                if field.len < self.len {
                    field.pad(self.len);
                }
            }
        }
        let validity = match self.validity.is_empty() {
            true => 0,
            false => {
                self.validity.resize(self.len.div_ceil(8), u8::MAX);
                address(self.validity.as_ptr())
            }
        };
        self.buffers.clear();
        self.buffers.push(validity);
        match self.layout {
            Layout::Bits | Layout::Numbers(_) => self.buffers.push(address(self.data.as_ptr())),
            Layout::Bytes => self
                .buffers
                .extend([address(self.offsets.as_ptr()), address(self.data.as_ptr())]),
            Layout::List => self.buffers.push(address(self.offsets.as_ptr())),
            Layout::Struct => {}
        }
        self.arrays.clear();
        self.arrays
            .extend(self.children.iter_mut().map(Self::finish));
        self.addresses.clear();
        self.addresses
            .extend(self.arrays.iter().map(|array| address(array)));
        ArrowArray {
            length: self.len as i64,
            null_count: -1,
            n_buffers: self.buffers.len() as i64,
            n_children: self.addresses.len() as i64,
            buffers: address(self.buffers.as_ptr()),
            children: address(self.addresses.as_ptr()),
            ..ArrowArray::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::sample::Sample;

    impl Node {
        /// The column as the host would lower it again.
        pub(crate) fn lowered(&mut self) -> Sample {
            let array = self.finish();
            assert_eq!(array.length, self.len as i64);
            assert_eq!(array.n_buffers, self.buffers.len() as i64);
            assert_eq!(array.n_children, self.children.len() as i64);
            let is_valid = |row: &usize| {
                let byte = self.validity.get(row / 8);
                byte.is_none_or(|byte| byte >> (row % 8) & 1 == 1)
            };
            let valid = (0..self.len).map(|row| is_valid(&row).then_some(()));
            let offsets = self.offsets.iter().flat_map(|offset| offset.to_le_bytes());
            let (values, data) = match self.layout {
                Layout::Bits | Layout::Numbers(_) => (self.data.clone(), vec![]),
                _ => (offsets.collect(), self.data.clone()),
            };
            let valid: Vec<_> = valid.collect();
            let children = self.children.iter_mut().map(Self::lowered);
            Sample::of(&valid, values, data, children.collect())
        }
    }

    #[test]
    fn fields_of_a_null_follow_in_the_end() {
        let mut node = Node::new();
        let fields = node.start(Layout::Struct, 2);
        fields[0].start(Layout::Numbers(4), 0);
        fields[1].start(Layout::Bytes, 0);
        node.append_null();
        node.append_null();
        let [number, text] = node.append_struct() else {
            panic!("there are two fields");
        };
        number.append_numbers(&[1, 2, 3, 4], 1);
        text.append_bytes(b"abc").unwrap();
        node.append_null();
        assert_eq!(node.finish().length, 4);
        let [number, text] = &node.children[..] else {
            panic!("there are two fields");
        };
        assert_eq!(number.data, [[0; 4], [0; 4], [1, 2, 3, 4], [0; 4]].concat());
        assert_eq!(text.offsets, [0, 0, 0, 3, 3]);
        assert_eq!(node.validity, [0b1111_0100]);
        assert_eq!((number.len, text.len), (4, 4));
    }

    #[test]
    fn column_takes_bytes_up_to_the_last() {
        let mut node = Node::new();
        node.start(Layout::Bytes, 0);
        assert_eq!(node.append_bytes_up_to(8, b"12345"), Ok(()));
        assert_eq!(node.append_bytes_up_to(8, b"6789"), Err(Full));
        assert_eq!(node.append_bytes_up_to(8, b"678"), Ok(()));
        assert_eq!(node.append_bytes_up_to(8, b"9"), Err(Full));
        assert_eq!(node.append_bytes_up_to(8, b""), Ok(()));
        assert_eq!(node.offsets, [0, 5, 8, 8]);
    }

    #[test]
    fn next_batch_finds_nothing_of_the_one_before() {
        let mut node = Node::new();
        for _ in 0..2 {
            let items = node.start(Layout::List, 1);
            items[0].start(Layout::Bits, 0);
            node.append_null();
            let append = |items: &mut Node| {
                items.append_bit(true);
                items.append_null();
                items.append_bit(true);
                Ok(())
            };
            node.append_list(append).unwrap();
            let array = node.finish();
            assert_eq!((array.length, array.n_buffers, array.n_children), (2, 2, 1));
            assert_eq!(
                (node.offsets.clone(), node.validity.clone()),
                (vec![0, 0, 3], vec![0xfe])
            );
            let items = &node.children[0];
            assert_eq!(
                (&items.data[..], &items.validity[..]),
                (&[0b101][..], &[0xfd][..])
            );
        }
        // Of another type.
        node.start(Layout::Numbers(1), 0);
        node.append_numbers(b"ab", 2);
        let array = node.finish();
        assert_eq!((array.length, array.n_buffers, array.n_children), (2, 2, 0));
        assert_eq!(node.buffers[0], 0);
    }
}
