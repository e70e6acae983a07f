//! Guests that do not return, in every place where a guest runs.

use std::time::{Duration, Instant};

use fusebox::{Error, Limits, Session};
use tokio::task::JoinHandle;

use crate::{run, session};

/// Module whose code at `endless` runs for years; all its other code does its work.
///
/// The counter in memory keeps the loop from being recognised as one without effects.
fn module(endless: &str) -> String {
    let body = |place: &str, otherwise: &str| match place == endless {
        true => "(loop $l (i64.store (i32.const 64)
                   (i64.add (i64.load (i32.const 64)) (i64.const 1))) (br $l))"
            .to_owned(),
        false => otherwise.to_owned(),
    };
    let progress = "(i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))";
    // A column of one BIGINT per row, all zero.
    let zeros = "(i32.store (i32.const 20) (i32.const 65536))
        (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))
        (i64.store offset=24 (local.get $result) (i64.const 2))
        (i32.store offset=40 (local.get $result) (i32.const 16))";
    let operation = |name: &str, place: &str, otherwise: &str| {
        format!(
            "(func (export \"fusebox_{name}_f\")
               (param $args i32) (param $rows i32) (param $result i32) (result i32)
               {} {otherwise} (i32.const 0))",
            body(place, "")
        )
    };
    let operations = [
        operation("udf", "row", zeros),
        operation("udaf_update", "update", progress),
        operation("udaf_merge", "merge", progress),
        operation("udaf_state", "state", zeros),
        operation("udaf_finish", "finish", zeros),
        operation("udaf_release_groups", "release", progress),
        operation("udwf_partition", "partition", zeros),
        operation("udtf", "table", zeros),
    ];
    let bulk = match endless {
        "bulk" => {
            "(func (export \"fusebox_udf_bulk\")
               (param $args i32) (param $rows i32) (param $result i32) (result i32)
               (loop $l (memory.fill (i32.const 65536) (i32.const 1) (i32.const 0x3000000))
                 (br $l)) (i32.const 0))"
        }
        _ => "",
    };
    format!(
        "(module (memory (export \"memory\") 1000) (func (export \"fusebox_abi_1\"))
           (func (export \"fusebox_alloc\") (param i32) (result i32)
             {} (i32.const 262144)) {} {bulk})",
        body("alloc", ""),
        operations.concat()
    )
}

/// Statement that creates the function, its limits, and a query in which it does not return.
const PLACES: [(&str, &str, &str, &str); 7] = [
    (
        "row",
        "FUNCTION f(BIGINT) RETURNS BIGINT",
        LARGE,
        "SELECT f(value) FROM range(0, 1)",
    ),
    (
        "bulk",
        "FUNCTION f(BIGINT) RETURNS BIGINT",
        "EXPORT 'bulk' WITH (fuel_per_row = 2305843009213693951)",
        "SELECT f(value) FROM range(0, 1)",
    ),
    (
        "alloc",
        "FUNCTION f(BIGINT) RETURNS BIGINT",
        "WITH (fuel_per_call = 2305843009213693951)",
        "SELECT f(value) FROM range(0, 1)",
    ),
    (
        "update",
        "AGGREGATE FUNCTION f(BIGINT) RETURNS BIGINT STATE (s BIGINT)",
        LARGE,
        "SELECT value % 3, f(value) FROM range(0, 10) GROUP BY value % 3",
    ),
    (
        "finish",
        "AGGREGATE FUNCTION f(BIGINT) RETURNS BIGINT STATE (s BIGINT)",
        LARGE,
        "SELECT f(value) OVER () FROM range(0, 10)",
    ),
    // The default limits end it within some 100 ms.
    (
        "partition",
        "WINDOW FUNCTION f(BIGINT) RETURNS BIGINT",
        LARGE,
        "SELECT f(value) OVER () FROM range(0, 6000)",
    ),
    (
        "table",
        "FUNCTION f(BIGINT) RETURNS TABLE (x BIGINT)",
        LARGE,
        "SELECT * FROM f(1)",
    ),
];

const LARGE: &str = "WITH (fuel_per_row = 2305843009213693951)";

async fn create(session: &Session, place: &str, function: &str, with: &str) {
    let module = module(place);
    let statement = format!("CREATE {function} LANGUAGE WASM AS $${module}$$ {with}");
    run(session, &statement)
        .await
        .unwrap_or_else(|error| panic!("{place}: {error}"));
}

