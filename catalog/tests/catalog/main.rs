//! A catalog in a file: what was acknowledged is there again, in this process and in others.

mod alter;
mod damage;
mod dependents;
mod files;
mod keys;
mod memory;
mod relations;
mod reopened;
mod select_into;
mod sharing;
mod tables;
mod users;
mod versions;

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use fusebox::{Engine, Error, FileAccess, Privileges, Session};
use fusebox_catalog::SqliteCatalog;
use tempfile::TempDir;

const CLAMP: &str = "CREATE MODULE clamp LANGUAGE WASM FROM 'udfs/wat/clamp.wat';
    CREATE FUNCTION clamp_to(value BIGINT, low BIGINT DEFAULT 0, high BIGINT DEFAULT 10)
    LANGUAGE WASM FROM MODULE clamp COMMENT 'Limits a value.'";

/// Opens a session of an engine of its own over a file.
fn open(path: &Path) -> Session {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let privileges = Privileges {
        files: FileAccess::under(root).unwrap(),
        ..Privileges::all()
    };
    let catalog = SqliteCatalog::open(path).unwrap();
    let engine = Engine::builder()
        .catalog(Arc::new(catalog))
        .privileges(privileges)
        .build()
        .unwrap();
    engine.session().build().unwrap()
}

/// Runs all statements of `text` and returns the batches of the last one.
async fn run(session: &Session, text: &str) -> Result<Vec<RecordBatch>, Error> {
    let mut last = Vec::new();
    for statement in session.statements(text) {
        let frame = session.execute(statement?).await?;
        let collected = frame.collect().await;
        last = collected.map_err(|error| Error::Query(Box::new(error)))?;
    }
    Ok(last)
}

/// Returns the number that a query returns.
async fn number(session: &Session, query: &str) -> Result<i64, Error> {
    let batches = run(session, query).await?;
    Ok(batches[0].column(0).as_primitive::<Int64Type>().value(0))
}

/// Returns the texts of a column of a query.
async fn texts(session: &Session, query: &str, column: usize) -> Vec<String> {
    let batches = run(session, query).await.unwrap();
    let columns = batches
        .iter()
        .map(|batch| batch.column(column).as_string::<i32>());
    let texts = columns.flat_map(|texts| texts.iter().flatten());
    texts.map(str::to_owned).collect()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Calls `write` with the number of each of several sessions of one file, on threads of their
/// own, and returns the results in that order.
fn at_the_same_time<T: Send, F: Future<Output = T>>(
    file: &Path,
    writers: usize,
    write: impl Fn(usize, Session) -> F + Sync,
) -> Vec<T> {
    let write = &write;
    let thread = |writer| {
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let writing = async { write(writer, open(file)).await };
            runtime.unwrap().block_on(writing)
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..writers).map(|n| scope.spawn(thread(n))).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

#[tokio::test]
async fn definitions_are_there_again() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    let before = open(&file);
    run(&before, CLAMP).await.unwrap();
    run(
        &before,
        "CREATE VIEW limited AS SELECT clamp_to(value, high => 7) AS v FROM range(0, 100);
         CREATE VIEW most AS SELECT max(v) AS most FROM limited;
         CREATE TEMPORARY FUNCTION brief(BIGINT, BIGINT, BIGINT) RETURNS BIGINT LANGUAGE WASM
         FROM MODULE clamp EXPORT 'clamp_to';
         ALTER FUNCTION clamp_to SET (fuel_per_row = 5000)",
    )
    .await
    .unwrap();
    let printed = texts(&before, "SHOW CREATE FUNCTION clamp_to", 1).await;
    drop(before);

    let after = open(&file);
    assert_eq!(texts(&after, "SHOW USER FUNCTIONS", 0).await, ["clamp_to"]);
    assert_eq!(
        texts(&after, "SHOW CREATE FUNCTION clamp_to", 1).await,
        printed
    );
    assert!(printed[0].contains("fuel_per_row = 5000") && printed[0].contains("Limits a value."));
    assert_eq!(number(&after, "SELECT clamp_to(70)").await.unwrap(), 10);
    assert_eq!(number(&after, "SELECT most FROM most").await.unwrap(), 7);
    let views = texts(&after, "SHOW TABLES", 2).await;
    assert!(views.contains(&"limited".to_owned()) && views.contains(&"most".to_owned()));
    assert_eq!(texts(&after, "SHOW MODULES", 0).await, ["clamp"]);
    run(&after, "DESCRIBE MODULE clamp").await.unwrap();

    // Views keep the functions that they call, in every session.
    let refused = run(&after, "DROP FUNCTION clamp_to").await.unwrap_err();
    assert!(refused.to_string().contains("limited"), "{refused}");
    run(&after, "DROP MODULE clamp CASCADE").await.unwrap();
    let last = open(&file);
    assert_eq!(texts(&last, "SHOW USER FUNCTIONS", 0).await, [""; 0]);
    run(&last, "SELECT * FROM limited").await.unwrap_err();
}

#[tokio::test]
async fn external_tables_are_there_again() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    let create = "CREATE EXTERNAL TABLE airports STORED AS CSV
        OPTIONS ('format.has_header' 'true') LOCATION 'data/nycflights13/airports.csv'";
    let count = "SELECT count(*) FROM airports WHERE lat > 40";
    let before = open(&file);
    run(&before, create).await.unwrap();
    let rows = number(&before, count).await.unwrap();
    assert!(rows > 0);
    let after = open(&file);
    assert_eq!(number(&after, count).await.unwrap(), rows);
    run(&after, "DROP TABLE airports").await.unwrap();
    run(&open(&file), count).await.unwrap_err();
}

