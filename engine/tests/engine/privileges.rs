//! Privileges of sessions.

use std::sync::Arc;

use datafusion::prelude::SessionContext;
use fusebox::{Engine, Error, FunctionKey, Limits, Privileges, Session, StatementError};

use crate::{number, run, udfs};

/// A function without state of its own, of which the statements differ.
fn constant(head: &str) -> String {
    format!(
        r#"{head} LANGUAGE WASM AS $$(module
        (memory (export "memory") 1)
        (func (export "fusebox_abi_1"))
        (func (export "fusebox_alloc") (param i32) (result i32) (i32.const 1024))
        (func (export "fusebox_udf_one") (param i32 i32 i32) (result i32)
          (i32.const 1)))$$ EXPORT 'one'"#
    )
}

/// Opens a session with the default privileges, changed by `grant`.
fn session_with(grant: impl FnOnce(&mut Privileges)) -> Session {
    let mut privileges = Privileges::default();
    grant(&mut privileges);
    let builder = Session::builder().privileges(privileges);
    builder.build().unwrap()
}

/// Asserts that a statement is refused for want of a privilege.
async fn assert_needs(session: &Session, sql: &str, expected: &str) {
    match run(session, sql).await {
        Err(Error::Refused {
            reason: StatementError::Privilege { privilege, .. },
            ..
        }) => assert_eq!(privilege, expected, "{sql}"),
        other => panic!("{sql}: {other:?}"),
    }
}

#[tokio::test]
async fn volatile_functions_are_a_privilege() {
    let volatile = constant("CREATE FUNCTION f(BIGINT) RETURNS BIGINT VOLATILE");
    let session = session_with(|_| {});
    let error = run(&session, &volatile).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "function `f` is VOLATILE and keeps state: expected the privilege \
         `volatile_functions`, found none; define it as STABLE, or the embedder can grant it by \
         `Privileges::volatile_functions`"
    );
    // Also where the module declares it.
    let declared = r#"CREATE MODULE m LANGUAGE WASM AS $$(module
        (memory (export "memory") 1)
        (func (export "fusebox_abi_1"))
        (func (export "fusebox_alloc") (param i32) (result i32) (i32.const 1024))
        (func (export "fusebox_udf_one") (param i32 i32 i32) (result i32) (i32.const 1))
        (@custom "fusebox.functions"
          "CREATE FUNCTION one(BIGINT) RETURNS BIGINT LANGUAGE WASM VOLATILE"))$$"#;
    run(&session, declared).await.unwrap();
    assert_needs(
        &session,
        "IMPORT FUNCTIONS FROM MODULE m",
        "volatile_functions",
    )
    .await;
    let create = "CREATE FUNCTION g LANGUAGE WASM FROM MODULE m EXPORT 'one'";
    assert_needs(&session, create, "volatile_functions").await;
    run(&session, &volatile.replace("VOLATILE", "STABLE"))
        .await
        .unwrap();

    let granted = session_with(|privileges| privileges.volatile_functions = true);
    for sql in [&volatile, declared, "IMPORT FUNCTIONS FROM MODULE m"] {
        run(&granted, sql).await.unwrap();
    }
}

#[tokio::test]
async fn replacing_built_in_functions_is_a_privilege() {
    let replace = constant("CREATE OR REPLACE FUNCTION abs(BIGINT) RETURNS BIGINT");
    let temporary = constant("CREATE OR REPLACE TEMPORARY FUNCTION abs(BIGINT) RETURNS BIGINT");
    let session = session_with(|_| {});
    for sql in [&replace, &temporary] {
        assert_needs(&session, sql, "replace_built_ins").await;
    }
    let abs = "SELECT abs(-3::BIGINT)";
    assert_eq!(number(&run(&session, abs).await.unwrap()), 3);
    // A name of one's own can be replaced.
    let own = replace.replace("abs(", "own(");
    run(&session, &own).await.unwrap();
    run(&session, &own).await.unwrap();

    let granted = session_with(|privileges| privileges.replace_built_ins = true);
    run(&granted, &replace).await.unwrap();
    run(&granted, abs).await.unwrap_err();
}

