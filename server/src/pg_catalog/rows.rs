//! Rows of the tables.

use fusebox::{Kind, NullHandling, Volatility};

use super::cells::{Cell, Row, number, text};
use super::oids::{OWNER, PG_CATALOG, PG_PROC, PUBLIC, WASM, schema_oid};
use super::snapshot::{Function, Relation, Snapshot};
use crate::encoding::types::{PgType, ScalarType};

/// Returns the rows of a table; none if it has none here.
pub(super) fn rows(table: &str, snapshot: &Snapshot) -> Vec<Row> {
    match table {
        "pg_class" => classes(snapshot),
        "pg_attribute" => attributes(snapshot),
        "pg_attrdef" => defaults(snapshot),
        "pg_namespace" => {
            let schemas = snapshot.schemas.iter();
            let row = |schema: &String| {
                vec![
                    ("oid", number(schema_oid(schema))),
                    ("nspname", text(schema)),
                    ("nspowner", number(OWNER)),
                ]
            };
            schemas.map(row).collect()
        }
        "pg_type" => types(),
        "pg_proc" => functions(snapshot),
        "pg_database" => vec![database(snapshot)],
        "pg_roles" => roles(snapshot, "oid", "rolname"),
        "pg_user" => roles(snapshot, "usesysid", "usename"),
        "pg_language" => vec![vec![
            ("oid", number(WASM)),
            ("lanname", text("wasm")),
            ("lanowner", number(OWNER)),
            ("lanispl", Cell::Truth(true)),
            ("lanpltrusted", Cell::Truth(true)),
        ]],
        "pg_am" => vec![vec![
            ("oid", number(2)),
            ("amname", text("heap")),
            ("amtype", text("t")),
        ]],
        "pg_tablespace" => vec![vec![
            ("oid", number(1_663)),
            ("spcname", text("pg_default")),
            ("spcowner", number(OWNER)),
        ]],
        "pg_settings" => settings(snapshot),
        "pg_get_keywords" => {
            let row = |word: &str| vec![("word", text(word)), ("catcode", text("U"))];
            KEYWORDS.into_iter().map(row).collect()
        }
        "pg_tables" => named(snapshot, false, ["schemaname", "tablename", "tableowner"]),
        "pg_views" => named(snapshot, true, ["schemaname", "viewname", "viewowner"]),
        "pg_description" => {
            let described = snapshot.functions.iter().filter_map(|function| {
                let comment = function.definition.comment.as_ref()?;
                Some(vec![
                    ("objoid", number(function.oid)),
                    ("classoid", number(PG_PROC)),
                    ("description", text(comment)),
                ])
            });
            described.collect()
        }
        _ => Vec::new(),
    }
}

fn settings(snapshot: &Snapshot) -> Vec<Row> {
    let settings = snapshot.names.settings.iter();
    let row =
        |(name, value): (&String, &String)| vec![("name", text(name)), ("setting", text(value))];
    settings.map(row).collect()
}

/// Returns the row of the database that the client has named, which is the only one.
fn database(snapshot: &Snapshot) -> Row {
    vec![
        ("oid", number(16_384)),
        ("datname", text(&snapshot.names.database)),
        ("datdba", number(OWNER)),
        ("encoding", number(6)),
        ("datlocprovider", text("c")),
        ("datallowconn", Cell::Truth(true)),
        ("datconnlimit", number(-1)),
        ("datcollate", text("C")),
        ("datctype", text("C")),
        ("dattablespace", number(1_663)),
    ]
}

fn classes(snapshot: &Snapshot) -> Vec<Row> {
    let row = |relation: &Relation| {
        vec![
            ("oid", number(relation.oid)),
            ("relname", text(&relation.name)),
            ("relnamespace", number(schema_oid(&relation.schema))),
            ("relowner", number(OWNER)),
            ("relam", number(if relation.is_view { 0 } else { 2 })),
            ("reltuples", number(-1)),
            ("relpersistence", text("p")),
            ("relkind", text(if relation.is_view { "v" } else { "r" })),
            ("relnatts", number(relation.columns.len() as i64)),
            ("relispopulated", Cell::Truth(true)),
            ("relreplident", text("d")),
        ]
    };
    snapshot.relations.iter().map(row).collect()
}

