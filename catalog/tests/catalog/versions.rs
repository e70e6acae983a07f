//! Files of other versions: migrated, or refused with both versions.

use std::path::Path;

use rusqlite::{Connection, params};

use crate::{CLAMP, folder, number, open, run, texts};

/// Tables of version 2, before 0.1.0.
const TABLES_2: &str = concat!(
    include_str!("../../src/tables_1.sql"),
    include_str!("../../src/tables_2.sql"),
    "PRAGMA user_version = 2;"
);

/// Function of [`CLAMP`] as version 2 stored it.
const CLAMP_2: &str = r#"{"name":"clamp_to","kind":"Scalar","signature":{"arguments":[
    {"name":"value","data_type":"Int64","default":null,"variadic":false},
    {"name":"low","data_type":"Int64","default":"0","variadic":false},
    {"name":"high","data_type":"Int64","default":"10","variadic":false}],"returns":"Int64"},
    "state":[],"volatility":"Immutable","nulls":"Strict","limits":{"fuel_per_row":1000000,
    "fuel_per_call":500000,"fuel_init":1000000000,"memory_bytes_max":67108864,
    "stack_bytes_max":262144,"result_bytes_max":67108864,"instances_max":1024},"reset":"Call",
    "on_error":"Fail","digest":"DIGEST","symbol":"clamp_to","source":{"Module":"clamp"},
    "temporary":false,"comment":"Limits a value."}"#;

/// Function as the first versions stored it, without what came later.
const TOTAL_1: &str = r#"{"name":"total","signature":{"arguments":[
    {"name":null,"data_type":"Decimal128(*)"}],"returns":"Decimal128(*)"},"volatility":"Stable",
    "nulls":"Called","limits":{"fuel_per_row":2305843009213693951,"fuel_per_call":500000,
    "memory_bytes_max":67108864,"stack_bytes_max":262144,"result_bytes_max":67108864,
    "instances_max":1024},"digest":"DIGEST","symbol":"t","source":{"Text":"(module)"},
    "temporary":false}"#;

/// Function whose key has an escape of arrow-schema that the texts of Fusebox do not have.
const MARKED_2: &str = r#"{"name":"marked","signature":{"arguments":[
    {"name":null,"data_type":"Struct(\"a\\u{200b}\": Int64)"}],"returns":"Int64"},
    "volatility":"Stable","nulls":"Called","limits":{"fuel_per_row":1000,"fuel_per_call":500000,
    "memory_bytes_max":67108864,"stack_bytes_max":262144,"result_bytes_max":67108864,
    "instances_max":1024},"digest":"DIGEST","symbol":"m","source":{"Text":"(module)"},
    "temporary":false}"#;

