//! The schema `fusebox`, and statistics in `EXPLAIN ANALYZE`.

use std::sync::{Arc, Weak};

use arrow::array::AsArray;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use fusebox::{Catalog, Engine, MemoryCatalog, Privileges, Session};

use crate::metrics::{builder, numbers, session_of};
use crate::{CLAMP, privileges, run};

/// Runs a query, and returns its rows with cells separated by spaces.
async fn rows(session: &Session, query: &str) -> Vec<String> {
    let mut rows = Vec::new();
    for batch in run(session, query).await.unwrap() {
        let options = FormatOptions::default().with_null("NULL");
        let columns = batch.columns().iter();
        let columns: Vec<_> = columns
            .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let cells = columns.iter().map(|column| column.value(row).to_string());
            rows.push(cells.collect::<Vec<_>>().join(" "));
        }
    }
    rows
}

/// Returns the text of a plan with its metrics.
async fn analyzed(session: &Session, query: &str) -> String {
    let explain = format!("EXPLAIN ANALYZE {query}");
    let batches = run(session, &explain).await.unwrap();
    batches[0].column(1).as_string::<i32>().value(0).to_owned()
}

const STATS: &str = "SELECT name, rows FROM fusebox.stats";

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let engine = builder().build().unwrap();
    let tenant = || {
        let catalog = Arc::new(MemoryCatalog::default());
        let session = engine.session().catalog(catalog);
        session.build().unwrap()
    };
    let [one, other] = [tenant(), tenant()];
    // Equal functions, which share their code.
    for session in [&one, &other] {
        run(session, CLAMP).await.unwrap();
    }
    let query = "SELECT clamp_to(value, 10, 20) FROM range(0, 100)";
    run(&one, query).await.unwrap();
    assert_eq!(rows(&one, STATS).await, ["clamp_to 100"]);
    assert_eq!(rows(&other, STATS).await, ["clamp_to 0"]);
    run(&one, "CREATE MODULE m LANGUAGE WASM FROM 'wat/clamp.wat'")
        .await
        .unwrap();
    for table in ["modules", "exports"] {
        let query = format!("SELECT count(*) FROM fusebox.{table}");
        assert_eq!(numbers(&other, &query).await.unwrap(), [0], "{table}");
    }
    let sessions = "SELECT id, is_own, state FROM fusebox.sessions";
    for session in [&one, &other] {
        assert_eq!(rows(session, sessions).await, ["1 true active"]);
    }
}

#[tokio::test]
async fn sessions_of_a_catalog_see_its_statistics_and_each_other() {
    let engine = builder().build().unwrap();
    let [one, other] = [(); 2].map(|()| engine.session().build().unwrap());
    run(&one, CLAMP).await.unwrap();
    let temporary =
        "CREATE TEMPORARY FUNCTION own LANGUAGE WASM AS 'wat/clamp.wat' EXPORT 'clamp_to'";
    run(&one, temporary).await.unwrap();
    let query = "SELECT clamp_to(value, 1, 2), own(value, 1, 2) FROM range(0, 50)";
    run(&one, query).await.unwrap();
    run(&other, "SELECT clamp_to(value, 1, 2) FROM range(0, 3)")
        .await
        .unwrap();
    assert_eq!(rows(&one, STATS).await, ["clamp_to 53", "own 50"]);
    assert_eq!(rows(&other, STATS).await, ["clamp_to 53"]);

    let sessions = "SELECT id, is_own, state, statements FROM fusebox.sessions ORDER BY id";
    let idle = ["1 false idle 4", "2 true active 3"];
    assert_eq!(rows(&other, sessions).await, idle);
    let unread = one.sql("SELECT 1").await.unwrap();
    let active = ["1 false active 5", "2 true active 4"];
    assert_eq!(rows(&other, sessions).await, active);
    drop(unread);
    let idle = ["1 false idle 5", "2 true active 5"];
    assert_eq!(rows(&other, sessions).await, idle);
    drop(one);
    assert_eq!(rows(&other, sessions).await, ["2 true active 6"]);
}

