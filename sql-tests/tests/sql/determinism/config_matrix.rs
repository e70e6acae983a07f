//! A call in every execution config, and the least limit with which it succeeds.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::display::array_value_to_string;
use datafusion::datasource::MemTable;
use fusebox::{Error, Session};
use fusebox_sql_tests::{ExecutionConfig, session};
use sqllogictest::harness::Failed;

use super::outcome::QueryOutcome;
use super::random_table::{RandomTable, split};
use crate::rng::Rng;
use crate::sessions::{TestResult, execute_all};

/// The execution configs. Thresholds are searched in the first and checked in all.
const MATRIX: [ExecutionConfig; 12] = [
    ExecutionConfig::new(2, 1024),
    ExecutionConfig::new(1, 1),
    ExecutionConfig::new(1, 7),
    ExecutionConfig::new(1, 1024),
    ExecutionConfig::new(1, 8192),
    ExecutionConfig::new(2, 1),
    ExecutionConfig::new(2, 7),
    ExecutionConfig::new(2, 8192),
    ExecutionConfig::new(8, 1),
    ExecutionConfig::new(8, 7),
    ExecutionConfig::new(8, 1024),
    ExecutionConfig::new(8, 8192),
];

/// An option that limits a function.
#[derive(Clone, Copy)]
pub(super) struct LimitOption {
    print: fn(u64) -> String,
    /// A value that is too low or invalid, and the default.
    range: (u64, u64),
}

pub(super) const FUEL: LimitOption = LimitOption {
    print: |fuel| format!("fuel_per_row = {fuel}"),
    range: (0, 10_000_000),
};

pub(super) const MEMORY: LimitOption = LimitOption {
    print: |pages| format!("memory = '{}kB'", pages * 64),
    range: (0, 1024),
};

pub(super) const RESULT: LimitOption = LimitOption {
    print: |bytes| format!("result_bytes = {bytes}"),
    range: (1023, 64 << 20),
};

/// A query's outcome; its result is printed.
pub(super) type PrintedOutcome = QueryOutcome<String>;

/// A session in which every table exists once for each execution config, split into
/// the batches and partitions of that config.
pub(super) struct ConfigMatrix {
    session: Session,
    tables: Vec<RandomTable>,
    rng: Rng,
    results: usize,
    errors: usize,
    mismatches: Vec<String>,
}

impl ConfigMatrix {
    /// Opens a session with the functions of a guest and the tables.
    pub(super) async fn new(guest: &str, tables: &[RandomTable]) -> Result<Self, Failed> {
        let session = session(ExecutionConfig::new(1, 8192));
        let statements = format!(
            "CREATE MODULE guest LANGUAGE WASM FROM 'target/guests/{guest}.wasm';
             IMPORT FUNCTIONS FROM MODULE guest;"
        );
        execute_all(&session, &statements).await?;
        for (seed, table) in (1..).zip(tables) {
            let rows = table.generate(seed);
            for config in MATRIX {
                let (schema, partitions) = split(&rows, config);
                let provider = Arc::new(MemTable::try_new(schema, partitions)?);
                session
                    .context()
                    .register_table(table_name(*table, config), provider)?;
            }
        }
        Ok(Self {
            session,
            tables: tables.to_vec(),
            rng: Rng(7),
            results: 0,
            errors: 0,
            mismatches: Vec::new(),
        })
    }

    /// Searches the least value of an option with which a call succeeds on each
    /// table, and compares outcomes on both sides of it in the whole matrix: with answers
    /// that are used again in every second config, and nowhere in the others.
    pub(super) async fn check_threshold(&mut self, call: &str, option: LimitOption) -> TestResult {
        for table in self.tables.clone() {
            let sql = query(call, table, MATRIX[0]);
            MATRIX[0].apply(&self.session).await?;
            self.set_reuse(0).await?;
            let threshold = self.find_threshold(call, &sql, option).await;
            let distance = self.rng.below(threshold / 8 + 2);
            let below = threshold.saturating_sub(1);
            for value in [
                threshold,
                below,
                threshold + distance,
                below.saturating_sub(distance),
            ] {
                let setting = (option.print)(value);
                // The value is below the option's range or the module's initial memory.
                if self.set(call, &setting).await.is_err() {
                    continue;
                }
                let outcome = self.check(call, table, &setting).await?;
                if outcome.is_result() != (value >= threshold) {
                    self.mismatches.push(format!(
                        "{sql}: {outcome} with {setting}, but the threshold is {threshold}"
                    ));
                }
            }
            self.set(call, &(option.print)(option.range.1)).await?;
        }
        Ok(())
    }

