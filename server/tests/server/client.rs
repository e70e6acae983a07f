//! A client of PostgreSQL's protocol that hides nothing.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use fusebox_server::Server;

/// Time in which a server answers, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Stream that may be encrypted.
pub(crate) trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// Connection to a server.
pub(crate) struct Client {
    stream: Box<dyn Stream>,
    address: SocketAddr,
    /// Process and key, to cancel its statements.
    pub(crate) key: (i32, i32),
    pub(crate) parameters: BTreeMap<String, String>,
}

/// Messages up to the end of a query.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) columns: Vec<String>,
    /// OIDs of the columns.
    pub(crate) types: Vec<u32>,
    pub(crate) rows: Vec<Vec<Option<Vec<u8>>>>,
    pub(crate) tags: Vec<String>,
    pub(crate) error: Option<Report>,
    pub(crate) notices: Vec<Report>,
    /// Types of messages.
    pub(crate) kinds: String,
    /// Types of parameters.
    pub(crate) parameters: Vec<u32>,
    pub(crate) copied: Vec<u8>,
    /// State of the transaction block.
    pub(crate) status: char,
}

/// Fields of an error or a notice.
pub(crate) type Report = BTreeMap<char, String>;

impl Answer {
    /// Returns the rows as text, divided by `|`.
    pub(crate) fn texts(&self) -> Vec<String> {
        let text = |value: &Option<Vec<u8>>| match value {
            Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            None => "NULL".to_owned(),
        };
        let rows = self.rows.iter();
        rows.map(|row| row.iter().map(text).collect::<Vec<_>>().join("|"))
            .collect()
    }

    /// Returns the code of the error.
    pub(crate) fn code(&self) -> &str {
        self.error.as_ref().map_or("", |error| &error[&'C'])
    }

    /// Returns the message of the error.
    pub(crate) fn message(&self) -> &str {
        self.error.as_ref().map_or("", |error| &error[&'M'])
    }

    #[track_caller]
    pub(crate) fn unwrap(self) -> Self {
        assert!(self.error.is_none(), "{:?}", self.error);
        self
    }
}

/// Encodes a message of a client.
pub(crate) fn message(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind][..], &length, &body].concat()
}

/// Encodes a first message.
pub(crate) fn startup(parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = (3_u32 << 16).to_be_bytes().to_vec();
    for (name, value) in parameters {
        body.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
    }
    body.push(0);
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&length[..], &body].concat()
}

impl Client {
    /// Connects as a user of a server that trusts everyone.
    pub(crate) fn connect(server: &Server) -> Self {
        Self::connect_with(server, &[]).unwrap()
    }

    /// Connects with further parameters.
    pub(crate) fn connect_with(
        server: &Server,
        parameters: &[(&str, &str)],
    ) -> Result<Self, Report> {
        let mut client = Self::open(server);
        let all: Vec<_> = [("user", "ada")]
            .iter()
            .chain(parameters)
            .copied()
            .collect();
        client.send(&startup(&all));
        client.started()?;
        Ok(client)
    }

    /// Opens a connection, and sends nothing.
    pub(crate) fn open(server: &Server) -> Self {
        let address = server.postgres_address().unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(Box::new(stream), address)
    }

    /// Uses a stream that is connected.
    pub(crate) fn over(stream: Box<dyn Stream>, address: SocketAddr) -> Self {
        Self {
            stream,
            address,
            key: (0, 0),
            parameters: BTreeMap::new(),
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.stream.flush().unwrap();
    }

    /// Sends bytes that the server may not want any more.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Reads the next message; `None` at the end.
    pub(crate) fn receive(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        match self.stream.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("the server hangs"),
            Err(_) => return None,
        }
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let mut body = vec![0; length - 4];
        self.stream.read_exact(&mut body).ok()?;
        Some((head[0], body))
    }

