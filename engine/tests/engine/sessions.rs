//! Sessions that share an engine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use fusebox::{Engine, Error, FileAccess, MemoryCatalog, Session};
use futures::StreamExt;

use crate::{number, privileges, run, udfs};

fn engine() -> Engine {
    Engine::builder().privileges(privileges()).build().unwrap()
}

/// Returns a module that takes seconds to compile: long functions with many live values.
fn slow_module() -> Vec<u8> {
    let step = "(local.set 1 (i64.mul (local.get 1) (i64.add (local.get 0) (local.get 2))))
                (local.set 2 (i64.xor (local.get 1) (i64.rotl (local.get 2) (i64.const 7))))";
    let function = |number: usize| {
        format!(
            "(func $f{number} (param i64) (result i64) (local i64 i64)
               (local.set 1 (i64.const {number})) {} (local.get 1))",
            step.repeat(2_000)
        )
    };
    let functions: String = (0..40).map(function).collect();
    let calls: String = (0..40)
        .map(|number| format!("(drop (call $f{number} (i64.const 1)))"))
        .collect();
    let text = format!(
        r#"(module (memory (export "memory") 1)
            (func (export "fusebox_abi_1"))
            (func (export "fusebox_alloc") (param i32) (result i32) (i32.const 1024))
            (@custom "fusebox.functions" "CREATE FUNCTION slow(BIGINT) RETURNS BIGINT LANGUAGE WASM;")
            {functions}
            (func (export "fusebox_udf_slow") (param i32 i32 i32) (result i32)
              {calls} (i32.const 1)))"#
    );
    wat::parse_str(text).unwrap()
}

#[tokio::test]
async fn thousand_sessions_with_catalogs_of_their_own_compile_a_module_once() {
    let engine = engine();
    let clamp = std::fs::read(udfs().join("wat/clamp.wat")).unwrap();
    let mut sessions = Vec::new();
    for _ in 0..1_000 {
        let catalog = Arc::new(MemoryCatalog::default());
        let session = engine.session().catalog(catalog).build().unwrap();
        session.create_module("clamp", clamp.clone()).await.unwrap();
        session.import("clamp").await.unwrap();
        sessions.push(session);
    }
    for session in &sessions {
        let batches = run(session, "SELECT clamp_to(7, 1, 5)").await.unwrap();
        assert_eq!(number(&batches), 5);
    }
    assert_eq!(engine.runtime().compilations(), 1);
}

