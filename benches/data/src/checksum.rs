//! Checksums of results.

/// Result of a row.
#[derive(Clone, Copy, Debug)]
pub enum ResultValue<'a> {
    /// Null.
    Null,
    /// Bits of a number; 0 or 1 for a boolean.
    Number(u64),
    /// Bytes of a text or of a binary.
    Bytes(&'a [u8]),
}

/// 64-bit FNV-1a hash of the values of a column.
///
/// A null is hashed as the byte 0, a number as 1 and its 8 bytes in little endian,
/// bytes as 2, their length in 8 bytes, and the bytes. The hash detects accidental
/// differences; it is not collision resistant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checksum(u64);

impl Default for Checksum {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Checksum {
    /// Adds the value of the next row.
    pub fn add(&mut self, value: ResultValue<'_>) {
        match value {
            ResultValue::Null => self.hash(&[0]),
            ResultValue::Number(bits) => {
                self.hash(&[1]);
                self.hash(&bits.to_le_bytes());
            }
            ResultValue::Bytes(bytes) => {
                self.hash(&[2]);
                self.hash(&(bytes.len() as u64).to_le_bytes());
                self.hash(bytes);
            }
        }
    }

    /// Returns the hash.
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

    fn of(values: &[ResultValue<'_>]) -> u64 {
        let mut checksum = Checksum::default();
        values.iter().for_each(|value| checksum.add(*value));
        checksum.get()
    }

    #[test]
    fn different_columns_have_different_checksums() {
        let columns: [&[ResultValue<'_>]; 8] = [
            &[],
            &[ResultValue::Null],
            &[ResultValue::Null, ResultValue::Null],
            &[ResultValue::Number(0)],
            &[ResultValue::Number(1)],
            &[ResultValue::Bytes(b"")],
            &[ResultValue::Bytes(b"ab"), ResultValue::Bytes(b"c")],
            &[ResultValue::Bytes(b"a"), ResultValue::Bytes(b"bc")],
        ];
        for (number, column) in columns.iter().enumerate() {
            for other in &columns[..number] {
                assert_ne!(of(column), of(other), "{column:?} {other:?}");
            }
        }
    }

    // Offset basis and prime in decimal, as in the definition of FNV.
    #[test]
    fn the_checksum_is_fnv_1a_of_the_encoding() {
        let bytes = [2, 1, 0, 0, 0, 0, 0, 0, 0, b'a'];
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(1_099_511_628_211);
        let expected = bytes.iter().fold(14_695_981_039_346_656_037, step);
        assert_eq!(of(&[ResultValue::Bytes(b"a")]), expected);
    }
}
