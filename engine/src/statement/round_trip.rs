//! What is printed of a type parses back to it, and DataFusion agrees.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit, UnionFields, UnionMode};
use datafusion::prelude::{SessionConfig, SessionContext};
use proptest::prelude::*;
use sqlparser::dialect::dialect_from_str;
use sqlparser::parser::Parser;

use super::reader::Reader;
use crate::definition::{SqlType, ZONE};
use crate::error::Result;

const NAMES: &str = "BOOLEAN; BOOL; TINYINT; SMALLINT; INT2; INT; INTEGER; INT4; BIGINT; INT8; \
    TINYINT UNSIGNED; SMALLINT UNSIGNED; INT UNSIGNED; INTEGER UNSIGNED; BIGINT UNSIGNED; \
    FLOAT; REAL; FLOAT4; DOUBLE; DOUBLE PRECISION; FLOAT8; VARCHAR; CHAR; TEXT; STRING; BYTEA; \
    DECIMAL; NUMERIC; DECIMAL(7); DECIMAL(12, 2); DECIMAL(38, 38); NUMERIC(39, 2); DECIMAL(76); \
    DECIMAL(5, -2); \
    DATE; TIME; TIME WITHOUT TIME ZONE; TIMESTAMP; TIMESTAMP WITHOUT TIME ZONE; TIMESTAMP(0); \
    TIMESTAMP(3); TIMESTAMP(6); TIMESTAMP(9); TIMESTAMP WITH TIME ZONE; TIMESTAMPTZ; \
    TIMESTAMP(6) WITH TIME ZONE; TIMESTAMPTZ(3); INTERVAL; \
    BIGINT[]; BIGINT[][]; ARRAY<BIGINT>; ARRAY<ARRAY<VARCHAR>>; BIGINT[3]; DATE[2][]; \
    STRUCT<a BIGINT, B VARCHAR>; STRUCT<BIGINT, \"B\" ARRAY<DATE>>; STRUCT<a STRUCT<b INT>[]>[]";

/// The type of a text in the generic dialect.
fn parse(text: &str) -> Result<DataType> {
    parse_in("generic", text)
}

fn parse_in(dialect: &str, text: &str) -> Result<DataType> {
    let dialect = dialect_from_str(dialect).unwrap();
    let mut parser = Parser::new(dialect.as_ref()).try_with_sql(text)?;
    let mut reader = Reader(&mut parser);
    let data_type = reader.data_type("f")?;
    reader.end()?;
    Ok(data_type)
}

#[tokio::test]
async fn types_are_those_of_datafusion() {
    // Where no session says otherwise, our zone is DataFusion's too.
    let mut config = SessionConfig::new();
    config.options_mut().execution.time_zone = Some(ZONE.to_owned());
    let context = SessionContext::new_with_config(config);
    for name in NAMES.split("; ") {
        let sql = format!("SELECT arrow_typeof(CAST(NULL AS {name}))");
        let batches = context.sql(&sql).await.unwrap().collect().await.unwrap();
        let theirs = batches[0].column(0).as_string::<i32>().value(0);
        assert_eq!(parse(name).unwrap().to_string(), theirs, "{name}");
    }
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
fn types_that_make_no_sense_are_refused() {
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
        ("STRUCT(\"a b\" INT)".into(), "STRUCT(\"\" INT)".into()),
        ("STRUCT(\"it's\" INT)".into(), "STRUCT(\"a\\b\" INT)".into()),
        ("ARRAY<ARRAY<INT>>".into(), "ARRAY<ARRAY<INT>>>".into()),
        ("STRUCT(ARRAY<INT>)".into(), "STRUCT(ARRAY<INT>>".into()),
        ("MAP<INT, INT>".into(), "MAP<INT, INT)".into()),
        ("MAP(INT, INT)".into(), "MAP(INT)".into()),
    ] {
        assert!(parse(&fits).is_ok(), "{fits}: {:?}", parse(&fits));
        assert!(parse(&refused).is_err(), "{refused}");
    }
}

/// Only a quoted name can be any text, and only in a struct and its like.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_][a-z0-9_]{0,3}",
        "[A-Za-z0-9 _.,:()<>'é$-]{1,5}",
        prop::sample::select(vec!["timestamp", "arrow", "map", "end", "item", "c0"])
            .prop_map(str::to_owned),
    ]
}

fn field(data_type: DataType) -> impl Strategy<Value = Field> {
    (name(), any::<bool>()).prop_map(move |(name, null)| Field::new(name, data_type.clone(), null))
}

/// Mostly the field that a list has by default.
fn item(data_type: DataType) -> impl Strategy<Value = Arc<Field>> {
    let named = ("[a-z ]{1,3}", any::<bool>());
    let item = Just(("item".to_owned(), true));
    prop_oneof![item, named]
        .prop_map(move |(name, null)| Arc::new(Field::new(name, data_type.clone(), null)))
}

