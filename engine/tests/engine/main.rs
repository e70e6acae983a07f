//! The engine as an embedder sees it.

mod endless;
mod limits;
mod measure;
mod memory;
mod query;
mod types;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use datafusion::prelude::{SessionConfig, SessionContext};
use fusebox::{Error, Exhausted, ModuleFault, PathRefusal, Paths, Refusal, Session};

fn udfs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../udfs")
}

fn session() -> Session {
    let paths = Paths::under(udfs()).unwrap();
    Session::builder().paths(paths).build().unwrap()
}

async fn run(session: &Session, text: &str) -> Result<Vec<RecordBatch>, Error> {
    let mut last = Vec::new();
    for statement in session.statements(text) {
        let frame = session.execute(statement?).await?;
        last = frame
            .collect()
            .await
            .map_err(|error| Error::Query(Box::new(error)))?;
    }
    Ok(last)
}

fn number(batches: &[RecordBatch]) -> i64 {
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

/// Runs one test in a process of its own, by a command that names it. False in
/// that process, where the test itself is to go on.
fn passes_alone(command: &mut Command) -> bool {
    const ALONE: &str = "FUSEBOX_TEST_ALONE";
    if env::var_os(ALONE).is_some() {
        return false;
    }
    let output = command.env(ALONE, "1").output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("test result: ok. 1 passed"), "{output:?}");
    true
}

const CLAMP: &str = "CREATE FUNCTION clamp_to LANGUAGE WASM AS 'wat/clamp.wat';";

#[tokio::test]
async fn library_reads_no_files_unless_allowed() {
    let session = Session::builder().build().unwrap();
    let error = run(&session, CLAMP).await.unwrap_err();
    assert!(matches!(
        error,
        Error::Refused {
            reason: Refusal::Path(PathRefusal::Denied),
            ..
        }
    ));
}

#[tokio::test]
async fn path_may_not_leave_its_directory() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(folder.path().join("secret.wat"), "(module)").unwrap();
    std::fs::write(inside.join("fine.wat"), "(module)").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.path().join("secret.wat"), inside.join("link.wat")).unwrap();
    let paths = Paths::under(&inside).unwrap();
    let session = Session::builder().paths(paths).build().unwrap();
    let read = async |path: &str| {
        let create = format!("CREATE OR REPLACE MODULE m LANGUAGE WASM FROM '{path}'");
        run(&session, &create).await
    };
    read("fine.wat").await.unwrap();
    let absolute = folder.path().join("secret.wat").display().to_string();
    for path in [
        "../secret.wat",
        "link.wat",
        "/etc/passwd",
        "x/../../y",
        &absolute,
    ] {
        assert!(
            matches!(
                read(path).await,
                Err(Error::Refused {
                    reason: Refusal::Path(PathRefusal::Outside { .. }),
                    ..
                })
            ),
            "{path}"
        );
    }
}

#[cfg(unix)]
#[tokio::test]
async fn device_is_not_read() {
    let session = Session::builder().paths(Paths::Any).build().unwrap();
    let error = run(&session, "CREATE MODULE m LANGUAGE WASM FROM '/dev/zero'")
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "module `m` cannot be read: '/dev/zero' is not a regular file"
    );
}

