//! The binary format: a signature, tuples of values with their lengths, and an end.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::report::{BAD_COPY_FORMAT, LIMIT_EXCEEDED, Report};

/// First bytes, which a change of line ends or of the eighth bit would damage.
const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";

/// Bytes of the signature, of flags and of the length of an extension.
const HEADER_BYTES: usize = SIGNATURE.len() + 8;

/// Number of values that stands for the end.
const END: i16 = -1;

/// Writes the signature, without flags and extensions.
pub(super) fn put_signature(out: &mut BytesMut) {
    out.put_slice(SIGNATURE);
    out.put_i32(0);
    out.put_i32(0);
}

/// Writes the end, after the signature if there were no rows.
pub(super) fn put_end(has_rows: bool, out: &mut BytesMut) {
    if !has_rows {
        put_signature(out);
    }
    out.put_i16(END);
}

/// Values of a tuple; `None` for nulls.
pub(crate) type Tuple = Vec<Option<Bytes>>;

/// Reader of tuples, which come in pieces of any size.
pub(crate) struct TupleReader {
    bytes: BytesMut,
    has_header: bool,
    is_at_end: bool,
    row: u64,
    row_bytes_max: usize,
}

impl TupleReader {
    pub(crate) fn new(row_bytes_max: usize) -> Self {
        Self {
            bytes: BytesMut::new(),
            has_header: false,
            is_at_end: false,
            row: 0,
            row_bytes_max,
        }
    }

    /// Adds bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the number of the last tuple, from 1.
    pub(crate) fn row(&self) -> u64 {
        self.row
    }

    /// Takes the next tuple; `None` if it is not complete, and after the end.
    ///
    /// # Errors
    ///
    /// A report for bytes that are no tuple, and for a tuple that is too long.
    pub(crate) fn next_tuple(&mut self, is_last: bool) -> Result<Option<Tuple>, Report> {
        if !self.has_header && !self.take_header(is_last)? {
            return Ok(None);
        }
        if !self.is_at_end && self.bytes.starts_with(&END.to_be_bytes()) {
            self.bytes.advance(2);
            self.is_at_end = true;
        }
        // PostgreSQL accepts the end of the transfer in place of that of the rows.
        if self.bytes.is_empty() {
            return Ok(None);
        }
        if self.is_at_end {
            return Err(self.bad("expected no bytes after the end of the rows, found some"));
        }
        let Some(count) = self.bytes.first_chunk::<2>() else {
            return self.incomplete(is_last);
        };
        let Ok(count) = usize::try_from(i16::from_be_bytes(*count)) else {
            return Err(self.bad("expected a number of values, found a negative one"));
        };
        let mut ranges = Vec::with_capacity(count.min(self.bytes.len() / 4));
        let mut end = 2;
        for _ in 0..count {
            let Some(length) = self.bytes[end..].first_chunk::<4>() else {
                return self.incomplete(is_last);
            };
            end += 4;
            let length = i32::from_be_bytes(*length);
            if length == -1 {
                ranges.push(None);
                continue;
            }
            let Ok(length) = usize::try_from(length) else {
                return Err(self.bad("expected the length of a value, found a negative one"));
            };
            if length > self.row_bytes_max {
                return Err(self.too_long());
            }
            let begin = end;
            end += length;
            if end > self.bytes.len() {
                return self.incomplete(is_last);
            }
            ranges.push(Some(begin..end));
        }
        self.row += 1;
        let tuple = self.bytes.split_to(end).freeze();
        let values = ranges.into_iter();
        let values = values.map(|range| range.map(|range| tuple.slice(range)));
        Ok(Some(values.collect()))
    }

    /// Takes the signature and its extension; returns false if they are not complete.
    fn take_header(&mut self, is_last: bool) -> Result<bool, Report> {
        let begin = self.bytes.len().min(SIGNATURE.len());
        if self.bytes[..begin] != SIGNATURE[..begin] {
            return Err(self.bad("expected the signature of FORMAT binary, found other bytes"));
        }
        let words = self.bytes.get(SIGNATURE.len()..HEADER_BYTES);
        let words = words.and_then(|words| words.first_chunk::<8>());
        let Some([high, low, _, _, length @ ..]) = words else {
            return self.incomplete(is_last).map(|_| false);
        };
        if *high != 0 || *low != 0 {
            return Err(self.bad("expected no critical flags in FORMAT binary, found some"));
        }
        let length = usize::try_from(i32::from_be_bytes(*length)).ok();
        let Some(length) = length.filter(|length| *length <= self.row_bytes_max) else {
            return Err(self.bad("expected a short extension in FORMAT binary, found a long one"));
        };
        if self.bytes.len() < HEADER_BYTES + length {
            return self.incomplete(is_last).map(|_| false);
        }
        self.bytes.advance(HEADER_BYTES + length);
        self.has_header = true;
        Ok(true)
    }

