//! One query in batches of every size, over every number of partitions.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::display::array_value_to_string;
use datafusion::datasource::MemTable;
use fusebox::{Error, Exhausted, Session};
use fusebox_sql_tests::session;
use sqllogictest::harness::Failed;

use super::tables::{Random, Table, deal};

/// Partitions, and rows of a batch. The edge is looked for in the first cell.
const GRID: [(usize, usize); 12] = [
    (2, 1024),
    (1, 1),
    (1, 7),
    (1, 1024),
    (1, 8192),
    (2, 1),
    (2, 7),
    (2, 8192),
    (8, 1),
    (8, 7),
    (8, 1024),
    (8, 8192),
];

/// An option, and where to look for the value at which a verdict changes.
#[derive(Clone, Copy)]
pub(super) struct Edge {
    print: fn(u64) -> String,
    range: (u64, u64),
}

pub(super) const FUEL: Edge = Edge {
    print: |fuel| format!("fuel_per_row = {fuel}"),
    range: (0, 10_000_000),
};

pub(super) const MEMORY: Edge = Edge {
    print: |pages| format!("memory = '{}kB'", pages * 64),
    range: (0, 1024),
};

pub(super) const RESULT: Edge = Edge {
    print: |bytes| format!("result_bytes = {bytes}"),
    range: (1023, 64 << 20),
};

/// How a query ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Answer(String),
    /// Without the row.
    Stopped(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(answer) => write!(f, "{answer:.60}"),
            Self::Stopped(reason) => write!(f, "{reason}"),
        }
    }
}

/// A session in which every table is dealt out as each cell of the grid says.
pub(super) struct Grid {
    session: Session,
    tables: Vec<Table>,
    random: Random,
    answers: usize,
    stops: usize,
    wrong: Vec<String>,
}

impl Grid {
    pub(super) async fn new(module: &str, tables: &[Table]) -> Result<Self, Failed> {
        let session = session(1, 8192);
        let text = format!(
            "CREATE MODULE guest LANGUAGE WASM FROM 'target/guests/{module}.wasm';
             IMPORT FUNCTIONS FROM MODULE guest;"
        );
        for statement in session.statements(&text) {
            session.execute(statement?).await?;
        }
        for (seed, table) in (1..).zip(tables) {
            let rows = table.rows(seed);
            for cell in GRID {
                let (schema, batches) = deal(&rows, cell);
                let dealt = Arc::new(MemTable::try_new(schema, batches)?);
                session
                    .context()
                    .register_table(name(*table, cell), dealt)?;
            }
        }
        Ok(Self {
            session,
            tables: tables.to_vec(),
            random: Random(7),
            answers: 0,
            stops: 0,
            wrong: Vec::new(),
        })
    }

    /// Looks for the least value of an option with which a call has an answer,
    /// and at both sides of it in the whole grid.
    pub(super) async fn check_edge(&mut self, call: &str, edge: Edge) -> Result<(), Failed> {
        for table in self.tables.clone() {
            let sql = query(call, table, GRID[0]);
            self.enter(GRID[0]).await?;
            let least = self.least(call, &sql, edge).await;
            let near = self.random.below(least / 8 + 2);
            let (above, below) = (least, least.saturating_sub(1));
            for value in [above, below, above + near, below.saturating_sub(near)] {
                let option = (edge.print)(value);
                // Less than the option may be, or the module starts with.
                if self.set(call, &option).await.is_err() {
                    continue;
                }
                let verdict = self.check(call, table, &option).await?;
                let answers = matches!(verdict, Verdict::Answer(_));
                if answers != (value >= least) {
                    let wrong = format!("{sql}: {least} is not the edge with {option}");
                    self.wrong.push(wrong);
                }
            }
            self.set(call, &(edge.print)(edge.range.1)).await?;
        }
        Ok(())
    }

    /// Looks for the least value of an option with which the query has an
    /// answer, and leaves a function at that.
    pub(super) async fn least(&self, function: &str, sql: &str, edge: Edge) -> u64 {
        let (mut below, mut least) = edge.range;
        while below + 1 < least {
            let middle = below.midpoint(least);
            let set = self.set(function, &(edge.print)(middle)).await;
            // A module may refuse to start with so little.
            if set.is_ok() && matches!(self.verdict(sql).await, Verdict::Answer(_)) {
                least = middle;
            } else {
                below = middle;
            }
        }
        let set = self.set(function, &(edge.print)(least)).await;
        set.expect("it is the default, or has just had an answer");
        least
    }

