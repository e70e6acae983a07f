//! Tests of the native twins in SQL, over real flight data.

use std::path::Path;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{Float64Type, Int64Type};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::common::Result;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};

async fn with_flights(partitions: usize, batch_size: usize) -> Result<SessionContext> {
    let config = SessionConfig::new()
        .with_target_partitions(partitions)
        .with_batch_size(batch_size);
    let context = SessionContext::new_with_config(config);
    native::register(&context);
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/nycflights13");
    for (table, file) in [
        ("flights", "flights-2013-01.parquet"),
        ("year", "flights.parquet"),
    ] {
        let path = data.join(file).display().to_string();
        let options = ParquetReadOptions::default();
        context.register_parquet(table, &path, options).await?;
    }
    Ok(context)
}

async fn batches(context: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>> {
    context.sql(sql).await?.collect().await
}

/// Returns the result of a query as the lines of a printed table.
async fn lines(context: &SessionContext, sql: &str) -> Result<Vec<String>> {
    let table = pretty_format_batches(&batches(context, sql).await?)?.to_string();
    let rows = table.lines().skip(3).filter(|line| line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').replace(" | ", "|").trim().to_owned();
    Ok(rows
        .map(|line| {
            let line = cells(line);
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            cells.join(" ")
        })
        .collect())
}

#[tokio::test]
async fn geometric_mean_is_the_known_one_however_flights_are_divided() -> Result<()> {
    let sql = "SELECT origin, round(native_geomean(air_time), 6) FROM flights
               GROUP BY origin ORDER BY origin";
    for (partitions, batch_size) in [(1, 8192), (2, 1000), (3, 7)] {
        let context = with_flights(partitions, batch_size).await?;
        let means = lines(&context, sql).await?;
        assert_eq!(
            means,
            ["EWR 123.148631", "JFK 140.498293", "LGA 116.205764"]
        );
    }
    Ok(())
}

#[tokio::test]
async fn aggregates_agree_with_what_sql_can_say() -> Result<()> {
    let sql = "SELECT
            abs(native_geomean(air_time) / exp(avg(ln(air_time))) - 1) < 1e-12,
            native_weighted_avg(dep_delay, distance)
                = sum(CAST(dep_delay AS DOUBLE) * distance)
                / sum(CASE WHEN dep_delay IS NOT NULL THEN distance END),
            native_exact_sum(air_time) = sum(air_time),
            native_exact_sum(air_time) FILTER (WHERE month % 2 = 1)
                = sum(CASE WHEN month % 2 = 1 THEN air_time END),
            native_topk_str(carrier, 1)[1]
                = first_value(carrier ORDER BY carriers DESC, carrier),
            abs(native_approx_distinct_hll(tailnum) - count(DISTINCT tailnum))
                <= 2 + 0.02 * count(DISTINCT tailnum)
        FROM (SELECT *, count(*) OVER (PARTITION BY month, dest, carrier) AS carriers FROM year)
        GROUP BY month, dest";
    let context = with_flights(2, 8192).await?;
    let batches = batches(&context, sql).await?;
    let mut rows = 0;
    for batch in batches {
        for (index, column) in batch.columns().iter().enumerate() {
            let is_same = column.as_boolean();
            assert_eq!(is_same.false_count(), 0, "column {index}");
        }
        rows += batch.num_rows();
    }
    assert_eq!(rows, 1_113);
    Ok(())
}

#[tokio::test]
async fn aggregates_of_everything_and_of_nothing() -> Result<()> {
    let context = with_flights(2, 8192).await?;
    let select = "SELECT native_exact_sum(air_time), native_topk_str(origin, 2),
        native_approx_distinct_hll(origin), native_geomean(air_time),
        native_weighted_avg(1.0, distance) FROM flights";
    let sql = format!(
        "SELECT a = (SELECT CAST(sum(air_time) AS DOUBLE) FROM flights), b, c,
                abs(d / (SELECT exp(avg(ln(air_time))) FROM flights) - 1) < 1e-12, e
         FROM ({select}) AS t(a, b, c, d, e)"
    );
    let all = lines(&context, &sql).await?;
    assert_eq!(all, ["true [EWR, JFK] 3 true 1.0"]);
    let none = lines(&context, &format!("{select} WHERE month = 2")).await?;
    assert_eq!(none, ["  0  "]);
    Ok(())
}

#[tokio::test]
async fn exact_sum_has_the_same_bits_however_rows_are_divided() -> Result<()> {
    let sql = "SELECT origin, native_exact_sum(0.1 * air_time + 1e-9 * flight) AS sum
               FROM year GROUP BY origin ORDER BY origin";
    let mut answers = Vec::new();
    for (partitions, batch_size) in [(1, 8192), (2, 999), (4, 64)] {
        let context = with_flights(partitions, batch_size).await?;
        let answer = batches(&context, sql).await?;
        let answer = concat_batches(&answer[0].schema(), &answer)?;
        answers.push(
            answer
                .column(1)
                .as_primitive::<Float64Type>()
                .values()
                .to_vec(),
        );
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    Ok(())
}

#[tokio::test]
async fn windows_that_slide_take_rows_away() -> Result<()> {
    let context = with_flights(2, 8192).await?;
    let frame = "OVER (ORDER BY value ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)";
    let sql = format!(
        "SELECT value, native_exact_sum(value) {frame},
                round(native_geomean(value) {frame}, 3),
                native_weighted_avg(value, value % 2) {frame},
                native_topk_str(arrow_cast(value % 2, 'Utf8'), 1) {frame}
         FROM native_series(1, 6, 1) ORDER BY value"
    );
    assert_eq!(
        lines(&context, &sql).await?,
        [
            "1 1.0 1.0 1.0 [1]",
            "2 3.0 1.414 1.0 [0]",
            "3 6.0 1.817 2.0 [1]",
            "4 9.0 2.884 3.0 [0]",
            "5 12.0 3.915 4.0 [1]",
            "6 15.0 4.932 5.0 [0]",
        ]
    );
    Ok(())
}

#[tokio::test]
async fn running_windows_go_through_each_partition() -> Result<()> {
    let context = with_flights(2, 8192).await?;
    let sql = "SELECT p, n,
            native_ema(v, 0.5) OVER (PARTITION BY p ORDER BY n),
            native_sessionize(to_timestamp(n * n * 60), INTERVAL '5 minutes')
                OVER (PARTITION BY p ORDER BY n)
        FROM (VALUES (1, 1, 4), (1, 2, 8), (1, 3, NULL), (1, 4, 0), (2, 1, 1), (2, 2, 3)) AS t(p, n, v)
        ORDER BY p, n";
    assert_eq!(
        lines(&context, sql).await?,
        [
            "1 1 4.0 1",
            "1 2 6.0 1",
            "1 3  1",
            "1 4 3.0 2",
            "2 1 1.0 1",
            "2 2 2.0 1"
        ]
    );
    let sql = "SELECT native_sessionize(TIMESTAMP '2013-01-01', INTERVAL '1 month') OVER ()";
    let error = batches(&context, sql).await.unwrap_err().to_string();
    assert!(error.contains("a gap in months"), "{error}");
    Ok(())
}

#[tokio::test]
async fn series_is_a_table_that_is_made_as_it_is_read() -> Result<()> {
    let context = with_flights(2, 8192).await?;
    let sql = "SELECT sum(value), count(*) FROM native_series(1, 100000, 3)";
    let batch = &batches(&context, sql).await?[0];
    let number = |column: usize| batch.column(column).as_primitive::<Int64Type>().value(0);
    assert_eq!((number(0), number(1)), (1_666_716_667, 33_334));
    let sql = "SELECT * FROM native_series(1, 9223372036854775807, 1) LIMIT 2";
    assert_eq!(lines(&context, sql).await?, ["1", "2"]);
    assert!(
        lines(&context, "SELECT * FROM native_series(1, 0, 1)")
            .await?
            .is_empty()
    );
    let error = context.sql("SELECT * FROM native_series(1, 2, 0)").await;
    assert!(error.unwrap_err().to_string().contains("the step is 0"));
    Ok(())
}
