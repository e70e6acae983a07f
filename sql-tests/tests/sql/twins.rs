//! The bundled functions against their native twins, and one partition against
//! two, over the flights of a year.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use fusebox::Session;
use fusebox_sql_tests::session;
use sqllogictest::harness::{Failed, Trial};
use tokio::runtime::Runtime;

pub(crate) fn trials(runtime: &Arc<Runtime>) -> Vec<Trial> {
    vec![
        trial!(runtime, haversine_km_gives_the_bits_of_its_native_twin),
        trial!(runtime, text_functions_give_what_their_native_twins_give),
        trial!(runtime, integer_functions_give_what_their_native_twins_give),
        trial!(runtime, two_partitions_answer_as_one_over_the_whole_year),
        trial!(runtime, batches_of_one_row_answer_as_large_ones),
    ]
}

type Outcome = Result<(), Failed>;

async fn with_flights(partitions: usize, batch_size: usize) -> Result<Session, Failed> {
    let session = session(partitions, batch_size);
    let data = fusebox_sql_tests::workspace().join("data/nycflights13");
    let data = data.display();
    let text = format!(
        "CREATE MODULE geo LANGUAGE WASM FROM 'target/guests/geo.wasm';
         CREATE MODULE text LANGUAGE WASM FROM 'target/guests/text.wasm';
         CREATE MODULE math LANGUAGE WASM FROM 'target/guests/math.wasm';
         IMPORT FUNCTIONS FROM MODULE geo;
         IMPORT FUNCTIONS FROM MODULE text;
         IMPORT FUNCTIONS FROM MODULE math;
         CREATE EXTERNAL TABLE flights STORED AS PARQUET LOCATION '{data}/flights.parquet';
         CREATE EXTERNAL TABLE airports STORED AS CSV LOCATION '{data}/airports.csv'
             OPTIONS ('format.has_header' 'true');"
    );
    for statement in session.statements(&text) {
        session.execute(statement?).await?;
    }
    Ok(session)
}

async fn batches(session: &Session, sql: &str) -> Result<Vec<RecordBatch>, Failed> {
    Ok(session.sql(sql).await?.collect().await?)
}

async fn haversine_km_gives_the_bits_of_its_native_twin() -> Outcome {
    let session = with_flights(2, 8192).await?;
    let sql = "SELECT a.lat, a.lon, b.lat, b.lon, haversine_km(a.lat, a.lon, b.lat, b.lon)
               FROM airports a CROSS JOIN (SELECT * FROM airports LIMIT 50) b";
    let mut rows = 0;
    for batch in batches(&session, sql).await? {
        let column = |n: usize| batch.column(n).as_primitive::<Float64Type>();
        for row in 0..batch.num_rows() {
            let value = |n: usize| column(n).value(row);
            let native = geo::haversine_km(value(0), value(1), value(2), value(3));
            assert_eq!(value(4).to_bits(), native.to_bits(), "row {row}");
            rows += 1;
        }
    }
    assert_eq!(rows, 1458 * 50);
    Ok(())
}

async fn text_functions_give_what_their_native_twins_give() -> Outcome {
    let session = with_flights(2, 1000).await?;
    let sql = "SELECT arrow_cast(a.name, 'Utf8View'), arrow_cast(b.name, 'Utf8View'),
                      jaro_winkler(a.name, b.name), slug(a.name)
               FROM airports a CROSS JOIN (SELECT * FROM airports LIMIT 20) b";
    let mut rows = 0;
    for batch in batches(&session, sql).await? {
        let text = |n: usize| batch.column(n).as_string_view();
        let similarity = batch.column(2).as_primitive::<Float64Type>();
        for row in 0..batch.num_rows() {
            let (a, b) = (text(0).value(row), text(1).value(row));
            let native = text::jaro_winkler(a, b);
            assert_eq!(
                similarity.value(row).to_bits(),
                native.to_bits(),
                "{a}, {b}"
            );
            assert_eq!(text(3).value(row), text::slug(a));
            rows += 1;
        }
    }
    assert_eq!(rows, 1458 * 20);
    Ok(())
}

async fn integer_functions_give_what_their_native_twins_give() -> Outcome {
    let session = with_flights(2, 1000).await?;
    let sql = "SELECT value, collatz_steps(value), checked_div(1000000, value)
               FROM range(1, 20000)";
    let mut rows = 0;
    for batch in batches(&session, sql).await? {
        let column = |n: usize| batch.column(n).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let n = column(0).value(row);
            assert_eq!(column(1).value(row), math::collatz_steps(n)?);
            assert_eq!(column(2).value(row), math::checked_div(1_000_000, n)?);
            rows += 1;
        }
    }
    assert_eq!(rows, 19_999);
    Ok(())
}

/// Something of every flight, in the order of the flights.
const YEAR: &str = "
    SELECT f.carrier, f.flight, f.time_hour, f.tailnum,
           haversine_km(o.lat, o.lon, d.lat, d.lon) AS km,
           geohash(d.lat, d.lon, 6) AS place,
           slug(d.name) AS slug,
           jaro_winkler(o.name, d.name) AS likeness
    FROM flights f JOIN airports o ON o.faa = f.origin JOIN airports d ON d.faa = f.dest
    ORDER BY f.carrier, f.flight, f.time_hour, f.tailnum, o.faa, d.faa, f.dep_time";

async fn two_partitions_answer_as_one_over_the_whole_year() -> Outcome {
    let all = "SELECT count(*) FROM flights";
    let one = with_flights(1, 8192).await?;
    let two = with_flights(2, 8192).await?;
    let count = batches(&two, all).await?;
    assert_eq!(
        count[0].column(0).as_primitive::<Int64Type>().value(0),
        336_776
    );
    let (one, two) = (batches(&one, YEAR).await?, batches(&two, YEAR).await?);
    let rows = |batches: &[RecordBatch]| batches.iter().map(RecordBatch::num_rows).sum::<usize>();
    assert_eq!(rows(&one), 329_174);
    let schema = one[0].schema();
    let one = arrow::compute::concat_batches(&schema, &one)?;
    let two = arrow::compute::concat_batches(&schema, &two)?;
    assert!(one == two);
    Ok(())
}

async fn batches_of_one_row_answer_as_large_ones() -> Outcome {
    let sql = "SELECT faa, haversine_km(lat, lon, 40.6, -73.8), geohash(lat, lon, 8), slug(name)
               FROM airports ORDER BY faa";
    let single = batches(&with_flights(2, 1).await?, sql).await?;
    let large = batches(&with_flights(1, 8192).await?, sql).await?;
    let schema = large[0].schema();
    let single = arrow::compute::concat_batches(&schema, &single)?;
    let large = arrow::compute::concat_batches(&schema, &large)?;
    assert_eq!(large.num_rows(), 1458);
    assert!(single == large);
    Ok(())
}