    /// Calls a function for the rows of every table, in the whole grid.
    pub(super) async fn check_all(&mut self, call: &str) -> Result<Vec<Verdict>, Failed> {
        let mut verdicts = Vec::new();
        for table in self.tables.clone() {
            verdicts.push(self.check(call, table, "its defaults").await?);
        }
        Ok(verdicts)
    }

    async fn check(&mut self, call: &str, table: Table, option: &str) -> Result<Verdict, Failed> {
        let mut verdicts = Vec::new();
        for cell in GRID {
            self.enter(cell).await?;
            let verdict = self.verdict(&query(call, table, cell)).await;
            match verdict {
                Verdict::Answer(_) => self.answers += 1,
                Verdict::Stopped(_) => self.stops += 1,
            }
            verdicts.push(verdict);
        }
        let first = verdicts.swap_remove(0);
        if let Some(other) = verdicts.iter().find(|verdict| **verdict != first) {
            let rows = table.name;
            let wrong = format!("{call} of {rows} with {option}: {first}, but {other}");
            self.wrong.push(wrong);
        }
        Ok(first)
    }

    async fn enter(&self, (partitions, batch_size): (usize, usize)) -> Result<(), Failed> {
        for (option, value) in [
            ("target_partitions", partitions),
            ("batch_size", batch_size),
        ] {
            let set = format!("SET datafusion.execution.{option} = {value}");
            self.run(&set).await?;
        }
        Ok(())
    }

    /// Sets an option of a function, or of the one that is called.
    pub(super) async fn set(&self, call: &str, option: &str) -> Result<(), Error> {
        let function = call.split('(').next().unwrap_or(call);
        let alter = format!("ALTER FUNCTION {function} SET ({option})");
        self.run(&alter).await.map(drop)
    }

    pub(super) async fn verdict(&self, sql: &str) -> Verdict {
        match self.run(sql).await {
            Ok(answer) => Verdict::Answer(answer),
            Err(error) => Verdict::Stopped(stopped(&error)),
        }
    }

    async fn run(&self, sql: &str) -> Result<String, Error> {
        let frame = self.session.sql(sql).await?;
        let batches = frame.collect().await;
        let batches = batches.map_err(|error| Error::Query(Box::new(error)))?;
        let columns = batches.iter().flat_map(RecordBatch::columns);
        let cells = columns.filter(|column| column.len() == 1);
        let cells = cells.map(|column| array_value_to_string(column, 0));
        let cells = cells.collect::<Result<Vec<_>, _>>();
        Ok(cells.expect("every type prints").join(" "))
    }

    /// Fails if any two cells differed.
    pub(super) fn agree(self) -> Result<Self, Failed> {
        match self.wrong.as_slice() {
            [] => Ok(self),
            wrong => Err(wrong.join("\n").into()),
        }
    }

    /// Fails as well if one kind of verdict was rare.
    pub(super) fn agree_on_both(self) -> Result<(), Failed> {
        let Self { answers, stops, .. } = self.agree()?;
        assert!(answers > 50 && stops > 50, "{answers} {stops}");
        Ok(())
    }
}

fn name(table: Table, (partitions, batch_size): (usize, usize)) -> String {
    format!("{}_{partitions}_{batch_size}", table.name)
}

/// Calls a function for every row.
fn query(call: &str, table: Table, cell: (usize, usize)) -> String {
    let rows = name(table, cell);
    format!("SELECT count(v), max(v) FROM (SELECT {call} AS v FROM {rows})")
}

/// What stopped a query, without the row.
pub(crate) fn stopped(error: &Error) -> String {
    let Some(Error::Limit { function, limit }) = Error::behind(error) else {
        return match Error::behind(error) {
            Some(Error::Failed { function, .. }) => format!("{function} failed"),
            Some(Error::Trap { function, .. }) => format!("{function} trapped"),
            _ => error.to_string(),
        };
    };
    let limit = match limit {
        Exhausted::Fuel { fuel_per_row, .. } => format!("fuel_per_row = {fuel_per_row}"),
        Exhausted::FuelOfBatch {
            fuel_per_row,
            fuel_per_call,
            ..
        } => format!("fuel_per_row = {fuel_per_row}, fuel_per_call = {fuel_per_call}"),
        Exhausted::Memory {
            memory_bytes_max: bytes,
            ..
        }
        | Exhausted::Arguments {
            memory_bytes_max: bytes,
            ..
        } => format!("memory = {bytes}"),
        Exhausted::Result {
            result_bytes_max: bytes,
            ..
        } => format!("result_bytes = {bytes}"),
        limit => limit.to_string(),
    };
    format!("{function} has {limit}")
}
