//! Statements about users, roles and grants: parsed, printed, and parsed again.

use fusebox_definition::statement::{
    FuseboxStatement, Password, PasswordClause, RoleOptions, RoleStatement, StatementSplitter,
};
use fusebox_definition::{PUBLIC, PrivilegeObject, RolePrivilege};
use proptest::collection::vec;
use proptest::prelude::*;

fn parsed(text: &str) -> Result<RoleStatement, String> {
    let mut statements = StatementSplitter::new(text, "generic", 50);
    let statement = statements.next().expect("there is a statement");
    let parsed = statement.and_then(|tokens| tokens.parse());
    match parsed.map_err(|error| format!("{error:?}"))? {
        Some(FuseboxStatement::Role(statement)) => Ok(statement),
        other => Err(format!("another statement: {other:?}")),
    }
}

#[test]
fn statements_are_printed_as_they_are_read() {
    for (text, printed) in [
        ("create user Ada", "CREATE USER ada"),
        (
            "CREATE USER IF NOT EXISTS \"Ada L\" WITH SUPERUSER ENCRYPTED PASSWORD 'it''s'",
            "CREATE USER IF NOT EXISTS \"Ada L\" SUPERUSER PASSWORD 'it''s'",
        ),
        ("CREATE ROLE analysts", "CREATE ROLE analysts"),
        ("CREATE ROLE ada LOGIN", "CREATE USER ada"),
        (
            "ALTER ROLE ada NOLOGIN NOSUPERUSER PASSWORD NULL",
            "ALTER USER ada NOLOGIN NOSUPERUSER PASSWORD NULL",
        ),
        (
            "ALTER USER ada SET fusebox.limits.memory TO '64MB'",
            "ALTER USER ada SET fusebox.limits.memory = '64MB'",
        ),
        (
            "ALTER USER ada SET fusebox.quota.sessions = 5",
            "ALTER USER ada SET fusebox.quota.sessions = '5'",
        ),
        (
            "ALTER USER ada SET fusebox.quota.sessions = DEFAULT",
            "ALTER USER ada RESET fusebox.quota.sessions",
        ),
        ("ALTER USER ada RESET ALL", "ALTER USER ada RESET ALL"),
        (
            "DROP ROLE IF EXISTS a, \"B\"",
            "DROP USER IF EXISTS a, \"B\"",
        ),
        ("GRANT analysts TO ada, bob", "GRANT analysts TO ada, bob"),
        ("REVOKE analysts FROM ada", "REVOKE analysts FROM ada"),
        (
            "GRANT USAGE, CREATE ON FUNCTION f, \"G\" TO ada, PUBLIC",
            "GRANT CREATE, USAGE ON FUNCTION f, \"G\" TO ada, PUBLIC",
        ),
        (
            "GRANT EXECUTE ON ALL FUNCTIONS TO public",
            "GRANT USAGE ON ALL FUNCTIONS TO PUBLIC",
        ),
        (
            "REVOKE ALL PRIVILEGES ON MODULE m FROM ada CASCADE",
            "REVOKE CREATE, USAGE ON MODULE m FROM ada",
        ),
        ("SHOW USERS", "SHOW USERS"),
        ("SHOW GRANTS", "SHOW GRANTS"),
    ] {
        let statement = parsed(text).unwrap();
        assert_eq!(statement.to_sql(), printed, "{text}");
        assert_eq!(parsed(printed).unwrap(), statement, "{printed}");
    }
}

