//! Files of DataFusion's statements: tables, `COPY`, names of tables that are paths.

use std::path::Path;
use std::sync::Arc;

use datafusion::catalog::MemoryCatalogProvider;
use datafusion::object_store::memory::InMemory;
use datafusion::prelude::{SessionConfig, SessionContext};
use fusebox::{Engine, Error, FileAccess, FileAccessError, Privileges, Session, StatementError};

use crate::{number, run};

/// A directory that a session may use, next to files that it may not.
struct Folders {
    both: tempfile::TempDir,
}

impl Folders {
    fn new() -> Self {
        let both = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(both.path().join("in/deep")).unwrap();
        std::fs::create_dir(both.path().join("out")).unwrap();
        for (file, text) in [
            ("in/a.csv", "n\n1\n2\n"),
            ("in/b.csv", "n\n10\n"),
            ("in/deep/c.csv", "n\n100\n"),
            ("in/j.json", "{\"n\": 5}\n"),
            ("out/secret.csv", "n\n666\n"),
        ] {
            std::fs::write(both.path().join(file), text).unwrap();
        }
        Self { both }
    }

    fn path(&self, path: &str) -> String {
        self.both.path().join(path).display().to_string()
    }

    fn inside(&self) -> FileAccess {
        FileAccess::under(self.both.path().join("in")).unwrap()
    }
}

/// Opens a session whose tables can be named by paths.
fn session_with(files: FileAccess) -> Session {
    let config = SessionConfig::new().with_information_schema(true);
    let context = SessionContext::new_with_config(config).enable_url_table();
    let builder = Session::builder().context(context);
    builder.files(files).build().unwrap()
}

/// Returns the error of a statement, of its plan or of its execution.
async fn error_of(session: &Session, sql: &str) -> Error {
    match run(session, sql).await {
        Err(error) => error,
        Ok(batches) => panic!("{sql} is not refused: {batches:?}"),
    }
}

/// Asserts that a statement is refused for a reason.
macro_rules! assert_refused {
    ($session:expr, $sql:expr, $reason:pat) => {{
        let error = error_of($session, &$sql).await;
        match Error::find_in(&error) {
            Some(Error::Refused {
                reason: $reason, ..
            }) => {}
            _ => panic!("{}: {error}", $sql),
        }
    }};
}

/// Asserts that a statement is refused because of a path outside of the directory.
async fn assert_outside(session: &Session, sql: &str) {
    assert_refused!(
        session,
        sql,
        StatementError::Path(FileAccessError::Outside { .. })
            | StatementError::Write(FileAccessError::Outside { .. })
    );
}

async fn assert_number(session: &Session, sql: &str, expected: i64) {
    let batches = run(session, sql).await;
    let batches = batches.unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!(number(&batches), expected, "{sql}");
}

#[tokio::test]
async fn sessions_touch_no_file_by_default() {
    let folders = Folders::new();
    let secret = folders.path("out/secret.csv");
    let target = folders.path("out/new.csv");
    let own_context = Session::builder().build().unwrap();
    for session in [own_context, session_with(FileAccess::denied())] {
        for sql in [
            format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{secret}'"),
            format!("CREATE EXTERNAL TABLE t (n INT) STORED AS CSV LOCATION '{secret}'"),
            format!("COPY (SELECT 1) TO '{target}' STORED AS CSV"),
            format!("EXPLAIN COPY (SELECT 1) TO '{target}' STORED AS CSV"),
            format!("CREATE UNBOUNDED EXTERNAL TABLE t (n INT) STORED AS CSV LOCATION '{secret}'"),
        ] {
            assert_refused!(
                &session,
                sql,
                StatementError::Path(FileAccessError::Denied | FileAccessError::Unbounded)
                    | StatementError::Write(FileAccessError::Denied)
            );
        }
        assert!(!Path::new(&target).exists());
        // The session is as before.
        assert_number(&session, "SELECT 1::BIGINT", 1).await;
    }
    let session = session_with(FileAccess::denied());
    for sql in [
        format!("SELECT * FROM '{secret}'"),
        format!("SELECT * FROM 'file://{secret}'"),
        "SELECT * FROM 'x.csv'".to_owned(),
    ] {
        assert_refused!(&session, sql, StatementError::Path(FileAccessError::Denied));
    }
    let missing = run(&session, "SELECT * FROM missing").await.unwrap_err();
    assert!(missing.to_string().contains("not found"), "{missing}");
}