    /// Reads bytes.
    pub(crate) fn receive_bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Reads what follows a first message.
    pub(crate) fn started(&mut self) -> Result<(), Report> {
        loop {
            let (kind, body) = self.receive().expect("a server answers");
            match kind {
                b'R' => assert_eq!(body, [0; 4], "a password is asked for"),
                b'S' => {
                    let mut texts = body.split(|byte| *byte == 0);
                    let mut text = || String::from_utf8(texts.next().unwrap().to_vec()).unwrap();
                    self.parameters.insert(text(), text());
                }
                b'K' => {
                    let number =
                        |at: usize| i32::from_be_bytes(body[at..at + 4].try_into().unwrap());
                    self.key = (number(0), number(4));
                }
                b'Z' => return Ok(()),
                b'E' => return Err(report(&body)),
                b'v' => {}
                other => panic!("unexpected message {}", char::from(other)),
            }
        }
    }

    /// Executes a query as text.
    pub(crate) fn query(&mut self, sql: &str) -> Answer {
        self.send(&message(b'Q', &[sql.as_bytes(), b"\0"]));
        self.answer()
    }

    /// Executes a query that does not fail; returns its rows as text.
    #[track_caller]
    pub(crate) fn rows(&mut self, sql: &str) -> Vec<String> {
        self.query(sql).unwrap().texts()
    }

    /// Reads up to the end of a query.
    pub(crate) fn answer(&mut self) -> Answer {
        let mut answer = Answer::default();
        loop {
            let Some((kind, body)) = self.receive() else {
                answer.kinds.push('.');
                return answer;
            };
            answer.kinds.push(char::from(kind));
            match kind {
                b'T' => (answer.columns, answer.types) = columns(&body),
                b't' => {
                    let types = body[2..].chunks(4);
                    let types = types.map(|oid| u32::from_be_bytes(oid.try_into().unwrap()));
                    answer.parameters = types.collect();
                }
                b'D' => answer.rows.push(row(&body)),
                b'C' => answer.tags.push(text(&body)),
                b'E' => answer.error = Some(report(&body)),
                b'N' => answer.notices.push(report(&body)),
                b'd' => answer.copied.extend(body),
                b'S' => {}
                b'G' => return answer,
                b'Z' => {
                    answer.status = char::from(body[0]);
                    return answer;
                }
                _ => {}
            }
        }
    }

    /// Asks the server to cancel the statement of this connection.
    pub(crate) fn canceller(&self) -> impl Fn() + Send + use<> {
        let (address, (process, key)) = (self.address, self.key);
        move || {
            let mut stream = TcpStream::connect(address).unwrap();
            let words = [16, 80_877_102, process, key].map(i32::to_be_bytes);
            stream.write_all(&words.concat()).unwrap();
            // The server closes the connection when it has done so.
            let _ = stream.read(&mut [0]);
        }
    }
}

fn text(body: &[u8]) -> String {
    let end = body.iter().position(|byte| *byte == 0).unwrap();
    String::from_utf8(body[..end].to_vec()).unwrap()
}

fn report(body: &[u8]) -> Report {
    let fields = body
        .split(|byte| *byte == 0)
        .filter(|field| !field.is_empty());
    let field = |field: &[u8]| {
        let text = String::from_utf8(field[1..].to_vec()).unwrap();
        (char::from(field[0]), text)
    };
    fields.map(field).collect()
}

fn columns(body: &[u8]) -> (Vec<String>, Vec<u32>) {
    let mut rest = &body[2..];
    let (mut names, mut types) = (Vec::new(), Vec::new());
    while !rest.is_empty() {
        let name = text(rest);
        rest = &rest[name.len() + 1..];
        names.push(name);
        types.push(u32::from_be_bytes(rest[6..10].try_into().unwrap()));
        rest = &rest[18..];
    }
    (names, types)
}

fn row(body: &[u8]) -> Vec<Option<Vec<u8>>> {
    let mut rest = &body[2..];
    let mut values = Vec::new();
    while !rest.is_empty() {
        let length = i32::from_be_bytes(rest[..4].try_into().unwrap());
        rest = &rest[4..];
        values.push(usize::try_from(length).ok().map(|length| {
            let (value, after) = rest.split_at(length);
            rest = after;
            value.to_vec()
        }));
    }
    values
}
