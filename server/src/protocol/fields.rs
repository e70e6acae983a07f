//! Fields of a message, read in order.

use bytes::Bytes;

use super::ProtocolError;

/// Bytes of one message that are not read yet.
pub(crate) struct Fields {
    bytes: Bytes,
    message: char,
}

impl Fields {
    /// Starts at the begin of a message of a type.
    pub(crate) fn new(message: u8, bytes: Bytes) -> Self {
        Self {
            bytes,
            message: char::from(message),
        }
    }

    fn malformed(&self, expected: &'static str) -> ProtocolError {
        ProtocolError::Malformed {
            message: self.message,
            expected,
        }
    }

    /// Takes `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Result<Bytes, ProtocolError> {
        match count <= self.bytes.len() {
            true => Ok(self.bytes.split_to(count)),
            false => Err(self.malformed("more bytes")),
        }
    }

    /// Takes all bytes that are left.
    pub(crate) fn rest(self) -> Bytes {
        self.bytes
    }

    pub(crate) fn u8(&mut self) -> Result<u8, ProtocolError> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16, ProtocolError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, ProtocolError> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, ProtocolError> {
        self.array().map(u32::from_be_bytes)
    }

    /// Takes a value with its length; `None` for a null.
    pub(crate) fn value(&mut self) -> Result<Option<Bytes>, ProtocolError> {
        match self.i32()? {
            -1 => Ok(None),
            length => {
                let length = usize::try_from(length);
                let length = length.map_err(|_| self.malformed("a length, or -1 for a null"))?;
                self.take(length).map(Some)
            }
        }
    }

    /// Takes a text that ends with a zero byte.
    pub(crate) fn text(&mut self) -> Result<String, ProtocolError> {
        let end = self.bytes.iter().position(|byte| *byte == 0);
        let end = end.ok_or_else(|| self.malformed("a text that ends with a zero byte"))?;
        let text = self.bytes.split_to(end);
        let _zero = self.bytes.split_to(1);
        String::from_utf8(text.into()).map_err(|_| ProtocolError::Encoding)
    }

    /// Takes a count and as many items.
    pub(crate) fn list<T>(
        &mut self,
        item: impl Fn(&mut Self) -> Result<T, ProtocolError>,
    ) -> Result<Vec<T>, ProtocolError> {
        let count = self.u16()?;
        // No item is empty, so that the bytes of the message bound the list.
        (0..count).map(|_| item(self)).collect()
    }

    /// Checks that nothing is left.
    pub(crate) fn end(self) -> Result<(), ProtocolError> {
        match self.bytes.is_empty() {
            true => Ok(()),
            false => Err(self.malformed("the end of the message")),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ProtocolError> {
        let bytes = self.take(N)?;
        Ok(std::array::from_fn(|index| bytes[index]))
    }
}
