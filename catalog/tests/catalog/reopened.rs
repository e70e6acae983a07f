//! Functions of a catalog that was written before, which are bound when a query calls them.

use rusqlite::Connection;

use crate::{CLAMP, folder, number, open, run};

#[tokio::test]
async fn first_query_calls_functions_wherever_they_are() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    run(&open(&file), CLAMP).await.unwrap();
    for query in [
        "SELECT clamp_to(70)",
        "SELECT abs(Clamp_To(70))",
        "SELECT max(clamp_to(value)) FROM range(1, 70)",
        "SELECT 10 WHERE clamp_to(70) = 10",
        "SELECT (SELECT clamp_to(70))",
        "WITH a AS (SELECT clamp_to(70) AS b) SELECT b FROM a",
    ] {
        let session = open(&file);
        assert_eq!(number(&session, query).await.unwrap(), 10, "{query}");
        let compilations = session.engine().runtime().compilations();
        assert_eq!(compilations, 1, "{query}");
    }
}

#[tokio::test]
async fn query_that_cannot_be_planned_has_the_error_of_planning() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    run(&open(&file), CLAMP).await.unwrap();
    let session = open(&file);
    let query = "SELECT clamp_to(absent_column)";
    let failed = run(&session, query).await.unwrap_err().to_string();
    assert!(failed.contains("absent_column"), "{failed}");
    assert_eq!(number(&session, "SELECT clamp_to(70)").await.unwrap(), 10);
    drop(session);
    let connection = Connection::open(&file).unwrap();
    let damaged = "UPDATE blob SET bytes = zeroblob(length(bytes))";
    assert_eq!(connection.execute(damaged, []).unwrap(), 1);
    drop(connection);
    let same = run(&open(&file), query).await.unwrap_err().to_string();
    assert_eq!(same, failed);
    // The function of a prepared statement is bound after it was planned.
    let call = "SELECT clamp_to(70)";
    let of_query = run(&open(&file), call).await.unwrap_err().to_string();
    let prepared = format!("PREPARE p AS {call}; EXECUTE p");
    let of_prepared = run(&open(&file), &prepared).await.unwrap_err().to_string();
    assert!(of_query.contains("another digest"), "{of_query}");
    assert_eq!(of_query, of_prepared);
}