fn attributes(snapshot: &Snapshot) -> Vec<Row> {
    let mut rows = Vec::new();
    for relation in &snapshot.relations {
        for (index, column) in relation.columns.iter().enumerate() {
            rows.push(vec![
                ("attrelid", number(relation.oid)),
                ("attname", text(&column.name)),
                ("atttypid", number(column.pg_type.oid())),
                ("attlen", number(column.pg_type.size())),
                ("attnum", number(index as i64 + 1)),
                ("atttypmod", number(column.modifier)),
                ("attndims", number(i32::from(column.pg_type.is_array))),
                ("attalign", text("i")),
                ("attstorage", text("p")),
                ("attnotnull", Cell::Truth(!column.is_nullable)),
                ("atthasdef", Cell::Truth(column.default.is_some())),
                ("attislocal", Cell::Truth(true)),
                ("attstattarget", number(-1)),
            ]);
        }
    }
    rows
}

fn defaults(snapshot: &Snapshot) -> Vec<Row> {
    let mut rows = Vec::new();
    for relation in &snapshot.relations {
        for (index, column) in relation.columns.iter().enumerate() {
            if let Some(default) = &column.default {
                rows.push(vec![
                    ("oid", number(relation.oid)),
                    ("adrelid", number(relation.oid)),
                    ("adnum", number(index as i64 + 1)),
                    ("adbin", text(default)),
                ]);
            }
        }
    }
    rows
}

/// Other types that clients look for, by OID, name and size.
const OTHER_TYPES: [(i64, &str, i64, &str); 10] = [
    (18, "char", 1, "Z"),
    (19, "name", 64, "S"),
    (26, "oid", 4, "N"),
    (705, "unknown", -2, "X"),
    (1042, "bpchar", -1, "S"),
    (1043, "varchar", -1, "S"),
    (2205, "regclass", 4, "N"),
    (2278, "void", 4, "P"),
    (2950, "uuid", 16, "U"),
    (3802, "jsonb", -1, "U"),
];

/// Words of the language that are none of the standard.
const KEYWORDS: [&str; 14] = [
    "copy",
    "explain",
    "ilike",
    "import",
    "limit",
    "offset",
    "pivot",
    "qualify",
    "replace",
    "returning",
    "show",
    "summarize",
    "unpivot",
    "wasm",
];

/// Returns the name of a function that reads or writes values of a type.
fn type_function(name: &str, suffix: &str) -> String {
    match name {
        "numeric" | "json" | "jsonb" | "date" | "time" | "timestamp" | "timestamptz"
        | "interval" | "uuid" | "void" => format!("{name}_{suffix}"),
        _ => format!("{name}{suffix}"),
    }
}

fn types() -> Vec<Row> {
    let row = |oid: i64, name: String, size: i64, category: &str, element: i64, array: i64| {
        let function = |suffix: &str| match element {
            0 => type_function(&name, suffix),
            _ => format!("array_{suffix}"),
        };
        vec![
            ("oid", number(oid)),
            ("typname", text(&name)),
            ("typnamespace", number(PG_CATALOG)),
            ("typowner", number(OWNER)),
            ("typlen", number(size)),
            ("typbyval", Cell::Truth((1..=8).contains(&size))),
            ("typtype", text("b")),
            ("typcategory", text(category)),
            ("typisdefined", Cell::Truth(true)),
            ("typdelim", text(",")),
            ("typelem", number(element)),
            ("typarray", number(array)),
            ("typinput", text(function("in"))),
            ("typoutput", text(function("out"))),
            ("typreceive", text(function("recv"))),
            ("typsend", text(function("send"))),
            ("typtypmod", number(-1)),
        ]
    };
    let mut rows = Vec::new();
    for scalar in ScalarType::ALL {
        let one = PgType::scalar(scalar);
        let array = PgType {
            scalar,
            is_array: true,
        };
        let (oid, array_oid) = (i64::from(one.oid()), i64::from(array.oid()));
        let category = match scalar {
            ScalarType::Bool => "B",
            ScalarType::Text => "S",
            ScalarType::Date | ScalarType::Time => "D",
            ScalarType::Timestamp | ScalarType::Timestamptz => "D",
            ScalarType::Interval => "T",
            ScalarType::Bytea | ScalarType::Json => "U",
            _ => "N",
        };
        let name = scalar.name();
        rows.push(row(
            oid,
            name.to_owned(),
            one.size().into(),
            category,
            0,
            array_oid,
        ));
        rows.push(row(array_oid, format!("_{name}"), -1, "A", oid, 0));
    }
    let others = OTHER_TYPES.iter();
    rows.extend(
        others.map(|(oid, name, size, category)| {
            row(*oid, (*name).to_owned(), *size, category, 0, 0)
        }),
    );
    rows
}

