//! Several catalogs over one file, as several processes have them.

use crate::{CLAMP, at_the_same_time, folder, number, open, run, texts};

#[tokio::test]
async fn changes_of_others_are_seen_at_the_next_statement() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    let (one, other) = (open(&file), open(&file));
    run(&one, CLAMP).await.unwrap();
    assert_eq!(number(&other, "SELECT clamp_to(70)").await.unwrap(), 10);
    run(&other, "CREATE VIEW v AS SELECT clamp_to(5) AS five")
        .await
        .unwrap();
    assert_eq!(number(&one, "SELECT five FROM v").await.unwrap(), 5);
    run(
        &other,
        "CREATE OR REPLACE VIEW v AS SELECT clamp_to(6) AS five",
    )
    .await
    .unwrap();
    assert_eq!(number(&one, "SELECT five FROM v").await.unwrap(), 6);
    let refused = run(&one, "DROP FUNCTION clamp_to").await.unwrap_err();
    assert!(refused.to_string().contains("view `v`"), "{refused}");
    run(&one, "DROP VIEW v; DROP FUNCTION clamp_to")
        .await
        .unwrap();
    run(&other, "SELECT five FROM v").await.unwrap_err();
    let error = run(&other, "SELECT clamp_to(70)").await.unwrap_err();
    assert!(error.to_string().contains("clamp_to"), "{error}");
}

#[tokio::test]
async fn writers_do_not_lose_each_others_changes() {
    const EACH: usize = 15;
    let folder = folder();
    let file = folder.path().join("functions.db");
    at_the_same_time(&file, 3, |writer, session| async move {
        for n in 0..EACH {
            let create = format!(
                "CREATE FUNCTION f_{writer}_{n}(value BIGINT, low BIGINT, high BIGINT)
                 LANGUAGE WASM AS 'udfs/wat/clamp.wat' EXPORT 'clamp_to'"
            );
            run(&session, &create).await.unwrap();
        }
    });
    let names = texts(&open(&file), "SHOW USER FUNCTIONS", 0).await;
    assert_eq!(names.len(), 3 * EACH, "{names:?}");
}

#[test]
fn one_of_several_writers_creates_a_name() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    let created = at_the_same_time(&file, 4, |writer, session| async move {
        let create = format!(
            "CREATE FUNCTION same(value BIGINT, low BIGINT, high BIGINT) LANGUAGE WASM
             AS 'udfs/wat/clamp.wat' EXPORT 'clamp_to' COMMENT '{writer}'"
        );
        run(&session, &create).await.is_ok()
    });
    assert_eq!(created.iter().filter(|created| **created).count(), 1);
}
