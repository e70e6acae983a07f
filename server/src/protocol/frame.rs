//! Division of a client's bytes into messages.

use bytes::{Buf, Bytes, BytesMut};

use super::ProtocolError;

/// Maximum size of the first message of a connection in bytes, as in PostgreSQL.
pub(crate) const STARTUP_BYTES_MAX: usize = 10_000;

/// Bytes of the length of a message, which it counts itself.
const LENGTH_BYTES: usize = 4;

/// Message of a client, not decoded yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) body: Bytes,
}

/// Takes the next message out of the bytes that were read; `None` if it is not complete.
///
/// # Errors
///
/// [`ProtocolError::TooLarge`] and [`ProtocolError::Length`], as soon as the length is there. The
/// begin of the next message is unknown then.
pub(crate) fn take_frame(
    bytes: &mut BytesMut,
    bytes_max: usize,
) -> Result<Option<Frame>, ProtocolError> {
    let Some(kind) = bytes.first().copied() else {
        return Ok(None);
    };
    let Some(length) = length_at(bytes, 1, bytes_max)? else {
        return Ok(None);
    };
    if bytes.len() < 1 + length {
        return Ok(None);
    }
    let mut frame = bytes.split_to(1 + length);
    frame.advance(1 + LENGTH_BYTES);
    let body = frame.freeze();
    Ok(Some(Frame { kind, body }))
}

/// Takes the body of the first message of a connection, which has no type.
///
/// # Errors
///
/// As [`take_frame`].
pub(crate) fn take_startup(bytes: &mut BytesMut) -> Result<Option<Bytes>, ProtocolError> {
    let Some(length) = length_at(bytes, 0, STARTUP_BYTES_MAX)? else {
        return Ok(None);
    };
    if bytes.len() < length {
        return Ok(None);
    }
    let mut frame = bytes.split_to(length);
    frame.advance(LENGTH_BYTES);
    Ok(Some(frame.freeze()))
}

/// Reads the length of a message, itself included, at an offset.
fn length_at(
    bytes: &[u8],
    offset: usize,
    bytes_max: usize,
) -> Result<Option<usize>, ProtocolError> {
    let Some(field) = bytes.get(offset..).and_then(<[u8]>::first_chunk) else {
        return Ok(None);
    };
    let length = i32::from_be_bytes(*field);
    match usize::try_from(length) {
        Ok(length) if length > bytes_max => Err(ProtocolError::TooLarge {
            max: bytes_max,
            found: length,
        }),
        Ok(length) if length >= LENGTH_BYTES => Ok(Some(length)),
        _ => Err(ProtocolError::Length {
            min: LENGTH_BYTES,
            found: length.into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bytes: &[u8]) -> (Result<Option<Frame>, ProtocolError>, usize) {
        let mut buffer = BytesMut::from(bytes);
        let frame = take_frame(&mut buffer, 9);
        (frame, buffer.len())
    }

    #[test]
    fn frame_ends_with_its_last_byte() {
        let frame = Frame {
            kind: b'Q',
            body: Bytes::from_static(b"ab"),
        };
        assert_eq!(taken(b"Q\0\0\0\x06ab"), (Ok(Some(frame.clone())), 0));
        assert_eq!(taken(b"Q\0\0\0\x06abX"), (Ok(Some(frame)), 1));
        for part in [&b""[..], b"Q", b"Q\0\0\0", b"Q\0\0\0\x06", b"Q\0\0\0\x06a"] {
            assert_eq!(taken(part), (Ok(None), part.len()));
        }
    }

    #[test]
    fn lengths_are_refused_before_their_bytes_are_read() {
        assert_eq!(taken(b"Q\0\0\0\x09abcde").1, 0);
        let refused = |bytes| taken(bytes).0.unwrap_err();
        let too_large = ProtocolError::TooLarge { max: 9, found: 10 };
        assert_eq!(refused(b"Q\0\0\0\x0a"), too_large);
        for (bytes, found) in [
            (b"Q\0\0\0\x03", 3),
            (b"Q\0\0\0\0", 0),
            (b"Q\xff\xff\xff\xff", -1),
        ] {
            assert_eq!(refused(bytes), ProtocolError::Length { min: 4, found });
        }
        let startup = take_startup(&mut BytesMut::from(&b"\0\0\x27\x11"[..]));
        assert!(matches!(startup, Err(ProtocolError::TooLarge { .. })));
    }
}