fn functions(snapshot: &Snapshot) -> Vec<Row> {
    let row = |function: &Function| {
        let definition = &function.definition;
        let arguments = &definition.signature.arguments;
        let types = arguments
            .iter()
            .map(|argument| PgType::of(&argument.data_type).oid().into());
        let names = arguments
            .iter()
            .map(|argument| argument.name.clone().unwrap_or_default());
        let defaults = arguments
            .iter()
            .filter(|argument| argument.default.is_some());
        let kind = match definition.kind {
            Kind::Aggregate => "a",
            Kind::Window => "w",
            _ => "f",
        };
        let volatility = match definition.volatility {
            Volatility::Immutable => "i",
            Volatility::Stable => "s",
            _ => "v",
        };
        vec![
            ("oid", number(function.oid)),
            ("proname", text(&definition.name)),
            ("pronamespace", number(PUBLIC)),
            ("proowner", number(OWNER)),
            ("prolang", number(WASM)),
            ("procost", number(1)),
            ("prokind", text(kind)),
            (
                "proisstrict",
                Cell::Truth(definition.nulls == NullHandling::Strict),
            ),
            ("proretset", Cell::Truth(definition.kind == Kind::Table)),
            ("provolatile", text(volatility)),
            ("proparallel", text("s")),
            ("pronargs", number(arguments.len() as i64)),
            ("pronargdefaults", number(defaults.count() as i64)),
            ("prorettype", number(function.result_type().oid())),
            ("proargtypes", Cell::Numbers(types.collect())),
            ("proargnames", Cell::Texts(names.collect())),
            ("prosrc", text(&definition.symbol)),
            ("probin", text(definition.digest.to_string())),
        ]
    };
    snapshot.functions.iter().map(row).collect()
}

fn roles(snapshot: &Snapshot, oid: &'static str, name: &'static str) -> Vec<Row> {
    let names = &snapshot.names;
    let mut users = names.users.clone();
    if !users.contains(&names.user) {
        users.push(names.user.clone());
    }
    let row = |(index, user): (usize, &String)| {
        vec![
            (oid, number(OWNER + index as i64)),
            (name, text(user)),
            ("rolinherit", Cell::Truth(true)),
            ("rolcanlogin", Cell::Truth(true)),
            ("rolconnlimit", number(-1)),
        ]
    };
    users.iter().enumerate().map(row).collect()
}

/// Returns the names of tables or of views, with their schemas, owners and queries.
fn named(snapshot: &Snapshot, is_view: bool, columns: [&'static str; 3]) -> Vec<Row> {
    let relations = snapshot.relations.iter();
    let relations = relations.filter(|relation| relation.is_view == is_view);
    let row = |relation: &Relation| {
        let mut row = vec![
            (columns[0], text(&relation.schema)),
            (columns[1], text(&relation.name)),
            (columns[2], text(&snapshot.names.user)),
        ];
        let query = relation.query.as_ref();
        row.extend(query.map(|query| ("definition", text(query))));
        row
    };
    relations.map(row).collect()
}