    /// Searches the least value of an option with which a query succeeds, and leaves
    /// the function with that value.
    pub(super) async fn find_threshold(
        &self,
        function: &str,
        sql: &str,
        option: LimitOption,
    ) -> u64 {
        let (mut below, mut threshold) = option.range;
        while below + 1 < threshold {
            let middle = below.midpoint(threshold);
            let set = self.set(function, &(option.print)(middle)).await;
            // Too little memory to instantiate the module fails the statement.
            if set.is_ok() && self.outcome(sql).await.is_result() {
                threshold = middle;
            } else {
                below = middle;
            }
        }
        let set = self.set(function, &(option.print)(threshold)).await;
        set.expect("the value is the default or has just been set");
        threshold
    }

    /// Compares the outcomes of a call on each table in the whole matrix, with the
    /// default limits; returns one outcome for each table.
    pub(super) async fn check_with_defaults(
        &mut self,
        call: &str,
    ) -> Result<Vec<PrintedOutcome>, Failed> {
        let mut outcomes = Vec::new();
        for table in self.tables.clone() {
            outcomes.push(self.check(call, table, "default limits").await?);
        }
        Ok(outcomes)
    }

    async fn check(
        &mut self,
        call: &str,
        table: RandomTable,
        setting: &str,
    ) -> Result<PrintedOutcome, Failed> {
        let mut outcomes = Vec::new();
        for (number, config) in MATRIX.into_iter().enumerate() {
            config.apply(&self.session).await?;
            self.set_reuse(number).await?;
            let outcome = self.outcome(&query(call, table, config)).await;
            match outcome.is_result() {
                true => self.results += 1,
                false => self.errors += 1,
            }
            outcomes.push(outcome);
        }
        let first = outcomes.swap_remove(0);
        if let Some(other) = outcomes.iter().find(|outcome| **outcome != first) {
            self.mismatches.push(format!(
                "{call} on {} with {setting}: {first}, but also {other}",
                table.name
            ));
        }
        Ok(first)
    }

    /// Sets the use of earlier answers in the config of this number.
    async fn set_reuse(&self, number: usize) -> TestResult {
        let reuse = ["off", "always"][number % 2];
        let set = format!("SET fusebox.reuse = '{reuse}'");
        self.session.sql(&set).await?;
        Ok(())
    }

    /// Sets an option of a function, which may be given as a call.
    pub(super) async fn set(&self, call: &str, setting: &str) -> Result<(), Error> {
        let function = call.split('(').next().unwrap_or(call);
        let alter = format!("ALTER FUNCTION {function} SET ({setting})");
        self.session.sql(&alter).await.map(drop)
    }

    /// Runs a query of one row, and prints it.
    pub(super) async fn outcome(&self, sql: &str) -> PrintedOutcome {
        QueryOutcome::new(self.run(sql).await)
    }

    async fn run(&self, sql: &str) -> Result<String, Error> {
        let frame = self.session.sql(sql).await?;
        let batches = frame.collect().await;
        let batches = batches.map_err(|error| Error::Query(Box::new(error)))?;
        let columns = batches.iter().flat_map(RecordBatch::columns);
        let cells = columns.filter(|column| column.len() == 1);
        let cells = cells.map(|column| array_value_to_string(column, 0));
        let cells = cells.collect::<Result<Vec<_>, _>>();
        Ok(cells.expect("every type can be printed").join(" "))
    }

    /// Fails if outcomes differed.
    pub(super) fn finish(self) -> Result<Self, Failed> {
        match self.mismatches.as_slice() {
            [] => Ok(self),
            mismatches => Err(mismatches.join("\n").into()),
        }
    }

    /// Fails if outcomes differed, or if results or errors were rare.
    pub(super) fn finish_with_both_outcomes(self) -> TestResult {
        let Self {
            results, errors, ..
        } = self.finish()?;
        assert!(
            results > 50 && errors > 50,
            "{results} results, {errors} errors"
        );
        Ok(())
    }
}

fn table_name(table: RandomTable, config: ExecutionConfig) -> String {
    let ExecutionConfig {
        partitions,
        batch_size,
    } = config;
    format!("{}_{partitions}_{batch_size}", table.name)
}

/// A query that makes the call for every row of a table.
fn query(call: &str, table: RandomTable, config: ExecutionConfig) -> String {
    let table = table_name(table, config);
    format!("SELECT count(v), max(v) FROM (SELECT {call} AS v FROM {table})")
}