#[tokio::test]
async fn limits_show_the_maximum_of_the_session() {
    let engine = builder().build().unwrap();
    let [one, other] = [Privileges::all(), Privileges::default()].map(|granted| {
        let privileges = Privileges {
            limits_max: granted.limits_max,
            ..privileges()
        };
        engine.session().privileges(privileges).build().unwrap()
    });
    run(&one, CLAMP).await.unwrap();
    let query = "SELECT value, unit, session_max FROM fusebox.limits WHERE option = 'instances'";
    assert_eq!(rows(&one, query).await, ["1024 calls 10000"]);
    assert_eq!(rows(&other, query).await, ["1024 calls 1024"]);
}

#[tokio::test]
async fn schema_does_not_keep_the_session() {
    let engine = builder().build().unwrap();
    let catalog: Arc<dyn Catalog> = Arc::new(MemoryCatalog::default());
    let session = engine.session().catalog(Arc::clone(&catalog));
    let session = session.build().unwrap();
    run(&session, CLAMP).await.unwrap();
    let query = "SELECT count(clamp_to(value, 1, 2)) FROM range(0, 9)";
    run(&session, query).await.unwrap();
    run(&session, STATS).await.unwrap();
    let state = Arc::downgrade(&session.context().state_ref());
    drop(session);
    assert_eq!(Weak::strong_count(&state), 0);
    assert_eq!(Arc::strong_count(&catalog), 1);
}

#[tokio::test]
async fn schema_of_an_embedder_is_left_alone() {
    use datafusion::catalog::MemorySchemaProvider;
    use datafusion::prelude::SessionContext;
    let context = SessionContext::new();
    let catalog = context.catalog("datafusion").unwrap();
    let schema = Arc::new(MemorySchemaProvider::new());
    catalog.register_schema("fusebox", schema).unwrap();
    let session = Session::builder().context(context).build().unwrap();
    assert!(session.sql(STATS).await.is_err());
    // A second session of a context takes the place of the first.
    let context = SessionContext::new();
    let build = || {
        Session::builder()
            .context(context.clone())
            .privileges(privileges())
    };
    let first = build().build().unwrap();
    run(&first, CLAMP).await.unwrap();
    let second = build().build().unwrap();
    assert_eq!(rows(&second, STATS).await, Vec::<String>::new());
}

#[tokio::test]
async fn explain_analyze_shows_each_function() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let privileges = Privileges {
        files: fusebox::FileAccess::under(root).unwrap(),
        ..Privileges::all()
    };
    let session = session_of(Engine::builder().privileges(privileges));
    let create = "CREATE MODULE clamp LANGUAGE WASM FROM 'udfs/wat/clamp.wat';
        CREATE MODULE stats LANGUAGE WASM FROM 'target/guests/stats.wasm';
        IMPORT FUNCTIONS FROM MODULE clamp;
        IMPORT FUNCTIONS FROM MODULE stats;
        SET datafusion.execution.target_partitions = 1";
    run(&session, create).await.unwrap();
    for (query, expected) in [
        (
            "SELECT clamp_to(value, 1, 5) FROM range(0, 100)",
            &["clamp_to()={calls=1, rows=100, fuel="][..],
        ),
        (
            "SELECT value FROM range(0, 100) WHERE clamp_to(value, 1, 5) < 5",
            &["clamp_to()={calls=1, rows=100, fuel="],
        ),
        (
            "SELECT exact_sum(value), geomean(clamp_to(value, 1, 5)) FROM range(0, 100)",
            &["clamp_to()={", "exact_sum()={", "geomean()={"],
        ),
        (
            "SELECT ema(value, 0.5) OVER (ORDER BY value) FROM range(0, 100)",
            &["ema()={"],
        ),
        (
            "SELECT * FROM series(1, 10, 4)",
            &["series()={calls=2, rows=3, fuel="],
        ),
    ] {
        let plan = analyzed(&session, query).await;
        for expected in expected {
            assert!(plan.contains(expected), "{expected}: {plan}");
        }
        assert!(plan.contains(", guest_time="), "{plan}");
    }
}