#[tokio::test]
async fn files_below_the_directory_are_read() {
    let folders = Folders::new();
    let session = session_with(folders.inside());
    let inside = folders.path("in");
    for (table, sum) in [
        ("a.csv".to_owned(), 3),
        ("./a.csv".to_owned(), 3),
        ("deep/../a.csv".to_owned(), 3),
        (format!("{inside}/a.csv"), 3),
        (format!("file://{inside}/a.csv"), 3),
        ("deep/c.csv".to_owned(), 100),
        ("deep/".to_owned(), 100),
        ("deep".to_owned(), 100),
        ("*.csv".to_owned(), 13),
        ("[ab].csv".to_owned(), 13),
        ("deep/*.csv".to_owned(), 100),
        (format!("{inside}/?.csv"), 13),
        ("j.json".to_owned(), 5),
    ] {
        let sum_of = format!("SELECT sum(n) FROM '{table}'");
        assert_number(&session, &sum_of, sum).await;
    }
    for (format, location, sum) in [
        ("CSV", "a.csv", 3),
        ("CSV", "a*", 3),
        ("CSV", "deep", 100),
        ("CSV", "deep/", 100),
        ("JSON", "j.json", 5),
    ] {
        let create =
            format!("CREATE OR REPLACE EXTERNAL TABLE t STORED AS {format} LOCATION '{location}'");
        run(&session, &create).await.unwrap();
        assert_number(&session, "SELECT sum(n) FROM t", sum).await;
    }
    run(
        &session,
        "CREATE OR REPLACE EXTERNAL TABLE t STORED AS CSV LOCATION ('a.csv', 'deep/c.csv')",
    )
    .await
    .unwrap();
    assert_number(&session, "SELECT sum(n) FROM t", 103).await;
}

#[tokio::test]
async fn files_outside_of_the_directory_are_not_read() {
    let folders = Folders::new();
    let out = folders.path("out");
    let inside = folders.path("in");
    #[cfg(unix)]
    {
        let link = |target: &str, link: &str| {
            std::os::unix::fs::symlink(folders.path(target), folders.path(link)).unwrap();
        };
        link("out/secret.csv", "in/link.csv");
        link("out", "in/folder");
    }
    let session = session_with(folders.inside().writable());
    let mut locations = vec![
        "../out/secret.csv".to_owned(),
        "deep/../../out/secret.csv".to_owned(),
        format!("{out}/secret.csv"),
        format!("{inside}/../out/secret.csv"),
        format!("file://{out}/secret.csv"),
        format!("file://{inside}/%2e%2e/out/secret.csv"),
        format!("file://{inside}/..%2Fout/secret.csv"),
        format!("file://{inside}/deep%2f..%2f..%2fout%2fsecret.csv"),
        format!("FILE:{out}/secret.csv"),
        format!("file://localhost{out}/secret.csv"),
        format!("{out}/*.csv"),
        "../out/*.csv".to_owned(),
        "*/../../out/*.csv".to_owned(),
        format!("{out}/"),
        "/".to_owned(),
        "/etc/passwd".to_owned(),
        "/proc/self/environ".to_owned(),
        format!("/proc/self/root{out}/secret.csv"),
    ];
    #[cfg(unix)]
    locations.extend([
        "link.csv".to_owned(),
        format!("{inside}/link.csv"),
        "folder/secret.csv".to_owned(),
        "l*.csv".to_owned(),
    ]);
    for location in locations {
        let create = format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{location}'");
        assert_outside(&session, &create).await;
        let select = format!("SELECT * FROM '{location}'");
        assert_outside(&session, &select).await;
    }
    // What is written to the place of a link replaces the link.
    for target in [
        format!("{out}/new.csv"),
        format!("{out}/"),
        "../out/new.csv".to_owned(),
        format!("file://{inside}/%2e%2e/out/new.csv"),
        #[cfg(unix)]
        "folder/new.csv".to_owned(),
        #[cfg(unix)]
        "folder/".to_owned(),
    ] {
        let copy = format!("COPY (SELECT 1 AS n) TO '{target}' STORED AS CSV");
        assert_outside(&session, &copy).await;
    }
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 1);
    assert_eq!(
        std::fs::read_to_string(format!("{out}/secret.csv")).unwrap(),
        "n\n666\n"
    );
}

