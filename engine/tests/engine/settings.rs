//! Settings of sessions: the timeout of statements.

use std::time::{Duration, Instant};

use datafusion::prelude::SessionContext;
use fusebox::{Engine, Error, Session};
use futures::StreamExt;

use crate::cancellation::spin_per_row;
use crate::{number, run, session};

/// Time in which a statement must end after its deadline. It is some milliseconds on an idle
/// machine.
const GRACE: Duration = Duration::from_secs(2);

/// A query of native operators that runs for hours. It occupies its threads for a second or
/// two at a time, without yielding.
const NATIVE: &str = "SELECT count(*) FROM range(0, 200000) a, range(0, 1000000000) b
    WHERE a.value + b.value = -1";

fn is_timeout(error: &(dyn std::error::Error + 'static)) -> bool {
    matches!(Error::find_in(error), Some(Error::StatementTimeout { .. }))
}

async fn assert_times_out(session: &Session, text: &str, timeout: Duration) {
    let start = Instant::now();
    let error = run(session, text).await.unwrap_err();
    let elapsed = start.elapsed();
    assert!(is_timeout(&error), "{text}: {error}");
    assert!(elapsed >= timeout, "{text}: {elapsed:?}");
    assert!(elapsed < timeout + GRACE, "{text}: {elapsed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statement_ends_at_its_timeout() {
    let session = session();
    let spin = spin_per_row(20_000).replace("10000000)", "1000000000)");
    run(&session, &spin).await.unwrap();
    run(&session, "SET fusebox.statement_timeout = '300ms'")
        .await
        .unwrap();
    let timeout = Duration::from_millis(300);
    for text in [
        "SELECT sum(spin_per_row(value)) FROM range(0, 10000000000)",
        "EXPLAIN ANALYZE SELECT sum(spin_per_row(value)) FROM range(0, 10000000000)",
        NATIVE,
        &format!("EXPLAIN ANALYZE {NATIVE}"),
        &format!("CREATE TABLE t AS {NATIVE}"),
        &format!("PREPARE p AS {NATIVE}; EXECUTE p"),
    ] {
        assert_times_out(&session, text, timeout).await;
    }
    run(&session, "SET fusebox.statement_timeout = 0")
        .await
        .unwrap();
    let one = run(&session, "SELECT 1").await.unwrap();
    assert_eq!(number(&one), 1);
    let sum = "SELECT sum(spin_per_row(value)) FROM range(0, 100000)";
    assert_eq!(number(&run(&session, sum).await.unwrap()), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statement_ends_at_its_timeout_while_nothing_is_polled() {
    let session = Session::builder().statement_timeout(Duration::from_millis(300));
    let session = session.build().unwrap();
    let query = "SELECT value, repeat('x', 100) FROM range(0, 1000000000)";
    let mut stream = session
        .sql(query)
        .await
        .unwrap()
        .execute_stream()
        .await
        .unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    tokio::time::sleep(Duration::from_millis(600)).await;
    let rest: Vec<_> = stream.by_ref().take(3).collect().await;
    let (error, batches) = rest.split_last().unwrap();
    // No batch is delivered after the deadline, nor is there anything after the error.
    assert!(batches.is_empty(), "{}", batches.len());
    let error = error.as_ref().unwrap_err();
    assert!(is_timeout(error), "{error}");
    assert!(stream.next().await.is_none());
    // One that was never polled.
    let frame = session.sql(query).await.unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    let error = frame.collect().await.unwrap_err();
    assert!(is_timeout(&error), "{error}");
}

#[tokio::test]
async fn timeout_of_the_builder_is_the_one_that_is_reset_to() {
    let builder = Session::builder().statement_timeout(Duration::from_secs(60));
    let session = builder.batch_bytes_max(1 << 20).build().unwrap();
    let show = async |expected: &str| {
        let shown = run(&session, "SHOW fusebox.statement_timeout")
            .await
            .unwrap();
        let text = arrow::util::pretty::pretty_format_batches(&shown).unwrap();
        assert!(
            text.to_string().contains(&format!("| {expected} ")),
            "{text}"
        );
    };
    show("1min").await;
    run(&session, "SET fusebox.statement_timeout = '2s'")
        .await
        .unwrap();
    show("2s").await;
    run(&session, "RESET fusebox.statement_timeout")
        .await
        .unwrap();
    show("1min").await;
    let small = Session::builder().batch_bytes_max(1).build();
    assert!(matches!(small, Err(Error::Config(_))));
    let never = Session::builder().statement_timeout(Duration::ZERO).build();
    assert!(matches!(never, Err(Error::Config(_))));
}

/// A context without the settings has their defaults.
#[tokio::test]
async fn context_of_an_embedder_gets_the_settings() {
    let context = SessionContext::new();
    let engine = Engine::builder().build().unwrap();
    engine.install(&context);
    context
        .sql("SET fusebox.batch_bytes = '1MB'")
        .await
        .unwrap();
    let refused = context.sql("SET fusebox.batch_bytes = '1kB'").await;
    assert!(refused.is_err());
}
