//! Values of parameters, which arrive as batches.
//!
//! Decoders of Arrow trust the lengths of a message where it has no bytes for them, and copy
//! buffers that are not aligned, of which many may be the same bytes. So lengths and sizes are
//! checked before a message is decoded, and the size of what it stands for after that.

use arrow::datatypes::DataType;
use arrow::ipc::{RecordBatch as BatchHeader, root_as_message};
use arrow_flight::FlightData;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use datafusion::arrow::array::RecordBatch;
use datafusion::common::{DataFusionError, ScalarValue};
use futures::{StreamExt, TryStreamExt, stream};
use prost::Message;
use tonic::Streaming;

use super::Caller;
use crate::encoding::arrow_messages::{ArrowColumns, batch_bytes};
use crate::report::{
    INTERNAL_ERROR, INVALID_PARAMETER, LIMIT_EXCEEDED, PROTOCOL_VIOLATION, Report,
};

/// Maximum number of values in a column of a batch, and in a list of such values.
const VALUES_MAX: i64 = 1_000_000;

/// Maximum size of the description of a message in bytes: decoders search for the dictionaries of
/// all of its columns.
const HEADER_BYTES_MAX: usize = 1 << 20;

/// Memory of a message beside its bytes.
const MESSAGE_OVERHEAD: usize = 256;

/// Memory of a batch beside its values.
const BATCH_OVERHEAD: usize = 256;

/// Reads the batches that follow a command, the first message included.
///
/// # Errors
///
/// A report if they are malformed or too large.
pub(super) async fn read(
    caller: &Caller,
    first: FlightData,
    mut stream: Streaming<FlightData>,
) -> Result<Vec<RecordBatch>, Report> {
    let bytes_max = caller.shared().config.message_bytes_max();
    let mut messages = Vec::new();
    let mut bytes = 0;
    let mut next = Some(first);
    while let Some(message) = next {
        bytes += message.encoded_len() + MESSAGE_OVERHEAD;
        if bytes > bytes_max {
            return Err(too_large(bytes_max));
        }
        messages.push(message);
        next = stream.message().await.map_err(|status| {
            let message = format!("expected batches of parameters: {}", status.message());
            Report::error(PROTOCOL_VIOLATION, message)
        })?;
    }
    // A command alone has no batches.
    messages.retain(|message| !message.data_header.is_empty());
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let decoding = async move { decoded(messages, bytes_max).await };
    let read = caller.on_threads(decoding).await;
    read.map_err(|report| match report.code {
        INTERNAL_ERROR => malformed("a message that no decoder accepts"),
        _ => report,
    })?
}

/// Decodes batches, with dictionaries replaced by their values.
async fn decoded(messages: Vec<FlightData>, bytes_max: usize) -> Result<Vec<RecordBatch>, Report> {
    for message in &messages {
        check_message(&message.data_header, message.data_body.len())?;
    }
    let messages = stream::iter(messages).map(Ok::<_, FlightError>);
    let batches = FlightRecordBatchStream::new_from_flight_data(messages);
    let batches: Vec<RecordBatch> = batches
        .try_collect()
        .await
        .map_err(|error| malformed(&error.to_string()))?;
    if values_bytes(&batches, bytes_max) > bytes_max {
        return Err(too_large(bytes_max));
    }
    let cast = batches.iter().filter(|batch| batch.num_columns() > 0);
    let cast = cast.map(|batch| {
        let columns = ArrowColumns::new(&batch.schema());
        columns.cast(batch, 0..batch.num_rows())
    });
    cast.collect::<Result<_, _>>()
        .map_err(|error| Report::from(DataFusionError::from(error)))
}

/// Returns the bytes of batches. Beyond a maximum it does not count on.
pub(super) fn values_bytes(batches: &[RecordBatch], max: usize) -> usize {
    let mut total = 0_usize;
    for batch in batches {
        let bytes = batch_bytes(batch, 0..batch.num_rows(), max as u64);
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        total = total.saturating_add(bytes).saturating_add(BATCH_OVERHEAD);
        if total > max {
            break;
        }
    }
    total
}

