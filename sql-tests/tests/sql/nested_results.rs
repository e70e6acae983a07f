//! Values of every nested type that a function returned, in every operator and function of
//! DataFusion that takes them: each answers as for DataFusion's own value.

use std::sync::Arc;

use arrow::error::ArrowError;
use arrow::util::display::array_value_to_string;
use fusebox::Session;
use fusebox_sql_tests::{ExecutionConfig, session};
use sqllogictest::harness::{Failed, Trial};
use tokio::runtime::Runtime;

use crate::sessions::{TestResult, collect, execute_all};

pub(crate) fn trials(runtime: &Arc<Runtime>) -> Vec<Trial> {
    vec![trial!(
        runtime,
        nested_results_are_like_values_of_datafusion_in_every_operation
    )]
}

/// Nested types, each with DataFusion's own value of it, and a key of its maps.
const TYPES: [(&str, &str, &str); 14] = [
    ("VARCHAR[]", "make_array('a', 'b', 'a')", ""),
    ("BIGINT[]", "make_array(3, 1, 2)", ""),
    (
        "BIGINT[][]",
        "make_array(make_array(1, 2), make_array(3))",
        "",
    ),
    (
        "VARCHAR[][]",
        "make_array(make_array('a', 'b'), make_array('c'))",
        "",
    ),
    (
        "BIGINT[3]",
        "arrow_cast(make_array(3, 1, 2), 'FixedSizeList(3 x Int64)')",
        "",
    ),
    (
        "STRUCT(a BIGINT, b VARCHAR)[]",
        "make_array(named_struct('a', 1, 'b', 'x'::VARCHAR))",
        "",
    ),
    ("MAP(VARCHAR, BIGINT)[]", "make_array(MAP {'a': 1})", ""),
    (
        "STRUCT(a BIGINT, b VARCHAR)",
        "named_struct('a', 1, 'b', 'x')",
        "",
    ),
    ("MAP(VARCHAR, BIGINT)", "MAP {'a': 1, 'b': 2}", "'a'"),
    ("MAP(BIGINT, VARCHAR)", "MAP {1: 'x', 2: 'y'}", "1"),
    ("MAP(VARCHAR, VARCHAR)", "MAP {'a': 'x', 'b': 'y'}", "'a'"),
    ("MAP(BYTEA, BIGINT)", "MAP {X'01': 1}", "X'01'"),
    (
        "MAP(VARCHAR, BIGINT[])",
        "MAP {'a': make_array(1, 2)}",
        "'a'",
    ),
    (
        "MAP(VARCHAR, STRUCT(a BIGINT, b VARCHAR))",
        "MAP {'a': named_struct('a', 1, 'b', 'x')}",
        "'a'",
    ),
];

/// Expressions over two values `$x` and `$y` of a list type.
const LISTS: &str = "$x[1]; $x[1:2]; $x || $y; $y || $x; array_length($x); array_ndims($x);
    array_dims($x); cardinality($x); empty($x); array_distinct($x); array_sort($x);
    array_reverse($x); array_concat($x, $y); array_concat($y, $x); array_append($x, $y[1]);
    array_prepend($y[1], $x); array_element($x, 1); array_slice($x, 1, 2); array_pop_front($x);
    array_pop_back($x); array_position($x, $y[1]); array_positions($x, $y[1]);
    array_remove($x, $y[1]); array_remove_n($x, $y[1], 1); array_remove_all($x, $y[1]);
    array_replace($x, $y[1], $y[2]); array_replace_n($x, $y[1], $y[2], 1);
    array_replace_all($x, $y[1], $y[2]); array_has($x, $y[1]); array_has($y, $x[1]);
    array_has_all($x, $y); array_has_any($x, $y); array_intersect($x, $y);
    array_union($x, $y); array_union($y, $x); array_except($x, $y); array_resize($x, 5, $y[1]);
    array_repeat($x, 2); array_to_string($x, ','); array_max($x); array_min($x);
    array_any_value($x); flatten($x); arrays_zip($x, $y); array_sum($x); array_avg($x);
    array_any_match($x, v -> v = $y[1]); array_transform($x, v -> v);
    array_filter($x, v -> v = $y[1]); array_compact($x); array_product($x); inner_product($x, $y);
    cosine_distance($x, $y); array_distance($x, $y); array_normalize($x); array_add($x, $y);
    array_subtract($x, $y); array_scale($x, 2); $y[1] = ANY($x); $x @> $y; $x <@ $y;
    array_has($x, 'a'); array_position($x, 'a'); array_remove($x, 1); unnest($x)";

/// Expressions over values of a struct type.
const STRUCTS: &str = "$x['a']; $x['b']; $x['b'] = 'x'; get_field($x, 'a'); ($x).a; struct($x);
    unnest($x)";

