//! Tables, caches and object stores that sessions and the embedder share.

use std::sync::Arc;

use datafusion::catalog::MemoryCatalogProvider;
use datafusion::execution::cache::cache_manager::CacheManagerConfig;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::object_store::memory::InMemory;
use datafusion::prelude::{SessionConfig, SessionContext};
use fusebox::{Engine, Error, FileAccess, FileAccessError, Session, StatementError};

use super::{Folders, assert_number, assert_outside, error_of, session_with};
use crate::run;

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

/// Answers of a session come from no cache that another one has filled.
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

/// Returns the limits of the caches of a session: statistics, lists and metadata, in bytes.
fn cache_limits(session: &Session) -> [usize; 3] {
    let runtime = session.context().runtime_env();
    let caches = &runtime.cache_manager;
    [
        caches.get_file_statistic_cache_limit(),
        caches.get_list_files_cache_limit(),
        caches.get_metadata_cache_limit(),
    ]
}

/// Each session has caches of its own, which no memory pool is charged for, and keeps no lists:
/// nothing tells it of files that come and go.
#[tokio::test]
async fn caches_of_a_session_are_small() {
    let folders = Folders::new();
    let engine = Engine::builder().build().unwrap();
    for files in [
        FileAccess::denied(),
        folders.inside(),
        FileAccess::any().writable(),
    ] {
        let own = engine.session().files(files).build().unwrap();
        assert_eq!(cache_limits(&own), [2 << 20, 0, 8 << 20]);
    }
    let context = SessionContext::new();
    let builder = engine.session().context(context.clone());
    let confined = builder.files(folders.inside()).build().unwrap();
    assert_eq!(cache_limits(&confined), [2 << 20, 0, 8 << 20]);
    // They stay if another session takes the context.
    let builder = engine.session().context(context);
    let second = builder.files(FileAccess::denied()).build().unwrap();
    assert_eq!(cache_limits(&second), [2 << 20, 0, 8 << 20]);
}

#[tokio::test]
async fn limits_of_caches_that_an_embedder_chose_stay() {
    let folders = Folders::new();
    let caches = CacheManagerConfig::default()
        .with_file_statistics_cache_limit(0)
        .with_list_files_cache_limit(3 << 20)
        .with_metadata_cache_limit(200 << 20);
    let runtime = RuntimeEnvBuilder::new().with_cache_manager(caches);
    let runtime = runtime.build_arc().unwrap();
    let context = SessionContext::new_with_config_rt(SessionConfig::new(), Arc::clone(&runtime));
    let builder = Session::builder().context(context);
    let session = builder.files(folders.inside()).build().unwrap();
    assert_eq!(cache_limits(&session), [0, 3 << 20, 200 << 20]);
    let own = session.context().runtime_env();
    let shared = runtime.cache_manager.get_file_metadata_cache();
    assert!(!Arc::ptr_eq(
        &own.cache_manager.get_file_metadata_cache(),
        &shared
    ));
}

/// Files whose metadata have no room in the caches are read all the same.
#[tokio::test]
async fn metadata_larger_than_the_caches_are_read_again() {
    let folders = Folders::new();
    let caches = CacheManagerConfig::default()
        .with_file_statistics_cache_limit(1)
        .with_metadata_cache_limit(1);
    let runtime = RuntimeEnvBuilder::new().with_cache_manager(caches);
    let config = SessionConfig::new();
    let context = SessionContext::new_with_config_rt(config, runtime.build_arc().unwrap());
    let builder = Session::builder().context(context.enable_url_table());
    let session = builder.files(folders.inside().writable()).build().unwrap();
    let copy = "COPY (SELECT value AS n FROM range(0, 9)) TO 'x.parquet'";
    run(&session, copy).await.unwrap();
    for _ in 0..2 {
        assert_number(&session, "SELECT sum(n) FROM 'x.parquet'", 36).await;
    }
}