#[tokio::test]
async fn other_schemes_need_a_store_of_the_embedder() {
    let folders = Folders::new();
    let session = session_with(folders.inside().writable());
    for url in [
        "http://localhost/x.csv",
        "https://example.com/x.csv",
        "s3://bucket/x.csv",
        "file://host/x.csv",
        "memory:///x.csv",
    ] {
        for sql in [
            format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{url}'"),
            format!("COPY (SELECT 1) TO '{url}' STORED AS CSV"),
        ] {
            assert_refused!(
                &session,
                sql,
                StatementError::Path(FileAccessError::UnknownStore { .. })
                    | StatementError::Write(FileAccessError::UnknownStore { .. })
            );
        }
    }
    let url = url::Url::parse("memory:///").unwrap();
    let store = Arc::new(InMemory::new());
    session.context().register_object_store(&url, store);
    let statements = "COPY (SELECT 7 AS n) TO 'memory:///x.csv' STORED AS CSV;
         CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'memory:///x.csv';
         SELECT sum(n) FROM t";
    assert_number(&session, statements, 7).await;
}

#[tokio::test]
async fn copies_are_written_below_the_directory() {
    let folders = Folders::new();
    let session = session_with(folders.inside().writable());
    let inside = folders.path("in");
    for (target, format, options) in [
        ("new/x.csv".to_owned(), "CSV", ""),
        (format!("{inside}/new2/x.json"), "JSON", ""),
        (format!("file://{inside}/x.parquet"), "PARQUET", ""),
        ("x.arrow".to_owned(), "ARROW", ""),
        ("many/".to_owned(), "PARQUET", ""),
        ("parts/".to_owned(), "PARQUET", "PARTITIONED BY (p)"),
        // A directory that exists needs no slash.
        ("parts".to_owned(), "PARQUET", "PARTITIONED BY (p)"),
    ] {
        let copy = format!(
            "COPY (SELECT value AS n, value % 3 AS p FROM range(0, 1000))
             TO '{target}' STORED AS {format} {options}"
        );
        let batches = run(&session, &copy).await;
        assert!(batches.is_ok(), "{target}: {batches:?}");
        let sum = match target == "parts" {
            true => 999_000,
            false => 499_500,
        };
        let read = match options {
            "" => format!("SELECT sum(n) FROM '{target}'"),
            _ => "CREATE OR REPLACE EXTERNAL TABLE parts STORED AS PARQUET LOCATION 'parts'
                  PARTITIONED BY (p); SELECT sum(n) FROM parts"
                .to_owned(),
        };
        assert_number(&session, &read, sum).await;
    }
    let filtered = "SELECT count(*) FROM parts WHERE p = '1'";
    assert_number(&session, filtered, 666).await;
    assert!(Path::new(&inside).join("parts/p=2").is_dir());
    // Nothing that is incomplete stays.
    let names = |directory: &str| -> Vec<String> {
        let entries = std::fs::read_dir(format!("{inside}/{directory}")).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        entries
            .map(|entry| name(entry).into_string().unwrap())
            .collect()
    };
    let all = [names("."), names("new"), names("many"), names("parts/p=1")].concat();
    assert!(all.iter().all(|name| !name.contains('#')), "{all:?}");
}

#[tokio::test]
async fn inserts_are_written_below_the_directory_and_need_the_grant() {
    let folders = Folders::new();
    let create = "CREATE EXTERNAL TABLE t (n BIGINT) STORED AS CSV LOCATION 'deep/'
         OPTIONS ('format.has_header' 'true')";
    let insert = "INSERT INTO t VALUES (11)";
    let writes = session_with(folders.inside().writable());
    run(&writes, create).await.unwrap();
    run(&writes, insert).await.unwrap();
    assert_number(&writes, "SELECT sum(n) FROM t", 111).await;

    let reads = session_with(folders.inside());
    run(&reads, create).await.unwrap();
    for sql in [
        insert,
        "COPY t TO 'new.csv' STORED AS CSV",
        "COPY t TO 'new/' STORED AS CSV",
    ] {
        assert_refused!(
            &reads,
            sql,
            StatementError::Write(FileAccessError::ReadOnly)
        );
    }
    assert!(!Path::new(&folders.path("in/new.csv")).exists());
    assert_number(&reads, "SELECT sum(n) FROM t", 111).await;
}

