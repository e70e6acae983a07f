//! Catalogs, tables, and what the server says of itself.

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Schema, UInt32Type};
use arrow_flight::IpcMessage;
use arrow_flight::sql::{
    CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys, CommandGetImportedKeys,
    CommandGetPrimaryKeys, CommandGetTables, SqlInfo,
};

use super::{connected, fetch};

/// Asks for the tables of names like a pattern.
fn tables(pattern: &str, types: &[&str], include_schema: bool) -> CommandGetTables {
    CommandGetTables {
        catalog: None,
        db_schema_filter_pattern: Some("public".to_owned()),
        table_name_filter_pattern: Some(pattern.to_owned()),
        table_types: types.iter().map(|name| (*name).to_owned()).collect(),
        include_schema,
    }
}

#[test]
fn tables_are_listed_with_their_columns() {
    let (_server, mut client) = connected();
    client
        .update("CREATE TABLE ta (a BIGINT NOT NULL, b VARCHAR)")
        .unwrap();
    client.update("CREATE VIEW tv AS SELECT a FROM ta").unwrap();
    client.run(async |client| {
        let info = client.get_tables(tables("t%", &[], false)).await.unwrap();
        let found = fetch(client, info).await.unwrap().texts();
        assert_eq!(
            found,
            ["datafusion|public|ta|TABLE", "datafusion|public|tv|VIEW"]
        );
        for (types, expected) in [
            (&["VIEW"][..], 1),
            (&["TABLE", "VIEW"][..], 2),
            (&["OTHER"][..], 0),
        ] {
            let info = client.get_tables(tables("%", types, false)).await.unwrap();
            assert_eq!(
                fetch(client, info).await.unwrap().count(),
                expected,
                "{types:?}"
            );
        }
        let info = client.get_tables(tables("ta", &[], true)).await.unwrap();
        let found = fetch(client, info).await.unwrap();
        let encoded = found.batches[0].column(4).as_binary::<i32>().value(0);
        let columns = Schema::try_from(IpcMessage(encoded.to_vec().into())).unwrap();
        assert_eq!(*columns.field(0).data_type(), DataType::Int64);
        assert_eq!(*columns.field(1).data_type(), DataType::Utf8);
        assert!(!columns.field(0).is_nullable() && columns.field(1).is_nullable());
    });
}

#[test]
fn catalogs_and_schemas_are_listed() {
    let (_server, mut client) = connected();
    client.run(async |client| {
        let info = client.get_catalogs().await.unwrap();
        assert_eq!(fetch(client, info).await.unwrap().texts(), ["datafusion"]);
        let command = CommandGetDbSchemas {
            catalog: Some("datafusion".to_owned()),
            db_schema_filter_pattern: Some("pub%".to_owned()),
        };
        let info = client.get_db_schemas(command).await.unwrap();
        assert_eq!(
            fetch(client, info).await.unwrap().texts(),
            ["datafusion|public"]
        );
        let info = client.get_table_types().await.unwrap();
        let types = fetch(client, info).await.unwrap().texts();
        assert_eq!(types, ["LOCAL TEMPORARY", "TABLE", "VIEW"]);
        let command = CommandGetDbSchemas {
            catalog: None,
            db_schema_filter_pattern: Some("%".repeat(10_000)),
        };
        let info = client.get_db_schemas(command).await.unwrap();
        assert!(fetch(client, info).await.is_err());
    });
}

#[test]
fn keys_have_the_columns_of_the_specification() {
    let (_server, mut client) = connected();
    client
        .update("CREATE TABLE tk (a BIGINT, b BIGINT)")
        .unwrap();
    client.run(async |client| {
        let (catalog, db_schema, table) = (None, None, "tk".to_owned());
        let command = CommandGetPrimaryKeys {
            catalog,
            db_schema,
            table,
        };
        let info = client.get_primary_keys(command).await.unwrap();
        let keys = fetch(client, info).await.unwrap();
        assert_eq!((keys.schema.fields().len(), keys.count()), (6, 0));
        let infos = [
            client
                .get_exported_keys(CommandGetExportedKeys::default())
                .await,
            client
                .get_imported_keys(CommandGetImportedKeys::default())
                .await,
            client
                .get_cross_reference(CommandGetCrossReference::default())
                .await,
        ];
        for info in infos {
            let keys = fetch(client, info.unwrap()).await.unwrap();
            assert_eq!((keys.schema.fields().len(), keys.count()), (13, 0));
        }
    });
}

#[test]
fn the_server_says_what_it_is() {
    let (_server, mut client) = connected();
    client.run(async |client| {
        let info = client.get_sql_info(vec![]).await.unwrap();
        let all = fetch(client, info).await.unwrap();
        let names = all.batches[0]
            .column(0)
            .as_primitive::<UInt32Type>()
            .values();
        assert!(names.contains(&(SqlInfo::FlightSqlServerTransaction as u32)));
        let asked = vec![SqlInfo::FlightSqlServerName];
        let info = client.get_sql_info(asked).await.unwrap();
        let name = fetch(client, info).await.unwrap();
        assert_eq!(name.texts(), ["0|{string_value=Fusebox}"]);
    });
}