#[tokio::test]
async fn function_of_one_session_is_visible_to_the_next_statement_of_another() {
    let engine = engine();
    let [first, second] = [(); 2].map(|()| engine.session().build().unwrap());
    run(
        &first,
        "CREATE FUNCTION clamp_to LANGUAGE WASM AS 'wat/clamp.wat'",
    )
    .await
    .unwrap();
    let batches = run(&second, "SELECT clamp_to(7, 1, 5)").await.unwrap();
    assert_eq!(number(&batches), 5);
    let taken = run(
        &second,
        "CREATE FUNCTION clamp_to LANGUAGE WASM AS 'wat/clamp.wat'",
    )
    .await;
    assert!(matches!(taken, Err(Error::Refused { .. })));
    run(&second, "DROP FUNCTION clamp_to").await.unwrap();
    assert!(run(&first, "SELECT clamp_to(7, 1, 5)").await.is_err());
    run(
        &first,
        "CREATE TEMPORARY FUNCTION clamp_to LANGUAGE WASM AS 'wat/clamp.wat'",
    )
    .await
    .unwrap();
    assert!(run(&second, "SELECT clamp_to(7, 1, 5)").await.is_err());
    assert_eq!(engine.runtime().compilations(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_and_queries_do_not_wait_for_a_compilation() {
    let engine = engine();
    let [compiling, second] = [(); 2].map(|()| engine.session().build().unwrap());
    run(
        &second,
        "CREATE FUNCTION clamp_to LANGUAGE WASM AS 'wat/clamp.wat'",
    )
    .await
    .unwrap();
    compiling
        .create_module("slow", slow_module())
        .await
        .unwrap();
    let started = Instant::now();
    let same = compiling.clone();
    let import = tokio::spawn(async move { same.import("slow").await });
    let mut answers = 0;
    while !import.is_finished() {
        for session in [&compiling, &second] {
            let before = import.is_finished();
            let statement = Instant::now();
            run(session, "SHOW FUNCTIONS").await.unwrap();
            run(session, "SELECT clamp_to(7, 1, 5)").await.unwrap();
            let took = statement.elapsed();
            // Far below the time of the compilation, also under load.
            if !before && !import.is_finished() {
                assert!(took < Duration::from_secs(20), "{took:?}");
                answers += 1;
            }
        }
    }
    import.await.unwrap().unwrap();
    assert!(answers > 0, "it compiled in {:?}", started.elapsed());
}

#[tokio::test]
async fn cancelled_statement_leaves_the_session_as_it_was() {
    let engine = engine();
    let session = engine.session().build().unwrap();
    session.create_module("slow", slow_module()).await.unwrap();
    let import = session.import("slow");
    let cancelled = tokio::time::timeout(Duration::from_millis(1), import).await;
    assert!(cancelled.is_err(), "the module compiles for longer");
    assert_eq!(session.functions().unwrap().len(), 0);
    assert!(run(&session, "SELECT slow(1)").await.is_err());
    session.import("slow").await.unwrap();
    assert_eq!(session.functions().unwrap().len(), 1);
}

/// Begins a query of a session and returns its stream.
async fn execute_stream(
    session: &Session,
    sql: &str,
) -> datafusion::execution::SendableRecordBatchStream {
    let frame = session.sql(sql).await.unwrap();
    frame.execute_stream().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_one_session_does_not_cancel_aggregates_of_another() {
    let engine = engine();
    let [first, second] = [(); 2].map(|()| engine.session().build().unwrap());
    let create = "CREATE MODULE kinds LANGUAGE WASM FROM 'target/guests/kinds.wasm'";
    let files = FileAccess::under(udfs().join("..")).unwrap();
    let creator = engine.session().files(files).build().unwrap();
    run(&creator, create).await.unwrap();
    run(&creator, "IMPORT FUNCTIONS FROM MODULE kinds")
        .await
        .unwrap();
    for sql in [
        "SELECT checked_sum(value) FROM range(0, 1000000)",
        "SELECT value % 7, checked_sum(value) FROM range(0, 1000000) GROUP BY 1",
        "SELECT checked_sum(value) OVER (ORDER BY value) FROM range(0, 100000)",
    ] {
        let mut cancelled = execute_stream(&first, sql).await;
        let mut kept = execute_stream(&second, sql).await;
        first.cancel();
        let error = loop {
            match cancelled.next().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => break Some(error),
                None => break None,
            }
        };
        // A query may have ended before it was cancelled.
        if let Some(error) = error {
            assert!(
                matches!(Error::find_in(&error), Some(Error::Cancelled)),
                "{error}"
            );
        }
        let mut rows = 0;
        while let Some(batch) = kept.next().await {
            rows += batch.unwrap().num_rows();
        }
        assert!(rows > 0, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_a_stream_cancels_the_guest() {
    let engine = engine();
    let session = engine.session().build().unwrap();
    // About 10 ms per row and one call per batch: the batch takes more than a minute.
    let create = crate::cancellation::spin_per_row(10_000_000);
    run(&session, &create).await.unwrap();
    let alter = "ALTER FUNCTION spin_per_row SET (fuel_per_row = 100000000, instances = 1)";
    run(&session, alter).await.unwrap();
    let query = "SELECT spin_per_row(value) FROM range(0, 8000)";
    let mut stream = execute_stream(&session, query).await;
    let first = tokio::time::timeout(Duration::from_millis(300), stream.next()).await;
    assert!(first.is_err(), "the first batch takes longer");
    drop(stream);
    // The only permit is released once the guest is cancelled.
    let started = Instant::now();
    while run(&session, "SELECT spin_per_row(0)").await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}

#[tokio::test]
async fn sessions_do_not_share_the_state_of_a_volatile_function() {
    let engine = engine();
    let [first, second] = [(); 2].map(|()| engine.session().build().unwrap());
    run(
        &first,
        "CREATE FUNCTION tick(BIGINT) RETURNS BIGINT LANGUAGE WASM VOLATILE
         AS 'hostile/remembers.wat' EXPORT 'rows'",
    )
    .await
    .unwrap();
    let ticks = |batches: Vec<arrow::array::RecordBatch>| -> Vec<i64> {
        let column = batches[0].column(0).as_primitive::<Int64Type>();
        column.values().to_vec()
    };
    let query = "SELECT tick(value) FROM range(0, 3)";
    let fresh = ticks(run(&first, query).await.unwrap());
    let again = ticks(run(&first, query).await.unwrap());
    assert_ne!(fresh, again, "the function keeps state");
    let elsewhere = ticks(run(&second, query).await.unwrap());
    assert_eq!(fresh, elsewhere);
}

#[tokio::test]
async fn thousand_declarations_are_imported_from_one_compilation() {
    let declarations: String = (0..1_000)
        .map(|n| format!("CREATE FUNCTION f{n}(BIGINT) RETURNS BIGINT LANGUAGE WASM;"))
        .collect();
    let exports: String = (0..1_000)
        .map(|n| format!("(export \"fusebox_udf_f{n}\" (func $f))"))
        .collect();
    let text = format!(
        r#"(module (memory (export "memory") 1)
            (@custom "fusebox.functions" "{declarations}")
            (func (export "fusebox_abi_1"))
            (func (export "fusebox_alloc") (param i32) (result i32) (i32.const 1024))
            (func $f (param i32 i32 i32) (result i32) (i32.const 1))
            {exports})"#
    );
    let engine = engine();
    let session = engine.session().build().unwrap();
    let started = Instant::now();
    session.create_module("many", text).await.unwrap();
    session.import("many").await.unwrap();
    let took = started.elapsed();
    // Linear work takes some tenths of a second, quadratic work half a minute.
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert_eq!(session.functions().unwrap().len(), 1_000);
    assert_eq!(engine.runtime().compilations(), 1);
}

/// Runs in its own process, because other tests allocate memory too.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn session_costs_at_most_100_kib_beyond_a_context() {
    use fusebox_testing::{passes_in_own_process, resident_bytes};

    const COUNT: u64 = 1_000;
    let name = "sessions::session_costs_at_most_100_kib_beyond_a_context";
    if passes_in_own_process(name, &[]) {
        return;
    }
    let engine = engine();
    let clamp = std::fs::read(udfs().join("wat/clamp.wat")).unwrap();
    let first = engine.session().build().unwrap();
    first.create_module("clamp", clamp).await.unwrap();
    first.import("clamp").await.unwrap();
    let config = datafusion::prelude::SessionConfig::new().with_information_schema(true);
    let context = || datafusion::prelude::SessionContext::new_with_config(config.clone());
    let warm_up: Vec<_> = (0..10).map(|_| context()).collect();
    let begin = (resident_bytes(), Instant::now());
    let contexts: Vec<_> = (0..COUNT).map(|_| context()).collect();
    let middle = (resident_bytes(), Instant::now());
    let mut sessions = Vec::new();
    for _ in 0..COUNT {
        let session = engine.session().build().unwrap();
        assert_eq!(
            session
                .function("clamp_to")
                .await
                .unwrap()
                .definition()
                .name,
            "clamp_to"
        );
        sessions.push(session);
    }
    let end = (resident_bytes(), Instant::now());
    let of_context = (middle.0 - begin.0) / COUNT;
    let of_session = (end.0 - middle.0) / COUNT;
    let times = [middle.1 - begin.1, end.1 - middle.1].map(|time| time / COUNT as u32);
    println!("context: {of_context} bytes, {:?}", times[0]);
    println!(
        "session with a function: {of_session} bytes, {:?}",
        times[1]
    );
    assert!(of_session.saturating_sub(of_context) <= 100 << 10);
    drop((warm_up, contexts, sessions));
}

#[tokio::test]
async fn shown_functions_are_those_of_the_catalog_now() {
    let engine = engine();
    let [one, other] = [(); 2].map(|()| engine.session().build().unwrap());
    let shown = async || {
        let batches = run(&other, "SHOW FUNCTIONS LIKE 'clamp_to'").await.unwrap();
        batches
            .iter()
            .map(arrow::array::RecordBatch::num_rows)
            .sum::<usize>()
    };
    let create = "CREATE FUNCTION clamp_to LANGUAGE WASM AS 'wat/clamp.wat'";
    run(&one, create).await.unwrap();
    assert_eq!(shown().await, 1);
    run(&one, "DROP FUNCTION clamp_to").await.unwrap();
    assert_eq!(shown().await, 0);
}

#[tokio::test]
async fn library_does_not_hide_built_in_functions() {
    let session = engine().session().build().unwrap();
    let clamp = std::fs::read(udfs().join("wat/clamp.wat")).unwrap();
    let module = fusebox::LoadedModule::new(&clamp, 1 << 20).unwrap();
    let statement = "CREATE FUNCTION upper(BIGINT, BIGINT, BIGINT) RETURNS BIGINT
                     LANGUAGE WASM EXPORT 'clamp_to'";
    let definition = module.define(statement).unwrap();
    let refused = session.create_function(definition, clamp).await;
    assert!(matches!(refused, Err(Error::Refused { .. })));
    assert!(run(&session, "SELECT upper('a')").await.is_ok());
}

#[tokio::test]
async fn definitions_with_limits_out_of_range_are_rejected() {
    let session = engine().session().build().unwrap();
    let clamp = std::fs::read(udfs().join("wat/clamp.wat")).unwrap();
    let module = fusebox::LoadedModule::new(&clamp, 1 << 20).unwrap();
    let statement = "CREATE FUNCTION clamp_to LANGUAGE WASM";
    let definition = module.define(statement).unwrap();
    for (fuel_per_row, fuel_per_call) in [(0, 500_000), (u64::MAX, 500_000), (1_000, u64::MAX)] {
        let mut definition = definition.clone();
        definition.limits.fuel_per_row = fuel_per_row;
        definition.limits.fuel_per_call = fuel_per_call;
        let created = session.create_function(definition, clamp.clone()).await;
        assert!(created.is_err(), "{fuel_per_row} {fuel_per_call}");
        assert!(session.functions().unwrap().is_empty());
    }
    session.create_function(definition, clamp).await.unwrap();
}

#[tokio::test]
async fn refused_function_of_another_kind_leaves_the_shared_one() {
    let session = engine().session().build().unwrap();
    let shared = "CREATE FUNCTION other(BIGINT, BIGINT, BIGINT) RETURNS BIGINT
                  LANGUAGE WASM AS 'wat/clamp.wat' EXPORT 'clamp_to'";
    run(&session, shared).await.unwrap();
    let aggregate = "CREATE TEMPORARY AGGREGATE FUNCTION other(BIGINT) RETURNS BIGINT
                     LANGUAGE WASM AS 'wat/clamp.wat' EXPORT 'clamp_to'";
    let refused = run(&session, aggregate).await;
    assert!(refused.is_err());
    let batches = run(&session, "SELECT other(9, 1, 5)").await.unwrap();
    assert_eq!(number(&batches), 5);
}
