//! Files that are one JSON array, also compressed.

use std::io::Cursor;

use arrow::datatypes::Schema;
use arrow::json::reader::infer_json_schema;
use bytes::Bytes;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::file_format::DEFAULT_SCHEMA_INFER_MAX_RECORD;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

/// Returns true if a file begins like an array of JSON, after its decompression.
///
/// # Errors
///
/// If the file cannot be read.
pub(super) async fn is_json_array(
    format: &JsonFormat,
    file: &ObjectMeta,
    store: &dyn ObjectStore,
) -> Result<bool> {
    // A file is read until its first character, and not decompressed as a whole.
    let mut bytes = decompressed(format, file, store).await?;
    while let Some(part) = bytes.try_next().await? {
        if let Some(first) = part.trim_ascii_start().first() {
            return Ok(*first == b'[');
        }
    }
    Ok(false)
}

/// Infers the columns from the first objects of an array.
///
/// DataFusion does so by lines, and so refuses an array whose objects have line breaks within.
///
/// # Errors
///
/// If the file cannot be read, or is not JSON.
pub(super) async fn infer_array_schema(
    format: &JsonFormat,
    file: &ObjectMeta,
    store: &dyn ObjectStore,
) -> Result<Schema> {
    let max = format.options().schema_infer_max_rec;
    let max = max.unwrap_or(DEFAULT_SCHEMA_INFER_MAX_RECORD);
    let mut bytes = decompressed(format, file, store).await?;
    let mut lines = Lines::default();
    while lines.count < max
        && let Some(part) = bytes.try_next().await?
    {
        lines.extend(&part);
    }
    let (schema, _) = infer_json_schema(Cursor::new(lines.text), Some(max))?;
    Ok(schema)
}

async fn decompressed(
    format: &JsonFormat,
    file: &ObjectMeta,
    store: &dyn ObjectStore,
) -> Result<BoxStream<'static, Result<Bytes>>> {
    let bytes = store.get(&file.location).await?.into_stream();
    let bytes = bytes.map_err(DataFusionError::from).boxed();
    FileCompressionType::from(format.options().compression).convert_stream(bytes)
}

/// Elements of an array, one in each line.
#[derive(Default)]
struct Lines {
    text: Vec<u8>,
    /// Number of complete lines.
    count: usize,
    /// Open brackets, that of the array included.
    depth: usize,
    is_string: bool,
    is_escaped: bool,
}

impl Lines {
    /// Adds bytes of the array. A line break between its tokens becomes a blank; a string has
    /// none.
    fn extend(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.is_string {
                self.is_string = self.is_escaped || byte != b'"';
                self.is_escaped = byte == b'\\' && !self.is_escaped;
                self.text.push(byte);
                continue;
            }
            let is_outer = match byte {
                b'[' | b'{' => {
                    self.depth += 1;
                    self.depth == 1
                }
                b']' | b'}' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.depth == 0
                }
                _ => false,
            };
            self.is_string = byte == b'"';
            let ends = is_outer && byte == b']' || byte == b',' && self.depth == 1;
            self.count += usize::from(ends);
            self.text.push(match byte {
                _ if ends => b'\n',
                _ if is_outer => b' ',
                b'\n' | b'\r' => b' ',
                byte => byte,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_an_array_are_lines() {
        for (array, expected) in [
            ("[]", " \n"),
            (" [{\"a\":1},{\"a\":2}]\n", "  {\"a\":1}\n{\"a\":2}\n "),
            (
                "[\n{\n\"a\": [1, 2]\n},\r\n3]",
                "  { \"a\": [1, 2] }\n  3\n",
            ),
            (
                r#"[{"a":"],\"}"},{"b\\":"["}]"#,
                " {\"a\":\"],\\\"}\"}\n{\"b\\\\\":\"[\"}\n",
            ),
        ] {
            for size in [1, 2, 100] {
                let mut lines = Lines::default();
                for part in array.as_bytes().chunks(size) {
                    lines.extend(part);
                }
                assert_eq!(String::from_utf8(lines.text).unwrap(), expected, "{array}");
            }
        }
    }
}
