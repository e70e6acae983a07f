//! Tables of other machines, with the feature `remote`.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use crate::shell;

const CITIES: &str = "name,people\nOslo,700000\nBergen,290000\n";

/// Serves files over HTTP/1.1 to the end of the process; returns the address.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || drop(answer_all(&stream.unwrap())));
        }
    });
    address
}

/// Answers the requests of a connection.
fn answer_all(mut stream: &TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    while let Some(request) = lines.next() {
        let request = request?;
        let mut range = None;
        for header in lines.by_ref() {
            let header = header?.to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(bytes) = header.strip_prefix("range: bytes=") {
                let (start, end) = bytes.split_once('-').unwrap();
                let last = CITIES.len() - 1;
                range = Some((
                    start.parse().unwrap(),
                    end.parse().unwrap_or(last).min(last),
                ));
            }
        }
        let is_found = request.contains(" /data/cities.csv ");
        let (status, body, header) = match range {
            _ if !is_found => ("404 Not Found", "", String::new()),
            None => ("200 OK", CITIES, String::new()),
            Some((start, end)) => (
                "206 Partial Content",
                &CITIES[start..=end],
                format!("Content-Range: bytes {start}-{end}/{}\r\n", CITIES.len()),
            ),
        };
        let length = body.len();
        let body = if request.starts_with("HEAD") {
            ""
        } else {
            body
        };
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: \"1\"\r\n{header}\r\n{body}"
        )?;
    }
    Ok(())
}

#[test]
fn remote_files_are_tables() {
    let address = serve();
    let folder = tempfile::tempdir().unwrap();
    let catalog = folder.path().join("c.db").display().to_string();
    let create = format!(
        "SELECT sum(people) AS people FROM 'http://{address}/data/cities.csv';
         CREATE EXTERNAL TABLE cities STORED AS CSV LOCATION 'http://{address}/data/cities.csv'
           OPTIONS ('format.has_header' 'true');"
    );
    let created = shell(&[&catalog, "--format", "csv", "-c", &create], "");
    assert_eq!(created.stdout.trim(), "people\n990000", "{created:?}");
    // The table comes back.
    let query = "SELECT name FROM cities WHERE people > 500000";
    let queried = shell(&[&catalog, "--format", "csv", "-c", query], "");
    assert_eq!(queried.stdout.trim(), "name\nOslo", "{queried:?}");
}

#[test]
fn remote_files_that_are_missing_or_refused_say_so() {
    let address = serve();
    let missing = format!("SELECT * FROM 'http://{address}/data/towns.csv'");
    let run = shell(&["-c", &missing], "");
    assert!(run.stderr.contains("towns.csv"), "{run:?}");
    assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().display().to_string();
    let present = format!("SELECT * FROM 'http://{address}/data/cities.csv'");
    let run = shell(&["--root", &root, "-c", &present], "");
    assert!(run.stderr.contains("expected a path"), "{run:?}");
}

#[test]
fn objects_of_a_bucket_are_tables() {
    let address = serve();
    let output = Command::new(env!("CARGO_BIN_EXE_fusebox"))
        .args([
            "--format",
            "csv",
            "-c",
            "SELECT name FROM 's3://data/cities.csv' LIMIT 1",
        ])
        .env("AWS_ENDPOINT", format!("http://{address}"))
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_SKIP_SIGNATURE", "true")
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"name\nOslo\n", "{output:?}");
}
