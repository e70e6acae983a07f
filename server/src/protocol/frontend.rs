//! Messages of clients.

use bytes::Bytes;

use super::fields::Fields;
use super::frame::Frame;
use super::{Format, ProtocolError};

/// Code of a request for TLS, in place of a version.
const SSL_REQUEST: i32 = 80_877_103;

/// Code of a request for encryption by GSSAPI.
const GSS_REQUEST: i32 = 80_877_104;

/// Code of a request to cancel a statement.
const CANCEL_REQUEST: i32 = 80_877_102;

/// First message of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Startup {
    Tls,
    Gss,
    /// Ends the statement of another connection.
    Cancel {
        process: i32,
        key: i32,
    },
    Start {
        /// Minor version of the protocol.
        minor: u16,
        parameters: Vec<(String, String)>,
    },
}

/// Object that a message names; the unnamed one if the name is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Statement(String),
    Portal(String),
}

/// Values for the parameters of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bind {
    pub(crate) portal: String,
    pub(crate) statement: String,
    /// None for text, one for all, or one for each.
    pub(crate) formats: Vec<Format>,
    pub(crate) values: Vec<Option<Bytes>>,
    pub(crate) result_formats: Vec<Format>,
}

/// Message of a client that has started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Query(String),
    Parse {
        name: String,
        sql: String,
        /// Types of the first parameters by OID, 0 if unspecified.
        types: Vec<u32>,
    },
    Bind(Bind),
    Describe(Target),
    Execute {
        portal: String,
        /// Maximum number of rows; 0 for all.
        rows_max: usize,
    },
    Close(Target),
    Flush,
    Sync,
    Terminate,
    /// Password, or an answer of SASL.
    Password(Bytes),
    CopyData(Bytes),
    CopyDone,
    CopyFail(String),
}

impl Startup {
    /// Decodes the body of a first message.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] for malformed bytes and another major version.
    pub(crate) fn decode(body: Bytes) -> Result<Self, ProtocolError> {
        let mut fields = Fields::new(b'_', body);
        let code = fields.i32()?;
        let (major, minor) = ((code >> 16) as u16, code as u16);
        let startup = match code {
            SSL_REQUEST => Self::Tls,
            GSS_REQUEST => Self::Gss,
            CANCEL_REQUEST => Self::Cancel {
                process: fields.i32()?,
                key: fields.i32()?,
            },
            _ if major == 3 => {
                let mut parameters = Vec::new();
                loop {
                    let name = fields.text()?;
                    if name.is_empty() {
                        break;
                    }
                    parameters.push((name, fields.text()?));
                }
                Self::Start { minor, parameters }
            }
            _ => return Err(ProtocolError::Version(major, minor)),
        };
        fields.end()?;
        Ok(startup)
    }
}

impl Message {
    /// Decodes a message.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] for malformed bytes and unknown types.
    pub(crate) fn decode(frame: Frame) -> Result<Self, ProtocolError> {
        let Frame { kind, body } = frame;
        let mut fields = Fields::new(kind, body);
        let message = match kind {
            b'p' => return Ok(Self::Password(fields.rest())),
            b'd' => return Ok(Self::CopyData(fields.rest())),
            b'Q' => Self::Query(fields.text()?),
            b'P' => Self::Parse {
                name: fields.text()?,
                sql: fields.text()?,
                types: fields.list(Fields::u32)?,
            },
            b'B' => Self::Bind(Bind {
                portal: fields.text()?,
                statement: fields.text()?,
                formats: fields.list(|fields| format(fields, kind))?,
                values: fields.list(Fields::value)?,
                result_formats: fields.list(|fields| format(fields, kind))?,
            }),
            b'D' => Self::Describe(target(&mut fields, kind)?),
            b'C' => Self::Close(target(&mut fields, kind)?),
            b'E' => Self::Execute {
                portal: fields.text()?,
                // A negative maximum is none, as in PostgreSQL.
                rows_max: usize::try_from(fields.i32()?).unwrap_or(0),
            },
            b'H' => Self::Flush,
            b'S' => Self::Sync,
            b'X' => Self::Terminate,
            b'c' => Self::CopyDone,
            b'f' => Self::CopyFail(fields.text()?),
            other => return Err(ProtocolError::UnknownType(other)),
        };
        fields.end()?;
        Ok(message)
    }
}

