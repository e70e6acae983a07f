//! Values that a hostile guest returns: refused, or safe in every kernel of DataFusion.

use arrow::util::pretty::pretty_format_batches;
use fusebox::{Error, Session};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::{run, session, wrapped_unions};

/// Types of 4, 8 and 16 bytes.
const TYPES: [(usize, &[&str]); 3] = [
    (
        4,
        &[
            "Date32",
            "Time32(s)",
            "Time32(ms)",
            "Interval(YearMonth)",
            "Decimal32(9, 2)",
            "Dictionary(Int16, Date32)",
            "Float32",
        ],
    ),
    (
        8,
        &[
            "Date64",
            "Time64(µs)",
            "Time64(ns)",
            "Timestamp(s)",
            "Timestamp(ms)",
            "Timestamp(µs)",
            "Timestamp(ns)",
            "Timestamp(s, \"+14:00\")",
            "Timestamp(ms, \"Europe/Paris\")",
            "Timestamp(µs, \"-12:00\")",
            "Timestamp(ns, \"America/New_York\")",
            "Duration(s)",
            "Duration(ms)",
            "Duration(µs)",
            "Duration(ns)",
            "Interval(DayTime)",
            "Decimal64(18, 4)",
            "RunEndEncoded(\"run_ends\": non-null Int32, \"values\": Date64)",
        ],
    ),
    (
        16,
        &[
            "Interval(MonthDayNano)",
            "Decimal128(38, 10)",
            "Decimal128(5, -2)",
        ],
    ),
];

/// Uses of a column `x`. Not `date_part('millisecond', x)`, which overflows for every interval
/// of more than 24 days where overflow is checked.
const USES: [&str; 22] = [
    "SELECT x FROM t",
    "SELECT x::VARCHAR FROM t",
    "SELECT arrow_cast(x, 'Utf8View') FROM t",
    "SELECT x FROM t ORDER BY x",
    "SELECT x FROM t ORDER BY x DESC NULLS LAST",
    "SELECT x, count(*) FROM t GROUP BY x",
    "SELECT min(x), max(x), count(DISTINCT x), first_value(x), array_agg(x) FROM t",
    "SELECT a.x FROM t a JOIN t b ON a.x = b.x",
    "SELECT x = x, x < x, x IS DISTINCT FROM x FROM t",
    "SELECT date_part('year', x), date_part('week', x), date_part('dow', x) FROM t",
    "SELECT date_part('doy', x), date_part('month', x), date_part('quarter', x) FROM t",
    "SELECT date_part('epoch', x), date_part('hour', x) FROM t",
    "SELECT date_trunc('year', x), date_trunc('quarter', x), date_trunc('week', x) FROM t",
    "SELECT date_trunc('month', x), date_trunc('day', x), date_trunc('hour', x) FROM t",
    "SELECT date_bin(INTERVAL '15 minutes', x) FROM t",
    "SELECT to_char(x, '%Y-%m-%d %H:%M:%S') FROM t",
    "SELECT x AT TIME ZONE 'Asia/Kolkata' FROM t",
    "SELECT arrow_cast(x, 'Date32'), arrow_cast(x, 'Date64') FROM t",
    "SELECT arrow_cast(x, 'Timestamp(s)'), arrow_cast(x, 'Time64(ns)') FROM t",
    "SELECT arrow_cast(x, 'Int64'), arrow_cast(x, 'Int32') FROM t",
    "SELECT row_number() OVER (ORDER BY x), lag(x) OVER (ORDER BY x) FROM t",
    "SELECT to_json_like FROM (SELECT named_struct('a', x, 'b', [x])::VARCHAR AS to_json_like FROM t)",
];

/// Returns numbers around the ends of ranges of `bits` bits, of days, and of chrono.
fn extremes(bits: u32) -> Vec<i128> {
    let max = i128::MAX >> (128 - bits);
    let chrono_days = 95_746_129_i128;
    let mut near: Vec<i128> = vec![0, max, max / 1_000, -max / 1_000];
    for unit in [1, 86_400, 86_400_000, 86_400_000_000, 86_400_000_000_000] {
        near.push(unit);
        near.push(chrono_days * unit);
        near.push(-chrono_days * unit);
        near.push((chrono_days - 400 * 366) * unit);
        near.push(-(chrono_days - 400 * 366) * unit);
    }
    let around = near
        .iter()
        .flat_map(|n| [n.saturating_sub(1), *n, n.saturating_add(1)]);
    let signed = around.flat_map(|n| [n, n.saturating_neg()]);
    let mut all: Vec<i128> = signed.filter(|n| (-max - 1..=max).contains(n)).collect();
    all.push(-max - 1);
    all.sort_unstable();
    all.dedup();
    all
}

