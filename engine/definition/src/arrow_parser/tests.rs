//! Texts that are types, and others.

use super::*;
use crate::arrow_printer::ArrowText;

fn field(name: &str, data_type: DataType, metadata: &[(&str, &str)]) -> FieldRef {
    let metadata = metadata.iter();
    let metadata = metadata.map(|(key, value)| (key.to_string(), value.to_string()));
    Arc::new(Field::new(name, data_type, true).with_metadata(metadata.collect()))
}

#[test]
fn types_that_are_printed_are_read() {
    use DataType::*;
    let item = field("item", Int32, &[("PARQUET:field_id", "1"), ("b", "{,}")]);
    let named = field("an element", Utf8View, &[("k", "")]);
    let strange = field(
        "\"\\\n\u{7f}): é",
        Timestamp(arrow_schema::TimeUnit::Second, Some("+01:00".into())),
        &[],
    );
    let entries = Fields::from(vec![
        Field::new("key", Utf8, false),
        Field::clone(&field("value", List(Arc::clone(&item)), &[("x", "y")])),
    ]);
    let entries = Arc::new(Field::new("entries", Struct(entries), false));
    let union = UnionFields::try_new([3, 0], [Arc::clone(&item), Arc::clone(&strange)]);
    let union = Union(union.unwrap(), UnionMode::Dense);
    let ends = Arc::new(Field::new("run_ends", Int16, false));
    for data_type in [
        List(Arc::clone(&item)),
        LargeListView(Arc::clone(&named)),
        FixedSizeList(Arc::clone(&named), 3),
        Struct(vec![Arc::clone(&item), named, strange].into()),
        Struct(Fields::empty()),
        Map(Arc::clone(&entries), false),
        Dictionary(Box::new(Int8), Box::new(Map(entries, true))),
        RunEndEncoded(ends, field("values", union.clone(), &[("m", "n")])),
        union,
        Decimal128(10, -2),
        Null,
    ] {
        let text = ArrowText(&data_type).to_string();
        assert_eq!(parse_arrow_type(&text), Some(data_type), "{text}");
    }
}

#[test]
fn spellings_of_older_versions_of_arrow_are_read() {
    for (text, printed) in [
        ("Timestamp(Nanosecond, None)", "Timestamp(ns)"),
        ("Timestamp(us, Some(\"UTC\"))", "Timestamp(µs, \"UTC\")"),
        ("Time32( Millisecond )", "Time32(ms)"),
        ("FixedSizeList(2, Int64)", "FixedSizeList(2 x Int64)"),
        ("List(nullable Int64)", "List(Int64)"),
    ] {
        let data_type = parse_arrow_type(text).unwrap();
        assert_eq!(ArrowText(&data_type).to_string(), printed);
    }
}

#[test]
fn other_texts_are_refused() {
    for text in [
        "",
        "List",
        "List()",
        "List(Int32",
        "List(Int32))",
        "List(Int32, metadata: {\"a\"})",
        "List(Int32, metadata: {\"a\": \"b\" \"c\": \"d\"})",
        "Struct(a: Int32)",
        "Struct(\"a\\q\": Int32)",
        "Struct(\"a\\u{110000}\": Int32)",
        "Union(Sparse, 300: (\"a\": Int32))",
        "Map(\"entries\": Int32)",
        "Timestamp(s, \"",
        "Decimal128(10, (2))",
        "Decimal128(0, 0)",
        "Decimal32(10, 2)",
        "Decimal64(5, 6)",
        "Decimal256(*)",
        "Time32(ns)",
        "Time64(s)",
        "Timestamp(s, None",
        "Interval(Year)",
        "FixedSizeBinary(-1)",
        "Int64()",
        "int64",
    ] {
        assert_eq!(parse_arrow_type(text), None, "{text}");
    }
    let deep = |depth| format!("{}Int8{}", "List(".repeat(depth), ")".repeat(depth));
    assert!(parse_arrow_type(&deep(DEPTH_MAX - 1)).is_some());
    assert!(parse_arrow_type(&deep(DEPTH_MAX)).is_none());
    assert!(parse_arrow_type(&deep(1_000_000)).is_none());
}
