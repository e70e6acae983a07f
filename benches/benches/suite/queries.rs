//! Queries.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::{ExecutionPlan, collect};
use fusebox::Session;
use tokio::runtime::Runtime;

use crate::kernels::session;
use crate::paired::{Filter, PairedSampling, PairedTimes, Record, geometric_mean};
use crate::tables::{Table, in_memory};

const SAMPLING: PairedSampling = PairedSampling {
    rounds_min: 7,
    rounds_max: 41,
    time_budget: Duration::from_millis(700),
    sample_time: Duration::ZERO,
};

/// Times of queries.
#[derive(Default)]
pub(crate) struct Queries {
    lines: Vec<Line>,
}

struct Line {
    table: Table,
    name: &'static str,
    rows: usize,
    /// On one thread, and on two.
    threads: [Option<PairedTimes>; 2],
}

/// Measures the selected queries.
pub(crate) fn measure(filter: &Filter) -> Queries {
    let mut queries = Queries::default();
    for table in Table::ALL {
        let id = |name: &str, threads: usize| format!("query/{}/{name}/{threads}", table.name());
        let selected = |name: &str| [1, 2].map(|threads| filter.matches(&id(name, threads)));
        let mut queries_of_table = table.queries();
        queries_of_table.retain(|(name, _)| selected(name).contains(&true));
        // A table takes seconds to generate.
        if queries_of_table.is_empty() {
            continue;
        }
        let batches = table.batches();
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let benches = [1, 2].map(|threads| Bench::new(threads, table, &batches));
        for (name, sql) in queries_of_table {
            let is_selected = selected(name);
            let times = [0, 1].map(|bench| {
                let threads = bench + 1;
                is_selected[bench].then(|| {
                    eprintln!("{}", id(name, threads));
                    let times = benches[bench].compare(name, &sql);
                    let record = Record {
                        part: table.name().to_owned(),
                        rows: rows as u64,
                        threads: threads as u64,
                        ..Record::new("query", name)
                    };
                    record.with(&times).append();
                    times
                })
            });
            queries.lines.push(Line {
                table,
                name,
                rows,
                threads: times,
            });
        }
    }
    queries
}

/// A session on a number of threads, with a table of as many partitions.
struct Bench {
    runtime: Runtime,
    session: Session,
}

impl Bench {
    fn new(threads: usize, table: Table, batches: &[RecordBatch]) -> Self {
        let runtime = match threads {
            1 => tokio::runtime::Builder::new_current_thread().build(),
            _ => tokio::runtime::Builder::new_multi_thread()
                .worker_threads(threads)
                .build(),
        };
        let session = session(threads);
        let registered = session
            .context()
            .register_table(table.name(), in_memory(batches, threads));
        registered.expect("the name is free");
        Self {
            runtime: runtime.expect("a runtime can be started"),
            session,
        }
    }

    fn compare(&self, name: &str, sql: &str) -> PairedTimes {
        let [native, fusebox] = ["native_", ""].map(|path| self.plan(&sql.replace('@', path)));
        let [expected, found] = [&native, &fusebox].map(|plan| sorted(&self.run(plan)));
        assert_eq!(found, expected, "{name}");
        SAMPLING.compare(&mut || drop(self.run(&native)), &mut || {
            drop(self.run(&fusebox));
        })
    }

    fn plan(&self, sql: &str) -> Arc<dyn ExecutionPlan> {
        self.runtime.block_on(async {
            let frame = self.session.sql(sql).await.expect("the query is valid");
            frame.create_physical_plan().await.expect("it has a plan")
        })
    }

    fn run(&self, plan: &Arc<dyn ExecutionPlan>) -> Vec<RecordBatch> {
        // A plan keeps the state of its last execution.
        let plan = reset_plan_states(Arc::clone(plan)).expect("the plan can be reset");
        let query = collect(plan, self.session.context().task_ctx());
        self.runtime.block_on(query).expect("the query has rows")
    }
}

/// Formats the rows as sorted lines, for comparison.
///
/// The header is removed, since column names contain function names. Floats are
/// rounded, since the last digits of a sum depend on the order of its terms.
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

impl Queries {
    /// Prints a line for each kernel of each table.
    pub(crate) fn print(&self) {
        for table in Table::ALL {
            let lines: Vec<&Line> = self.lines.iter().filter(|l| l.table == table).collect();
            if let Some(line) = lines.first() {
                println!(
                    "\n{:<19}{:>12}{:>12}{:>7}{:>7}{:>12}{:>12}{:>7}{:>9}{:>9}",
                    format!("{} {}", grouped(line.rows), table.name()),
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
            }
            lines.into_iter().for_each(Line::print);
        }
    }

    /// Prints the geometric means.
    pub(crate) fn print_means(&self) {
        let gains = self.lines.iter().filter_map(|line| match line.threads {
            [Some(one), Some(two)] => Some(one.ns / two.ns),
            _ => None,
        });
        if let Some(mean) = geometric_mean(gains) {
            println!("two threads beside one, geometric mean: {mean:.3}");
        }
        let ratios = self.lines.iter().filter_map(|line| line.threads[0]);
        if let Some(mean) = geometric_mean(ratios.map(|times| times.ratio)) {
            println!("query-level geometric mean: {mean:.3}");
        }
    }
}

impl Line {
    fn print(&self) {
        let [one, two] = &self.threads;
        let millis = |times: &Option<PairedTimes>, time: fn(&PairedTimes) -> f64| {
            let millis = times.as_ref().map(|times| time(times) / 1e6);
            millis.map_or("-".to_owned(), |millis| format!("{millis:.2} ms"))
        };
        let gain = |time: fn(&PairedTimes) -> f64| match (one, two) {
            (Some(one), Some(two)) => format!("{:.2}", time(one) / time(two)),
            _ => "-".to_owned(),
        };
        let ratio = |times: &Option<PairedTimes>| {
            times.map_or("-".to_owned(), |times| format!("{:.2}", times.ratio))
        };
        let spread = one.map_or("-".to_owned(), |times| {
            format!("{:.1} %", times.spread() * 100.0)
        });
        println!(
            "{:<19}{:>12}{:>12}{:>7}{spread:>7}{:>12}{:>12}{:>7}{:>9}{:>9}",
            self.name,
            millis(one, |times| times.base_ns),
            millis(one, |times| times.ns),
            ratio(one),
            millis(two, |times| times.base_ns),
            millis(two, |times| times.ns),
            ratio(two),
            gain(|times| times.base_ns),
            gain(|times| times.ns),
        );
    }
}

/// Formats a number with thousands separators.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
