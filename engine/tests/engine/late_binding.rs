//! Functions resolved when a plan runs: across sessions, and in data frames.

use fusebox::{Error, FunctionKey, Session};

use crate::{number, run, session};

const STATIC: &str = "CREATE OR REPLACE FUNCTION f(BIGINT) RETURNS BIGINT LANGUAGE WASM AS 'hostile/remembers.wat' EXPORT 'static'";
const SIZE: &str = "CREATE OR REPLACE FUNCTION f(BIGINT) RETURNS BIGINT LANGUAGE WASM AS 'hostile/remembers.wat' EXPORT 'size'";

/// Initial pages of the module, which the export `size` returns.
const PAGES: i64 = 10;

fn message(error: &Error) -> String {
    let found = Error::find_in(error);
    found.map_or_else(|| error.to_string(), ToString::to_string)
}

async fn value(session: &Session, text: &str) -> i64 {
    number(&run(session, text).await.unwrap())
}

#[tokio::test]
async fn views_follow_changes_of_other_sessions() {
    let mine = session();
    let other = mine.engine().session().build().unwrap();
    run(&mine, STATIC).await.unwrap();
    run(
        &mine,
        "CREATE VIEW v AS SELECT f(1) AS y; PREPARE p AS SELECT f(1)",
    )
    .await
    .unwrap();
    assert_eq!(value(&mine, "SELECT y FROM v").await, 0);
    run(&mine, SIZE).await.unwrap();
    assert_eq!(value(&mine, "SELECT y FROM v").await, PAGES);
    assert_eq!(value(&mine, "EXECUTE p").await, PAGES);
    // The view is the session's own, so another one may drop the function.
    run(&other, "DROP FUNCTION f").await.unwrap();
    for query in ["SELECT y FROM v", "EXECUTE p"] {
        let error = run(&mine, query).await.unwrap_err();
        let expected = "function `f` is gone since the view or statement that calls it was \
                        planned: create it again";
        assert_eq!(message(&error), expected, "{query}");
    }
    run(&mine, STATIC).await.unwrap();
    assert_eq!(value(&mine, "SELECT y FROM v").await, 0);
}

#[tokio::test]
async fn data_frame_calls_the_function_of_the_time_when_it_runs() {
    let session = session();
    run(&session, STATIC).await.unwrap();
    let frame = session.sql("SELECT f(1)").await.unwrap();
    let before = frame.clone().collect().await.unwrap();
    assert_eq!(number(&before), 0);
    run(&session, SIZE).await.unwrap();
    let after = frame.clone().collect().await.unwrap();
    assert_eq!(number(&after), PAGES);
    run(&session, "DROP FUNCTION f").await.unwrap();
    let error = frame.collect().await.unwrap_err();
    assert!(
        error.to_string().contains("function `f` is gone"),
        "{error}"
    );
}

#[tokio::test]
async fn views_of_the_context_are_found_too() {
    let session = session();
    run(&session, STATIC).await.unwrap();
    let created = session.context().sql("CREATE VIEW v AS SELECT f(1) AS y");
    created.await.unwrap();
    let error = run(&session, "DROP FUNCTION f").await.unwrap_err();
    assert_eq!(
        message(&error),
        "function `f` is needed by view `v`; DROP … CASCADE would drop them too"
    );
    let key = FunctionKey {
        name: "f".to_owned(),
        types: vec![arrow::datatypes::DataType::Int64],
    };
    session.drop_function(key.clone(), false).await.unwrap_err();
    session.drop_function(key, true).await.unwrap();
    assert!(!session.context().table_exist("v").unwrap());
}

#[tokio::test]
async fn insert_and_copy_into_tables_use_new_functions() {
    let session = session();
    run(&session, STATIC).await.unwrap();
    run(
        &session,
        "CREATE TABLE t (a BIGINT, b BIGINT DEFAULT f(1), c BIGINT DEFAULT 7);
         PREPARE i AS INSERT INTO t (a) VALUES (1); EXECUTE i",
    )
    .await
    .unwrap();
    run(&session, SIZE).await.unwrap();
    run(&session, "INSERT INTO t (a) VALUES (2)").await.unwrap();
    assert_eq!(value(&session, "SELECT sum(b) FROM t").await, PAGES);
    run(&session, "DROP FUNCTION f CASCADE").await.unwrap();
    run(&session, "INSERT INTO t (a) VALUES (3)").await.unwrap();
    let kept = "SELECT sum(c) + count(*) - count(b) FROM t";
    assert_eq!(value(&session, kept).await, 22);
}
