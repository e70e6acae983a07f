//! What one call costs, native and sandboxed.
//!
//! Measured: one call on one thread, from Arrow columns in to an Arrow column
//! out, fuel on. Not measured: compiling, instantiating, planning. Names read
//! `call/<function>/<rows>/<path>`; cost ≈ fixed + rows × per_row, so three
//! sizes are enough to see both terms.

use std::hint::black_box;

use arrow::array::{Array, AsArray, Float64Array};
use arrow::datatypes::Float64Type;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use datafusion::logical_expr::ColumnarValue;
use fusebox_benches::{arguments, function, places, session};

fn haversine_km(criterion: &mut Criterion) {
    let session = session();
    let sandboxed = function(&session, "haversine_km");
    let mut group = criterion.benchmark_group("call/haversine_km");
    for rows in [64, 1_024, 8_192] {
        let columns = places(rows);
        let args = arguments(&sandboxed, &columns);
        let expected = native(&columns);
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(BenchmarkId::new(rows.to_string(), "native"), |bencher| {
            bencher.iter(|| native(black_box(&columns)));
        });
        group.bench_function(BenchmarkId::new(rows.to_string(), "fusebox"), |bencher| {
            bencher.iter(|| {
                sandboxed
                    .invoke_with_args(args.clone())
                    .expect("no row fails")
            });
        });
        let ColumnarValue::Array(column) = sandboxed.invoke_with_args(args).expect("no row fails")
        else {
            panic!("columns give a column");
        };
        assert!(same_bits(column.as_primitive::<Float64Type>(), &expected));
    }
}

/// The twin: one pass over the columns into a fresh one.
fn native([lat1, lon1, lat2, lon2]: &[Vec<f64>; 4]) -> Float64Array {
    let places = lat1.iter().zip(lon1).zip(lat2).zip(lon2);
    places
        .map(|(((lat1, lon1), lat2), lon2)| geo::haversine_km(*lat1, *lon1, *lat2, *lon2))
        .collect::<Vec<f64>>()
        .into()
}

fn same_bits(left: &Float64Array, right: &Float64Array) -> bool {
    let bits = |array: &Float64Array| {
        array
            .values()
            .iter()
            .map(|v| v.to_bits())
            .collect::<Vec<_>>()
    };
    left.null_count() == 0 && bits(left) == bits(right)
}

criterion_group!(benches, haversine_km);
criterion_main!(benches);