fn leaf() -> impl Strategy<Value = DataType> {
    use DataType::*;
    let units = [
        TimeUnit::Second,
        TimeUnit::Millisecond,
        TimeUnit::Microsecond,
        TimeUnit::Nanosecond,
    ];
    let plain = vec![
        Null,
        Boolean,
        Int8,
        Int16,
        Int32,
        Int64,
        UInt8,
        UInt16,
        UInt32,
        UInt64,
        Float16,
        Float32,
        Float64,
        Utf8,
        LargeUtf8,
        Utf8View,
        Binary,
        LargeBinary,
        BinaryView,
        Date32,
        Date64,
        Time32(units[0]),
        Time32(units[1]),
        Time64(units[2]),
        Time64(units[3]),
        Interval(IntervalUnit::YearMonth),
        Interval(IntervalUnit::DayTime),
        Interval(IntervalUnit::MonthDayNano),
    ];
    let zones = vec![
        None,
        Some("+00:00"),
        Some("UTC"),
        Some("Europe/Paris"),
        Some("-03:30"),
    ];
    let zones = prop::sample::select(zones).prop_map(|zone| zone.map(Into::into));
    let unit = || prop::sample::select(units.to_vec());
    prop_oneof![
        4 => prop::sample::select(plain),
        1 => (0..20).prop_map(FixedSizeBinary),
        1 => unit().prop_map(Duration),
        1 => (unit(), zones).prop_map(|(unit, zone)| Timestamp(unit, zone)),
        1 => (1_u8..=9, -20_i8..=9).prop_map(|(p, s)| Decimal32(p, s.min(p as i8))),
        1 => (1_u8..=18, -20_i8..=18).prop_map(|(p, s)| Decimal64(p, s.min(p as i8))),
        1 => (1_u8..=38, -50_i8..=38).prop_map(|(p, s)| Decimal128(p, s.min(p as i8))),
        1 => (1_u8..=76, -80_i8..=76).prop_map(|(p, s)| Decimal256(p, s.min(p as i8))),
    ]
}

fn data_type() -> impl Strategy<Value = DataType> {
    use DataType::*;
    leaf().prop_recursive(5, 40, 4, |inner| {
        let of = |make: fn(Arc<Field>) -> DataType| {
            inner.clone().prop_flat_map(item).prop_map(make).boxed()
        };
        let fields = prop::collection::vec(inner.clone().prop_flat_map(field), 0..4);
        let sql_fields = prop::collection::vec((name(), inner.clone()), 1..4);
        let mode = prop::sample::select(vec![UnionMode::Sparse, UnionMode::Dense]);
        let keys = prop::sample::select(vec![Int8, UInt16, Int32, UInt64]);
        let ends = prop::sample::select(vec![Int16, Int32, Int64]);
        prop_oneof![
            4 => of(List),
            1 => of(LargeList),
            1 => of(ListView),
            1 => of(LargeListView),
            2 => (inner.clone().prop_flat_map(item), 0..5)
                .prop_map(|(item, size)| FixedSizeList(item, size)),
            2 => fields.clone().prop_map(|fields| Struct(fields.into())),
            4 => sql_fields.prop_map(|fields| {
                let nullable = |(name, data_type)| Field::new(name, data_type, true);
                Struct(fields.into_iter().map(nullable).collect())
            }),
            1 => (fields, mode).prop_map(|(fields, mode)| {
                let ids = (0..).step_by(3).take(fields.len());
                Union(UnionFields::try_new(ids, fields).unwrap(), mode)
            }),
            3 => (inner.clone(), inner.clone(), any::<bool>(), any::<bool>()).prop_map(
                |(key, value, null, sorted)| {
                    let fields = vec![
                        Field::new("key", key, false),
                        Field::new("value", value, !null || !sorted),
                    ];
                    let entries = Field::new("entries", Struct(fields.into()), false);
                    Map(Arc::new(entries), sorted && null)
                }
            ),
            1 => (keys, inner.clone())
                .prop_map(|(key, value)| Dictionary(Box::new(key), Box::new(value))),
            1 => (ends, inner.prop_flat_map(field)).prop_map(|(ends, values)| {
                let ends = Field::new("run_ends", ends, false);
                RunEndEncoded(Arc::new(ends), Arc::new(values))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_parses_back_to_the_same_type(data_type in data_type()) {
        let printed = SqlType(&data_type).to_string();
        for dialect in ["generic", "postgres", "duckdb", "clickhouse", "mysql", "ansi"] {
            // MySQL has strings in double quotes.
            if dialect == "mysql" && printed.contains('"') {
                continue;
            }
            let parsed = parse_in(dialect, &printed);
            prop_assert_eq!(parsed.as_ref().ok(), Some(&data_type), "{}: {:?}", printed, parsed);
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(ARRAY<|STRUCT\\(|MAP\\(|ARROW\\('|List\\(|INT|>|\\)|'|\\[|\\]|, |a | )*") {
        let _ = parse(&text);
    }
}
