//! Round trips of types through SQL text.

use std::sync::Arc;

use arrow_schema::{DataType, Field};
use fusebox_definition::statement::parse_type;
use fusebox_definition::{ArrowText, Literal, ParseError, SqlType};
use fusebox_testing::{TypeOptions, data_type};
use proptest::prelude::*;

/// Parses a type in the generic dialect.
fn parse(text: &str) -> Result<DataType, ParseError> {
    parse_type(text, "generic", "f")
}

#[test]
fn types_that_sql_can_say_print_as_sql() {
    for (text, printed) in [
        ("NUMERIC", "DECIMAL(38, 10)"),
        ("NUMERIC(*)", "DECIMAL(*)"),
        ("decimal(40,2)", "DECIMAL(40, 2)"),
        ("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"),
        ("TIMESTAMPTZ(6)", "TIMESTAMP(6) WITH TIME ZONE"),
        ("TIMESTAMP(9)", "TIMESTAMP"),
        ("TIMESTAMP(6)[]", "TIMESTAMP(6)[]"),
        (
            "TIMESTAMP WITH TIME ZONE[2][]",
            "TIMESTAMP WITH TIME ZONE[2][]",
        ),
        ("ARRAY<ARRAY<BIGINT>>", "BIGINT[][]"),
        (
            "STRUCT<A BIGINT, \"B\" MAP<TEXT, ARRAY<STRUCT<INT>>>>",
            "STRUCT(a BIGINT, \"B\" MAP(VARCHAR, STRUCT(c0 INT)[]))",
        ),
        (
            "struct(date date, time time with time zone)",
            "TIME WITH TIME ZONE",
        ),
        (
            "STRUCT(timestamp TIMESTAMP, interval INTERVAL)",
            "STRUCT(\"timestamp\" TIMESTAMP, \"interval\" INTERVAL)",
        ),
        ("ARROW('Int64')", "BIGINT"),
        ("ARROW('Utf8View')", "VARCHAR"),
        ("ARROW('List(Int64)')", "BIGINT[]"),
        ("arrow('LargeUtf8')", "ARROW('LargeUtf8')"),
        (
            "ARROW('Timestamp(us, \"Europe/Paris\")')",
            "ARROW('Timestamp(µs, \"Europe/Paris\")')",
        ),
        ("ARROW('Float16')[]", "ARROW('Float16')[]"),
        ("ARROW('Duration(ns)')", "ARROW('Duration(ns)')"),
        (
            "ARROW('List(non-null Int64)')",
            "ARROW('List(non-null Int64)')",
        ),
        ("ARROW('Decimal256(10, 2)')", "ARROW('Decimal256(10, 2)')"),
    ] {
        match parse(text) {
            Ok(data_type) => assert_eq!(SqlType(&data_type).to_string(), printed, "{text}"),
            // DataFusion has no times of day with a zone.
            Err(error) => assert_eq!(
                error.to_string(),
                format!("function `f` has the type {printed}, which is unknown"),
            ),
        }
    }
}

#[test]
fn invalid_types_are_refused() {
    let deep = |open: &str, inner: &str, close: &str, levels| {
        format!("{}{inner}{}", open.repeat(levels), close.repeat(levels))
    };
    let fields = |count| format!("STRUCT({})", vec!["INT"; count].join(", "));
    for (fits, refused) in [
        (
            deep("ARRAY<", "INT", ">", 31),
            deep("ARRAY<", "INT", ">", 32),
        ),
        (deep("", "INT", "[]", 31), deep("", "INT", "[]", 32)),
        (
            deep("STRUCT(", "INT", ")", 31),
            deep("STRUCT(", "INT", ")", 32),
        ),
        (
            format!("ARROW('{}')", deep("List(", "Int8", ")", 31)),
            format!("ARROW('{}')", deep("List(", "Int8", ")", 32)),
        ),
        (
            format!("ARROW('{}')", deep("List(", "Int8", ")", 31)),
            format!("ARROW('{}')", deep("List(", "Int8", ")", 100_000)),
        ),
        (fields(999), fields(1000)),
        ("INT[65536]".into(), "INT[65537]".into()),
        ("INT[256][256]".into(), "INT[256][257]".into()),
        ("INT[65536][][65536]".into(), "INT[2147483648]".into()),
        (
            "ARROW('FixedSizeBinary(16)')[4096]".into(),
            "ARROW('FixedSizeBinary(16)')[4097]".into(),
        ),
        ("DECIMAL(76, 76)".into(), "DECIMAL(77)".into()),
        ("DECIMAL(1, 1)".into(), "DECIMAL(1, 2)".into()),
        ("DECIMAL(1)".into(), "DECIMAL(0)".into()),
        ("DECIMAL(*)".into(), "DECIMAL(*)[]".into()),
        ("DECIMAL(*)".into(), "STRUCT(a DECIMAL(*))".into()),
        ("DECIMAL(*)".into(), "DECIMAL(*, 2)".into()),
        ("DECIMAL(*)".into(), "ARROW('Decimal128(0, 0)')".into()),
        ("TIMESTAMP(6)".into(), "TIMESTAMP(7)".into()),
        (
            "ARROW('Dictionary(Int8, Utf8)')".into(),
            "ARROW('Dictionary(Utf8, Int8)')".into(),
        ),
        (
            "ARROW('RunEndEncoded(\"run_ends\": non-null Int16, \"values\": Int8)')".into(),
            "ARROW('RunEndEncoded(\"run_ends\": Int16, \"values\": Int8)')".into(),
        ),
        (
            "ARROW('Map(\"e\": Struct(\"k\": Int8, \"v\": Int8), sorted)')".into(),
            "ARROW('Map(\"e\": Struct(\"k\": Int8), sorted)')".into(),
        ),
        ("ARROW('Int8')".into(), "ARROW('int8')".into()),
        ("ARROW('Int8')".into(), "ARROW(Int8)".into()),
        ("ARROW('Int8')".into(), "ARROW('Int8', 'Int8')".into()),
        ("ARROW('Int8')".into(), "\"ARROW\"('Int8')".into()),
        ("STRUCT(\"\" INT)".into(), "STRUCT(\"\")".into()),
        ("STRUCT(\"a\\b\" INT)".into(), "STRUCT(\"a\\b INT)".into()),
        ("ARRAY<ARRAY<INT>>".into(), "ARRAY<ARRAY<INT>>>".into()),
        ("STRUCT(ARRAY<INT>)".into(), "STRUCT(ARRAY<INT>>".into()),
        ("MAP<INT, INT>".into(), "MAP<INT, INT)".into()),
        ("MAP(INT, INT)".into(), "MAP(INT)".into()),
    ] {
        assert!(parse(&fits).is_ok(), "{fits}: {:?}", parse(&fits));
        assert!(parse(&refused).is_err(), "{refused}");
    }
}