#[tokio::test]
async fn defining_is_a_privilege() {
    let engine = Engine::builder().build().unwrap();
    let owner = engine.session().build().unwrap();
    let clamp = std::fs::read(udfs().join("wat/clamp.wat")).unwrap();
    owner.create_module("clamp", &clamp[..]).await.unwrap();
    owner.import("clamp").await.unwrap();

    let reader = Privileges {
        create: false,
        limits_max: Limits::DEFAULT_MAX,
        ..Privileges::all()
    };
    let builder = engine.session().privileges(reader);
    let session = builder.build().unwrap();
    let function = constant("CREATE FUNCTION f(BIGINT) RETURNS BIGINT");
    for sql in [
        &function[..],
        "CREATE MODULE m LANGUAGE WASM AS '(module)'",
        "CREATE MODULE IF NOT EXISTS clamp LANGUAGE WASM AS '(module)'",
        "IMPORT FUNCTIONS FROM MODULE clamp",
        "ALTER FUNCTION clamp_to SET (fuel_per_row = 1)",
        "DROP FUNCTION clamp_to",
        "DROP FUNCTION IF EXISTS nosuch",
        "DROP MODULE clamp CASCADE",
    ] {
        assert_needs(&session, sql, "create").await;
    }
    let key = FunctionKey {
        name: "clamp_to".to_owned(),
        types: vec![arrow::datatypes::DataType::Int64; 3],
    };
    for refused in [
        session.create_module("m", &clamp[..]).await,
        session.replace_module("clamp", &clamp[..]).await,
        session.import("clamp").await,
        session.drop_function(key, false).await,
        session.drop_module("clamp", true).await,
    ] {
        let error = refused.unwrap_err();
        assert!(error.to_string().contains("privilege `create`"), "{error}");
    }
    // It may call what others have created, and list it.
    let called = run(&session, "SELECT clamp_to(9, 1, 5)").await.unwrap();
    assert_eq!(number(&called), 5);
    run(&session, "SHOW FUNCTIONS").await.unwrap();
    run(&session, "CREATE VIEW v AS SELECT 1").await.unwrap();
}

#[tokio::test]
async fn settings_of_the_process_are_a_privilege() {
    let sets = [
        "SET datafusion.runtime.memory_limit = '1G'",
        "SET datafusion.runtime.temp_directory = '/tmp/elsewhere'",
        "SET datafusion.runtime.max_temp_directory_size = '1G'",
        "RESET datafusion.runtime.memory_limit",
        "RESET datafusion.runtime.temp_directory",
        "PREPARE p AS SET datafusion.runtime.memory_limit = '1G'",
        "SET datafusion.catalog.location = 'file:///'",
    ];
    let session = session_with(|_| {});
    let pool = Arc::clone(&session.context().runtime_env().memory_pool);
    for sql in sets {
        match run(&session, sql).await {
            // Of a statement that DataFusion does not prepare.
            Err(Error::Query(_)) if sql.starts_with("PREPARE") => {}
            _ => assert_needs(&session, sql, "settings").await,
        }
    }
    assert!(Arc::ptr_eq(
        &pool,
        &session.context().runtime_env().memory_pool
    ));
    for (sql, fits) in [
        ("SET datafusion.execution.batch_size = 65536", true),
        ("SET datafusion.execution.batch_size = 65537", false),
        ("SET datafusion.execution.target_partitions = 257", false),
        ("SET datafusion.execution.time_zone = '+01:00'", true),
        ("RESET datafusion.execution.batch_size", true),
    ] {
        match run(&session, sql).await {
            Ok(_) => assert!(fits, "{sql}"),
            Err(Error::Refused {
                reason: StatementError::SettingCeiling { .. },
                ..
            }) => assert!(!fits, "{sql}"),
            Err(other) => panic!("{sql}: {other}"),
        }
    }
    let granted = session_with(|privileges| privileges.settings = true);
    run(&granted, sets[0]).await.unwrap();
    run(&granted, "SET datafusion.execution.batch_size = 1000000")
        .await
        .unwrap();
}

