//! Limits of functions, of sessions and of the process.

use fusebox::{
    Engine, Error, FileAccess, LimitExceeded, Limits, ProcessLimits, Session, StatementError,
};
use fusebox_testing::passes_in_own_process;

use crate::{CLAMP, run, session, text, udfs};

/// Returns the message of the error of `text`.
async fn error_message(session: &Session, text: &str) -> String {
    run(session, text).await.unwrap_err().to_string()
}

#[tokio::test]
async fn limits_outside_their_range_are_rejected() {
    let default = Limits::default();
    let limits = [
        Limits {
            fuel_per_row: 0,
            ..default
        },
        Limits {
            fuel_per_call: u64::MAX,
            ..default
        },
        Limits {
            fuel_init: 99_999,
            ..default
        },
        Limits {
            memory_bytes_max: (4 << 30) + 1,
            ..default
        },
        Limits {
            stack_bytes_max: 1 << 20,
            ..default
        },
        Limits {
            result_bytes_max: 1023,
            ..default
        },
        Limits {
            instances_max: 10_001,
            ..default
        },
    ];
    for limits in limits {
        for builder in [
            Session::builder().limits(limits),
            Session::builder().limits_max(limits),
        ] {
            let built = builder.build().map(drop);
            assert!(matches!(built, Err(Error::Config(_))), "{limits:?}");
        }
        for builder in [
            Engine::builder().limits(limits),
            Engine::builder().limits_max(limits),
        ] {
            let built = builder.build().map(drop);
            assert!(matches!(built, Err(Error::Config(_))), "{limits:?}");
        }
    }
    let widest = Session::builder().limits_max(Limits::MAX);
    assert!(widest.limits(Limits::MAX).build().is_ok());
}

#[tokio::test]
async fn default_limits_above_limits_max_are_rejected() {
    let low = Limits {
        instances_max: 8,
        ..Limits::default()
    };
    let builder = Session::builder().limits_max(low);
    assert!(matches!(builder.clone().build(), Err(Error::Config(_))));
    assert!(builder.limits(low).build().is_ok());
}

/// Opens a session whose `limits_max` are the default limits.
fn session_with_limits_max() -> Session {
    Session::builder()
        .files(FileAccess::under(udfs()).unwrap())
        .limits_max(Limits::default())
        .build()
        .unwrap()
}

#[tokio::test]
async fn create_and_alter_above_limits_max_are_rejected() {
    let session = session_with_limits_max();
    let create = "CREATE FUNCTION clamp_to LANGUAGE WASM AS 'wat/clamp.wat' WITH (memory = '65MB')";
    assert_eq!(
        error_message(&session, create).await,
        "function `clamp_to` may not have memory = '65MB': this session allows '64MB' at most; the embedder can raise `limits_max`"
    );
    run(&session, CLAMP).await.unwrap();
    let alter = "ALTER FUNCTION clamp_to SET (instances = 1, fuel_per_row = 1000001)";
    assert_eq!(
        error_message(&session, alter).await,
        "function `clamp_to` may not have fuel_per_row = 1000001: this session allows 1000000 at most; the embedder can raise `limits_max`"
    );
    run(&session, "ALTER FUNCTION clamp_to SET (instances = 1)")
        .await
        .unwrap();
    let shown = run(&session, "SHOW CREATE FUNCTION clamp_to").await;
    let shown = text(&shown.unwrap(), 1);
    assert!(shown.ends_with("instances = 1)"), "{shown}");
}

#[tokio::test]
async fn declaration_above_limits_max_has_limits_max_unless_the_statement_lowers_it() {
    let session = session_with_limits_max();
    let module = r#"CREATE MODULE m LANGUAGE WASM AS $$(module
        (@custom "fusebox.functions" "CREATE FUNCTION f() RETURNS INT WITH (stack = '512kB')")
        (memory (export "memory") 1)
        (func (export "fusebox_abi_1"))
        (func (export "fusebox_alloc") (param i32) (result i32) (i32.const 0))
        (func (export "fusebox_udf_f") (param i32 i32 i32) (result i32) (i32.const 0)))$$"#;
    run(&session, module).await.unwrap();
    run(&session, "IMPORT FUNCTIONS FROM MODULE m")
        .await
        .unwrap();
    let stack = |session: &Session| session.functions().unwrap()[0].limits.stack_bytes_max;
    assert_eq!(stack(&session), Limits::default().stack_bytes_max);
    let replace = "CREATE OR REPLACE FUNCTION f LANGUAGE WASM FROM MODULE m WITH (stack = '64kB')";
    run(&session, replace).await.unwrap();
    assert_eq!(stack(&session), 64 << 10);
    let above = "CREATE OR REPLACE FUNCTION f LANGUAGE WASM FROM MODULE m WITH (stack = '300kB')";
    assert_eq!(
        error_message(&session, above).await,
        "function `f` may not have stack = '300kB': this session allows '256kB' at most; the embedder can raise `limits_max`"
    );
}

