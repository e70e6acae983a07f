//! Users of a catalog: what their sessions may do, and what others see of it.

use fusebox::{Engine, Error, FileAccess, Privileges, Session, StatementError};

use crate::{number, run, udfs};

const CLAMP: &str = "CREATE MODULE clamp LANGUAGE WASM FROM 'wat/clamp.wat'";
const CREATE: &str = "CREATE FUNCTION clamp_to LANGUAGE WASM FROM MODULE clamp";

/// Opens the session of a superuser, with some users.
async fn superuser() -> Session {
    let privileges = Privileges {
        files: FileAccess::under(udfs()).unwrap(),
        ..Privileges::all()
    };
    let engine = Engine::builder().privileges(privileges).build().unwrap();
    let session = engine.session().build().unwrap();
    let users = "CREATE USER ada PASSWORD 'pencil'; CREATE USER bob; CREATE USER eve SUPERUSER";
    run(&session, users).await.unwrap();
    session
}

/// Opens a session of a user.
fn session_of(session: &Session, user: &str) -> Session {
    let builder = session.engine().session().user(user);
    builder.build().unwrap()
}

/// Asserts that a statement is refused, and names a grant.
async fn assert_needs(session: &Session, sql: &str, grant: &str) {
    let refused = run(session, sql).await.unwrap_err();
    let is_grant = matches!(
        Error::find_in(&refused),
        Some(Error::Refused {
            reason: StatementError::NotGranted { .. },
            ..
        })
    );
    let message = refused.to_string();
    assert!(is_grant && message.ends_with(grant), "{sql}: {message}");
}

#[tokio::test]
async fn functions_and_modules_are_created_by_grants() {
    let session = superuser().await;
    let ada = session_of(&session, "ada");
    assert_needs(&ada, CLAMP, "GRANT CREATE ON MODULE clamp TO ada").await;
    run(&session, "GRANT CREATE ON ALL MODULES TO ada")
        .await
        .unwrap();
    run(&ada, CLAMP).await.unwrap();
    assert_needs(&ada, CREATE, "GRANT CREATE ON FUNCTION clamp_to TO ada").await;
    let import = "IMPORT FUNCTIONS FROM MODULE clamp";
    run(&ada, import).await.unwrap_err();
    run(&session, "GRANT CREATE ON FUNCTION clamp_to TO ada")
        .await
        .unwrap();
    run(&ada, CREATE).await.unwrap();
    let called = run(&ada, "SELECT clamp_to(7, 1, 5)").await.unwrap();
    assert_eq!(number(&called), 5);
    // Another user may neither call nor change them, temporary ones of the name included.
    let bob = session_of(&session, "bob");
    let usage = "GRANT USAGE ON FUNCTION clamp_to TO bob";
    assert_needs(&bob, "SELECT clamp_to(7, 1, 5)", usage).await;
    let create = "GRANT CREATE ON FUNCTION clamp_to TO bob";
    for sql in [
        "DROP FUNCTION clamp_to",
        "ALTER FUNCTION clamp_to SET (fuel_per_row = 5)",
        "COMMENT ON FUNCTION clamp_to IS 'mine'",
        "ALTER FUNCTION clamp_to RENAME TO other",
    ] {
        assert_needs(&bob, sql, create).await;
    }
    let module = "GRANT CREATE ON MODULE clamp TO bob";
    assert_needs(&bob, "DROP MODULE clamp CASCADE", module).await;
    // Nor see the bytes.
    let shown = "GRANT USAGE ON MODULE clamp TO bob";
    assert_needs(&bob, "SHOW CREATE MODULE clamp", shown).await;
    assert_needs(&bob, "SHOW CREATE FUNCTION clamp_to", usage).await;
    // Superusers need no grants.
    let eve = session_of(&session, "eve");
    run(&eve, "SELECT clamp_to(7, 1, 5)").await.unwrap();
    run(&eve, "DROP MODULE clamp CASCADE").await.unwrap();
}

