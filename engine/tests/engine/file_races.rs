//! Files that change while they are opened, and files that would never answer.
#![cfg(unix)]

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use datafusion::prelude::SessionContext;
use fusebox::{Error, FileAccess, FileAccessError, Session, StatementError};

use crate::{number, run};

fn session_with(files: FileAccess) -> Session {
    let context = SessionContext::new().enable_url_table();
    let builder = Session::builder().context(context);
    builder.files(files).build().unwrap()
}

/// A directory `in` with a name that leads, in turns, to a file or directory in it and to
/// one outside of it.
struct Swapped {
    both: tempfile::TempDir,
}

impl Swapped {
    fn new() -> Self {
        let both = tempfile::tempdir().unwrap();
        for folder in ["in/real", "out"] {
            let folder = both.path().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            let (value, module) = match folder.ends_with("out") {
                true => (666, "(module (memory 1))"),
                false => (1, "(module)"),
            };
            std::fs::write(folder.join("x.csv"), format!("n\n{value}\n")).unwrap();
            std::fs::write(folder.join("x.wat"), module).unwrap();
        }
        Self { both }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.both.path().join(path)
    }

    /// Runs `attempts` while another thread exchanges links.
    fn during(&self, attempts: impl FnOnce()) {
        let is_done = AtomicBool::new(false);
        let swap = |name: &str, target: &Path| {
            let link = self.path("in/next");
            symlink(target, &link).unwrap();
            std::fs::rename(link, self.path(name)).unwrap();
        };
        let (real, out) = (PathBuf::from("real"), self.path("out"));
        swap("in/swap", &real);
        swap("in/swap.wat", &real.join("x.wat"));
        thread::scope(|threads| {
            threads.spawn(|| {
                let mut rounds = 0_u64;
                while !is_done.load(Ordering::Relaxed) {
                    for folder in [&out, &real] {
                        swap("in/swap", folder);
                        swap("in/swap.wat", &folder.join("x.wat"));
                    }
                    rounds += 1;
                    // Long enough for some attempts to succeed, which open more than one file.
                    if rounds.is_multiple_of(16) {
                        thread::sleep(Duration::from_millis(4));
                    }
                }
            });
            // Ends the other thread also if an attempt panics.
            let attempted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(attempts));
            is_done.store(true, Ordering::Relaxed);
            attempted.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        });
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

#[test]
fn links_that_are_exchanged_while_a_module_is_opened_do_not_lead_out() {
    let swapped = Swapped::new();
    let files = FileAccess::under(swapped.path("in")).unwrap();
    let session = Session::builder().files(files).build().unwrap();
    let runtime = runtime();
    let (mut read, mut refused) = (0, 0);
    swapped.during(|| {
        for _ in 0..4_000 {
            let path = ["swap.wat", "swap/x.wat"][(read + refused) % 2];
            let create = format!("CREATE OR REPLACE MODULE m LANGUAGE WASM FROM '{path}'");
            match runtime.block_on(run(&session, &create)) {
                Ok(_) => {
                    let modules = session.modules().unwrap();
                    assert_eq!(modules[0].1.bytes(), 8, "a module outside was read");
                    read += 1;
                }
                Err(Error::Refused {
                    reason: StatementError::Path(FileAccessError::Outside { .. }),
                    ..
                }) => refused += 1,
                Err(Error::Refused {
                    reason: StatementError::Path(FileAccessError::Io { .. }),
                    ..
                }) => refused += 1,
                Err(other) => panic!("{other}"),
            }
        }
    });
    assert!(read > 0 && refused > 0, "{read} read, {refused} refused");
}

#[test]
fn links_that_are_exchanged_while_tables_are_used_do_not_lead_out() {
    let swapped = Swapped::new();
    let files = FileAccess::under(swapped.path("in")).unwrap().writable();
    let session = session_with(files);
    let runtime = runtime();
    let (mut read, mut refused) = (0, 0);
    swapped.during(|| {
        for attempt in 0..600 {
            let select = "SELECT sum(n) FROM 'swap/x.csv'";
            match runtime.block_on(run(&session, select)) {
                Ok(batches) => {
                    assert_eq!(number(&batches), 1, "a table outside was read");
                    read += 1;
                }
                Err(_) => refused += 1,
            }
            let copy = format!("COPY (SELECT 1 AS n) TO 'swap/new{attempt}.csv'");
            // It may be refused; what counts is where it has written.
            let _ = runtime.block_on(run(&session, &copy));
        }
    });
    assert!(read > 0 && refused > 0, "{read} read, {refused} refused");
    let outside = std::fs::read_dir(swapped.path("out")).unwrap();
    assert_eq!(outside.count(), 2, "a file was written outside");
    let inside = std::fs::read_dir(swapped.path("in/real")).unwrap();
    assert!(inside.count() > 2);
}

/// Runs statements on a thread, which may not take long; returns the error of the last.
fn error_in_time(session: &Session, sql: &str) -> Option<String> {
    let (session, text) = (session.clone(), sql.to_owned());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let result = runtime().block_on(run(&session, &text));
        sender.send(result.err().map(|error| error.to_string()))
    });
    let ended = receiver.recv_timeout(Duration::from_secs(30));
    ended.unwrap_or_else(|_| panic!("{sql} does not end"))
}

#[test]
fn pipes_are_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.csv");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    std::fs::write(folder.path().join("file.csv"), "n\n5\n").unwrap();
    let pipe = pipe.display();
    for files in [
        FileAccess::under(folder.path()).unwrap().writable(),
        FileAccess::any().writable(),
    ] {
        let session = session_with(files);
        for sql in [
            format!("CREATE MODULE m LANGUAGE WASM FROM '{pipe}'"),
            format!("CREATE FUNCTION f(INT) RETURNS INT LANGUAGE WASM AS '{pipe}'"),
            format!("SELECT * FROM '{pipe}'"),
            format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{pipe}'"),
            format!(
                "CREATE EXTERNAL TABLE u (n INT) STORED AS CSV LOCATION '{pipe}';
                 SELECT * FROM u"
            ),
            format!("COPY (SELECT 1) TO '{pipe}'"),
        ] {
            let error = error_in_time(&session, &sql).expect(&sql);
            assert!(error.contains("is not a regular file"), "{sql}: {error}");
        }
        // It is none of the files of its directory.
        let directory = folder.path().display();
        let sum = format!("SELECT sum(n) FROM '{directory}/'");
        assert_eq!(number(&runtime().block_on(run(&session, &sum)).unwrap()), 5);
    }
    let kind = std::fs::metadata(folder.path().join("pipe.csv")).unwrap();
    assert!(!kind.is_file());
}

#[cfg(target_os = "linux")]
#[test]
fn files_of_the_kernel_that_wait_for_data_are_not_waited_for() {
    let session = session_with(FileAccess::any());
    for sql in [
        "CREATE MODULE m LANGUAGE WASM FROM '/proc/kmsg'",
        "CREATE MODULE m LANGUAGE WASM FROM '/sys/kernel/debug/tracing/trace_pipe'",
        "CREATE EXTERNAL TABLE t (n VARCHAR) STORED AS CSV LOCATION '/proc/kmsg';
         SELECT * FROM t",
    ] {
        // Whether the user may open it, and whether it holds data, differs.
        error_in_time(&session, sql);
    }
}