/// Writes a file of version 2 with the module of another file.
fn version_2(path: &Path, other: &Path) -> Connection {
    let old = Connection::open(path).unwrap();
    old.execute_batch(TABLES_2).unwrap();
    let attach = "ATTACH ?1 AS other";
    old.execute(attach, [other.to_str().unwrap()]).unwrap();
    old.execute_batch(
        "INSERT INTO blob SELECT * FROM other.blob;
         INSERT INTO module SELECT * FROM other.module;
         INSERT INTO relation VALUES ('datafusion.public.v', 'view', 'CREATE VIEW v AS SELECT 7 AS n');",
    )
    .unwrap();
    let digest: String = old
        .query_row("SELECT digest FROM module", [], |row| row.get(0))
        .unwrap();
    let all = [
        ("clamp_to", r#"["Int64","Int64","Int64"]"#, CLAMP_2),
        ("total", r#"["Decimal128(0, 0)"]"#, TOTAL_1),
        ("marked", r#"["Struct(\"a\\u{200b}\": Int64)"]"#, MARKED_2),
        ("damaged", "[]", r#"{"name": 7}"#),
        ("torn", "[]", r#"{"name": "#),
    ];
    for (name, types, definition) in all {
        let definition = definition.replace("DIGEST", &digest);
        let sql = "INSERT INTO function VALUES (?1, ?2, ?3, ?4)";
        old.execute(sql, params![name, types, definition, digest])
            .unwrap();
    }
    old
}

#[tokio::test]
async fn file_of_version_2_keeps_its_functions() {
    let folder = folder();
    let (new, old) = (folder.path().join("new.db"), folder.path().join("old.db"));
    let session = open(&new);
    run(&session, CLAMP).await.unwrap();
    let shown = "SHOW CREATE FUNCTION clamp_to";
    let printed = texts(&session, shown, 1).await;
    drop(session);
    drop(version_2(&old, &new));

    let session = open(&old);
    assert_eq!(texts(&session, shown, 1).await, printed);
    assert_eq!(number(&session, "SELECT clamp_to(70)").await.unwrap(), 10);
    assert_eq!(number(&session, "SELECT * FROM v").await.unwrap(), 7);
    let listed = texts(&session, "SHOW USER FUNCTIONS", 0).await;
    assert_eq!(listed, ["clamp_to", "damaged", "marked", "torn", "total"]);
    let total = texts(&session, "SHOW CREATE FUNCTION total", 1).await;
    for part in [
        "total(DECIMAL(*)) RETURNS DECIMAL(*)",
        "STABLE",
        "fuel_per_row = 2305843009213693951",
    ] {
        assert!(total[0].contains(part), "{total:?}");
    }
    for name in ["total", "damaged", "marked", "torn"] {
        run(&session, &format!("DROP FUNCTION {name}"))
            .await
            .unwrap();
    }
    drop(session);
    let listed = texts(&open(&old), "SHOW USER FUNCTIONS", 0).await;
    assert_eq!(listed, ["clamp_to"]);
    let copy = Connection::open(folder.path().join("old.db.version-2")).unwrap();
    let count = "SELECT count(*) FROM function";
    let count: i64 = copy.query_row(count, [], |row| row.get(0)).unwrap();
    assert_eq!(count, 5);
}

#[tokio::test]
async fn definition_of_a_newer_version_is_listed_with_both_versions() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    run(&open(&file), CLAMP).await.unwrap();
    let connection = Connection::open(&file).unwrap();
    let newer = "INSERT INTO function SELECT ?1, types, replace(definition, ?2, ?3), digest
        FROM function WHERE name = 'clamp_to'";
    let version = concat!("\"fusebox\":\"", env!("CARGO_PKG_VERSION"), "\",");
    let all = [
        ("f", "\"fusebox\":\"9.8.7\",\"on_trap\":\"null\","),
        ("g", "\"fusebox\":\"9.8.7\",\"format\":2,"),
    ];
    for (name, written) in all {
        // A second `format` is one too many, whatever its value.
        let first = if name == "g" { "\"format\":1," } else { "" };
        let part = format!("{first}{version}");
        connection
            .execute(newer, [name, part.as_str(), written])
            .unwrap();
    }
    drop(connection);
    let session = open(&file);
    for (name, expected) in [
        ("f", "unknown field `on_trap`"),
        ("g", "expected format 1, found format 2"),
    ] {
        let call = format!("SELECT {name}(1, 2, 3)");
        let failed = run(&session, &call).await.unwrap_err().to_string();
        let here = concat!("this is Fusebox ", env!("CARGO_PKG_VERSION"));
        for part in [name, expected, "written by Fusebox 9.8.7", here] {
            assert!(failed.contains(part), "{failed}");
        }
    }
    assert_eq!(number(&session, "SELECT clamp_to(70)").await.unwrap(), 10);
}

#[tokio::test]
async fn function_of_other_weights_is_described_with_both() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    let weights = fusebox::WEIGHTS_VERSION;
    let described = "DESCRIBE FUNCTION clamp_to";
    let session = open(&file);
    run(&session, CLAMP).await.unwrap();
    let same = texts(&session, described, 0).await;
    assert!(
        !same.contains(&"created with weights".to_owned()),
        "{same:?}"
    );
    drop(session);
    let connection = Connection::open(&file).unwrap();
    let older = "UPDATE function SET definition = replace(definition, ?1, '\"weights\":1}')";
    let stored = format!("\"weights\":{weights}}}");
    connection.execute(older, [stored]).unwrap();
    drop(connection);
    let session = open(&file);
    let other = texts(&session, described, 1).await;
    assert!(other.contains(&format!("1, now {weights}")), "{other:?}");
    // Another module has the limits that were stated before.
    let replace = "CREATE OR REPLACE MODULE clamp LANGUAGE WASM FROM 'udfs/wat/clamp.wat'";
    run(&session, replace).await.unwrap();
    let other = texts(&session, described, 1).await;
    assert!(other.contains(&format!("1, now {weights}")), "{other:?}");
    // The limits are stated again.
    run(
        &session,
        "ALTER FUNCTION clamp_to SET (fuel_per_row = 5000)",
    )
    .await
    .unwrap();
    let same = texts(&session, described, 0).await;
    assert!(
        !same.contains(&"created with weights".to_owned()),
        "{same:?}"
    );
}