#[tokio::test]
async fn calls_are_checked_wherever_they_are() {
    let session = superuser().await;
    run(&session, CLAMP).await.unwrap();
    run(&session, CREATE).await.unwrap();
    run(&session, "GRANT USAGE ON FUNCTION clamp_to TO PUBLIC")
        .await
        .unwrap();
    let bob = session_of(&session, "bob");
    let view = "CREATE VIEW v AS SELECT clamp_to(value, 1, 5) AS n FROM range(0, 9);
        PREPARE p AS SELECT clamp_to(7, 1, 5)";
    run(&bob, view).await.unwrap();
    run(&bob, "SELECT * FROM v; EXECUTE p").await.unwrap();
    run(&session, "REVOKE USAGE ON FUNCTION clamp_to FROM PUBLIC")
        .await
        .unwrap();
    let usage = "GRANT USAGE ON FUNCTION clamp_to TO bob";
    for sql in [
        "SELECT clamp_to(7, 1, 5)",
        "SELECT * FROM v",
        "EXECUTE p",
        "CREATE TABLE t AS SELECT clamp_to(7, 1, 5)",
        "SELECT 1 WHERE EXISTS (SELECT * FROM v WHERE n = 1)",
        "EXPLAIN ANALYZE SELECT clamp_to(value, 1, 5) FROM range(0, 9)",
    ] {
        assert_needs(&bob, sql, usage).await;
    }
    // Constants are evaluated before the query is planned.
    let constant = "SELECT * FROM generate_series(1, clamp_to(7, 1, 5))";
    run(&bob, constant).await.unwrap_err();
    bob.function("clamp_to").await.unwrap_err();
    run(&session, "SELECT clamp_to(7, 1, 5)").await.unwrap();
}

#[tokio::test]
async fn ceilings_and_privileges_of_a_user_hold_at_the_next_statement() {
    let session = superuser().await;
    run(&session, CLAMP).await.unwrap();
    run(
        &session,
        "GRANT CREATE, USAGE ON ALL FUNCTIONS TO ada; GRANT USAGE ON ALL MODULES TO ada;
         ALTER USER ada SET fusebox.limits.memory = '1MB'",
    )
    .await
    .unwrap();
    let ada = session_of(&session, "ada");
    let create = |memory| format!("{CREATE} WITH (memory = '{memory}')");
    let refused = run(&ada, &create("2MB")).await.unwrap_err().to_string();
    assert!(refused.contains("this session allows '1MB'"), "{refused}");
    run(&session, "ALTER USER ada RESET fusebox.limits.memory")
        .await
        .unwrap();
    run(&ada, &create("2MB")).await.unwrap();
    run(&session, "ALTER USER ada SET fusebox.quota.functions = 1")
        .await
        .unwrap();
    let other = "CREATE FUNCTION other(BIGINT, BIGINT, BIGINT) RETURNS BIGINT LANGUAGE WASM
        FROM MODULE clamp EXPORT 'clamp_to'";
    let refused = run(&ada, other).await.unwrap_err().to_string();
    assert!(refused.contains("fusebox.quota.functions"), "{refused}");
    run(&ada, "DROP FUNCTION clamp_to").await.unwrap();
    run(&ada, other).await.unwrap();
    run(
        &session,
        "ALTER USER ada SET fusebox.statement_timeout = '10s'",
    )
    .await
    .unwrap();
    run(&ada, "SET fusebox.statement_timeout = '1h'")
        .await
        .unwrap();
    let timeout = ada.statement_timeout().unwrap();
    assert_eq!(timeout.as_secs(), 10);
    // Settings of the process are a privilege of each user.
    let set = "SET datafusion.runtime.memory_limit = '1G'";
    run(&ada, set).await.unwrap_err();
}

#[tokio::test]
async fn superusers_manage_users_and_others_their_passwords() {
    let session = superuser().await;
    let ada = session_of(&session, "ada");
    run(&ada, "ALTER USER ada PASSWORD 'other'").await.unwrap();
    for sql in [
        "ALTER USER ada SUPERUSER",
        "ALTER USER ada SUPERUSER PASSWORD 'x'",
        "ALTER USER bob PASSWORD 'x'",
        "ALTER USER ada SET fusebox.quota.sessions = 9",
        "CREATE USER carl",
        "DROP USER bob",
        "GRANT USAGE ON ALL FUNCTIONS TO ada",
        "SELECT * FROM fusebox.audit",
    ] {
        let refused = run(&ada, sql).await.unwrap_err().to_string();
        assert!(
            refused.contains("the privilege `users`"),
            "{sql}: {refused}"
        );
    }
    // Without passwords, a server may trust everyone.
    let refused = run(&ada, "ALTER USER ada PASSWORD NULL").await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("the privilege `users`"), "{refused}");
    let seen = run(&ada, "SELECT count(*) FROM fusebox.users").await;
    assert_eq!(number(&seen.unwrap()), 1);
    assert!(ada.role_statements().is_err());
    let eve = session_of(&session, "eve");
    run(&eve, "CREATE USER carl; DROP USER carl").await.unwrap();
    run(&eve, "DROP USER eve").await.unwrap_err();
    run(&session, "ALTER USER eve NOSUPERUSER").await.unwrap();
    run(&eve, "DROP USER bob").await.unwrap_err();
    run(&session, "ALTER USER eve NOLOGIN").await.unwrap();
    let refused = run(&eve, "SELECT 1").await.unwrap_err().to_string();
    assert!(refused.contains("may not log in any more"), "{refused}");
    let stranger = session_of(&session, "stranger");
    run(&stranger, "SELECT 1").await.unwrap_err();
}