    /// Waits for more bytes, unless there are none, or too many already.
    fn incomplete(&self, is_last: bool) -> Result<Option<Tuple>, Report> {
        if is_last {
            return Err(self.bad("expected a whole row, found the end of the transfer"));
        }
        match self.bytes.len() > self.row_bytes_max {
            true => Err(self.too_long()),
            false => Ok(None),
        }
    }

    fn too_long(&self) -> Report {
        let message = format!(
            "expected rows of at most {} bytes, found a longer one after row {}",
            self.row_bytes_max, self.row
        );
        Report::error(LIMIT_EXCEEDED, message)
    }

    fn bad(&self, message: &str) -> Report {
        let message = format!("{message} at row {} of COPY", self.row + 1);
        Report::error(BAD_COPY_FORMAT, message)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(tuples: &[Tuple]) -> BytesMut {
        let mut out = BytesMut::new();
        put_signature(&mut out);
        for tuple in tuples {
            out.put_i16(i16::try_from(tuple.len()).unwrap());
            for value in tuple {
                match value {
                    Some(value) => {
                        out.put_i32(i32::try_from(value.len()).unwrap());
                        out.put_slice(value);
                    }
                    None => out.put_i32(-1),
                }
            }
        }
        put_end(true, &mut out);
        out
    }

    /// Reads tuples that come in pieces of a size.
    fn decoded(bytes: &[u8], piece: usize) -> Result<Vec<Tuple>, Report> {
        let mut reader = TupleReader::new(1_000);
        let mut tuples = Vec::new();
        for piece in bytes.chunks(piece) {
            reader.push(piece);
            while let Some(tuple) = reader.next_tuple(false)? {
                tuples.push(tuple);
            }
        }
        while let Some(tuple) = reader.next_tuple(true)? {
            tuples.push(tuple);
        }
        Ok(tuples)
    }

    #[test]
    fn bytes_that_are_no_tuples_are_refused() {
        let whole = encoded(&[vec![Some(Bytes::from_static(b"x")), None]]).to_vec();
        let length = whole.len();
        assert_eq!(decoded(&whole, 3).unwrap().len(), 1);
        // The end may be left out whole.
        assert_eq!(decoded(&whole[..length - 2], 3).unwrap().len(), 1);
        let after_header = |bytes: &[u8]| [&whole[..HEADER_BYTES], bytes].concat();
        for (bytes, code) in [
            (b"PGCOPX\n\xff\r\n\0".to_vec(), BAD_COPY_FORMAT),
            (b"1\tx\n".to_vec(), BAD_COPY_FORMAT),
            (Vec::new(), BAD_COPY_FORMAT),
            (whole[..15].to_vec(), BAD_COPY_FORMAT),
            (whole[..length - 1].to_vec(), BAD_COPY_FORMAT),
            (whole[..length - 4].to_vec(), BAD_COPY_FORMAT),
            ([&whole[..], b"x"].concat(), BAD_COPY_FORMAT),
            (after_header(b"\xff\xfe"), BAD_COPY_FORMAT),
            (after_header(b"\0\x01\xff\xff\xff\xfe"), BAD_COPY_FORMAT),
            (after_header(b"\0\x01\x7f\xff\xff\xff"), LIMIT_EXCEEDED),
        ] {
            let found = decoded(&bytes, 4).map_err(|report| report.code);
            assert_eq!(found, Err(code), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn tuples_are_read_as_they_were_written(
            tuples in proptest::collection::vec(
                proptest::collection::vec(any::<Option<Vec<u8>>>(), 0..5),
                0..5,
            ),
            piece in 1..40_usize,
        ) {
            let value = |value: Option<Vec<u8>>| value.map(Bytes::from);
            let tuples = tuples.into_iter();
            let tuples: Vec<Tuple> = tuples
                .map(|tuple| tuple.into_iter().map(value).collect())
                .collect();
            let found = decoded(&encoded(&tuples), piece).map_err(|report| report.message);
            prop_assert_eq!(found, Ok(tuples));
        }

        #[test]
        fn arbitrary_bytes_are_tuples_or_refused(bytes: Vec<u8>, piece in 1..40_usize) {
            let mut whole = BytesMut::new();
            put_signature(&mut whole);
            whole.extend_from_slice(&bytes);
            let _ = decoded(&whole, piece);
            let _ = decoded(&bytes, piece);
        }
    }
}