fn literal(width: usize, value: i128) -> String {
    match width {
        4 => format!("arrow_cast('{value}', 'Int32')"),
        8 => format!("arrow_cast('{value}', 'Int64')"),
        _ => {
            let bytes = value.to_le_bytes().map(|byte| format!("{byte:02x}"));
            format!("arrow_cast(X'{}', 'FixedSizeBinary(16)')", bytes.concat())
        }
    }
}

/// Returns true if the guest may return the value.
async fn is_accepted(session: &Session, width: usize, value: i128) -> bool {
    let query = format!("SELECT reinterprets({}) AS x", literal(width, value));
    match run(session, &query).await {
        Ok(_) => true,
        Err(error) => match Error::find_in(&error) {
            Some(Error::Abi { .. }) => false,
            _ => panic!("{value}: {error}"),
        },
    }
}

/// Uses a column of such values in each way; returns the uses that panic.
async fn panics_of(session: &Session, width: usize, values: &[i128]) -> Vec<String> {
    let rows = values.iter().map(|value| {
        let value = literal(width, *value);
        format!("SELECT reinterprets({value}) AS x")
    });
    let rows: Vec<_> = rows.collect();
    let create = format!("CREATE OR REPLACE TABLE t AS {}", rows.join(" UNION ALL "));
    run(session, &create).await.unwrap();
    panicking_uses(session, values).await
}