fn format(fields: &mut Fields, kind: u8) -> Result<Format, ProtocolError> {
    match fields.u16()? {
        0 => Ok(Format::Text),
        1 => Ok(Format::Binary),
        _ => Err(ProtocolError::Malformed {
            message: char::from(kind),
            expected: "the format 0 or 1",
        }),
    }
}

fn target(fields: &mut Fields, kind: u8) -> Result<Target, ProtocolError> {
    match fields.u8()? {
        b'S' => fields.text().map(Target::Statement),
        b'P' => fields.text().map(Target::Portal),
        _ => Err(ProtocolError::Malformed {
            message: char::from(kind),
            expected: "S or P",
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u8, body: &'static [u8]) -> Result<Message, ProtocolError> {
        Message::decode(Frame {
            kind,
            body: Bytes::from_static(body),
        })
    }

    #[test]
    fn messages_have_all_of_their_fields_and_no_more() {
        assert_eq!(message(b'Q', b"a\0"), Ok(Message::Query("a".to_owned())));
        let bind = Bind {
            portal: String::new(),
            statement: "s".to_owned(),
            formats: vec![Format::Binary],
            values: vec![Some(Bytes::from_static(b"x")), None],
            result_formats: Vec::new(),
        };
        let bytes = b"\0s\0\0\x01\0\x01\0\x02\0\0\0\x01x\xff\xff\xff\xff\0\0";
        assert_eq!(message(b'B', bytes), Ok(Message::Bind(bind)));
        for length in 0..bytes.len() {
            assert!(message(b'B', &bytes[..length]).is_err(), "{length}");
        }
        for (kind, body) in [
            (b'Q', &b"a"[..]),
            (b'Q', b"a\0b"),
            (b'Q', b"\xff\0"),
            (b'D', b"X\0"),
            (b'B', b"\0\0\0\x01\0\x02"),
            (b'B', b"\0\0\0\0\0\x01\xff\xff\xff\xfe"),
            (b'P', b"\0\0\xff\xff"),
            (b'F', b""),
            (0, b""),
        ] {
            assert!(message(kind, body).is_err(), "{kind} {body:?}");
        }
    }

    #[test]
    fn first_messages_are_told_apart() {
        let decode = |code: i32, rest: &[u8]| {
            let mut body = code.to_be_bytes().to_vec();
            body.extend(rest);
            Startup::decode(body.into())
        };
        assert_eq!(decode(SSL_REQUEST, b""), Ok(Startup::Tls));
        assert_eq!(decode(GSS_REQUEST, b""), Ok(Startup::Gss));
        let cancel = Startup::Cancel { process: 7, key: 9 };
        assert_eq!(decode(CANCEL_REQUEST, b"\0\0\0\x07\0\0\0\x09"), Ok(cancel));
        let parameters = vec![("user".to_owned(), "ada".to_owned())];
        let start = Startup::Start {
            minor: 2,
            parameters,
        };
        assert_eq!(decode(3 << 16 | 2, b"user\0ada\0\0"), Ok(start));
        assert_eq!(decode(2 << 16, b""), Err(ProtocolError::Version(2, 0)));
        for rest in [&b""[..], b"user", b"user\0ada\0", b"user\0ada\0\0x"] {
            assert!(decode(3 << 16, rest).is_err());
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_messages_or_errors(kind: u8, body: Vec<u8>) {
            let _ = Startup::decode(body.clone().into());
            let _ = Message::decode(Frame { kind, body: body.into() });
        }
    }
}
