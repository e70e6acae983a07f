//! Queried tables, in memory, in batches of DataFusion's size.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Builder, Decimal128Builder, Int64Builder, RecordBatch, StringViewBuilder,
};
use arrow::compute::concat_batches;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use fusebox_paired::is_quick;
use tpchgen::generators::{LineItem, LineItemGenerator};

use crate::kernels::KERNELS;

/// Rows of a batch.
const ROWS: usize = 8_192;

/// Joins flights with the coordinates of their airports, where known, and numbers them.
const FLIGHTS: &str = "
    SELECT f.carrier, f.flight, f.distance, f.arr_delay, f.tailnum, f.origin, f.dest,
           CAST(row_number() OVER () AS BIGINT) AS number,
           concat('Flight ', row_number() OVER (), ' of ', f.carrier) AS title,
           CAST(f.time_hour AS DATE) AS day_of_flight,
           CAST(f.distance AS DECIMAL(12, 2)) AS price,
           o.name AS from_name, o.lat AS from_lat, o.lon AS from_lon,
           d.name AS to_name, d.lat AS to_lat, d.lon AS to_lon
    FROM flights_file f
    LEFT JOIN airports o ON f.origin = o.faa
    LEFT JOIN airports d ON f.dest = d.faa";

/// Kernels, and the rest of a query after `SELECT l_returnflag, l_linestatus, `.
/// `@` stands for the prefix of the function name.
const LINEITEM: [(&str, &str); 8] = [
    ("add", "sum(@add(l_partkey, l_suppkey)) FROM lineitem"),
    ("gcd", "sum(@gcd(l_orderkey, l_partkey)) FROM lineitem"),
    (
        "polynomial",
        "sum(@polynomial(CAST(l_discount AS DOUBLE))) FROM lineitem",
    ),
    ("fnv1a", "max(@fnv1a(l_comment)) FROM lineitem"),
    ("slug", "max(@slug(l_comment)) FROM lineitem"),
    ("upper", "max(@upper(l_comment)) FROM lineitem"),
    ("with_vat", "sum(@with_vat(l_extendedprice)) FROM lineitem"),
    ("iso_week", "max(@iso_week(l_shipdate)) FROM lineitem"),
];

/// Kernels with their columns, the values of these, and the rest of a query. `@` stands for
/// the prefix of the function name.
const FLIGHTS_COLUMNS: [(&str, Values, &str); 7] = [
    (
        "slug:tailnum",
        Values::Repeated,
        "max(@slug(tailnum)) FROM flights",
    ),
    (
        "is_us_registration:tailnum",
        Values::Repeated,
        "count(*) FROM flights WHERE @is_us_registration(tailnum)",
    ),
    (
        "upper:carrier",
        Values::Repeated,
        "max(@upper(carrier)) FROM flights",
    ),
    (
        "jaro_winkler:origin,dest",
        Values::Repeated,
        "max(@jaro_winkler(origin, dest)) FROM flights",
    ),
    (
        "gcd:number,distance",
        Values::Unique,
        "sum(@gcd(number, distance)) FROM flights",
    ),
    (
        "iso_week:number",
        Values::Unique,
        "max(@iso_week(CAST(CAST(number AS INT) AS DATE))) FROM flights",
    ),
    (
        "slug:title",
        Values::Unique,
        "max(@slug(title)) FROM flights",
    ),
];

const LINEITEM_COLUMNS: [(&str, Values, &str); 4] = [
    (
        "slug:l_comment",
        Values::Repeated,
        "max(@slug(l_comment)) FROM lineitem",
    ),
    (
        "upper:l_comment",
        Values::Repeated,
        "max(@upper(l_comment)) FROM lineitem",
    ),
    (
        "upper:l_returnflag",
        Values::Repeated,
        "max(@upper(l_returnflag)) FROM lineitem",
    ),
    (
        "fnv1a:l_linestatus",
        Values::Repeated,
        "max(@fnv1a(l_linestatus)) FROM lineitem",
    ),
];

/// Values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    /// Real data, in which values come again.
    Repeated,
    /// Each value once.
    Unique,
}

impl Values {
    pub(crate) const ALL: [Self; 2] = [Self::Repeated, Self::Unique];

    /// Returns the name in results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Repeated => "real",
            Self::Unique => "unique",
        }
    }
}

/// Query of a function.
pub(crate) struct Query {
    pub(crate) name: &'static str,
    /// Values of the function's column, if it was chosen for them.
    pub(crate) values: Option<Values>,
    /// Statement with `@` before the name of the function.
    pub(crate) sql: String,
}

/// A queried table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    Flights,
    Lineitem,
}

impl Table {
    pub(crate) const ALL: [Self; 2] = [Self::Flights, Self::Lineitem];

