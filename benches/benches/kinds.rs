//! Cost of queries with aggregate, window and table functions, beside native ones.
//!
//! Measured: execution of a physical plan over a table in memory, on one thread,
//! metered. Not measured: parsing, planning, compiling. Both queries are sampled
//! alternately; ratios are medians of the ratios within rounds. Names read
//! `kinds/<function>/<groups or partitions>`.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use datafusion::datasource::MemTable;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use fusebox::Session;
use fusebox_benches::session_with;
use fusebox_paired::{Filter, PairedSampling, PairedTimes, Record};
use futures::StreamExt;
use tokio::runtime::Runtime;

const SAMPLING: PairedSampling = PairedSampling {
    rounds_min: 7,
    rounds_max: usize::MAX,
    time_budget: Duration::from_secs(4),
    sample_time: Duration::ZERO,
};

/// Maximum ratio for grouped aggregates and for window functions over partitions.
const GOAL: f64 = 1.5;

/// Queries without a goal.
const WITHOUT_GOAL: [&str; 3] = ["both/ungrouped", "exact_sum/moving", "series/1000000"];

struct Bench {
    filter: Filter,
    runtime: Runtime,
    session: Session,
    comparisons: Vec<(String, PairedTimes)>,
}

impl Bench {
    /// Executes a plan once; returns the number of rows.
    fn run(&self, plan: &Arc<dyn ExecutionPlan>) -> usize {
        // A plan keeps the state of its last execution.
        let plan = datafusion::physical_plan::execution_plan::reset_plan_states(Arc::clone(plan))
            .expect("the plan can be reset");
        let context = self.session.context().task_ctx();
        self.runtime.block_on(async {
            let mut batches = execute_stream(plan, context).expect("the query starts");
            let mut rows = 0;
            while let Some(batch) = batches.next().await {
                rows += batch.expect("the query continues").num_rows();
            }
            rows
        })
    }

    fn plan(&self, sql: &str) -> Arc<dyn ExecutionPlan> {
        self.runtime.block_on(async {
            let frame = self.session.sql(sql).await.expect("the query is valid");
            frame.create_physical_plan().await.expect("it has a plan")
        })
    }

    /// Measures a query with a sandboxed function and with its native twin. `@` in
    /// `sql` stands for the prefix of the function name.
    fn compare(&mut self, name: &str, rows: usize, sql: &str) {
        if !self.filter.matches(&format!("kinds/{name}")) {
            return;
        }
        eprintln!("kinds/{name}");
        let [native, fusebox] = ["native_", ""].map(|path| self.plan(&sql.replace('@', path)));
        let times = SAMPLING.compare(
            &mut || assert_eq!(self.run(&native), rows, "{name}"),
            &mut || assert_eq!(self.run(&fusebox), rows, "{name}"),
        );
        let record = Record {
            rows: rows as u64,
            ..Record::new("kinds", name)
        };
        record.with(&times).append();
        self.comparisons.push((name.to_owned(), times));
    }

    fn print(&self) {
        if self.comparisons.is_empty() {
            return;
        }
        println!(
            "{:<36} {:>12} {:>12} {:>7}",
            "query", "fusebox", "native", "ratio"
        );
        for (name, times) in &self.comparisons {
            let [fusebox, native] = [times.ns, times.base_ns].map(|nanos| nanos / 1e6);
            let ratio = times.ratio;
            println!("{name:<36} {fusebox:>9.2} ms {native:>9.2} ms {ratio:>7.2}");
        }
        let goals = self.comparisons.iter();
        let goals = goals.filter(|(name, _)| !WITHOUT_GOAL.contains(&name.as_str()));
        if let Some((name, times)) = goals.max_by(|a, b| a.1.ratio.total_cmp(&b.1.ratio)) {
            let ratio = times.ratio;
            println!("kinds worst: {ratio:.2} of {GOAL:.2} ({name})");
        }
    }
}

/// Creates a table of `rows` rows in batches of 8,192: the number of one of
/// `groups` groups, evenly distributed and unordered, a value and a weight.
fn table(rows: usize, groups: usize) -> MemTable {
    let batches = (0..rows).step_by(8_192).map(|start| {
        let numbers = start..rows.min(start + 8_192);
        let group = |row: usize| (row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) % groups;
        let value = |row: usize| 1.0 + (row.wrapping_mul(2_654_435_761) % 1_000_003) as f64 / 1e3;
        let weight = |row: usize| (row % 17) as f64;
        let columns: [(&str, ArrayRef); 3] = [
            (
                "g",
                Arc::new(
                    numbers
                        .clone()
                        .map(|row| group(row) as i64)
                        .collect::<Int64Array>(),
                ),
            ),
            (
                "x",
                Arc::new(
                    numbers
                        .clone()
                        .map(|row| Some(value(row)))
                        .collect::<Float64Array>(),
                ),
            ),
            (
                "w",
                Arc::new(
                    numbers
                        .map(|row| Some(weight(row)))
                        .collect::<Float64Array>(),
                ),
            ),
        ];
        RecordBatch::try_from_iter(columns).expect("columns have one length")
    });
    let batches: Vec<_> = batches.collect();
    MemTable::try_new(batches[0].schema(), vec![batches]).expect("batches have one schema")
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let session = session_with(1, &["stats"]);
    native::register(session.context());
    let mut bench = Bench {
        filter: Filter::from_arguments(),
        runtime: runtime.expect("a runtime can be started"),
        session,
        comparisons: Vec::new(),
    };
    for (groups, rows) in [(10, 1 << 20), (10_000, 1 << 20), (1_000_000, 1 << 21)] {
        let name = format!("t{groups}");
        let table = table(rows, groups);
        let registered = bench
            .session
            .context()
            .register_table(&name, Arc::new(table));
        registered.expect("the name is free");
        let count = format!("SELECT g, count(*) FROM {name} GROUP BY g");
        let found = bench.run(&bench.plan(&count));
        for function in ["geomean(x)", "weighted_avg(x, w)"] {
            let (kind, _) = function.split_once('(').expect("the call has parentheses");
            let sql = format!("SELECT g, @{function} FROM {name} GROUP BY g");
            bench.compare(&format!("{kind}/{groups}"), found, &sql);
        }
    }
    let all = "SELECT @geomean(x), @weighted_avg(x, w) FROM t10";
    bench.compare("both/ungrouped", 1, all);
    let ema = "SELECT @ema(x, 0.1) OVER (PARTITION BY g % 1000 ORDER BY x) FROM t10000";
    bench.compare("ema/1000", 1 << 20, ema);
    let frames = "SELECT @exact_sum(x) OVER (PARTITION BY g ORDER BY x
                  ROWS BETWEEN 5 PRECEDING AND CURRENT ROW)
                  FROM (SELECT * FROM t10000 LIMIT 100000)";
    bench.compare("exact_sum/moving", 100_000, frames);
    let series = "SELECT * FROM @series(1, 1000000, 1)";
    bench.compare("series/1000000", 1_000_000, series);
    bench.print();
}
