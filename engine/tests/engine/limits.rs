//! Limits: those of a function, of its session, of the process.

use std::env;
use std::process::Command;

use fusebox::{Error, Exhausted, Limits, Paths, ProcessLimits, Refusal, Session};

use crate::{CLAMP, passes_alone, run, session, text, udfs};

/// The message of what stops `text`.
async fn refusal(session: &Session, text: &str) -> String {
    run(session, text).await.unwrap_err().to_string()
}

#[tokio::test]
async fn limits_outside_their_range_are_refused() {
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
            let built = builder.clone().build().map(drop);
            assert!(matches!(built, Err(Error::Config(_))), "{limits:?}");
            let built = builder.factory().map(drop);
            assert!(matches!(built, Err(Error::Config(_))), "{limits:?}");
        }
    }
    assert!(Session::builder().limits(Limits::WIDEST).build().is_ok());
}

#[tokio::test]
async fn defaults_may_not_exceed_the_ceilings() {
    let low = Limits {
        instances_max: 8,
        ..Limits::default()
    };
    let builder = Session::builder().limits_max(low);
    assert!(matches!(builder.clone().build(), Err(Error::Config(_))));
    assert!(builder.limits(low).build().is_ok());
}

/// A session in which a function may have the default limits and no more.
fn ceiled() -> Session {
    Session::builder()
        .paths(Paths::under(udfs()).unwrap())
        .limits_max(Limits::default())
        .build()
        .unwrap()
}

#[tokio::test]
async fn no_statement_exceeds_the_ceilings_of_its_session() {
    let session = ceiled();
    let create = "CREATE FUNCTION clamp_to LANGUAGE WASM AS 'wat/clamp.wat' WITH (memory = '65MB')";
    assert_eq!(
        refusal(&session, create).await,
        "function `clamp_to` may not have memory = '65MB': this session allows '64MB' at most"
    );
    run(&session, CLAMP).await.unwrap();
    let alter = "ALTER FUNCTION clamp_to SET (instances = 1, fuel_per_row = 1000001)";
    assert_eq!(
        refusal(&session, alter).await,
        "function `clamp_to` may not have fuel_per_row = 1000001: this session allows 1000000 at most"
    );
    run(&session, "ALTER FUNCTION clamp_to SET (instances = 1)")
        .await
        .unwrap();
    let shown = run(&session, "SHOW CREATE FUNCTION clamp_to").await;
    let shown = text(&shown.unwrap(), 1);
    assert!(shown.ends_with("instances = 1)"), "{shown}");
}

#[tokio::test]
async fn declaration_may_exceed_them_only_where_the_statement_says_otherwise() {
    let session = ceiled();
    let module = r#"CREATE MODULE m LANGUAGE WASM AS $$(module
        (@custom "fusebox.functions" "CREATE FUNCTION f() RETURNS INT WITH (stack = '512kB')")
        (memory (export "memory") 1)
        (func (export "fusebox_abi_1"))
        (func (export "fusebox_alloc") (param i32) (result i32) (i32.const 0))
        (func (export "fusebox_udf_f") (param i32 i32 i32) (result i32) (i32.const 0)))$$"#;
    run(&session, module).await.unwrap();
    assert_eq!(
        refusal(&session, "IMPORT FUNCTIONS FROM MODULE m").await,
        "function `f` may not have stack = '512kB': this session allows '256kB' at most"
    );
    let create = "CREATE FUNCTION f LANGUAGE WASM FROM MODULE m WITH (stack = '64kB')";
    run(&session, create).await.unwrap();
}

#[tokio::test]
async fn shown_statement_is_refused_where_less_is_allowed() {
    let create = "CREATE FUNCTION clamp_to LANGUAGE WASM AS 'wat/clamp.wat' WITH (stack = '512kB')";
    let wide = session();
    run(&wide, create).await.unwrap();
    let shown = run(&wide, "SHOW CREATE FUNCTION clamp_to").await.unwrap();
    let error = run(&ceiled(), &text(&shown, 1)).await.unwrap_err();
    assert!(matches!(
        error,
        Error::Refused {
            reason: Refusal::Ceiling {
                option: "stack",
                ..
            },
            ..
        }
    ));
}

/// The errors of four calls at once, each of which takes a while to spend its
/// fuel.
async fn four_at_once(session: &Session) -> Vec<Error> {
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

/// Counts the errors that `refused` knows; the others are for want of fuel.
fn count(errors: &[Error], refused: impl Fn(&Exhausted) -> bool) -> usize {
    let refused = |error: &&Error| match Error::behind(*error) {
        Some(Error::Limit {
            limit: Exhausted::FuelOfBatch { .. },
            ..
        }) => false,
        Some(Error::Limit { limit, .. }) => {
            assert!(refused(limit), "{error}");
            true
        }
        _ => panic!("{error}"),
    };
    errors.iter().filter(refused).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn function_has_no_more_instances_at_work_than_it_may() {
    let session = session();
    run(&session, &format!("{ENDLESS} 1)")).await.unwrap();
    let errors = four_at_once(&session).await;
    let refused = count(&errors, |limit| {
        matches!(limit, Exhausted::Instances { instances_max: 1 })
    });
    assert!((1..4).contains(&refused), "{errors:?}");
    run(&session, "ALTER FUNCTION endless SET (instances = 4)")
        .await
        .unwrap();
    assert_eq!(count(&four_at_once(&session).await, |_| false), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn process_has_no_more_instances_at_work_than_it_may() {
    // The other tests would feel the limit, and be felt.
    let name = "limits::process_has_no_more_instances_at_work_than_it_may";
    let mut command = Command::new(env::current_exe().unwrap());
    if passes_alone(command.args(["--exact", name])) {
        return;
    }
    let none = ProcessLimits { instances_max: 0 };
    assert!(matches!(none.set(), Err(Error::Config(_))));
    ProcessLimits { instances_max: 1 }.set().unwrap();
    let session = session();
    run(&session, &format!("{ENDLESS} 4)")).await.unwrap();
    let errors = four_at_once(&session).await;
    let refused = count(&errors, |limit| {
        matches!(limit, Exhausted::ProcessInstances { instances_max: 1 })
    });
    assert!((1..4).contains(&refused), "{errors:?}");
    ProcessLimits::default().set().unwrap();
    assert_eq!(count(&four_at_once(&session).await, |_| false), 0);
}
