//! Values as JSON, for lines of JSON.

use bytes::{BufMut, BytesMut};

use super::column::{Column, Values};

impl Column {
    /// Writes a value as JSON: numbers, booleans and arrays as such, others as text.
    pub(crate) fn write_json(&self, row: usize, out: &mut BytesMut) {
        if self.is_null(row) {
            return out.put_slice(b"null");
        }
        let is_number = match &self.values {
            Values::Float4(array) => array.value(row).is_finite(),
            Values::Float8(array) => array.value(row).is_finite(),
            Values::Int2(_)
            | Values::Int4(_)
            | Values::Int8(_)
            | Values::Decimal128(_)
            | Values::Decimal256(_) => true,
            Values::Bool(array) => {
                let word: &[u8] = if array.value(row) { b"true" } else { b"false" };
                return out.put_slice(word);
            }
            Values::Array { lists, items, .. } => {
                out.put_u8(b'[');
                let range = lists.value_offsets()[row]..lists.value_offsets()[row + 1];
                for (index, item) in range.enumerate() {
                    if index > 0 {
                        out.put_u8(b',');
                    }
                    items.write_json(item as usize, out);
                }
                return out.put_u8(b']');
            }
            _ => self.is_json(),
        };
        if is_number {
            return self.write_text(row, out);
        }
        let mut text = BytesMut::new();
        self.write_text(row, &mut text);
        let text = String::from_utf8_lossy(&text);
        out.put_slice(
            serde_json::Value::from(text.as_ref())
                .to_string()
                .as_bytes(),
        );
    }
}