#[tokio::test]
async fn refused_statement_writes_nothing() {
    let folder = folder();
    let session = open(&folder.path().join("functions.db"));
    run(&session, "CREATE VIEW v AS SELECT 1 AS n")
        .await
        .unwrap();
    let catalog = session.engine().catalog();
    let before = catalog.contents().unwrap().version();
    for statement in [
        "CREATE VIEW v AS SELECT 2 AS n",
        "CREATE EXTERNAL TABLE v STORED AS CSV LOCATION 'data/nycflights13/airports.csv'",
        "CREATE VIEW w AS SELECT nosuch(1)",
        "DROP VIEW nosuch",
    ] {
        run(&session, statement).await.unwrap_err();
        // A change that was reverted would be one too: a crash in between would keep it.
        assert_eq!(catalog.contents().unwrap().version(), before, "{statement}");
    }
    assert_eq!(number(&session, "SELECT n FROM v").await.unwrap(), 1);
}

#[tokio::test]
async fn nothing_is_read_or_compiled_before_it_is_used() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    run(&open(&file), CLAMP).await.unwrap();
    let session = open(&file);
    let contents = session.engine().catalog().contents().unwrap();
    let module = contents.module("clamp").unwrap();
    for statement in ["SHOW USER FUNCTIONS", "SHOW MODULES", "SELECT 1"] {
        run(&session, statement).await.unwrap();
    }
    assert!(module.get().is_none());
    assert_eq!(number(&session, "SELECT clamp_to(3)").await.unwrap(), 3);
    assert!(module.get().is_some());
}

#[tokio::test]
async fn prepared_statements_follow_the_catalog() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    run(&open(&file), CLAMP).await.unwrap();
    let (session, other) = (open(&file), open(&file));
    run(&session, "PREPARE p AS SELECT clamp_to($1)")
        .await
        .unwrap();
    assert_eq!(number(&session, "EXECUTE p(70)").await.unwrap(), 10);
    run(
        &other,
        "CREATE OR REPLACE FUNCTION clamp_to(value BIGINT, low BIGINT DEFAULT 0,
         high BIGINT DEFAULT 20) LANGUAGE WASM FROM MODULE clamp",
    )
    .await
    .unwrap();
    assert_eq!(number(&session, "EXECUTE p(70)").await.unwrap(), 20);
}