/// Expressions over values of a map type, and a key `$k`.
const MAPS: &str = "$x[$k]; get_field($x, $k); map_extract($x, $k); element_at($x, $k);
    map_keys($x); map_values($x); map_entries($x); cardinality($x); unnest(map_keys($x));
    unnest(map_values($x)); unnest(map_entries($x)); unnest($x); map_keys($x) = map_keys($y);
    map_values($x) = map_values($y); array_has(map_keys($x), $k);
    array_position(map_keys($x), $k); $x[$k] = $y[$k]; named_struct('q', $x)['q'][$k];
    array_concat(map_keys($x), map_keys($y)); map(map_keys($x), map_values($x));
    map_extract($y, map_keys($x)[1])";

/// Expressions over values of any type.
const ALL: &str = "$x = $y; $y = $x; $x != $y; $x < $y; $x IS DISTINCT FROM $y; $x IS NULL;
    $x IN ($y); $x BETWEEN $y AND $y; coalesce($x, $y); coalesce($y, $x); nullif($x, $y);
    nullif($y, $x); nvl($x, $y); nvl2($x, $y, $x); greatest($x, $y); least($x, $y);
    CASE WHEN true THEN $x ELSE $y END; CASE WHEN false THEN $x ELSE $y END; make_array($x, $y);
    make_array($y, $x); named_struct('q', $x)['q']; MAP {'q': $x}['q']; $x::VARCHAR; max($x);
    min($x); count(DISTINCT $x); array_agg($x); first_value($x); last_value($x)";

/// Queries over values of any type.
const QUERIES: &str = "SELECT $x UNION SELECT $y; SELECT $x UNION ALL SELECT $y;
    SELECT $x INTERSECT SELECT $y; SELECT $y EXCEPT SELECT $x; SELECT DISTINCT $x;
    SELECT count(*) FROM (SELECT $x AS a) AS s JOIN (SELECT $y AS b) AS t ON a = b;
    SELECT $x AS a ORDER BY a; SELECT $x AS k, count(*) FROM range(0, 2) GROUP BY k;
    SELECT count(*) FROM (SELECT $x AS a) AS s WHERE a IN (SELECT $y);
    SELECT a FROM (VALUES ($x), ($y)) AS t(a);
    SELECT row_number() OVER (PARTITION BY $x ORDER BY $x) FROM range(0, 2)";

/// Number of queries that DataFusion answers for its own values, at least.
const ANSWERED_MIN: usize = 500;

async fn nested_results_are_like_values_of_datafusion_in_every_operation() -> TestResult {
    let session = session(ExecutionConfig::new(2, 8192));
    let mut answered = 0;
    for (index, (data_type, own, key)) in TYPES.iter().enumerate() {
        let same = format!("same_{index}");
        let create = format!(
            "CREATE FUNCTION {same}({data_type}) RETURNS {data_type} LANGUAGE WASM
                 AS 'udfs/wat/same.wat' EXPORT 'same'"
        );
        execute_all(&session, &create).await?;
        let result = format!("{same}({own})");
        for query in queries(data_type) {
            let query = query.replace("$k", key);
            let of = |x: &str, y: &str| query.replace("$x", x).replace("$y", y);
            let Ok(expected) = answer(&session, &of(own, own)).await else {
                continue;
            };
            answered += 1;
            for [x, y] in [[&result, *own], [&result, &result]] {
                let found = answer(&session, &of(x, y)).await;
                let found = found.map_err(|error| format!("{}: {error:?}", of(x, y)))?;
                if found != expected {
                    let sql = of(x, y);
                    return Err(format!("{sql}: expected {expected:?}, found {found:?}").into());
                }
            }
        }
    }
    match answered >= ANSWERED_MIN {
        true => Ok(()),
        false => Err(format!("DataFusion answers only {answered} of its own").into()),
    }
}

/// Returns the queries over values of a type.
fn queries(data_type: &str) -> impl Iterator<Item = String> {
    let own = match data_type {
        list if list.ends_with(']') => LISTS,
        map if map.starts_with("MAP") => MAPS,
        _ => STRUCTS,
    };
    let expressions = own.split(';').chain(ALL.split(';'));
    let expressions = expressions.map(|expression| format!("SELECT {}", expression.trim()));
    let queries = QUERIES.split(';');
    expressions.chain(queries.map(|query| query.trim().to_owned()))
}

/// Returns the cells of a result as text.
async fn answer(session: &Session, sql: &str) -> Result<Vec<String>, Failed> {
    let batches = collect(session, sql).await?;
    let cells = batches.iter().flat_map(|batch| {
        let columns = batch.columns().iter();
        columns.flat_map(|column| (0..column.len()).map(|row| array_value_to_string(column, row)))
    });
    Ok(cells.collect::<Result<_, ArrowError>>()?)
}