#[tokio::test]
async fn limits_have_modest_ceilings_by_default() {
    let session = session_with(|_| {});
    let max = Limits::DEFAULT_MAX;
    for (option, fits) in [
        (format!("fuel_per_row = {}", max.fuel_per_row), true),
        (format!("fuel_per_row = {}", max.fuel_per_row + 1), false),
        (format!("fuel_per_call = {}", max.fuel_per_call + 1), false),
        ("memory = '1GB'".to_owned(), true),
        ("memory = '1025MB'".to_owned(), false),
        ("result_bytes = '257MB'".to_owned(), false),
        ("instances = 1025".to_owned(), false),
    ] {
        let create = constant("CREATE OR REPLACE FUNCTION f(BIGINT) RETURNS BIGINT");
        let create = format!("{create} WITH ({option})");
        match run(&session, &create).await {
            Ok(_) => assert!(fits, "{option}"),
            Err(Error::Refused {
                reason: StatementError::Ceiling { .. },
                ..
            }) => assert!(!fits, "{option}"),
            Err(other) => panic!("{option}: {other}"),
        }
    }
    let raised = session_with(|privileges| privileges.limits_max = Limits::MAX);
    let create = constant("CREATE FUNCTION f(BIGINT) RETURNS BIGINT");
    let create = format!("{create} WITH (memory = '4GB')");
    run(&raised, &create).await.unwrap();
}

/// A context without a session has the privileges of the engine.
#[tokio::test]
async fn contexts_of_the_embedder_have_the_privileges_of_the_engine() {
    let clamp = udfs().join("wat/clamp.wat");
    let create = |head: &str| format!("{head} LANGUAGE WASM AS '{}#clamp_to'", clamp.display());
    let types = "(BIGINT, BIGINT, BIGINT) RETURNS BIGINT";
    let abs = create(&format!("CREATE FUNCTION abs{types}"));
    let volatile = create(&format!("CREATE FUNCTION f{types} VOLATILE"));
    let plain = create(&format!("CREATE FUNCTION f{types}"));
    let context = |privileges| {
        let engine = Engine::builder().privileges(privileges).build().unwrap();
        let context = SessionContext::new();
        engine.install(&context);
        context
    };
    let files = fusebox::FileAccess::any();
    let strict = context(Privileges {
        files: files.clone(),
        ..Privileges::default()
    });
    for (sql, privilege) in [
        (&abs, "replace_built_ins"),
        (&volatile, "volatile_functions"),
    ] {
        let error = strict.sql(sql).await.unwrap_err();
        assert!(error.to_string().contains(privilege), "{sql}: {error}");
    }
    // One's own function can be replaced.
    for _ in 0..2 {
        strict.sql(&plain).await.unwrap();
    }
    let no_create = context(Privileges {
        files,
        create: false,
        ..Privileges::default()
    });
    let error = no_create.sql(&plain).await.unwrap_err();
    assert!(error.to_string().contains("privilege `create`"), "{error}");
    let all = context(Privileges::all());
    for sql in [&abs, &volatile] {
        all.sql(sql).await.unwrap();
    }
}

#[tokio::test]
async fn settings_of_the_session_are_ceilings_without_the_privilege() {
    let build = |settings| {
        let privileges = Privileges {
            settings,
            ..Privileges::default()
        };
        let builder = Session::builder().privileges(privileges);
        let builder = builder.statement_timeout(std::time::Duration::from_secs(5));
        builder.build().unwrap()
    };
    let refused = [
        "SET fusebox.statement_timeout = 0",
        "SET fusebox.statement_timeout = '6s'",
        "SET FUSEBOX.STATEMENT_TIMEOUT = '1h'",
        "SET fusebox.batch_bytes = '257MB'",
    ];
    let session = build(false);
    for sql in refused {
        match run(&session, sql).await {
            Err(Error::Refused {
                reason: StatementError::SettingOfSession { .. },
                ..
            }) => {}
            other => panic!("{sql}: {other:?}"),
        }
    }
    for sql in [
        "SET fusebox.statement_timeout = '1s'",
        "SET fusebox.statement_timeout = '5s'",
        "SET fusebox.batch_bytes = '1MB'",
        "RESET fusebox.statement_timeout",
    ] {
        run(&session, sql).await.unwrap();
    }
    let session = build(true);
    for sql in refused {
        run(&session, sql).await.unwrap();
    }
}
