//! Modules that are long, wide or often at fault: each is refused, or ends with
//! the right error, and the session goes on.

use std::fmt::Write as _;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use fusebox::{Error, Exhausted, ModuleFault, Session};
use tokio::runtime::Runtime;

use crate::{number, run, session};

/// Creates the function `f` of a module, which `functions` is part of and whose
/// column function does `body`.
async fn create(session: &Session, functions: &str, body: &str) -> Result<(), Error> {
    let create = format!(
        r#"CREATE OR REPLACE FUNCTION f(BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$(module
             (memory (export "memory") 2)
             (func (export "fusebox_abi_1"))
             (func (export "fusebox_alloc") (param i32) (result i32) (i32.const 4096))
             {functions}
             (func (export "fusebox_udf_f") (param i32 i32 i32) (result i32) {body}
               (i32.store (i32.const 20) (i32.const 1024)) ;; the address of the values
               (i64.store (local.get 2) (i64.extend_i32_u (local.get 1)))
               (i64.store offset=24 (local.get 2) (i64.const 2))
               (i32.store offset=40 (local.get 2) (i32.const 16))
               (i32.const 0)))$$"#
    );
    run(session, &create).await.map(drop)
}

async fn call(session: &Session, n: i64) -> Result<i64, Error> {
    let query = format!("SELECT f(value) FROM range({n}, {n} + 1)");
    run(session, &query).await.map(|answer| number(&answer))
}

/// Runs a test that must end, on a machine however slow.
fn watch(test: impl Future<Output = ()> + Send + 'static) {
    const PATIENCE: Duration = Duration::from_secs(600);
    let (sender, receiver) = channel();
    let test = thread::spawn(move || {
        Runtime::new().unwrap().block_on(test);
        sender.send(()).unwrap();
    });
    match receiver.recv_timeout(PATIENCE) {
        Err(RecvTimeoutError::Timeout) => panic!("no end after {PATIENCE:?}"),
        Ok(()) | Err(RecvTimeoutError::Disconnected) => test.join().unwrap(),
    }
}

/// So many functions, each of which calls the next.
fn chain(functions: usize) -> String {
    let mut chain = String::new();
    for n in 1..functions {
        write!(chain, "(func $f{n} (call $f{}))", n + 1).unwrap();
    }
    write!(chain, "(func $f{functions})").unwrap();
    chain
}

#[test]
fn chain_of_calls_may_not_outgrow_the_stack() {
    watch(async {
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
                20_000 => "a chain of calls takes 1280216 bytes of stack, of 262144 at most",
                _ => "it has 100003 functions, of 30000 at most",
            };
            assert_eq!(fault, expected);
        }
        // What is refused replaces nothing.
        assert_eq!(call(&session, 1).await.unwrap(), 0);
    });
}

#[test]
fn frame_may_not_outgrow_the_stack() {
    const LOCALS: usize = 49_990;
    watch(async {
        let session = session();
        let types = "i64 ".repeat(LOCALS);
        for body in [
            format!("(local {types})"),
            format!("(local {types}) (local.set {LOCALS} (i64.const 1))"),
        ] {
            let error = create(&session, "", &body).await.unwrap_err();
            let Error::Module {
                fault: ModuleFault::Metering(fault),
                ..
            } = error
            else {
                panic!("{error}");
            };
            assert!(fault.to_string().starts_with("a chain of calls takes 4"));
        }
        // Of a circle of calls it is not known how long it goes on.
        for body in ["", "(local.set 7 (i64.const 1))"] {
            let down = format!("(func $down (local {types}) {body} (call $down))");
            create(&session, &down, "(call $down)").await.unwrap();
            let error = call(&session, 1).await.unwrap_err();
            let Some(Error::Limit { limit, .. }) = Error::behind(&error) else {
                panic!("{error}");
            };
            assert!(matches!(limit, Exhausted::Stack { .. }), "{limit}");
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
fn trap_ends_its_query_at_once_and_nothing_else() {
    watch(async {
        let session = session();
        create(&session, "", TRAPS_AT_7).await.unwrap();
        let of_a_million = "SELECT sum(f(7 + value - value)) FROM range(0, 1000000)";
        let error = run(&session, of_a_million).await.unwrap_err();
        assert!(matches!(Error::behind(&error), Some(Error::Trap { .. })));
        // With one place for a call, a place that is not given back is missed.
        let alter = "ALTER FUNCTION f SET (instances = 1)";
        run(&session, alter).await.unwrap();
        for _ in 0..1_000 {
            let error = call(&session, 7).await.unwrap_err();
            assert!(matches!(Error::behind(&error), Some(Error::Trap { .. })));
        }
        assert_eq!(call(&session, 1).await.unwrap(), 0);
    });
}