#[test]
fn names_with_control_characters_are_printed_in_the_text_of_arrow() {
    for name in ["SHA\0", "a\nb", "\u{85}", "tab\t\"q\"", "\u{1b}[0m"] {
        let leaf = DataType::Struct(vec![Field::new(name, DataType::Int64, true)].into());
        let item = Field::new_list_field(leaf.clone(), true);
        let listed = DataType::List(Arc::new(item));
        let inner = DataType::Struct(vec![Field::new("plain", leaf.clone(), true)].into());
        for data_type in [leaf, listed, inner] {
            let printed = SqlType(&data_type).to_string();
            assert!(!printed.contains(char::is_control), "{printed:?}");
            assert_eq!(parse(&printed).ok(), Some(data_type), "{printed}");
        }
    }
}

/// Types as they are stored and as they are printed in SQL, separated by a tab. A release keeps
/// each line: it is added to, and never changed.
const STORED: &str = include_str!("../types.txt");

fn stored() -> impl Iterator<Item = (&'static str, &'static str)> {
    STORED.lines().map(|line| line.split_once('\t').unwrap())
}

#[test]
fn texts_of_types_are_those_of_all_releases() {
    for (text, sql) in stored() {
        let data_type = parse(sql).unwrap();
        assert_eq!(ArrowText(&data_type).to_string(), text);
        assert_eq!(SqlType(&data_type).to_string(), sql);
        let named = format!("ARROW({})", Literal(text));
        assert_eq!(parse(&named).ok(), Some(data_type), "{named}");
    }
}

#[test]
fn every_type_of_the_table_has_a_stored_text() {
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/../../TYPES.md");
    let table = std::fs::read_to_string(table).unwrap();
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split("` | `");
        let row = (cells.next()?, cells.next()?);
        // `Union` has no type of its own there.
        (!row.0.contains('`')).then_some(row)
    });
    let rows: Vec<_> = rows.collect();
    assert!(rows.len() > 50, "{rows:?}");
    for row in rows {
        assert!(stored().any(|stored| stored == row), "{row:?}");
    }
}

/// Names of fields: arbitrary text only where it can be quoted.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_][a-z0-9_]{0,3}",
        "[A-Za-z0-9 _.,:()<>'é$-]{1,5}",
        prop::sample::select(vec!["timestamp", "arrow", "map", "end", "item", "c0"])
            .prop_map(str::to_owned),
    ]
}

fn data_types() -> impl Strategy<Value = DataType> {
    data_type(TypeOptions {
        depth: 5,
        size: 40,
        field_names: Some(name().boxed()),
        item_names: Some("[a-z ]{1,3}".boxed()),
        has_arrays: false,
    })
}

proptest! {
    #[test]
    fn printed_type_parses_back_to_itself(data_type in data_types()) {
        let printed = SqlType(&data_type).to_string();
        for dialect in ["generic", "postgres", "duckdb", "clickhouse", "mysql", "ansi"] {
            // MySQL has strings in double quotes.
            if dialect == "mysql" && printed.contains('"') {
                continue;
            }
            let parsed = parse_type(&printed, dialect, "f");
            prop_assert_eq!(parsed.as_ref().ok(), Some(&data_type), "{}: {:?}", printed, parsed);
        }
    }

    /// A version of Arrow that prints a type otherwise changes nothing that is stored: then
    /// this test says which, and is to be narrowed.
    #[test]
    fn stored_text_is_that_of_arrow(data_type in data_types()) {
        prop_assert_eq!(ArrowText(&data_type).to_string(), data_type.to_string());
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(ARRAY<|STRUCT\\(|MAP\\(|ARROW\\('|List\\(|INT|>|\\)|'|\\[|\\]|, |a | )*") {
        let _ = parse(&text);
    }
}