#[tokio::test]
async fn shown_statement_above_limits_max_of_another_session_is_rejected() {
    let create = "CREATE FUNCTION clamp_to LANGUAGE WASM AS 'wat/clamp.wat' WITH (stack = '512kB')";
    let wide = session();
    run(&wide, create).await.unwrap();
    let shown = run(&wide, "SHOW CREATE FUNCTION clamp_to").await.unwrap();
    let error = run(&session_with_limits_max(), &text(&shown, 1))
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        Error::Refused {
            reason: StatementError::Ceiling {
                option: "stack",
                ..
            },
            ..
        }
    ));
}

/// Returns the errors of four concurrent calls, each of which runs out of fuel after a while.
async fn errors_of_four_concurrent_calls(session: &Session) -> Vec<Error> {
    let queries = [(); 4].map(|()| {
        let session = session.clone();
        tokio::spawn(async move {
            let query = "SELECT endless(value) FROM range(0, 1)";
            run(&session, query).await.unwrap_err()
        })
    });
    let mut errors = Vec::new();
    for query in queries {
        errors.push(query.await.unwrap());
    }
    errors
}

const ENDLESS: &str = "CREATE FUNCTION endless(BIGINT) RETURNS BIGINT LANGUAGE WASM
    AS 'hostile/endless.wat' WITH (fuel_per_row = 1000000000, instances = ";

/// Counts the errors of calls that were rejected, all of them with the limit `expected`. The
/// other calls ran out of fuel.
fn count_rejected(errors: &[Error], expected: impl Fn(&LimitExceeded) -> bool) -> usize {
    let is_rejected = |error: &&Error| match Error::find_in(*error) {
        Some(Error::Limit {
            limit: LimitExceeded::BatchFuel { .. },
            ..
        }) => false,
        Some(Error::Limit { limit, .. }) => {
            assert!(expected(limit), "{error}");
            true
        }
        _ => panic!("{error}"),
    };
    errors.iter().filter(is_rejected).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_calls_of_a_function_are_limited() {
    let session = session();
    run(&session, &format!("{ENDLESS} 1)")).await.unwrap();
    let errors = errors_of_four_concurrent_calls(&session).await;
    let rejected = count_rejected(&errors, |limit| {
        matches!(limit, LimitExceeded::Instances { instances_max: 1 })
    });
    assert!((1..4).contains(&rejected), "{errors:?}");
    run(&session, "ALTER FUNCTION endless SET (instances = 4)")
        .await
        .unwrap();
    assert_eq!(
        count_rejected(&errors_of_four_concurrent_calls(&session).await, |_| false),
        0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_calls_of_the_process_are_limited() {
    // In its own process, because the limit applies to all other tests too.
    let name = "limits::concurrent_calls_of_the_process_are_limited";
    if passes_in_own_process(name, &[]) {
        return;
    }
    let none = ProcessLimits { instances_max: 0 };
    assert!(matches!(none.set(), Err(Error::Config(_))));
    ProcessLimits { instances_max: 1 }.set().unwrap();
    let session = session();
    run(&session, &format!("{ENDLESS} 4)")).await.unwrap();
    let errors = errors_of_four_concurrent_calls(&session).await;
    let rejected = count_rejected(&errors, |limit| {
        matches!(limit, LimitExceeded::ProcessInstances { instances_max: 1 })
    });
    assert!((1..4).contains(&rejected), "{errors:?}");
    ProcessLimits::default().set().unwrap();
    assert_eq!(
        count_rejected(&errors_of_four_concurrent_calls(&session).await, |_| false),
        0
    );
}