/// Checks the lengths that a message states, with a body of so many bytes.
fn check_message(header: &[u8], body: usize) -> Result<(), Report> {
    if header.len() > HEADER_BYTES_MAX {
        let found = header.len();
        let message = format!(
            "expected a description of a batch of at most {HEADER_BYTES_MAX} bytes, found {found}"
        );
        return Err(Report::error(LIMIT_EXCEEDED, message));
    }
    let message = root_as_message(header).map_err(|error| malformed(&error.to_string()))?;
    let dictionary = message.header_as_dictionary_batch();
    if dictionary.is_some_and(|dictionary| dictionary.isDelta()) {
        return Err(malformed("a dictionary in parts"));
    }
    let batch = match dictionary {
        Some(dictionary) => dictionary.data(),
        None => message.header_as_record_batch(),
    };
    batch.map_or(Ok(()), |batch| check_batch(&batch, body))
}

fn check_batch(batch: &BatchHeader<'_>, body: usize) -> Result<(), Report> {
    if batch.compression().is_some() {
        return Err(malformed("compressed buffers"));
    }
    let lengths = batch
        .nodes()
        .into_iter()
        .flatten()
        .map(|node| node.length());
    let mut lengths = std::iter::once(batch.length()).chain(lengths);
    if let Some(length) = lengths.find(|length| !(0..=VALUES_MAX).contains(length)) {
        let message = format!("expected at most {VALUES_MAX} values in a column, found {length}");
        return Err(Report::error(LIMIT_EXCEEDED, message));
    }
    let mut free = body;
    for buffer in batch.buffers().into_iter().flatten() {
        let place = usize::try_from(buffer.offset()).ok();
        let length = usize::try_from(buffer.length()).ok();
        let end = place.and_then(|place| place.checked_add(length?));
        if end.is_none_or(|end| end > body) {
            return Err(malformed("a buffer outside of its message"));
        }
        let rest = length.and_then(|length| free.checked_sub(length));
        free = rest.ok_or_else(|| malformed("buffers that share bytes"))?;
    }
    Ok(())
}

/// Returns the values of a row.
///
/// # Errors
///
/// A report if a value has no literal.
pub(super) fn row(batch: &RecordBatch, row: usize) -> Result<Vec<Option<ScalarValue>>, Report> {
    let columns = batch.columns().iter();
    let values = columns.map(|column| Ok(Some(ScalarValue::try_from_array(column, row)?)));
    values.collect()
}

/// Checks that batches have a column for each parameter, of types that have literals.
///
/// # Errors
///
/// A report if they have not.
pub(super) fn check_columns(batches: &[RecordBatch], expected: usize) -> Result<(), Report> {
    for batch in batches {
        let found = batch.num_columns();
        if found != expected {
            let message =
                format!("expected a column for each of {expected} parameters, found {found}");
            return Err(Report::error(INVALID_PARAMETER, message));
        }
        for field in batch.schema().fields() {
            if let DataType::Union(..) = field.data_type() {
                let message = format!(
                    "expected values with literals for the parameter `{}`, found a union",
                    field.name()
                );
                return Err(Report::error(INVALID_PARAMETER, message));
            }
        }
    }
    Ok(())
}

fn malformed(cause: &str) -> Report {
    let message = format!("expected whole batches without compression, found: {cause}");
    Report::error(PROTOCOL_VIOLATION, message)
}