#[tokio::test]
async fn imports_need_usage_of_the_module_and_creation_of_the_functions() {
    let session = superuser().await;
    run(&session, CLAMP).await.unwrap();
    run(&session, "GRANT CREATE ON FUNCTION clamp_to TO ada")
        .await
        .unwrap();
    let ada = session_of(&session, "ada");
    let import = "IMPORT FUNCTIONS FROM MODULE clamp";
    assert_needs(&ada, import, "GRANT USAGE ON MODULE clamp TO ada").await;
    let refused = ada.import("clamp").await.unwrap_err().to_string();
    assert!(refused.ends_with("GRANT USAGE ON MODULE clamp TO ada"));
    run(&session, "GRANT USAGE ON MODULE clamp TO bob, ada")
        .await
        .unwrap();
    let bob = session_of(&session, "bob");
    let create = "GRANT CREATE ON FUNCTION clamp_to TO bob";
    assert_needs(&bob, import, create).await;
    assert_needs(
        &bob,
        "IMPORT OR REPLACE FUNCTIONS FROM MODULE clamp",
        create,
    )
    .await;
    ada.import("clamp").await.unwrap();
    // By another spelling of DataFusion's parser, and under another case.
    for name in ["clamp_to", "\"CLAMP_TO\""] {
        let create = format!(
            "CREATE OR ALTER FUNCTION {name}(x BIGINT) RETURNS BIGINT LANGUAGE wasm AS 'm.wasm'"
        );
        run(&bob, &create).await.unwrap_err();
    }
    let called = run(&bob, "SELECT clamp_to(7, 1, 5)").await.unwrap();
    assert_eq!(number(&called), 5);
    // A clone has the same user, and what it has bound is not called after the grant has gone.
    let clone = bob.clone();
    run(&session, "REVOKE USAGE ON MODULE clamp FROM bob")
        .await
        .unwrap();
    let usage = "GRANT USAGE ON FUNCTION clamp_to TO bob";
    for bob in [&bob, &clone] {
        assert_needs(bob, "SELECT clamp_to(7, 1, 5)", usage).await;
    }
}

#[tokio::test]
async fn statements_about_roles_are_bounded() {
    let session = superuser().await;
    let names = |count: usize| {
        let names: Vec<_> = (0..count).map(|number| format!("f{number}")).collect();
        names.join(", ")
    };
    let (many, roles, long) = (names(600), names(170), "x".repeat(64));
    for (sql, expected) in [
        (
            format!("GRANT CREATE ON FUNCTION {many} TO {roles}"),
            "102000 grants",
        ),
        (
            format!("REVOKE CREATE ON FUNCTION {many} FROM {roles}"),
            "102000 grants",
        ),
        (format!("CREATE USER {long}"), "a name of 64 bytes"),
        (
            "CREATE USER carl PASSWORD ''".to_owned(),
            "an empty password",
        ),
        (
            "CREATE USER carl PASSWORD 'SCRAM-SHA-256$4000000000:YQ==$YQ==:YQ=='".to_owned(),
            "at most 100000 rounds",
        ),
        (
            "ALTER USER ada PASSWORD 'SCRAM-SHA-256$pencil'".to_owned(),
            "cannot be read",
        ),
    ] {
        let refused = run(&session, &sql).await.unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
        assert!(!refused.contains("pencil"), "{refused}");
    }
    run(&session, &format!("CREATE USER {}", &long[1..]))
        .await
        .unwrap();
}

#[tokio::test]
async fn dumped_statements_make_the_same_users() {
    let session = superuser().await;
    run(&session, CLAMP).await.unwrap();
    run(
        &session,
        "CREATE ROLE \"The Analysts\"; GRANT \"The Analysts\" TO ada, bob;
         ALTER USER bob SET fusebox.quota.memory = '64MB';
         GRANT USAGE ON MODULE clamp TO \"The Analysts\"; GRANT CREATE ON ALL FUNCTIONS TO PUBLIC",
    )
    .await
    .unwrap();
    let dump = |session: &Session| {
        let statements = session.role_statements().unwrap();
        let texts = statements.iter().map(|statement| statement.to_sql() + ";");
        texts.collect::<Vec<_>>().join("\n")
    };
    let dumped = dump(&session);
    assert!(!dumped.contains("pencil"), "{dumped}");
    let again = Session::builder()
        .privileges(Privileges {
            files: FileAccess::under(udfs()).unwrap(),
            ..Privileges::all()
        })
        .build()
        .unwrap();
    run(&again, CLAMP).await.unwrap();
    run(&again, &dumped).await.unwrap();
    assert_eq!(dump(&again), dumped);
}
