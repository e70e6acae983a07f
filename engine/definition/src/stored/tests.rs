//! Definitions as they are stored.

use arrow_schema::{Field, TimeUnit};

use super::*;
use crate::arrow_printer::ANY_DECIMAL;

/// Stored definitions, one on each line. A release keeps each line: they are added to, and never
/// changed.
const STORED: &str = include_str!("definitions.jsonl");

fn argument(name: Option<&str>, data_type: DataType) -> Argument {
    Argument::new(name.map(str::to_owned), data_type)
}

fn scalar() -> Definition {
    let item = Field::new_list_field(DataType::Int64, true);
    let rest = argument(Some("rest"), DataType::List(Arc::new(item)));
    Definition {
        name: "sum_of".to_owned(),
        kind: Kind::Scalar,
        signature: Signature {
            arguments: vec![
                argument(Some("first"), ANY_DECIMAL),
                argument(None, DataType::Utf8View),
                Argument {
                    variadic: true,
                    ..rest
                },
            ],
            returns: ANY_DECIMAL,
        },
        state: Vec::new(),
        volatility: Volatility::Immutable,
        nulls: NullHandling::Strict,
        limits: Limits::default(),
        reset: Reset::Call,
        on_error: OnError::Fail,
        reuse: Reuse::Auto,
        abi: None,
        digest: Digest::of(b""),
        symbol: "sum_of".to_owned(),
        source: ModuleSource::Module("m".to_owned()),
        temporary: false,
        comment: None,
        weights: None,
    }
}

/// An aggregate function with all fields, which no statement would create.
fn aggregate() -> Definition {
    let field = Field::new("a", DataType::Float64, false);
    let default = Argument {
        default: Some("NULL".to_owned()),
        ..argument(Some("x"), DataType::Struct(vec![field].into()))
    };
    Definition {
        name: "Größe".to_owned(),
        kind: Kind::Aggregate,
        signature: Signature {
            arguments: vec![default],
            returns: DataType::Timestamp(TimeUnit::Nanosecond, Some("+00:00".into())),
        },
        state: vec![
            argument(Some("sum"), DataType::Float64),
            argument(Some("count"), DataType::Int64),
        ],
        volatility: Volatility::Stable,
        nulls: NullHandling::Called,
        limits: Limits {
            fuel_per_row: Limits::MAX.fuel_per_row,
            ..Limits::of_kind(Kind::Aggregate)
        },
        reset: Reset::Row,
        on_error: OnError::Null,
        reuse: Reuse::Always,
        abi: Some(PlainAbi::PtrLen),
        symbol: "size".to_owned(),
        source: ModuleSource::Text("(module)".into()),
        temporary: true,
        comment: Some("Line\nand \"quote\"".to_owned()),
        weights: Some(9),
        ..scalar()
    }
}

fn table() -> Definition {
    let letter = Field::new("letter", DataType::Utf8View, true);
    Definition {
        name: "letters".to_owned(),
        kind: Kind::Table,
        signature: Signature {
            arguments: Vec::new(),
            returns: DataType::Struct(vec![letter].into()),
        },
        volatility: Volatility::Volatile,
        nulls: NullHandling::Called,
        symbol: "letters".to_owned(),
        source: ModuleSource::Base64,
        ..scalar()
    }
}

#[test]
fn stored_definitions_are_those_of_all_releases() {
    let definitions = [scalar(), aggregate(), table()];
    assert_eq!(STORED.lines().count(), definitions.len());
    for (stored, definition) in STORED.lines().zip(definitions) {
        assert_eq!(Definition::from_json(stored).as_ref(), Ok(&definition));
        // All but the version of the program that wrote it.
        let written = definition.to_json();
        let version = format!("\"fusebox\":\"{FUSEBOX}\"");
        assert_eq!(written.replace(&version, "\"fusebox\":\"0.1.0\""), stored);
        assert_eq!(Definition::from_json(&written), Ok(definition));
    }
}