#[test]
fn refusals_show_no_password() {
    for text in [
        "CREATE USER ada 'pencil'",
        "CREATE USER ada PASSWORD pencil",
        "CREATE USER ada PASSWORD \"pencil\"",
        "CREATE USER ada PASSWORD = 'pencil'",
        "CREATE USER ada PASSWORD 'x' 'pencil'",
        "CREATE USER ada PASSWORD 'x' pencil",
        "CREATE USER ada PASSWORD 'x'pencil''",
        "CREATE USER ada PASSWORD 'x' PASSWORD 'pencil'",
        "CREATE USER ada IDENTIFIED BY 'pencil'",
        "CREATE USER 'pencil'",
        "ALTER USER ada PASSWORD $$pencil$$",
        "ALTER USER ada 'pencil'",
        "ALTER USER ada SET PASSWORD 'pencil'",
        "ALTER USER ada SET fusebox.x = ('pencil')",
        "ALTER USER ada SET fusebox.x = 1 'pencil'",
        "ALTER USER ada RESET ALL 'pencil'",
        "DROP USER ada 'pencil'",
        "GRANT analysts TO ada 'pencil'",
        "GRANT 'pencil' TO ada",
        "SHOW USERS 'pencil'",
    ] {
        let message = parsed(text).unwrap_err();
        assert!(!message.contains("pencil"), "{text}: {message}");
    }
    let message = parsed("CREATE USER ada IDENTIFIED BY 'x'").unwrap_err();
    assert!(message.contains("found: IDENTIFIED"), "{message}");
    for text in [
        "GRANT SELECT ON FUNCTION f TO ada",
        "GRANT USAGE ON TABLE t TO ada",
        "GRANT USAGE ON FUNCTION f(BIGINT) TO ada",
        "GRANT USAGE ON FUNCTION f FROM ada",
        "GRANT USAGE ON FUNCTION f TO ada WITH GRANT OPTION",
        "REVOKE USAGE ON FUNCTION f TO ada",
        "ALTER USER ada",
        "DROP USER",
    ] {
        parsed(text).unwrap_err();
    }
}

#[test]
fn statements_are_shown_without_passwords() {
    let statement = parsed("CREATE USER ada PASSWORD 'pencil'").unwrap();
    let shown = format!("{statement:?}");
    assert!(!shown.contains("pencil"), "{shown}");
}

/// Names without control characters, and texts.
fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z\"' ;.é-]{1,8}"
}

fn role_options() -> impl Strategy<Value = RoleOptions> {
    let password = prop_oneof![
        Just(PasswordClause::Absent),
        Just(PasswordClause::Null),
        "[ -~é]{0,12}".prop_map(|text| PasswordClause::Stated(Password(text))),
    ];
    let superuser = any::<Option<bool>>();
    (any::<bool>(), superuser, password).prop_map(|(login, superuser, password)| RoleOptions {
        login: Some(login),
        superuser,
        password,
    })
}

fn statement() -> impl Strategy<Value = RoleStatement> {
    let create = (name(), any::<bool>(), role_options());
    let names = || vec(name(), 1..4);
    let objects = prop_oneof![
        names().prop_map(|names| names
            .into_iter()
            .map(PrivilegeObject::Function)
            .collect::<Vec<_>>()),
        names().prop_map(|names| names
            .into_iter()
            .map(PrivilegeObject::Module)
            .collect::<Vec<_>>()),
        Just(vec![PrivilegeObject::AllFunctions]),
        Just(vec![PrivilegeObject::AllModules]),
    ];
    let grant = (objects, names());
    prop_oneof![
        create.prop_map(|(name, if_not_exists, options)| RoleStatement::Create {
            name,
            if_not_exists,
            options,
        }),
        (name(), role_options()).prop_map(|(name, options)| RoleStatement::Alter { name, options }),
        (any::<bool>(), names())
            .prop_map(|(if_exists, names)| RoleStatement::Drop { if_exists, names }),
        (name(), "[ -~]{0,8}").prop_map(|(name, value)| RoleStatement::Set {
            name,
            setting: "fusebox.quota.memory".to_owned(),
            value: Some(value),
        }),
        grant.prop_map(|(objects, mut grantees)| {
            grantees.push(PUBLIC.to_owned());
            RoleStatement::Grant(fusebox_definition::statement::PrivilegeChange {
                privileges: vec![RolePrivilege::Usage],
                objects,
                grantees,
            })
        }),
    ]
}

proptest! {
    #[test]
    fn every_statement_is_read_as_it_was_printed(statement in statement()) {
        let printed = statement.to_sql();
        prop_assert_eq!(parsed(&printed), Ok(statement), "{}", printed);
    }

    #[test]
    fn any_text_behind_a_password_is_read_or_refused(text in "[ -~]{0,40}") {
        let _ = parsed(&format!("CREATE USER ada PASSWORD {text}"));
        let _ = parsed(&format!("GRANT {text}"));
    }
}
