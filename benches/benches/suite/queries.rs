//! Queries.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::util::pretty::pretty_format_batches;
use criterion::Criterion;
use datafusion::datasource::MemTable;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::{ExecutionPlan, collect};
use fusebox::Session;
use tokio::runtime::Runtime;

use crate::kernels::{KERNELS, session};
use crate::turns::{Pair, Turns, geometric_mean};

/// How many flights there are from airports to airports whose place is known.
const FLIGHTS: &str = "
    SELECT f.carrier, f.flight, f.distance, f.arr_delay, f.tailnum,
           CAST(f.time_hour AS DATE) AS day_of_flight,
           CAST(f.distance AS DECIMAL(12, 2)) AS price,
           o.name AS from_name, o.lat AS from_lat, o.lon AS from_lon,
           d.name AS to_name, d.lat AS to_lat, d.lon AS to_lon
    FROM flights_file f
    LEFT JOIN airports o ON f.origin = o.faa
    LEFT JOIN airports d ON f.dest = d.faa";

const TURNS: Turns = Turns {
    least: 7,
    most: 41,
    all: Duration::from_millis(700),
    one: Duration::ZERO,
};

/// What was found out about queries.
#[derive(Default)]
pub(crate) struct Queries {
    lines: Vec<Line>,
}

struct Line {
    name: &'static str,
    /// On one thread, and on two.
    pairs: [Option<Pair>; 2],
}

/// A session over so many partitions of the flights, and as many threads.
struct Bench {
    threads: usize,
    runtime: Runtime,
    session: Session,
}

/// Measures the queries that the command line asks for.
pub(crate) fn measure(criterion: &mut Criterion) -> Queries {
    // Reading the file takes a while, in vain where no query is asked for.
    let mut benches = [None, None];
    let mut queries = Queries::default();
    for kernel in KERNELS.iter().filter(|kernel| !kernel.query.is_empty()) {
        let pairs = [1, 2].map(|threads| {
            let bench = &mut benches[threads - 1];
            compare(criterion, kernel.name, kernel.query, threads, bench)
        });
        let name = kernel.name;
        queries.lines.push(Line { name, pairs });
    }
    queries
        .lines
        .retain(|line| line.pairs.iter().any(Option::is_some));
    queries
}

fn compare(
    criterion: &mut Criterion,
    name: &str,
    query: &str,
    threads: usize,
    bench: &mut Option<Bench>,
) -> Option<Pair> {
    let mut is_measured = false;
    let sql = |path| {
        format!(
            "SELECT carrier, {} GROUP BY carrier",
            query.replace('@', path)
        )
    };
    let mut group = criterion.benchmark_group(format!("query/{name}/{threads}"));
    group.sample_size(10);
    for (path, prefix) in [("native", "native_"), ("fusebox", "")] {
        group.bench_function(path, |bencher| {
            is_measured = true;
            let bench = bench.get_or_insert_with(|| Bench::new(threads));
            let plan = bench.plan(&sql(prefix));
            bencher.iter(|| bench.run(&plan));
        });
    }
    group.finish();
    if !is_measured {
        return None;
    }
    let bench = bench.get_or_insert_with(|| Bench::new(threads));
    let [native, fusebox] = ["native_", ""].map(|path| bench.plan(&sql(path)));
    let [expected, found] = [&native, &fusebox].map(|plan| sorted(&bench.run(plan)));
    assert_eq!(found, expected, "{name}");
    Some(TURNS.compare(&mut || drop(bench.run(&native)), &mut || {
        drop(bench.run(&fusebox));
    }))
}

/// The rows as text, in an order that does not depend on threads. The names of
/// columns, which hold those of functions, are left out, and so are the last
/// digits of sums, which depend on the order of their parts.
fn sorted(batches: &[RecordBatch]) -> Vec<String> {
    let table = pretty_format_batches(batches).expect("the rows can be printed");
    let table = table.to_string();
    let rows = table.lines().skip(3).filter(|line| line.starts_with('|'));
    let rounded = |cell: &str| match cell.parse::<f64>() {
        Ok(number) => format!("{number:.9e}"),
        Err(_) => cell.to_owned(),
    };
    let row = |row: &str| row.split('|').map(|cell| rounded(cell.trim())).collect();
    let mut rows: Vec<String> = rows.map(row).collect();
    assert!(!rows.is_empty());
    rows.sort_unstable();
    rows
}

impl Bench {
    fn new(threads: usize) -> Self {
        let runtime = match threads {
            1 => tokio::runtime::Builder::new_current_thread().build(),
            _ => tokio::runtime::Builder::new_multi_thread()
                .worker_threads(threads)
                .build(),
        };
        let bench = Self {
            threads,
            runtime: runtime.expect("a runtime can be started"),
            session: session(threads),
        };
        bench.load();
        bench
    }

