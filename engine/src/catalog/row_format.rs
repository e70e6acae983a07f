//! The bytes of rows: streams of Arrow's IPC format, read as those of a stranger.
//!
//! Format: <https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format>.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};

use super::CatalogError;

/// Four bytes before the length of each message.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// Alignment of the buffers in a stream, in bytes.
const ALIGNMENT: usize = 64;

/// Number of rows that a batch may have whatever the size of its body.
const ROWS_MAX: i64 = 1 << 16;

/// Writes a stream of a schema and at most one batch.
///
/// The options are stated because those that Arrow has unless given may change: version 5 of the
/// messages, without compression.
pub(super) fn encode(schema: &Schema, batch: Option<&RecordBatch>) -> Result<Vec<u8>, ArrowError> {
    let options = IpcWriteOptions::try_new(ALIGNMENT, false, ipc::MetadataVersion::V5)?;
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), schema, options)?;
    if let Some(batch) = batch {
        writer.write(batch)?;
    }
    writer.into_inner()
}

/// Reads a stream, without copying it. Nothing is allocated for what the bytes only announce.
///
/// # Errors
///
/// [`CatalogError::Failed`] if the bytes are no such stream. Arrow's reader is not proved to
/// refuse all that are wrong without a panic, so that one is an error as well.
pub(super) fn decode(bytes: Buffer) -> Result<(SchemaRef, Vec<RecordBatch>), CatalogError> {
    let damaged = |reason: &str| {
        CatalogError::Failed(format!(
            "expected rows in Arrow's stream format, found others ({reason}): restore the catalog"
        ))
    };
    check_messages(&bytes).map_err(|reason| damaged(&reason))?;
    match catch_unwind(AssertUnwindSafe(|| read(bytes))) {
        Ok(read) => read.map_err(|error| damaged(&error.to_string())),
        Err(_) => Err(damaged("the reader panicked")),
    }
}

fn read(mut bytes: Buffer) -> Result<(SchemaRef, Vec<RecordBatch>), ArrowError> {
    let mut decoder = StreamDecoder::new();
    let mut batches = Vec::new();
    while let Some(batch) = decoder.decode(&mut bytes)? {
        batches.push(batch);
    }
    decoder.finish()?;
    let missing = || ArrowError::IpcError("there is no schema".to_owned());
    Ok((decoder.schema().ok_or_else(missing)?, batches))
}

/// Checks that each message and its body lie within the bytes, each buffer within its body, and
/// that none is compressed: the length that it would have is only announced.
fn check_messages(mut bytes: &[u8]) -> Result<(), String> {
    loop {
        let prefix = take(&mut bytes, 4, "a message")?;
        let length = match prefix == CONTINUATION {
            true => take(&mut bytes, 4, "a message")?,
            false => prefix,
        };
        let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]);
        if length == 0 {
            return Ok(());
        }
        let message = take(&mut bytes, i64::from(length), "a message")?;
        let message = ipc::root_as_message(message).map_err(|error| error.to_string())?;
        let body = take(&mut bytes, message.bodyLength(), "the body of a message")?;
        let dictionary = message.header_as_dictionary_batch();
        let rows = dictionary.and_then(|dictionary| dictionary.data());
        if let Some(rows) = message.header_as_record_batch().or(rows) {
            check_buffers(rows, body)?;
        }
    }
}

fn check_buffers(rows: ipc::RecordBatch<'_>, body: &[u8]) -> Result<(), String> {
    if rows.compression().is_some() {
        return Err("a batch is compressed".to_owned());
    }
    // Columns without buffers, as of type Null, have as many rows as are announced.
    let rows_max = (body.len() as i64)
        .saturating_mul(8)
        .saturating_add(ROWS_MAX);
    let nodes = rows.nodes().into_iter().flatten();
    let mut lengths = nodes.map(|node| node.length()).chain([rows.length()]);
    if let Some(length) = lengths.find(|length| !(0..=rows_max).contains(length)) {
        return Err(format!("{length} rows in a body of {} bytes", body.len()));
    }
    for buffer in rows.buffers().iter().flatten() {
        let end = buffer.offset().checked_add(buffer.length());
        let is_within = buffer.offset() >= 0 && buffer.length() >= 0;
        if !is_within || end.is_none_or(|end| end > body.len() as i64) {
            return Err(format!(
                "a buffer of {} bytes at {} in a body of {}",
                buffer.length(),
                buffer.offset(),
                body.len()
            ));
        }
    }
    Ok(())
}

