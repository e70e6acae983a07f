//! Modules with deep call chains, wide frames and traps: each is rejected or fails with a typed
//! error, and the session remains usable.

use std::fmt::Write as _;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use fusebox::{Error, LimitExceeded, ModuleError, Session};
use tokio::runtime::Runtime;

use crate::{number, run, session};

/// Creates the function `f` of a module with the functions `functions`; `body` begins the body
/// of its export.
async fn create(session: &Session, functions: &str, body: &str) -> Result<(), Error> {
    let create = format!(
        r#"CREATE OR REPLACE FUNCTION f(BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$(module
             (memory (export "memory") 2)
             (func (export "fusebox_abi_1"))
             (func (export "fusebox_alloc") (param i32) (result i32) (i32.const 4096))
             {functions}
             (func (export "fusebox_udf_f") (param i32 i32 i32) (result i32) {body}
               (i32.store (i32.const 20) (i32.const 1024)) ;; values of the result
               (i64.store (local.get 2) (i64.extend_i32_u (local.get 1)))
               (i64.store offset=24 (local.get 2) (i64.const 2))
               (i32.store offset=40 (local.get 2) (i32.const 16))
               (i32.const 0)))$$"#
    );
    run(session, &create).await.map(drop)
}

async fn call(session: &Session, n: i64) -> Result<i64, Error> {
    let query = format!("SELECT f(value) FROM range({n}, {n} + 1)");
    run(session, &query).await.map(|batches| number(&batches))
}

/// Runs a test, with a timeout that also suffices on slow hardware.
fn with_timeout(test: impl Future<Output = ()> + Send + 'static) {
    const TIMEOUT: Duration = Duration::from_secs(600);
    let (sender, receiver) = channel();
    let test = thread::spawn(move || {
        Runtime::new().unwrap().block_on(test);
        sender.send(()).unwrap();
    });
    match receiver.recv_timeout(TIMEOUT) {
        Err(RecvTimeoutError::Timeout) => panic!("the test runs for over {TIMEOUT:?}"),
        Ok(()) | Err(RecvTimeoutError::Disconnected) => test.join().unwrap(),
    }
}

#[tokio::test]
async fn files_of_other_kinds_are_named() {
    let session = session();
    let files: [(&[u8], &str); 6] = [
        (b"", "an empty file"),
        (b"\x7fELF\x02\x01\x01", "a native library or program (ELF)"),
        (b"MZ\x90\x00", "a native library or program (PE)"),
        (b"!<arch>\n", "a static library"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"#!/bin/sh", "a script"),
    ];
    for (bytes, kind) in files {
        let error = session.create_module("m", bytes).await.unwrap_err();
        let expected = format!(
            "module `m` cannot be used: it is neither a Wasm module nor its text, but {kind}; \
             compile it for the target wasm32-unknown-unknown"
        );
        assert_eq!(error.to_string(), expected);
    }
    let component = b"\0asm\x0d\0\x01\0";
    let error = session.create_module("m", component).await.unwrap_err();
    let Error::Module { fault, .. } = error else {
        panic!("{error}");
    };
    assert!(matches!(fault, ModuleError::Component(_)), "{fault}");
}

/// Returns functions, each of which calls the next.
fn chain(functions: usize) -> String {
    let mut chain = String::new();
    for n in 1..functions {
        write!(chain, "(func $f{n} (call $f{}))", n + 1).unwrap();
    }
    write!(chain, "(func $f{functions})").unwrap();
    chain
}

#[test]
fn call_chain_deeper_than_the_stack_is_rejected() {
    with_timeout(async {
        let session = session();
        create(&session, &chain(100), "(call $f1)").await.unwrap();
        assert_eq!(call(&session, 1).await.unwrap(), 0);
        for functions in [20_000, 100_000] {
            let error = create(&session, &chain(functions), "(call $f1)").await;
            let Err(Error::Module { fault, .. }) = error else {
                panic!("{functions}: {error:?}");
            };
            let fault = fault.to_string();
            let expected = match functions {
                20_000 => " bytes of stack from function 20002, expected at most 262144",
                _ => "it defines 100003 functions, expected at most 30000",
            };
            assert!(fault.ends_with(expected), "{fault}");
        }
        // The rejected statement replaced nothing.
        assert_eq!(call(&session, 1).await.unwrap(), 0);
    });
}

#[test]
fn frame_larger_than_the_stack_is_rejected_and_recursion_is_limited() {
    const LOCALS: usize = 49_990;
    with_timeout(async {
        let session = session();
        let types = "i64 ".repeat(LOCALS);
        for body in [
            format!("(local {types})"),
            format!("(local {types}) (local.set {LOCALS} (i64.const 1))"),
        ] {
            let error = create(&session, "", &body).await.unwrap_err();
            let Error::Module {
                fault: ModuleError::Instrument(fault),
                ..
            } = error
            else {
                panic!("{error}");
            };
            assert!(fault.starts_with("a call chain takes 4"), "{fault}");
        }
        // The depth of recursion is unknown before the call.
        for body in ["", "(local.set 7 (i64.const 1))"] {
            let down = format!("(func $down (local {types}) {body} (call $down))");
            create(&session, &down, "(call $down)").await.unwrap();
            let error = call(&session, 1).await.unwrap_err();
            let Some(Error::Limit { limit, .. }) = Error::find_in(&error) else {
                panic!("{error}");
            };
            assert!(matches!(limit, LimitExceeded::Stack { .. }), "{limit}");
        }
        create(&session, "", "").await.unwrap();
        assert_eq!(call(&session, 1).await.unwrap(), 0);
    });
}

/// Traps where the first value of the batch is 7.
const TRAPS_AT_7: &str = "
    (if (i64.eq (i64.load (i32.load offset=4 (i32.load offset=40 (local.get 0)))) (i64.const 7))
      (then (unreachable)))";

#[test]
fn trap_ends_its_query_and_nothing_else() {
    with_timeout(async {
        let session = session();
        create(&session, "", TRAPS_AT_7).await.unwrap();
        let million_rows = "SELECT sum(f(7 + value - value)) FROM range(0, 1000000)";
        let error = run(&session, million_rows).await.unwrap_err();
        assert!(matches!(Error::find_in(&error), Some(Error::Trap { .. })));
        // With one permit, a permit that is not released fails the next call.
        let alter = "ALTER FUNCTION f SET (instances = 1)";
        run(&session, alter).await.unwrap();
        for _ in 0..1_000 {
            let error = call(&session, 7).await.unwrap_err();
            assert!(matches!(Error::find_in(&error), Some(Error::Trap { .. })));
        }
        assert_eq!(call(&session, 1).await.unwrap(), 0);
    });
}
