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
use crate::tables::{Table, in_memory};
use crate::turns::{Asked, Pair, Record, Turns, geometric_mean};

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
    table: Table,
    name: &'static str,
    rows: usize,
    /// On one thread, and on two.
    pairs: [Option<Pair>; 2],
}

/// Measures the queries that the command line asks for.
pub(crate) fn measure(asked: &Asked) -> Queries {
    let mut queries = Queries::default();
    for table in Table::ALL {
        let id = |name: &str, threads: usize| format!("query/{}/{name}/{threads}", table.name());
        let wanted = |name: &str| [1, 2].map(|threads| asked.has(&id(name, threads)));
        let mut all = table.queries();
        all.retain(|(name, _)| wanted(name).contains(&true));
        // Making a table takes a while.
        if all.is_empty() {
            continue;
        }
        let batches = table.batches();
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let benches = [1, 2].map(|threads| Bench::new(threads, table, &batches));
        for (name, sql) in all {
            let is_wanted = wanted(name);
            let pairs = [0, 1].map(|bench| {
                let threads = bench + 1;
                is_wanted[bench].then(|| {
                    eprintln!("{}", id(name, threads));
                    let pair = benches[bench].compare(name, &sql);
                    let record = Record {
                        part: table.name().to_owned(),
                        rows: rows as u64,
                        threads: threads as u64,
                        ..Record::new("query", name)
                    };
                    record.with(&pair).append();
                    pair
                })
            });
            queries.lines.push(Line {
                table,
                name,
                rows,
                pairs,
            });
        }
    }
    queries
}

/// A session over so many partitions of a table, and as many threads.
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

    fn compare(&self, name: &str, sql: &str) -> Pair {
        let [native, fusebox] = ["native_", ""].map(|path| self.plan(&sql.replace('@', path)));
        let [expected, found] = [&native, &fusebox].map(|plan| sorted(&self.run(plan)));
        assert_eq!(found, expected, "{name}");
        TURNS.compare(&mut || drop(self.run(&native)), &mut || {
            drop(self.run(&fusebox));
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
    pub(crate) fn conclude(&self) {
        let gains = self.lines.iter().filter_map(|line| match line.pairs {
            [Some(one), Some(two)] => Some(one.fusebox / two.fusebox),
            _ => None,
        });
        if let Some(mean) = geometric_mean(gains) {
            println!("two threads beside one, geometric mean: {mean:.3}");
        }
        let ratios = self.lines.iter().filter_map(|line| line.pairs[0]);
        if let Some(mean) = geometric_mean(ratios.map(|pair| pair.ratio)) {
            println!("query-level geometric mean: {mean:.3}");
        }
    }
}

impl Line {
    fn print(&self) {
        let [one, two] = &self.pairs;
        let millis = |pair: &Option<Pair>, time: fn(&Pair) -> f64| {
            let millis = pair.as_ref().map(|pair| time(pair) / 1e6);
            millis.map_or("-".to_owned(), |millis| format!("{millis:.2} ms"))
        };
        let gain = |time: fn(&Pair) -> f64| match (one, two) {
            (Some(one), Some(two)) => format!("{:.2}", time(one) / time(two)),
            _ => "-".to_owned(),
        };
        let ratio =
            |pair: &Option<Pair>| pair.map_or("-".to_owned(), |pair| format!("{:.2}", pair.ratio));
        let spread = one.map_or("-".to_owned(), |pair| {
            format!("{:.1} %", pair.spread() * 100.0)
        });
        println!(
            "{:<19}{:>12}{:>12}{:>7}{spread:>7}{:>12}{:>12}{:>7}{:>9}{:>9}",
            self.name,
            millis(one, |pair| pair.native),
            millis(one, |pair| pair.fusebox),
            ratio(one),
            millis(two, |pair| pair.native),
            millis(two, |pair| pair.fusebox),
            ratio(two),
            gain(|pair| pair.native),
            gain(|pair| pair.fusebox),
        );
    }
}

/// A number with a comma before each three digits.
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
