//! Messages that functions log reach the session, and change nothing that guests see.

use fusebox::Session;

use crate::{number, run, udfs};

/// Returns a session with the functions of the module `logs`.
async fn logging_session() -> Session {
    let session = session_with("target/guests/logs.wasm").await;
    run(&session, "IMPORT FUNCTIONS FROM MODULE m")
        .await
        .unwrap();
    session
}

/// Returns a session with the module `m` of a file.
async fn session_with(path: &str) -> Session {
    let session = crate::session();
    let bytes = std::fs::read(udfs().join("..").join(path)).expect("run cargo xtask guests");
    session.create_module("m", bytes).await.unwrap();
    session
}

fn messages(session: &Session) -> Vec<String> {
    let taken = session.take_messages();
    assert_eq!(taken.dropped, 0);
    taken.messages.iter().map(ToString::to_string).collect()
}

async fn settings(session: &Session, partitions: usize, batch_size: usize) {
    for set in [
        format!("SET datafusion.execution.target_partitions = {partitions}"),
        format!("SET datafusion.execution.batch_size = {batch_size}"),
    ] {
        run(session, &set).await.unwrap();
    }
}

#[tokio::test]
async fn messages_name_function_and_row() {
    let session = logging_session().await;
    settings(&session, 1, 8_192).await;
    run(&session, "SELECT half(value) FROM range(0, 6)")
        .await
        .unwrap();
    assert_eq!(
        messages(&session),
        [1, 3, 5].map(|row| format!("function `half` at row {row}: {row} is odd"))
    );
    assert_eq!(messages(&session), [""; 0]);

    // Rows are those of the batch, whatever was left out before the call.
    run(
        &session,
        "CREATE TABLE t AS VALUES (NULL), (4), (NULL), (7), (NULL), (NULL), (NULL)",
    )
    .await
    .unwrap();
    run(&session, "SELECT half(column1) FROM t").await.unwrap();
    assert_eq!(messages(&session), ["function `half` at row 3: 7 is odd"]);

    run(&session, "SELECT logged_sum(value - 2) FROM range(0, 4)")
        .await
        .unwrap();
    assert_eq!(
        messages(&session),
        [
            "function `logged_sum` at row 0: negative: -2",
            "function `logged_sum` at row 1: negative: -1"
        ]
    );
    run(&session, "SELECT * FROM logged_series(2)")
        .await
        .unwrap();
    assert_eq!(
        messages(&session),
        [
            "function `logged_series` at row 0: row\\n1",
            "function `logged_series` at row 1: row\\n2"
        ]
    );
}

#[tokio::test]
async fn failing_rows_log_once() {
    let session = logging_session().await;
    settings(&session, 1, 8_192).await;
    let error = run(
        &session,
        "SELECT half_of_even(value * 2 + value / 3) FROM range(0, 6)",
    );
    let error = error.await.unwrap_err();
    assert!(error.to_string().contains("the number is odd"), "{error}");
    let logged = messages(&session);
    let places: Vec<_> = logged
        .iter()
        .map(|m| m.split(": ").next().unwrap())
        .collect();
    let row = |row| format!("function `half_of_even` at row {row}");
    let expected: Vec<_> = (0..4).flat_map(|n| [row(n), row(n)]).collect();
    assert_eq!(places, expected, "{logged:#?}");
    assert!(
        logged[7].ends_with("logs.rs:18] x % 2 == 0 = false"),
        "{logged:#?}"
    );

    // A row that is called again alone logs once, as do the rows beside it.
    run(
        &session,
        "ALTER FUNCTION half_of_even SET (on_error = 'null')",
    )
    .await
    .unwrap();
    run(&session, "SELECT half_of_even(value) FROM range(0, 8)")
        .await
        .unwrap();
    let logged = messages(&session);
    let halves = logged
        .iter()
        .filter(|message| message.contains(": half of "))
        .count();
    assert_eq!(halves, 8, "{logged:#?}");
}

#[tokio::test]
async fn messages_are_bounded_and_no_other_session_sees_them() {
    let session = logging_session().await;
    settings(&session, 1, 8_192).await;
    let other = session.engine().session().build().unwrap();
    let query = "SELECT sum(after_messages(value, 3, 4000)) FROM range(0, 5000)";
    assert_eq!(number(&run(&session, query).await.unwrap()), 12_497_500);
    let taken = session.take_messages();
    assert_eq!(taken.messages.len() as u64 + taken.dropped, 15_000);
    assert!(
        (100..=1_000).contains(&taken.messages.len()),
        "{}",
        taken.messages.len()
    );
    for message in &taken.messages {
        assert!(message.text.ends_with("é…") && message.text.len() <= 1_024 + 3);
    }
    assert_eq!(other.take_messages().messages, []);

    // Formatting is the fuel of the row.
    run(
        &session,
        "ALTER FUNCTION after_messages SET (fuel_per_row = 20000)",
    )
    .await
    .unwrap();
    let error = run(
        &session,
        "SELECT after_messages(value, 1000, 10) FROM range(0, 2)",
    )
    .await;
    let error = error.unwrap_err();
    assert!(error.to_string().contains("fuel_per_row"), "{error}");
}

#[tokio::test]
async fn results_do_not_depend_on_who_listens() {
    let session = logging_session().await;
    let mut sums = Vec::new();
    for (partitions, batch_size) in [(1, 1), (1, 8_192), (8, 7), (2, 100)] {
        settings(&session, partitions, batch_size).await;
        let query = "SELECT sum(half(value)) + logged_sum(-value) FROM range(0, 3000)";
        sums.push(number(&run(&session, query).await.unwrap()));
    }
    assert_eq!(sums, [-2_250_000; 4]);
    let taken = session.take_messages();
    assert_eq!(taken.messages.len(), 1_000);
}

#[tokio::test]
async fn messages_of_any_place_and_length_are_harmless() {
    let session = session_with("udfs/hostile/logs.wat").await;
    for (name, options) in [
        ("wild", ""),
        ("flood", "WITH (fuel_per_row = 1000000000)"),
        ("endless", ""),
    ] {
        let create = format!(
            "CREATE FUNCTION {name}(BIGINT) RETURNS BIGINT LANGUAGE WASM FROM MODULE m {options}"
        );
        run(&session, &create).await.unwrap();
    }
    session.take_messages();
    let query = |name: &str| format!("SELECT sum({name}(value)) FROM range(0, 3)");
    assert_eq!(number(&run(&session, &query("wild")).await.unwrap()), 21);
    let taken = session.take_messages();
    let texts: Vec<_> = taken
        .messages
        .iter()
        .map(|message| &*message.text)
        .collect();
    let zeros = texts
        .iter()
        .filter(|text| text.starts_with("\\u{0}\\u{0}"))
        .count();
    assert!(zeros >= 1 && taken.dropped >= 2, "{taken:?}");
    assert!(texts.contains(&"\\u{1b}[31mred\u{fffd}\\u{0}"), "{texts:?}");
    assert!(texts.iter().all(|text| text.len() <= 1_024 + 3));

    assert_eq!(number(&run(&session, &query("flood")).await.unwrap()), 21);
    let taken = session.take_messages();
    assert!((100..=300).contains(&taken.messages.len()));
    assert!(taken.dropped >= 999_900);

    let error = run(&session, &query("endless")).await.unwrap_err();
    assert!(error.to_string().contains("fuel"), "{error}");
}