/// Uses column `x` of the table `t`, made of these values, in each way; returns the uses that
/// panic.
async fn panicking_uses(session: &Session, values: &[i128]) -> Vec<String> {
    let mut panics = Vec::new();
    for sql in USES.into_iter().chain(NESTED_USES) {
        let session = session.clone();
        let task = tokio::spawn(async move {
            // Some uses are refused, or fail: they must not panic.
            if let Ok(batches) = run(&session, sql).await {
                let _ = pretty_format_batches(&batches);
            }
        });
        if let Err(panic) = task.await
            // Arrow's casts of ordinary dates to nanoseconds overflow too, and wrap around in
            // a build without overflow checks.
            && !panic.to_string().contains("with overflow")
        {
            panics.push(format!("{sql} of {values:?}: {panic}"));
        }
    }
    panics
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn extreme_values_are_refused_or_safe() {
    let session = session();
    let mut runner = TestRunner::deterministic();
    let (mut refused, mut used, mut panics) = (0, 0, Vec::new());
    for (width, types) in TYPES {
        let mut values = extremes(width as u32 * 8);
        let random = any::<[u8; 16]>();
        for _ in 0..4 {
            let bytes = random.new_tree(&mut runner).unwrap().current();
            let shift = 128 - width as u32 * 8;
            values.push(i128::from_le_bytes(bytes) >> shift);
        }
        values.sort_unstable();
        let argument = match width {
            4 => "INT",
            8 => "BIGINT",
            _ => "ARROW('FixedSizeBinary(16)')",
        };
        for data_type in types {
            let create = format!(
                "CREATE OR REPLACE FUNCTION reinterprets({argument}) RETURNS ARROW('{data_type}')
                     LANGUAGE WASM AS 'hostile/reinterprets.wat'"
            );
            run(&session, &create).await.unwrap();
            let mut accepted = Vec::new();
            for value in &values {
                match is_accepted(&session, width, *value).await {
                    true => accepted.push(*value),
                    false => refused += 1,
                }
            }
            used += accepted.len();
            let (first, last) = (accepted[0], accepted[accepted.len() - 1]);
            let near = accepted[accepted.len() / 4];
            for values in [&[first][..], &[last], &[near], &[first, last, near, 0]] {
                let found = panics_of(&session, width, values).await;
                panics.extend(
                    found
                        .into_iter()
                        .map(|panic| format!("{data_type}: {panic}")),
                );
            }
        }
    }
    assert!(panics.is_empty(), "{}", panics.join("\n"));
    assert!(refused > 100, "{refused}");
    assert!(used > 100, "{used}");
}

/// Nested types of a column: the name, the type of the argument with `LEAF` for that of the
/// values, the argument with `VALUE` for a value, and the value in a result `x`.
const NESTINGS: [(&str, &str, &str, &str); 9] = [
    ("list", "List(LEAF)", "[VALUE]", "x[1]"),
    (
        "list of a fixed size",
        "FixedSizeList(2 x LEAF)",
        "arrow_cast([VALUE, VALUE], 'FixedSizeList(2 x TYPE)')",
        "x[1]",
    ),
    (
        "struct",
        "Struct(\"a\": LEAF)",
        "named_struct('a', VALUE)",
        "x['a']",
    ),
    (
        "map",
        "Map(\"entries\": non-null Struct(\"key\": non-null Utf8, \"value\": LEAF), unsorted)",
        "map(['k'], [VALUE])",
        "map_values(x)[1]",
    ),
    (
        "list of structs",
        "List(Struct(\"a\": LEAF))",
        "[named_struct('a', VALUE)]",
        "x[1]['a']",
    ),
    (
        "map of lists",
        "Map(\"entries\": non-null Struct(\"key\": non-null Utf8, \"value\": List(LEAF)), unsorted)",
        "map(['k'], [[VALUE]])",
        "map_values(x)[1][1]",
    ),
    (
        "sparse union",
        "Union(Sparse, 0: (\"a\": LEAF))",
        "sparse_union(VALUE)",
        "union_extract(x, 'a')",
    ),
    (
        "dense union",
        "Union(Dense, 0: (\"a\": LEAF))",
        "dense_union(VALUE)",
        "union_extract(x, 'a')",
    ),
    (
        "union of structs",
        "Union(Sparse, 0: (\"a\": Struct(\"b\": LEAF)))",
        "sparse_union(named_struct('b', VALUE))",
        "union_extract(x, 'a')['b']",
    ),
];

/// Types within nested ones, and those of the numbers that stand for them.
const LEAVES: [(usize, &str, &str); 6] = [
    (4, "Date32", "Int32"),
    (8, "Date64", "Int64"),
    (8, "Timestamp(ms, \"Europe/Paris\")", "Int64"),
    (8, "Timestamp(ns)", "Int64"),
    (8, "Interval(DayTime)", "Int64"),
    (16, "Interval(MonthDayNano)", "FixedSizeBinary(16)"),
];

/// Uses of a nested column `x` beside [`USES`].
const NESTED_USES: [&str; 6] = [
    "SELECT unnest(x) FROM t",
    "SELECT array_sort(x), array_distinct(x), array_to_string(x, ',') FROM t",
    "SELECT array_has(x, x[1]), array_max(x), array_concat(x, x) FROM t",
    "SELECT map_keys(x), map_values(x), map_entries(x) FROM t",
    "SELECT arrow_cast(x, 'List(Utf8)') FROM t",
    "SELECT union_tag(x), union_extract(x, 'a') FROM t",
];

/// Uses the values of a nested column in each way; returns the uses that panic, and the number
/// of refused values.
async fn nested_panics(
    session: &Session,
    nesting: (&str, &str, &str, &str),
    leaf: (usize, &str, &str),
) -> (Vec<String>, usize) {
    let (name, data_type, argument, value_of) = nesting;
    let (width, leaf, number) = leaf;
    let nested = |leaf: &str| data_type.replace("LEAF", leaf);
    let create = format!(
        "CREATE OR REPLACE FUNCTION reinterprets(ARROW('{}')) RETURNS ARROW('{}')
         LANGUAGE WASM AS 'hostile/reinterprets.wat'",
        nested(number),
        nested(leaf)
    );
    run(session, &create).await.unwrap();
    let call = |value: i128| {
        let argument = argument.replace("VALUE", &literal(width, value));
        format!("reinterprets({})", argument.replace("TYPE", number))
    };
    let (mut accepted, mut refused) = (Vec::new(), 0);
    for value in extremes(width as u32 * 8) {
        match run(session, &format!("SELECT {} AS x", call(value))).await {
            Ok(_) => accepted.push(value),
            Err(error) => match Error::find_in(&error) {
                Some(Error::Abi { .. }) => refused += 1,
                _ => panic!("{name} of {leaf}, {value}: {error}"),
            },
        }
    }
    let values = [accepted[0], accepted[accepted.len() - 1], 0];
    let rows = values.map(|value| format!("SELECT {} AS x", call(value)));
    let rows = rows.join(" UNION ALL ");
    let mut panics = Vec::new();
    for column in ["x", value_of] {
        let create = format!("CREATE OR REPLACE TABLE t AS SELECT {column} AS x FROM ({rows})");
        run(session, &create).await.unwrap();
        panics.extend(panicking_uses(session, &values).await);
    }
    let name = |panic| format!("{name} of {leaf}: {panic}");
    (panics.into_iter().map(name).collect(), refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn extreme_values_within_nested_ones_are_refused_or_safe() {
    let session = session();
    for function in wrapped_unions::functions() {
        session.context().register_udf(function);
    }
    let (mut refusals, mut all_panics) = (0, Vec::new());
    for nesting in NESTINGS {
        for leaf in LEAVES {
            let (panics, refused) = nested_panics(&session, nesting, leaf).await;
            all_panics.extend(panics);
            refusals += refused;
        }
    }
    assert!(all_panics.is_empty(), "{}", all_panics.join("\n"));
    assert!(refusals > 100, "{refusals}");
}

#[tokio::test]
async fn refusal_names_row_type_and_value() {
    let session = session();
    let create = "CREATE FUNCTION reinterprets(BIGINT) RETURNS ARROW('Date64')
        LANGUAGE WASM AS 'hostile/reinterprets.wat'";
    run(&session, create).await.unwrap();
    let query = "SELECT reinterprets(CASE WHEN value = 3 THEN 9223372036854775807 ELSE 0 END)
        FROM range(0, 5)";
    let error = run(&session, query).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "function `reinterprets` violated the ABI: its result at row 3 is 9223372036854775807, \
         which is out of the range of Date64"
    );
}
