//! One number for all that a function answered.

/// What a function answered for a row.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// Nothing.
    Null,
    /// The bits of a number, or 0 and 1.
    Number(u64),
    /// A text, or bytes.
    Bytes(&'a [u8]),
}

/// The FNV-1a hash, of 64 bits, of the values of a column: of 0 for a null,
/// of 1 and a number's 8 bytes, the lowest first, and of 2, the length of bytes
/// as such a number, and the bytes.
///
/// It tells apart columns that differ by chance or by mistake, which is all that
/// a bench has to fear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checksum(u64);

impl Default for Checksum {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Checksum {
    /// Adds the next row's value.
    pub fn add(&mut self, value: Value<'_>) {
        match value {
            Value::Null => self.hash(&[0]),
            Value::Number(bits) => {
                self.hash(&[1]);
                self.hash(&bits.to_le_bytes());
            }
            Value::Bytes(bytes) => {
                self.hash(&[2]);
                self.hash(&(bytes.len() as u64).to_le_bytes());
                self.hash(bytes);
            }
        }
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }

    fn hash(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[Value<'_>]) -> u64 {
        let mut checksum = Checksum::default();
        values.iter().for_each(|value| checksum.add(*value));
        checksum.get()
    }

    #[test]
    fn columns_that_differ_in_one_place_have_other_checksums() {
        let columns: [&[Value<'_>]; 8] = [
            &[],
            &[Value::Null],
            &[Value::Null, Value::Null],
            &[Value::Number(0)],
            &[Value::Number(1)],
            &[Value::Bytes(b"")],
            &[Value::Bytes(b"ab"), Value::Bytes(b"c")],
            &[Value::Bytes(b"a"), Value::Bytes(b"bc")],
        ];
        for (number, column) in columns.iter().enumerate() {
            for other in &columns[..number] {
                assert_ne!(of(column), of(other), "{column:?} {other:?}");
            }
        }
    }

    // By the definition of FNV, its numbers in decimal.
    #[test]
    fn checksum_is_that_of_the_encoding() {
        let bytes = [2, 1, 0, 0, 0, 0, 0, 0, 0, b'a'];
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(1_099_511_628_211);
        let expected = bytes.iter().fold(14_695_981_039_346_656_037, step);
        assert_eq!(of(&[Value::Bytes(b"a")]), expected);
    }
}