/// Tables and views of one session that another one sees obey the files of the reader.
#[tokio::test]
async fn shared_tables_obey_the_session_that_reads() {
    let folders = Folders::new();
    let shared = Arc::new(MemoryCatalogProvider::new());
    let engine = Engine::builder().build().unwrap();
    let session = |files: FileAccess| {
        let context = SessionContext::new();
        context.register_catalog("shared", Arc::clone(&shared) as _);
        let builder = engine.session().context(context).files(files);
        builder.build().unwrap()
    };
    let creator = session(FileAccess::any().writable());
    let secret = folders.path("out/secret.csv");
    run(
        &creator,
        &format!(
            "CREATE SCHEMA shared.s;
             CREATE EXTERNAL TABLE shared.s.t STORED AS CSV LOCATION '{secret}';
             CREATE VIEW shared.s.v AS SELECT n + 1 AS n FROM shared.s.t;
             CREATE UNBOUNDED EXTERNAL TABLE shared.s.u (n BIGINT) STORED AS CSV
             LOCATION '{secret}' OPTIONS ('format.has_header' 'true');
             CREATE VIEW shared.s.w AS SELECT n FROM shared.s.u"
        ),
    )
    .await
    .unwrap();
    for table in ["t", "v", "u", "w"] {
        let expected = 666 + i64::from(table == "v");
        let select = format!("SELECT n FROM shared.s.{table}");
        assert_number(&creator, &select, expected).await;
    }
    for reader in [session(FileAccess::denied()), session(folders.inside())] {
        for table in ["t", "v", "u", "w"] {
            let sql = format!("SELECT n FROM shared.s.{table}");
            assert_refused!(&reader, sql, StatementError::Path(_));
            let sql = format!("SELECT count(*) FROM shared.s.{table}");
            assert_refused!(&reader, sql, StatementError::Path(_));
        }
        let insert = "INSERT INTO shared.s.u VALUES (1)";
        assert_refused!(&reader, insert, StatementError::Path(_));
    }
    let text = std::fs::read_to_string(&secret).unwrap();
    assert_eq!(text, "n\n666\n");
}

/// What one session has read does not answer the queries of another.
#[tokio::test]
async fn caches_of_a_runtime_environment_are_not_shared() {
    let folders = Folders::new();
    let runtime = SessionContext::new().runtime_env();
    let session = |files: FileAccess| {
        let config = SessionConfig::new();
        let context = SessionContext::new_with_config_rt(config, Arc::clone(&runtime));
        let builder = Session::builder().context(context.enable_url_table());
        builder.files(files).build().unwrap()
    };
    let target = folders.path("out/x.parquet");
    let writer = session(FileAccess::any().writable());
    let copy = format!("COPY (SELECT value AS n FROM range(0, 9)) TO '{target}'");
    run(&writer, &copy).await.unwrap();
    let count = format!("SELECT count(*) FROM '{target}'");
    assert_number(&writer, &count, 9).await;
    assert_outside(&session(folders.inside()), &count).await;
}

#[tokio::test]
async fn all_files_may_be_granted() {
    let folders = Folders::new();
    let builder = Session::builder().privileges(Privileges::all());
    let context = SessionContext::new().enable_url_table();
    let session = builder.context(context).build().unwrap();
    let target = folders.path("out/new.csv");
    let copy = format!("COPY (SELECT 4 AS n) TO '{target}' STORED AS CSV");
    run(&session, &copy).await.unwrap();
    assert_number(&session, &format!("SELECT sum(n) FROM '{target}'"), 4).await;
    let folder = folders.path("out/");
    assert_number(&session, &format!("SELECT sum(n) FROM '{folder}'"), 670).await;
    let reads = session_with(FileAccess::any());
    assert_number(&reads, &format!("SELECT sum(n) FROM '{target}'"), 4).await;
    assert_refused!(
        &reads,
        copy,
        StatementError::Write(FileAccessError::ReadOnly)
    );
}
