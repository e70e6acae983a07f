//! Messages of the server.

use bytes::{BufMut, BytesMut};

use super::{Format, TransactionStatus};

/// Column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldDescription {
    pub(crate) name: String,
    /// OID of the type.
    pub(crate) oid: u32,
    /// Bytes of a value; -1 if they vary.
    pub(crate) size: i16,
    /// Precision and scale of a number; -1 if there are none.
    pub(crate) modifier: i32,
}

/// Writes a message of a type, and its length.
fn message(out: &mut BytesMut, kind: u8, body: impl FnOnce(&mut BytesMut)) {
    out.put_u8(kind);
    sized(out, body);
}

/// Writes a length that counts itself, and what `body` writes.
fn sized(out: &mut BytesMut, body: impl FnOnce(&mut BytesMut)) {
    let begin = out.len();
    out.put_i32(0);
    body(out);
    let length = i32::try_from(out.len() - begin).unwrap_or(i32::MAX);
    out[begin..begin + 4].copy_from_slice(&length.to_be_bytes());
}

/// Writes a text with a zero byte at its end; those within it are left out.
fn text(out: &mut BytesMut, text: &str) {
    text.split('\0')
        .for_each(|part| out.put_slice(part.as_bytes()));
    out.put_u8(0);
}

pub(crate) fn authentication_ok(out: &mut BytesMut) {
    message(out, b'R', |out| out.put_i32(0));
}

/// Offers mechanisms of SASL.
pub(crate) fn authentication_sasl(out: &mut BytesMut, mechanisms: &[&str]) {
    message(out, b'R', |out| {
        out.put_i32(10);
        mechanisms.iter().for_each(|name| text(out, name));
        out.put_u8(0);
    });
}

pub(crate) fn authentication_sasl_continue(out: &mut BytesMut, data: &[u8]) {
    message(out, b'R', |out| {
        out.put_i32(11);
        out.put_slice(data);
    });
}

pub(crate) fn authentication_sasl_final(out: &mut BytesMut, data: &[u8]) {
    message(out, b'R', |out| {
        out.put_i32(12);
        out.put_slice(data);
    });
}

/// States the newest minor version of the protocol, and options that are not known.
pub(crate) fn negotiate_protocol_version(out: &mut BytesMut, minor: i32, unknown: &[&str]) {
    message(out, b'v', |out| {
        out.put_i32(minor);
        out.put_i32(i32::try_from(unknown.len()).unwrap_or(0));
        unknown.iter().for_each(|name| text(out, name));
    });
}

pub(crate) fn parameter_status(out: &mut BytesMut, name: &str, value: &str) {
    message(out, b'S', |out| {
        text(out, name);
        text(out, value);
    });
}

/// Tells the client how to cancel its statements.
pub(crate) fn backend_key_data(out: &mut BytesMut, process: i32, key: i32) {
    message(out, b'K', |out| {
        out.put_i32(process);
        out.put_i32(key);
    });
}

pub(crate) fn ready_for_query(out: &mut BytesMut, status: TransactionStatus) {
    let status = match status {
        TransactionStatus::Idle => b'I',
        TransactionStatus::Open => b'T',
        TransactionStatus::Failed => b'E',
    };
    message(out, b'Z', |out| out.put_u8(status));
}

/// Writes an error or a notice, by its fields.
pub(crate) fn report(out: &mut BytesMut, is_error: bool, fields: &[(u8, &str)]) {
    message(out, if is_error { b'E' } else { b'N' }, |out| {
        for (code, value) in fields {
            out.put_u8(*code);
            text(out, value);
        }
        out.put_u8(0);
    });
}

/// Describes columns; a format for each, or none where it is not known yet.
pub(crate) fn row_description(out: &mut BytesMut, fields: &[FieldDescription], formats: &[Format]) {
    message(out, b'T', |out| {
        out.put_u16(u16::try_from(fields.len()).unwrap_or(u16::MAX));
        for (index, field) in fields.iter().enumerate() {
            text(out, &field.name);
            // No table and no column of it.
            out.put_u32(0);
            out.put_i16(0);
            out.put_u32(field.oid);
            out.put_i16(field.size);
            out.put_i32(field.modifier);
            put_format(out, formats.get(index).copied().unwrap_or_default());
        }
    });
}

pub(crate) fn parameter_description(out: &mut BytesMut, types: &[u32]) {
    message(out, b't', |out| {
        out.put_u16(u16::try_from(types.len()).unwrap_or(u16::MAX));
        types.iter().for_each(|oid| out.put_u32(*oid));
    });
}

/// Writes a row of `columns` values by their [`value`]s or [`null`]s.
pub(crate) fn data_row(out: &mut BytesMut, columns: usize, values: impl FnOnce(&mut BytesMut)) {
    message(out, b'D', |out| {
        out.put_u16(u16::try_from(columns).unwrap_or(u16::MAX));
        values(out);
    });
}

/// Writes a value with its length.
pub(crate) fn value(out: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) {
    let begin = out.len();
    out.put_i32(0);
    write(out);
    let length = i32::try_from(out.len() - begin - 4).unwrap_or(i32::MAX);
    out[begin..begin + 4].copy_from_slice(&length.to_be_bytes());
}

pub(crate) fn null(out: &mut BytesMut) {
    out.put_i32(-1);
}

pub(crate) fn command_complete(out: &mut BytesMut, tag: &str) {
    message(out, b'C', |out| text(out, tag));
}

pub(crate) fn empty_query_response(out: &mut BytesMut) {
    message(out, b'I', |_| ());
}

pub(crate) fn parse_complete(out: &mut BytesMut) {
    message(out, b'1', |_| ());
}

pub(crate) fn bind_complete(out: &mut BytesMut) {
    message(out, b'2', |_| ());
}

pub(crate) fn close_complete(out: &mut BytesMut) {
    message(out, b'3', |_| ());
}

pub(crate) fn no_data(out: &mut BytesMut) {
    message(out, b'n', |_| ());
}

pub(crate) fn portal_suspended(out: &mut BytesMut) {
    message(out, b's', |_| ());
}

/// Starts a transfer from the client (`is_in`) or to it, of columns in one format.
pub(crate) fn copy_response(out: &mut BytesMut, is_in: bool, columns: usize, format: Format) {
    message(out, if is_in { b'G' } else { b'H' }, |out| {
        out.put_u8(u8::from(format == Format::Binary));
        let columns = u16::try_from(columns).unwrap_or(u16::MAX);
        out.put_u16(columns);
        (0..columns).for_each(|_| put_format(out, format));
    });
}

pub(crate) fn copy_data(out: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) {
    message(out, b'd', write);
}

pub(crate) fn copy_done(out: &mut BytesMut) {
    message(out, b'c', |_| ());
}

fn put_format(out: &mut BytesMut, format: Format) {
    out.put_u16(match format {
        Format::Text => 0,
        Format::Binary => 1,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_count_themselves_and_not_the_type() {
        let mut out = BytesMut::new();
        command_complete(&mut out, "SELECT\0 1");
        assert_eq!(out, &b"C\0\0\0\x0dSELECT 1\0"[..]);
        out.clear();
        data_row(&mut out, 2, |out| {
            value(out, |out| out.put_slice(b"x"));
            null(out);
        });
        assert_eq!(out, &b"D\0\0\0\x0f\0\x02\0\0\0\x01x\xff\xff\xff\xff"[..]);
    }
}
