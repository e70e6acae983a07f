//! `fusebox serve`: its configuration, and its end.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::{Run, shell};

/// Server in a process of its own.
struct Served {
    child: Child,
    /// Addresses in the order in which it listens.
    addresses: Vec<String>,
}

fn serve(arguments: &[&str]) -> Served {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fusebox"))
        .arg("serve")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let listeners = arguments.iter().filter(|word| word.ends_with(":0")).count();
    let mut addresses = Vec::new();
    while addresses.len() < listeners {
        let line = lines.next().expect("the server listens").unwrap();
        if let Some((_, address)) = line.split_once("address=") {
            addresses.push(address.trim().to_owned());
        }
    }
    // What follows is read, so that the server does not wait for it.
    std::thread::spawn(move || lines.for_each(drop));
    Served { child, addresses }
}

impl Served {
    /// Sends a request of HTTP; returns the answer.
    fn request(&self, text: &str) -> String {
        let mut stream = TcpStream::connect(&self.addresses[1]).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn post(&self, sql: &str) -> String {
        self.request(&format!(
            "POST /sql HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/sql\r\nContent-Length: {}\r\n\r\n{sql}",
            sql.len()
        ))
    }

    #[cfg(unix)]
    fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        self.child.wait().unwrap().code()
    }
}

#[cfg(unix)]
#[test]
fn a_server_keeps_functions_and_ends_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = folder.path().join("functions.db");
    let catalog = catalog.to_str().unwrap();
    let arguments = [
        catalog,
        "--postgres",
        "127.0.0.1:0",
        "--http",
        "127.0.0.1:0",
    ];
    let served = serve(&arguments);
    let created = served.post(
        "CREATE FUNCTION add(BIGINT, BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$(module (func \
         (export \"add\") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1))))$$",
    );
    assert!(created.starts_with("HTTP/1.1 200"), "{created}");
    assert_eq!(served.terminate(), Some(0));
    let served = serve(&arguments);
    let answer = served.post("SELECT add(40, 2) AS sum");
    assert!(answer.contains("{\"sum\":42}"), "{answer}");
    // A statement that runs is cancelled after the deadline, and not waited for without end.
    let served_again = serve(&["--postgres", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
    assert!(
        served_again
            .request("GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .contains("ready")
    );
    assert_eq!(served_again.terminate(), Some(0));
    assert_eq!(served.terminate(), Some(0));
}

#[test]
fn configuration_is_printed_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.toml");
    let file = path.to_str().unwrap();
    fs::write(
        &path,
        "idle_seconds_max = 60\n[[users]]\nname = 'ada'\npassword = 'secret'\n",
    )
    .unwrap();
    let arguments = [
        "serve",
        "--config",
        file,
        "--postgres",
        "0.0.0.0:5432",
        "--flight",
        "127.0.0.1:50051",
        "--print-config",
    ];
    let Run {
        stdout,
        stderr,
        status,
    } = shell(&arguments, "");
    assert_eq!((stderr.as_str(), status), ("", Some(0)));
    assert!(stdout.contains("postgres = \"0.0.0.0:5432\"\n"), "{stdout}");
    assert!(
        stdout.contains("flight = \"127.0.0.1:50051\"\n"),
        "{stdout}"
    );
    assert!(stdout.contains("idle_seconds_max = 60\n") && stdout.contains("name = \"ada\""));
    assert!(!stdout.contains("secret"), "{stdout}");
    fs::write(&path, "port = 1\n").unwrap();
    for (arguments, expected) in [
        (vec!["--config", file], "unknown field `port`"),
        (vec![], "state --postgres, --http or --flight"),
        (
            vec!["--postgres", "0.0.0.0:0"],
            "state [[users]] or --password-file",
        ),
        (
            vec![
                "--postgres",
                "127.0.0.1:0",
                "--tls-certificate",
                file,
                "--tls-key",
                file,
            ],
            "cannot use TLS",
        ),
        (
            vec!["--postgres", "127.0.0.1:0", "--root", "no/such"],
            "cannot open the root",
        ),
        (
            vec!["--postgres", "127.0.0.1:0", "--log", "loud"],
            "expected the level error",
        ),
    ] {
        let arguments: Vec<_> = ["serve"].into_iter().chain(arguments).collect();
        let run = shell(&arguments, "");
        assert_eq!(run.status, Some(1), "{arguments:?}: {run:?}");
        assert!(run.stderr.contains(expected), "{arguments:?}: {run:?}");
    }
}
