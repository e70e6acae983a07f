//! Idle instances, compiled modules and catalogs are bounded, however many functions there
//! are, and what is dropped is returned to the operating system.

use fusebox::{CatalogLimits, Engine, FileAccess, IdleLimits, Privileges, Session};
use fusebox_testing::{memory_mappings, passes_in_own_process, resident_bytes};

use crate::{run, session, udfs};

/// Items of a module whose function `f` returns 2. Its start touches 3,932,160 bytes.
const TOUCHES: &str = r#"(module
    (memory (export "memory") 60)
    (func $start (memory.fill (i32.const 65536) (i32.const 1) (i32.const 3866624)))
    (start $start)
    (func (export "fusebox_abi_1"))
    (func (export "fusebox_alloc") (param i32) (result i32) (i32.const 4096))
    (func (export "fusebox_udf_f") (param i32 i32 i32) (result i32)
        (i64.store (i32.const 1024) (i64.const 2))
        (i32.store (i32.const 20) (i32.const 1024))
        (i64.store (local.get 2) (i64.extend_i32_u (local.get 1)))
        (i64.store offset=24 (local.get 2) (i64.const 2))
        (i32.store offset=40 (local.get 2) (i32.const 16))
        (i32.const 0)))"#;

/// Creates functions `f0`, `f1`, … of a module, and calls each once.
async fn create_and_call(session: &Session, count: usize, volatility: &str) {
    for number in 0..count {
        let create = format!(
            "CREATE FUNCTION f{number}(BIGINT) RETURNS BIGINT LANGUAGE WASM {volatility}
                 AS 'touches.wat' EXPORT 'f'"
        );
        run(session, &create).await.unwrap();
    }
    for number in 0..count {
        let call = format!("SELECT f{number}(value) FROM range(0, 1)");
        run(session, &call).await.unwrap();
    }
}

async fn drop_all(session: &Session, count: usize) {
    for number in 0..count {
        run(session, &format!("DROP FUNCTION f{number}"))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn memory_of_idle_instances_is_bounded_and_returned() {
    let name = "idle::memory_of_idle_instances_is_bounded_and_returned";
    if passes_in_own_process(name, &[]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("touches.wat"), TOUCHES).unwrap();
    let files = FileAccess::under(folder.path()).unwrap();
    let engine = Engine::builder()
        .privileges(Privileges {
            files,
            ..Privileges::all()
        })
        .idle_limits(IdleLimits {
            memory_bytes_max: 64 << 20,
            ..IdleLimits::default()
        })
        .build()
        .unwrap();
    let session = engine.session().build().unwrap();
    create_and_call(&session, 4, "VOLATILE").await;
    drop_all(&session, 4).await;
    let (mappings_before, bytes_before) = (memory_mappings(), resident_bytes());
    // 150 instances of 4 MB: 600 MB without a bound.
    for volatility in ["VOLATILE", "IMMUTABLE"] {
        create_and_call(&session, 150, volatility).await;
        let metrics = engine.idle_metrics();
        assert!(metrics.memory_bytes <= 64 << 20, "{metrics:?}");
        assert!(
            metrics.instances > 0 && metrics.evictions > 0,
            "{metrics:?}"
        );
        let bytes = resident_bytes().saturating_sub(bytes_before);
        assert!(bytes < 200 << 20, "{bytes} bytes, {metrics:?}");
        drop_all(&session, 150).await;
        assert_eq!(engine.idle_metrics().instances, 0);
        let bytes = resident_bytes().saturating_sub(bytes_before);
        assert!(bytes < 64 << 20, "{bytes} bytes");
        assert!(memory_mappings() < mappings_before + 200);
    }
}

#[tokio::test]
async fn functions_that_are_not_called_hold_no_mappings() {
    let name = "idle::functions_that_are_not_called_hold_no_mappings";
    if passes_in_own_process(name, &[]) {
        return;
    }
    let session = session();
    let create = |number: usize| {
        format!(
            "CREATE FUNCTION f{number}(BIGINT) RETURNS BIGINT LANGUAGE WASM VOLATILE
                 AS 'hostile/hungry.wat' EXPORT 'hungry'"
        )
    };
    run(&session, &create(0)).await.unwrap();
    let before = memory_mappings();
    for number in 1..400 {
        run(&session, &create(number)).await.unwrap();
    }
    assert!(
        memory_mappings() < before + 200,
        "{} {before}",
        memory_mappings()
    );
}

#[tokio::test]
async fn catalog_holds_no_more_than_its_limits() {
    let files = FileAccess::under(udfs()).unwrap();
    let engine = Engine::builder()
        .privileges(Privileges {
            files,
            ..Privileges::all()
        })
        .catalog_limits(CatalogLimits {
            functions_max: 2,
            modules_max: 2,
            module_bytes_max: 1 << 20,
            ..CatalogLimits::default()
        })
        .build()
        .unwrap();
    let session = engine.session().build().unwrap();
    let create = |name: &str, file: &str, export: &str| {
        format!(
            "CREATE OR REPLACE {name}(BIGINT) RETURNS BIGINT LANGUAGE WASM
                 AS '{file}' EXPORT '{export}'"
        )
    };
    let hungry = |name: &str| create(name, "hostile/hungry.wat", "hungry");
    run(&session, &hungry("FUNCTION a")).await.unwrap();
    run(&session, &hungry("FUNCTION b")).await.unwrap();
    // It may still be replaced, and temporary functions count apart.
    run(&session, &hungry("FUNCTION b")).await.unwrap();
    run(&session, &hungry("TEMPORARY FUNCTION c"))
        .await
        .unwrap();
    let error = run(&session, &hungry("FUNCTION d")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "function `d` cannot be added: its catalog would hold 3 functions, expected at most 2 \
         (functions_max)"
    );
    run(&session, "DROP FUNCTION a").await.unwrap();
    run(&session, &hungry("FUNCTION d")).await.unwrap();
    // One module is that of the functions.
    run(&session, "CREATE MODULE one FROM 'wat/clamp.wat'")
        .await
        .unwrap();
    let error = run(&session, "CREATE MODULE two FROM 'wat/halve.wat'")
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "module `two` cannot be added: its catalog would hold 3 modules, expected at most 2 \
         (modules_max)"
    );
    run(&session, "DROP MODULE one").await.unwrap();
    run(&session, "CREATE MODULE two FROM 'wat/halve.wat'")
        .await
        .unwrap();
}
