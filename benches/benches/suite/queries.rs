//! Queries, in which each row is asked; on one thread, also with answers that are used again.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::{ExecutionPlan, collect};
use fusebox::Session;
use tokio::runtime::Runtime;

use crate::kernels::session;
use crate::paired::{Filter, PairedSampling, PairedTimes, Record, geometric_mean};
use crate::tables::{Query, Table, Values, in_memory};

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
    /// Values of the column, if the query was chosen for them.
    values: Option<Values>,
    rows: usize,
    /// On one thread, and on two; each row is asked.
    threads: [Option<PairedTimes>; 2],
    /// On one thread, with answers that are used again.
    reused: Option<Reused>,
}

/// Times of a query with answers that are used again.
#[derive(Clone, Copy)]
struct Reused {
    /// Beside the native function.
    native: PairedTimes,
    /// Beside the same function where each row is asked.
    asked: PairedTimes,
}

/// Measures the selected queries.
pub(crate) fn measure(filter: &Filter) -> Queries {
    let mut queries = Queries::default();
    for table in Table::ALL {
        let id = |name: &str, threads: usize| format!("query/{}/{name}/{threads}", table.name());
        let selected = |name: &str| [1, 2].map(|threads| filter.matches(&id(name, threads)));
        let mut queries_of_table = table.queries();
        queries_of_table.retain(|query| selected(query.name).contains(&true));
        // A table takes seconds to generate.
        if queries_of_table.is_empty() {
            continue;
        }
        let batches = table.batches();
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let benches = [1, 2].map(|threads| Bench::new(threads, table, &batches));
        for Query { name, values, sql } in queries_of_table {
            let [one, two] = selected(name);
            let run = |threads: usize| {
                eprintln!("{}", id(name, threads));
                let times = benches[threads - 1].compare(name, &sql);
                if values.is_none() {
                    record("query", table.name(), rows, threads, name, &times);
                }
                times
            };
            // One thread tells what a column does.
            let threads = [
                one.then(|| run(1)),
                (two && values.is_none()).then(|| run(2)),
            ];
            let reused = one.then(|| benches[0].compare_reused(&sql));
            if let Some(reused) = &reused {
                let part = values.map_or(table.name(), Values::name);
                record("reused", part, rows, 1, name, &reused.native);
                record("reused-beside-asked", part, rows, 1, name, &reused.asked);
            }
            queries.lines.push(Line {
                table,
                name,
                values,
                rows,
                threads,
                reused,
            });
        }
    }
    queries
}

fn record(bench: &str, part: &str, rows: usize, threads: usize, name: &str, times: &PairedTimes) {
    let record = Record {
        part: part.to_owned(),
        rows: rows as u64,
        threads: threads as u64,
        ..Record::new(bench, name)
    };
    record.with(times).append();
}

/// A session on a number of threads, with a table of as many partitions.
struct Bench {
    runtime: Runtime,
    session: Session,
    /// Contexts of executions in which each row is asked, and in which it is as functions
    /// say.
    asked: Arc<TaskContext>,
    reused: Arc<TaskContext>,
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
        let runtime = runtime.expect("a runtime can be started");
        let [asked, reused] = ["off", "auto"].map(|reuse| {
            let set = format!("SET fusebox.reuse = '{reuse}'");
            let set = runtime.block_on(session.sql(&set));
            set.expect("there is such a setting");
            session.context().task_ctx()
        });
        Self {
            runtime,
            session,
            asked,
            reused,
        }
    }

    fn compare(&self, name: &str, sql: &str) -> PairedTimes {
        let [native, fusebox] = ["native_", ""].map(|path| self.plan(&sql.replace('@', path)));
        let expected = sorted(&self.run(&native, &self.asked));
        for context in [&self.asked, &self.reused] {
            assert_eq!(sorted(&self.run(&fusebox, context)), expected, "{name}");
        }
        SAMPLING.compare(&mut || drop(self.run(&native, &self.asked)), &mut || {
            drop(self.run(&fusebox, &self.asked));
        })
    }

    /// Measures a query that [`compare`](Self::compare) has checked.
    fn compare_reused(&self, sql: &str) -> Reused {
        let [native, fusebox] = ["native_", ""].map(|path| self.plan(&sql.replace('@', path)));
        let compare = |plan, context| {
            SAMPLING.compare(&mut || drop(self.run(plan, context)), &mut || {
                drop(self.run(&fusebox, &self.reused));
            })
        };
        Reused {
            native: compare(&native, &self.asked),
            asked: compare(&fusebox, &self.asked),
        }
    }

    fn plan(&self, sql: &str) -> Arc<dyn ExecutionPlan> {
        self.runtime.block_on(async {
            let frame = self.session.sql(sql).await.expect("the query is valid");
            frame.create_physical_plan().await.expect("it has a plan")
        })
    }

    fn run(&self, plan: &Arc<dyn ExecutionPlan>, context: &Arc<TaskContext>) -> Vec<RecordBatch> {
        // A plan keeps the state of its last execution.
        let plan = reset_plan_states(Arc::clone(plan)).expect("the plan can be reset");
        let query = collect(plan, Arc::clone(context));
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
                    "\n{:<27}{:>12}{:>12}{:>7}{:>7}{:>8}{:>12}{:>12}{:>7}{:>9}{:>9}",
                    format!("{} {}", grouped(line.rows), table.name()),
                    "native",
                    "fusebox",
                    "ratio",
                    "±",
                    "reused",
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
        let print = |name: &str, mean: Option<f64>| {
            if let Some(mean) = mean {
                println!("{name}: {mean:.3}");
            }
        };
        let of = |values| self.lines.iter().filter(move |line| line.values == values);
        let asked = |line: &Line| line.threads[0].map(|times| times.ratio);
        let reused = |line: &Line| line.reused.map(|times| times.native.ratio);
        let mean = geometric_mean(of(None).filter_map(asked));
        print("query-level geometric mean", mean);
        let mean = geometric_mean(of(None).filter_map(reused));
        print("query-level geometric mean, answers used again", mean);
        for values in Values::ALL {
            let name = values.name();
            let mean = geometric_mean(of(Some(values)).filter_map(asked));
            print(&format!("{name} columns, geometric mean"), mean);
            let mean = geometric_mean(of(Some(values)).filter_map(reused));
            print(&format!("{name} columns, answers used again"), mean);
            let beside = of(Some(values)).filter_map(|line| line.reused);
            let mean = geometric_mean(beside.map(|times| times.asked.ratio));
            print(&format!("{name} columns, beside rows that are asked"), mean);
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
        let reused = self.reused.map(|reused| reused.native);
        println!(
            "{:<27}{:>12}{:>12}{:>7}{spread:>7}{:>8}{:>12}{:>12}{:>7}{:>9}{:>9}",
            self.name,
            millis(one, |times| times.base_ns),
            millis(one, |times| times.ns),
            ratio(one),
            ratio(&reused),
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