#[test]
fn values_have_the_names_of_the_options() {
    for kind in Kind::ALL {
        let json = Definition { kind, ..scalar() }.to_json();
        assert!(json.contains(&format!("\"kind\":\"{kind}\"")), "{json}");
    }
    for abi in PlainAbi::ALL {
        let abi_of = Definition {
            abi: Some(abi),
            ..scalar()
        };
        let json = abi_of.to_json();
        assert!(json.contains(&format!("\"abi\":\"{abi}\"")), "{json}");
        assert_eq!(Definition::from_json(&json), Ok(abi_of));
    }
}

/// Returns the reason for which the definition of [`aggregate`] is refused with a part of its JSON
/// replaced.
fn refusal(part: &str, by: &str) -> String {
    let json = aggregate().to_json();
    assert_eq!(json.matches(part).count(), 1, "{part} in {json}");
    let refused = Definition::from_json(&json.replace(part, by));
    refused.unwrap_err().to_string()
}

#[test]
fn unknown_fields_and_values_are_refused_with_both_versions() {
    let written = format!("\"fusebox\":\"{FUSEBOX}\",");
    for (part, by, expected) in [
        (
            "\"reset\":",
            "\"on_trap\":\"null\",\"reset\":",
            "unknown field `on_trap`",
        ),
        ("\"stack\":", "\"stacks\":", "unknown field `stacks`"),
        (
            "\"default\":\"NULL\"",
            "\"defaults\":\"NULL\"",
            "unknown field `defaults`",
        ),
        (
            "\"returns\":",
            "\"result\":1,\"returns\":",
            "unknown field `result`",
        ),
        (
            "\"aggregate\"",
            "\"procedure\"",
            "unknown variant `procedure`",
        ),
        ("\"row\"", "\"Row\"", "unknown variant `Row`"),
        ("\"ptr_len\"", "\"pascal\"", "unknown variant `pascal`"),
        ("{\"text\":", "{\"url\":", "unknown variant `url`"),
        ("\"nulls\":\"called\",", "", "missing field `nulls`"),
        ("\"fuel_init\":1000000000,", "", "missing field `fuel_init`"),
        (
            "Timestamp(ns",
            "Moment(ns",
            "expected a type of Arrow, found `Moment(ns",
        ),
        (
            "\"stack\":262144",
            "\"stack\":1",
            "it has a bad value for stack: a size as '64MB'",
        ),
        (
            "Struct(\\\"a\\\": non-null Float64)",
            "FixedSizeBinary(65537)",
            "65536 values",
        ),
        (
            "\"name\":\"x\",",
            "\"name\":\"x\",\"variadic\":true,",
            "VARIADIC parameter x",
        ),
    ] {
        let other = refusal(part, by);
        assert!(other.contains(expected), "{other}");
        let here = format!("written by Fusebox {FUSEBOX}, this is Fusebox {FUSEBOX}");
        assert!(other.ends_with(&here), "{other}");
    }
    let json = aggregate()
        .to_json()
        .replace("\"reset\":", "\"x\":1,\"reset\":");
    let json = json.replace(&written, "\"fusebox\":\"9.3.0\",");
    let newer = Definition::from_json(&json).unwrap_err().to_string();
    assert!(
        newer.contains("written by Fusebox 9.3.0, this is"),
        "{newer}"
    );
}

#[test]
fn other_formats_are_refused_with_the_version_that_wrote_them() {
    let newer = refusal("\"format\":1,", "\"format\":2,\"parts\":[],");
    let expected = format!("expected format 1, found format 2, written by Fusebox {FUSEBOX}");
    assert!(newer.starts_with(&expected), "{newer}");
    // As of the versions before 0.1.0.
    let older = refusal("\"format\":1,", "");
    assert!(older.contains("missing field `format`"), "{older}");
    for text in ["", "{", "[]", "{\"name\": 7}"] {
        let refused = Definition::from_json(text).unwrap_err();
        assert!(
            matches!(refused, StoredDefinitionError::Envelope(_)),
            "{refused}"
        );
    }
}