fn too_large(bytes_max: usize) -> Report {
    let message = format!("expected parameters of at most {bytes_max} bytes, found more");
    Report::error(LIMIT_EXCEEDED, message)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_flight::SchemaAsIpc;
    use arrow_flight::encode::{DictionaryHandling, FlightDataEncoderBuilder};
    use datafusion::arrow::array::{ArrayRef, DictionaryArray, Int64Array, StringArray};
    use datafusion::arrow::datatypes::{Field, Int32Type, Schema};
    use datafusion::arrow::ipc::writer::IpcWriteOptions;
    use proptest::prelude::*;
    use tokio::runtime::Builder;

    use super::*;

    fn decode(messages: Vec<FlightData>, bytes_max: usize) -> Result<Vec<RecordBatch>, Report> {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(decoded(messages, bytes_max))
    }

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn messages(batch: RecordBatch) -> Vec<FlightData> {
        let messages = FlightDataEncoderBuilder::new()
            .with_dictionary_handling(DictionaryHandling::Resend)
            .build(stream::iter([Ok(batch)]));
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(messages.try_collect()).unwrap()
    }

    #[test]
    fn batches_become_rows_of_values() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), None]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["x", "y"]));
        let batches = decode(messages(batch(vec![("a", numbers), ("b", texts)])), 10_000);
        let batches = batches.unwrap();
        check_columns(&batches, 2).unwrap();
        assert!(check_columns(&batches, 1).is_err());
        let values = row(&batches[0], 1).unwrap();
        let expected = [ScalarValue::Int64(None), ScalarValue::from("y")];
        assert_eq!(values, expected.map(Some));
    }

    #[test]
    fn dictionaries_are_bounded_by_what_they_stand_for() {
        let long = "x".repeat(1_000);
        let keyed: DictionaryArray<Int32Type> =
            std::iter::repeat_n(Some(long.as_str()), 100).collect();
        let keyed: ArrayRef = Arc::new(keyed);
        let sent = messages(batch(vec![("a", keyed)]));
        assert!(sent.iter().map(|m| m.data_body.len()).sum::<usize>() < 10_000);
        let error = decode(sent, 50_000).unwrap_err();
        assert_eq!(error.code, LIMIT_EXCEEDED);
    }

    #[test]
    fn batches_without_a_schema_are_refused() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7]));
        let mut sent = messages(batch(vec![("a", numbers)]));
        let schema = sent.remove(0);
        assert_eq!(
            decode(sent.clone(), 10_000).unwrap_err().code,
            PROTOCOL_VIOLATION
        );
        let twice = vec![schema.clone(), schema];
        assert_eq!(decode(twice, 10_000).unwrap_err().code, PROTOCOL_VIOLATION);
    }

    /// Places buffers of a header elsewhere.
    fn moved(header: &[u8], from: &[(i64, i64)], to: (i64, i64)) -> Vec<u8> {
        let bytes =
            |(offset, length): (i64, i64)| [offset.to_le_bytes(), length.to_le_bytes()].concat();
        let mut moved = header.to_vec();
        for from in from.iter().copied().map(bytes) {
            let mut places = moved.windows(from.len());
            let place = places.position(|found| found == from).unwrap();
            moved[place..place + from.len()].copy_from_slice(&bytes(to));
        }
        moved
    }

    #[test]
    fn buffers_are_of_their_message_alone() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7; 100]));
        let sent = messages(batch(vec![("a", Arc::clone(&numbers)), ("b", numbers)]));
        let (header, body) = (&sent[1].data_header, sent[1].data_body.len());
        check_message(header, body).unwrap();
        assert!(check_message(header, body / 2).is_err());
        let message = root_as_message(header).unwrap();
        let buffers = message.header_as_record_batch().unwrap().buffers().unwrap();
        let buffers = buffers
            .iter()
            .map(|buffer| (buffer.offset(), buffer.length()));
        let buffers: Vec<_> = buffers.filter(|(_, length)| *length == 800).collect();
        assert_eq!(buffers.len(), 2);
        let shared = moved(header, &buffers, (0, body as i64));
        let error = check_message(&shared, body).unwrap_err();
        assert!(error.message.contains("share"), "{}", error.message);
        for to in [(-1, 1), (1, -1), (i64::MAX, i64::MAX), (1, body as i64)] {
            let error = check_message(&moved(header, &buffers[..1], to), body).unwrap_err();
            assert!(error.message.contains("outside"), "{}", error.message);
        }
    }

    #[test]
    fn schemas_alone_have_no_batches() {
        let schema = Schema::new(vec![Field::new("a", DataType::Int64, true)]);
        let options = IpcWriteOptions::default();
        let sent = FlightData::from(SchemaAsIpc::new(&schema, &options));
        assert!(decode(vec![sent], 10_000).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn arbitrary_headers_are_refused(header in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = check_message(&header, header.len());
        }

        #[test]
        fn changed_headers_are_refused_or_bounded(index in any::<prop::sample::Index>(), byte: u8) {
            let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7, 8]));
            let sent = messages(batch(vec![("a", numbers)]));
            let mut header = sent[1].data_header.to_vec();
            let index = index.index(header.len());
            header[index] = byte;
            let _ = check_message(&header, sent[1].data_body.len());
        }
    }
}