/// Removes `length` bytes from the beginning and returns them.
fn take<'a>(bytes: &mut &'a [u8], length: i64, what: &str) -> Result<&'a [u8], String> {
    let taken = usize::try_from(length)
        .ok()
        .and_then(|length| bytes.split_at_checked(length));
    let ends = || format!("{what} of {length} bytes where {} are left", bytes.len());
    let (taken, rest) = taken.ok_or_else(ends)?;
    *bytes = rest;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, DictionaryArray, Int64Array, StringArray};
    use arrow::datatypes::Int8Type;
    use proptest::prelude::*;

    use super::*;

    fn rows() -> RecordBatch {
        let numbers = Int64Array::from(vec![Some(1), None, Some(3)]);
        let texts = StringArray::from(vec!["a", "", "crab"]);
        let words: DictionaryArray<Int8Type> = ["x", "y", "x"].into_iter().collect();
        let columns: [(&str, ArrayRef); 3] = [
            ("n", Arc::new(numbers)),
            ("t", Arc::new(texts)),
            ("w", Arc::new(words)),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn stream() -> Vec<u8> {
        encode(&rows().schema(), Some(&rows())).unwrap()
    }

    fn reason(bytes: Vec<u8>) -> String {
        decode(bytes.into()).unwrap_err().to_string()
    }

    #[test]
    fn rows_are_read_as_they_were_written() {
        let (schema, batches) = decode(stream().into()).unwrap();
        assert_eq!((schema, batches), (rows().schema(), vec![rows()]));
    }

    #[test]
    fn messages_are_of_version_5_aligned_and_not_compressed() {
        let bytes = stream();
        let (mut at, mut kinds) = (0, Vec::new());
        while let size @ 1.. = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) {
            assert_eq!(bytes[at..at + 4], CONTINUATION);
            let body = at + 8 + size as usize;
            assert_eq!(body % 8, 0);
            let message = ipc::root_as_message(&bytes[at + 8..body]).unwrap();
            assert_eq!(message.version(), ipc::MetadataVersion::V5);
            kinds.push(message.header_type());
            if let Some(rows) = message.header_as_record_batch() {
                assert!(rows.compression().is_none());
                let mut buffers = rows.buffers().into_iter().flatten();
                assert!(buffers.all(|buffer| buffer.offset() % ALIGNMENT as i64 == 0));
            }
            at = body + message.bodyLength() as usize;
        }
        let expected = [
            ipc::MessageHeader::Schema,
            ipc::MessageHeader::DictionaryBatch,
            ipc::MessageHeader::RecordBatch,
        ];
        assert_eq!(kinds, expected);
        assert_eq!(bytes[at..], [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    }

    /// Returns the stream with the length of the body of its last message changed.
    fn with_body_length(length: i64) -> Vec<u8> {
        let mut bytes = stream();
        let mut at = 0;
        let mut place = 0;
        let mut body = 0;
        while let size @ 1.. = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) {
            let metadata = at + 8..at + 8 + size as usize;
            let message = ipc::root_as_message(&bytes[metadata.clone()]).unwrap();
            body = message.bodyLength();
            let found = bytes[metadata.clone()].windows(8);
            let found = found
                .enumerate()
                .find(|(_, word)| *word == body.to_le_bytes());
            place = metadata.start + found.map_or(0, |(offset, _)| offset);
            at = metadata.end + body as usize;
        }
        assert!(body > 0, "the last message has rows");
        bytes[place..place + 8].copy_from_slice(&length.to_le_bytes());
        bytes
    }

    #[test]
    fn announced_lengths_are_not_allocated() {
        for length in [-1, 1 << 31, i64::MAX] {
            let expected = format!("the body of a message of {length} bytes where");
            let reason = reason(with_body_length(length));
            assert!(reason.contains(&expected), "{reason}");
        }
    }

    #[test]
    fn stream_that_ends_early_is_refused() {
        let bytes = stream();
        for length in 0..bytes.len() - 8 {
            assert!(
                decode(bytes[..length].to_vec().into()).is_err(),
                "{length} bytes"
            );
        }
    }

    proptest! {
        #[test]
        fn changed_bytes_are_read_or_refused(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let mut bytes = stream();
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            // A panic of the reader is an error, too: it has some for schemas.
            if let Ok((_, batches)) = decode(bytes.into()) {
                let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
                prop_assert!(rows < 100_000, "{rows} rows");
            }
        }
    }
}