    /// Returns the SQL name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flights => "flights",
            Self::Lineitem => "lineitem",
        }
    }

    /// Returns the queries of kernels, and those of columns.
    pub(crate) fn queries(self) -> Vec<Query> {
        let (groups, queries, columns): (_, Vec<_>, &[_]) = match self {
            Self::Flights => {
                let queries = KERNELS.iter().map(|kernel| (kernel.name, kernel.query));
                ("carrier", queries.collect(), &FLIGHTS_COLUMNS[..])
            }
            Self::Lineitem => (
                "l_returnflag, l_linestatus",
                LINEITEM.to_vec(),
                &LINEITEM_COLUMNS[..],
            ),
        };
        let queries = queries.into_iter().map(|(name, query)| (name, None, query));
        let columns = columns.iter();
        let columns = columns.map(|(name, values, query)| (*name, Some(*values), *query));
        let all = queries.chain(columns);
        all.filter(|(_, _, query)| !query.is_empty())
            .map(|(name, values, query)| Query {
                name,
                values,
                sql: format!("SELECT {groups}, {query} GROUP BY {groups}"),
            })
            .collect()
    }

    /// Generates or reads the rows.
    pub(crate) fn batches(self) -> Vec<RecordBatch> {
        match self {
            Self::Flights => flights(),
            Self::Lineitem => lineitem(if is_quick() { 0.05 } else { 1.0 }),
        }
    }
}

/// Creates a table of these batches with one partition a thread.
pub(crate) fn in_memory(batches: &[RecordBatch], threads: usize) -> Arc<MemTable> {
    let partitions = batches.chunks(batches.len().div_ceil(threads));
    let partitions = partitions.map(<[_]>::to_vec).collect();
    let table = MemTable::try_new(batches[0].schema(), partitions);
    Arc::new(table.expect("the batches have one schema"))
}

/// Reads the flights into memory.
fn flights() -> Vec<RecordBatch> {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/nycflights13");
    let files = format!(
        "CREATE EXTERNAL TABLE flights_file STORED AS PARQUET LOCATION '{data}/flights.parquet';
         CREATE EXTERNAL TABLE airports STORED AS CSV LOCATION '{data}/airports.csv'
         OPTIONS ('format.has_header' 'true')"
    );
    let context = SessionContext::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime can be started");
    let rows = |sql: &str| {
        runtime.block_on(async {
            let frame = context.sql(sql).await.expect("the statement is valid");
            frame.collect().await.expect("the statement is executed")
        })
    };
    for statement in files.split(';') {
        rows(statement);
    }
    let batches = rows(FLIGHTS);
    let all = concat_batches(&batches[0].schema(), &batches).expect("batches have one schema");
    assert_eq!(all.num_rows(), 336_776);
    let starts = (0..all.num_rows()).step_by(ROWS);
    starts
        .map(|start| all.slice(start, ROWS.min(all.num_rows() - start)))
        .collect()
}

/// Generates the queried columns of the line items of TPC-H at a scale factor.
fn lineitem(scale: f64) -> Vec<RecordBatch> {
    let mut items = LineItemGenerator::new(scale, 1, 1).iter();
    let mut batches = Vec::new();
    loop {
        let batch = batch(items.by_ref().take(ROWS));
        match batch.num_rows() {
            0 => return batches,
            _ => batches.push(batch),
        }
    }
}

fn batch<'a>(items: impl Iterator<Item = LineItem<'a>>) -> RecordBatch {
    let [mut order, mut part, mut supplier] = [(); 3].map(|()| Int64Builder::new());
    let [mut price, mut discount] = [(); 2].map(|()| Decimal128Builder::new());
    let [mut flag, mut status, mut comment] = [(); 3].map(|()| StringViewBuilder::new());
    let mut shipped = Date32Builder::new();
    for item in items {
        order.append_value(item.l_orderkey);
        part.append_value(item.l_partkey);
        supplier.append_value(item.l_suppkey);
        price.append_value(item.l_extendedprice.0.into());
        discount.append_value(item.l_discount.0.into());
        flag.append_value(item.l_returnflag);
        status.append_value(item.l_linestatus);
        shipped.append_value(item.l_shipdate.to_unix_epoch());
        comment.append_value(item.l_comment);
    }
    let money = |mut builder: Decimal128Builder, precision| {
        let column = builder.finish().with_precision_and_scale(precision, 2);
        Arc::new(column.expect("the values fit the precision")) as ArrayRef
    };
    let columns: [(&str, ArrayRef); 9] = [
        ("l_orderkey", Arc::new(order.finish())),
        ("l_partkey", Arc::new(part.finish())),
        ("l_suppkey", Arc::new(supplier.finish())),
        // TPC-H declares 15 digits and uses 8. The precision is that of the
        // function's argument, so that no query measures a cast.
        ("l_extendedprice", money(price, 12)),
        ("l_discount", money(discount, 15)),
        ("l_returnflag", Arc::new(flag.finish())),
        ("l_linestatus", Arc::new(status.finish())),
        ("l_shipdate", Arc::new(shipped.finish())),
        ("l_comment", Arc::new(comment.finish())),
    ];
    RecordBatch::try_from_iter(columns).expect("columns have one length")
}