#[tokio::test]
async fn module_may_be_as_large_as_the_limit_and_no_larger() {
    let text = "(module)";
    for (bytes_max, fits) in [(8, true), (7, false)] {
        let builder = Session::builder().module_bytes_max(bytes_max);
        let session = builder.build().unwrap();
        let create = format!("CREATE MODULE m LANGUAGE WASM AS $${text}$$");
        match run(&session, &create).await {
            Ok(_) => assert!(fits),
            Err(Error::Module { fault, .. }) => {
                assert!(!fits && matches!(fault, ModuleFault::TooLarge { .. }));
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn plain_context_gets_create_function() {
    let paths = Paths::under(udfs()).unwrap();
    let factory = Session::builder().paths(paths).factory().unwrap();
    let context = SessionContext::new().with_function_factory(Arc::new(factory));
    let create = "CREATE FUNCTION Clamp_To(BIGINT, BIGINT, BIGINT) RETURNS BIGINT \
                  LANGUAGE WASM AS 'wat/clamp.wat#clamp_to'";
    context.sql(create).await.unwrap();
    let frame = context.sql("SELECT clamp_to(9, 1, 5), clamp_to(NULL, 1, 5)");
    let batches = frame.await.unwrap().collect().await.unwrap();
    assert_eq!(number(&batches), 5);
    // STRICT is in the module's declaration.
    assert_eq!(batches[0].column(1).null_count(), 1);
    context.sql("DROP FUNCTION clamp_to").await.unwrap();
    assert!(context.sql("SELECT clamp_to(9, 1, 5)").await.is_err());
}

#[tokio::test]
async fn plain_context_may_prefer_another_layout_of_text() {
    let factory = Session::builder().paths(Paths::Any).factory().unwrap();
    let mut config = SessionConfig::new();
    config.options_mut().sql_parser.map_string_types_to_utf8view = false;
    let context = SessionContext::new_with_config(config).with_function_factory(Arc::new(factory));
    let guest = udfs().join("hostile/null_garbage.wat");
    let create = format!(
        "CREATE FUNCTION null_garbage(VARCHAR) RETURNS VARCHAR LANGUAGE WASM AS '{}'",
        guest.display()
    );
    context.sql(&create).await.unwrap();
    let frame = context
        .sql("SELECT null_garbage('x') || 'y'")
        .await
        .unwrap();
    assert_eq!(frame.collect().await.unwrap()[0].column(0).null_count(), 1);
}

#[tokio::test]
async fn plain_context_is_told_why_not() {
    let factory = Session::builder().factory().unwrap();
    let context = SessionContext::new().with_function_factory(Arc::new(factory));
    let create = "CREATE FUNCTION f(BIGINT) RETURNS BIGINT LANGUAGE WASM AS 'wat/clamp.wat#f'";
    let error = context.sql(create).await.unwrap_err();
    assert_eq!(
        Error::behind(&error).unwrap().to_string(),
        "function `f` cannot be read: this session reads no files; the embedder can allow a directory"
    );
}

#[tokio::test]
async fn statements_before_a_mistake_have_run() {
    let session = session();
    let text = format!("{CLAMP} SELECT 'unfinished");
    assert!(matches!(run(&session, &text).await, Err(Error::Syntax(_))));
    let answer = run(&session, "SELECT clamp_to(9, 1, 5)").await.unwrap();
    assert_eq!(number(&answer), 5);
    assert!(session.sql("SELECT 1; SELECT 2").await.is_err());
    assert!(session.sql(" ; ").await.is_err());
}

#[tokio::test]
async fn text_that_is_nested_too_deep_is_refused() {
    let session = session();
    for (open, close) in [
        ("ARRAY<", ">"),
        ("ARRAY<STRUCT<a ", ">>"),
        ("Nullable(", ")"),
        ("", "[]"),
        ("", " ARRAY"),
        ("", "[3]"),
    ] {
        for depth in [1_000, 50_000] {
            let nested = format!("{}BIGINT{}", open.repeat(depth), close.repeat(depth));
            for text in [
                format!("CREATE FUNCTION f({nested}) RETURNS BIGINT LANGUAGE WASM AS 'x'"),
                format!("DROP FUNCTION f({nested})"),
                format!("SELECT CAST(NULL AS {nested})"),
            ] {
                assert!(run(&session, &text).await.is_err(), "{open} {close}");
            }
        }
    }
    for text in [
        format!("SELECT {}1{}", "(".repeat(50_000), ")".repeat(50_000)),
        format!("SELECT {}1", "- ".repeat(50_000)),
        format!("SELECT {}1", "NOT ".repeat(50_000)),
        format!("{}SELECT 1", "EXPLAIN ".repeat(200_000)),
        declaring(&"EXPLAIN ".repeat(30_000)),
        declaring(&format!("SELECT 1{}", "::INT".repeat(50_000))),
        declaring(&format!("SELECT 1{}", "+1".repeat(100_000))),
        declaring(&",".repeat(15_000_000)),
        declaring(&"CREATE FUNCTION a() RETURNS INT;".repeat(400_000)),
    ] {
        assert!(run(&session, &text).await.is_err());
    }
}

/// A module whose section `fusebox.functions` is `text`.
fn declaring(text: &str) -> String {
    let section = format!("(@custom \"fusebox.functions\" \"{text}\")");
    format!("CREATE MODULE m LANGUAGE WASM AS $$(module {section})$$")
}

#[tokio::test]
async fn shown_statement_creates_the_same_function_again() {
    let binary = wat::parse_file(udfs().join("wat/clamp.wat")).unwrap();
    let base64 = BASE64_STANDARD.encode(binary);
    for create in [
        CLAMP.to_owned(),
        format!("CREATE FUNCTION clamp_to LANGUAGE WASM AS BASE64 '{base64}'"),
        "CREATE MODULE \"A b\" LANGUAGE WASM FROM 'wat/clamp.wat';
         CREATE TEMPORARY FUNCTION \"Select\" STABLE LANGUAGE WASM FROM MODULE \"A b\"
             EXPORT 'clamp_to' WITH (memory = '65537kB', stack = '5000B', instances = 9999)"
            .to_owned(),
        format!(
            "CREATE FUNCTION f(x VARCHAR, \"from\" BYTEA, SMALLINT UNSIGNED) RETURNS FLOAT
                 LANGUAGE WASM VOLATILE STRICT AS $t${};; $$t$ EXPORT 'clamp_to'",
            std::fs::read_to_string(udfs().join("wat/clamp.wat"))
                .unwrap()
                .replace("(@custom", ";; $$ (@custom")
                .replace("\"CREATE", ";; \"CREATE"),
        ),
    ] {
        let session = session();
        run(&session, &create)
            .await
            .unwrap_or_else(|error| panic!("{create}: {error}"));
        let name = text(&run(&session, "SHOW USER FUNCTIONS").await.unwrap(), 0);
        let show = format!("SHOW CREATE FUNCTION \"{name}\"");
        let shown = text(&run(&session, &show).await.unwrap(), 1);
        let again = format!("DROP FUNCTION \"{name}\"; {shown}; {show}");
        let second = text(&run(&session, &again).await.unwrap(), 1);
        assert_eq!(shown, second);
    }
}

fn text(batches: &[RecordBatch], column: usize) -> String {
    batches[0]
        .column(column)
        .as_string::<i32>()
        .value(0)
        .to_owned()
}

#[tokio::test]
async fn batch_that_does_not_fit_goes_in_pieces() {
    // 100,000 rows of three columns are 2.4 MB, for a guest of 1 MB.
    let config = SessionConfig::new().with_batch_size(100_000);
    let session = Session::builder()
        .context(SessionContext::new_with_config(config))
        .paths(Paths::under(udfs()).unwrap())
        .build()
        .unwrap();
    let create = "CREATE FUNCTION clamp_to LANGUAGE WASM AS 'wat/clamp.wat' WITH (memory = '2MB');
                  CREATE TABLE t AS SELECT value AS a, value / 2 AS b, value * 2 AS c
                  FROM range(0, 100000)";
    run(&session, create).await.unwrap();
    let sum = "SELECT sum(clamp_to(c, b, a)) FROM t";
    let answer = run(&session, sum).await.unwrap();
    assert_eq!(number(&answer), (0..100_000).sum::<i64>());
}

#[tokio::test]
async fn row_that_does_not_fit_is_named_with_its_size() {
    let session = session();
    let create = "CREATE FUNCTION status(VARCHAR) RETURNS BIGINT LANGUAGE WASM
                      AS 'hostile/status.wat' WITH (memory = '128kB')";
    run(&session, create).await.unwrap();
    let query = "SELECT status(repeat('x', 200000))";
    let error = run(&session, query).await.unwrap_err();
    let Some(Error::Limit {
        limit: Exhausted::Arguments { row: 0, bytes, .. },
        ..
    }) = Error::behind(&error)
    else {
        panic!("{error}");
    };
    assert!(*bytes > 200_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_queries_share_a_function_at_once() {
    let session = session();
    run(&session, CLAMP).await.unwrap();
    let queries = (0..32).map(|n| {
        let session = session.clone();
        tokio::spawn(async move {
            let query = format!("SELECT sum(clamp_to(value, {n}, {n})) FROM range(0, 50000)");
            number(&run(&session, &query).await.unwrap())
        })
    });
    for (n, query) in queries.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(query.await.unwrap(), 50_000 * n as i64);
    }
}

#[tokio::test]
async fn function_in_use_may_be_replaced_and_dropped() {
    let session = session();
    run(&session, CLAMP).await.unwrap();
    let frame = session.sql("SELECT clamp_to(9, 1, 5)").await.unwrap();
    run(&session, "DROP FUNCTION clamp_to").await.unwrap();
    // The plan was made before: it keeps the function it was made with.
    assert_eq!(number(&frame.collect().await.unwrap()), 5);
}