    /// Reads the flights into memory, in batches of 8,192 rows and as many
    /// partitions as there are threads.
    fn load(&self) {
        let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/nycflights13");
        let files = format!(
            "CREATE EXTERNAL TABLE flights_file STORED AS PARQUET LOCATION '{data}/flights.parquet';
             CREATE EXTERNAL TABLE airports STORED AS CSV LOCATION '{data}/airports.csv'
             OPTIONS ('format.has_header' 'true')"
        );
        for statement in files.split(';') {
            self.rows(statement);
        }
        let batches = self.rows(FLIGHTS);
        let all = concat_batches(&batches[0].schema(), &batches).expect("they have one schema");
        assert_eq!(all.num_rows(), 336_776);
        let starts = (0..all.num_rows()).step_by(8_192);
        let slices: Vec<RecordBatch> = starts
            .map(|start| all.slice(start, 8_192.min(all.num_rows() - start)))
            .collect();
        let partitions = slices.chunks(slices.len().div_ceil(self.threads));
        let table = MemTable::try_new(all.schema(), partitions.map(<[_]>::to_vec).collect());
        let table = table.expect("the batches have that schema");
        let registered = self
            .session
            .context()
            .register_table("flights", Arc::new(table));
        registered.expect("the name is free");
    }

    fn rows(&self, sql: &str) -> Vec<RecordBatch> {
        self.runtime.block_on(async {
            let frame = self.session.sql(sql).await.expect("the statement is one");
            frame.collect().await.expect("it has rows")
        })
    }

    fn plan(&self, sql: &str) -> Arc<dyn ExecutionPlan> {
        self.runtime.block_on(async {
            let frame = self.session.sql(sql).await.expect("the query is one");
            frame.create_physical_plan().await.expect("it has a plan")
        })
    }

    fn run(&self, plan: &Arc<dyn ExecutionPlan>) -> Vec<RecordBatch> {
        // A plan can be executed once.
        let plan = reset_plan_states(Arc::clone(plan)).expect("the plan can be run again");
        let query = collect(plan, self.session.context().task_ctx());
        self.runtime.block_on(query).expect("the query has rows")
    }
}

impl Queries {
    /// Prints a line for each kernel.
    pub(crate) fn print(&self) {
        if self.lines.is_empty() {
            return;
        }
        println!(
            "\n{:<19}{:>12}{:>12}{:>7}{:>7}{:>12}{:>12}{:>7}{:>9}{:>9}",
            "336,776 flights",
            "native",
            "fusebox",
            "ratio",
            "±",
            "2: native",
            "fusebox",
            "ratio",
            "native",
            "fusebox"
        );
        for Line { name, pairs } in &self.lines {
            let [one, two] = pairs;
            let millis = |pair: &Option<Pair>, time: fn(&Pair) -> f64| {
                let millis = pair.as_ref().map(|pair| time(pair) / 1e6);
                millis.map_or("-".to_owned(), |millis| format!("{millis:.2} ms"))
            };
            let gain = |time: fn(&Pair) -> f64| match (one, two) {
                (Some(one), Some(two)) => format!("{:.2}", time(one) / time(two)),
                _ => "-".to_owned(),
            };
            let ratio = |pair: &Option<Pair>| {
                pair.map_or("-".to_owned(), |pair| format!("{:.2}", pair.ratio()))
            };
            println!(
                "{name:<19}{:>12}{:>12}{:>7}{:>7}{:>12}{:>12}{:>7}{:>9}{:>9}",
                millis(one, |pair| pair.native),
                millis(one, |pair| pair.fusebox),
                ratio(one),
                one.map_or("-".to_owned(), |pair| format!(
                    "{:.1} %",
                    pair.spread * 100.0
                )),
                millis(two, |pair| pair.native),
                millis(two, |pair| pair.fusebox),
                ratio(two),
                gain(|pair| pair.native),
                gain(|pair| pair.fusebox),
            );
        }
    }

    /// Prints the geometric means.
    pub(crate) fn conclude(&self) {
        let gains = self.lines.iter().filter_map(|line| match line.pairs {
            [Some(one), Some(two)] => Some(one.fusebox / two.fusebox),
            _ => None,
        });
        if let Some(mean) = geometric_mean(gains) {
            println!("two threads beside one, geometric mean: {mean:.3}");
        }
        let ratios = self.lines.iter().filter_map(|line| line.pairs[0]);
        if let Some(mean) = geometric_mean(ratios.map(Pair::ratio)) {
            println!("query-level geometric mean: {mean:.3}");
        }
    }
}