fn start(session: &Session, query: &str) -> JoinHandle<Result<(), Error>> {
    let (session, query) = (session.clone(), query.to_owned());
    tokio::spawn(async move { run(&session, &query).await.map(|_| ()) })
}

/// A generous ceiling: guests end within some milliseconds.
const CEILING: Duration = Duration::from_secs(20);

/// Returns the result of a query, which must end soon.
async fn ended(running: JoinHandle<Result<(), Error>>) -> Result<(), Error> {
    let ended = tokio::time::timeout(CEILING, running).await;
    ended.expect("the query ends").expect("nothing panics")
}

/// Runs a query of another session, which must not wait for long.
async fn assert_others_are_served() {
    let other = session();
    let since = Instant::now();
    ended(start(&other, "SELECT 1")).await.unwrap();
    println!("answered after {:?}", since.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guest_is_cancelled_wherever_it_runs() {
    for (place, function, with, query) in PLACES {
        let session = session();
        create(&session, place, function, with).await;
        let running = start(&session, query);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!running.is_finished(), "{place}");
        session.cancel();
        let since = Instant::now();
        let error = ended(running).await.unwrap_err();
        println!("{place}: cancelled after {:?}", since.elapsed());
        assert!(
            matches!(Error::find_in(&error), Some(Error::Cancelled)),
            "{place}: {error}"
        );
        run(&session, "SELECT 1").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guest_ends_when_the_stream_of_its_query_is_dropped() {
    for (place, function, with, query) in PLACES {
        let session = session();
        create(&session, place, function, with).await;
        run(&session, "ALTER FUNCTION f SET (instances = 1)")
            .await
            .unwrap();
        let running = start(&session, query);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!running.is_finished(), "{place}");
        running.abort();
        // The permit of its only instance is free again once the guest has ended.
        let since = Instant::now();
        loop {
            let next = start(&session, query);
            tokio::time::sleep(Duration::from_millis(20)).await;
            if !next.is_finished() {
                session.cancel();
                next.await.unwrap().unwrap_err();
                break;
            }
            let error = next.await.unwrap().unwrap_err();
            assert!(
                error.to_string().contains("instances = 1"),
                "{place}: {error}"
            );
            assert!(since.elapsed() < CEILING, "{place}");
        }
        println!("{place}: ended after at most {:?}", since.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_guests_of_other_sessions_do_not_hold_up_a_query() {
    let (place, function, with, query) = PLACES[0];
    let sessions = [session(), session(), session()];
    let mut running = Vec::new();
    for session in &sessions {
        create(session, place, function, with).await;
        running.push(start(session, query));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    for _ in 0..5 {
        assert_others_are_served().await;
    }
    for (session, running) in sessions.iter().zip(running) {
        assert!(!running.is_finished());
        session.cancel();
        ended(running).await.unwrap_err();
    }
}

/// Queries that DataFusion could evaluate while it plans them.
const CONSTANTS: [&str; 5] = [
    "SELECT f(1)",
    "SELECT f(1) + 1 FROM range(0, 10)",
    "SELECT value FROM range(0, 10) WHERE f(1) > value",
    "SELECT * FROM (VALUES (f(1)), (f(2)))",
    "SELECT count(*) FROM range(0, 10) GROUP BY f(1)",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn constants_that_do_not_return_are_cancelled_and_hold_up_no_query() {
    let (place, function, with, _) = PLACES[0];
    for query in CONSTANTS {
        let sessions = [session(), session(), session()];
        let mut running = Vec::new();
        for session in &sessions {
            create(session, place, function, with).await;
            running.push(start(session, query));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_others_are_served().await;
        for (session, running) in sessions.iter().zip(running) {
            assert!(!running.is_finished(), "{query}");
            session.cancel();
            let error = ended(running).await.unwrap_err();
            assert!(
                matches!(Error::find_in(&error), Some(Error::Cancelled)),
                "{query}: {error}"
            );
        }
    }
}

/// Functions that the optimizer evaluates with options of its own: place, signature and query.
const OPTIMIZED: [(&str, &str, &str); 2] = [
    (
        "row",
        "FUNCTION f(BIGINT) RETURNS BIGINT CALLED ON NULL INPUT",
        "SELECT a.y FROM a LEFT JOIN a b ON a.y = b.y WHERE f(b.y) > 0",
    ),
    (
        "finish",
        "AGGREGATE FUNCTION f(BIGINT) RETURNS BIGINT STATE (s BIGINT)",
        "SELECT (SELECT f(b.y) FROM a b WHERE b.y = a.y) FROM a",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guest_that_the_optimizer_calls_ends_with_its_statement() {
    for (place, function, query) in OPTIMIZED {
        let session = session();
        create(&session, place, function, LARGE).await;
        run(
            &session,
            "CREATE TABLE a AS SELECT value AS y FROM range(0, 3)",
        )
        .await
        .unwrap();
        let running = start(&session, query);
        tokio::time::sleep(Duration::from_millis(100)).await;
        session.cancel();
        let error = ended(running).await.unwrap_err();
        assert!(
            matches!(Error::find_in(&error), Some(Error::Cancelled)),
            "{place}: {error}"
        );
        run(&session, "SET fusebox.statement_timeout = '100ms'")
            .await
            .unwrap();
        let error = ended(start(&session, query)).await.unwrap_err();
        assert!(
            matches!(Error::find_in(&error), Some(Error::StatementTimeout { .. })),
            "{place}: {error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planning_of_constants_that_do_not_return_ends_with_its_query() {
    let (place, function, with, _) = PLACES[0];
    let session = session();
    create(&session, place, function, with).await;
    run(&session, "ALTER FUNCTION f SET (instances = 1)")
        .await
        .unwrap();
    let running = start(&session, CONSTANTS[3]);
    tokio::time::sleep(Duration::from_millis(100)).await;
    running.abort();
    // Fails while its only instance is in use.
    let since = Instant::now();
    while let Err(error) = call_in_a_batch(&session).await {
        assert!(error.to_string().contains("instances = 1"), "{error}");
        assert!(since.elapsed() < CEILING);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Calls the function until it runs, and cancels it then.
async fn call_in_a_batch(session: &Session) -> Result<(), Error> {
    let running = start(session, PLACES[0].3);
    tokio::time::sleep(Duration::from_millis(20)).await;
    if running.is_finished() {
        return ended(running).await;
    }
    session.cancel();
    let error = ended(running).await.unwrap_err();
    match Error::find_in(&error) {
        Some(Error::Cancelled) => Ok(()),
        _ => Err(error),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_batches_within_the_default_limits_do_not_hold_up_a_query() {
    let sessions = [session(), session(), session()];
    let mut running = Vec::new();
    for session in &sessions {
        let module = crate::cancellation::spin_per_row(200_000);
        run(session, &module).await.unwrap();
        running.push(start(
            session,
            "SELECT spin_per_row(value) FROM range(0, 100000)",
        ));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_others_are_served().await;
    for (session, running) in sessions.iter().zip(running) {
        session.cancel();
        ended(running).await.unwrap_err();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_function_is_cancelled_with_its_statement() {
    for (name, start_function) in [
        ("start", "(start $s)"),
        ("_initialize", "(export \"_initialize\" (func $s))"),
    ] {
        let session = session();
        let module = module("").replacen(
            "(module",
            &format!(
                "(module {start_function} (func $s (loop $l (i64.store (i32.const 64)
                   (i64.add (i64.load (i32.const 64)) (i64.const 1))) (br $l)))"
            ),
            1,
        );
        let create = format!(
            "CREATE FUNCTION f(BIGINT) RETURNS BIGINT LANGUAGE WASM AS $${module}$$
             WITH (fuel_init = 4000000000)"
        );
        let running = start(&session, &create);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!running.is_finished(), "{name}");
        session.cancel();
        let error = ended(running).await.unwrap_err();
        assert!(
            matches!(Error::find_in(&error), Some(Error::Cancelled)),
            "{name}: {error}"
        );
        run(&session, "SELECT f(1)").await.unwrap_err();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polled_function_is_called_again_after_a_cancelled_call() {
    let session = session();
    let limits = Limits::MAX.fuel_per_row;
    let statement = crate::cancellation::spin_per_row(1_000).replace(
        "fuel_per_call = 10000000",
        &format!("fuel_per_row = {limits}"),
    );
    run(&session, &statement).await.unwrap();
    let long = "SELECT sum(spin_per_row(value)) FROM range(0, 100000000)";
    for _ in 0..3 {
        let running = start(&session, long);
        tokio::time::sleep(Duration::from_millis(50)).await;
        session.cancel();
        running.await.unwrap().unwrap_err();
        let short = "SELECT sum(spin_per_row(value)) AS s FROM range(0, 10000)";
        assert_eq!(crate::number(&run(&session, short).await.unwrap()), 0);
    }
}
