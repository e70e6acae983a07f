//! Progress of a running statement, on the last line of a terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::execution::memory_pool::MemoryPool;
use datafusion::physical_plan::{ExecutionPlan, StatisticsArgs, StatisticsContext};
use unicode_width::UnicodeWidthStr;

/// Time after which a statement has a progress line.
const DELAY: Duration = Duration::from_millis(500);

/// Moves to the begin of the line, and erases it.
const ERASE: &str = "\r\u{1b}[K";

/// Rows and bytes that a statement has read, its time and its memory.
pub(crate) struct Progress {
    start: Instant,
    /// Leaves of the plan, which read files or make rows.
    scans: Vec<Arc<dyn ExecutionPlan>>,
    rows_estimate: Option<usize>,
    memory: Arc<dyn MemoryPool>,
    width: usize,
    is_shown: bool,
    is_drawn: bool,
}

impl Progress {
    /// Starts the clock. Nothing is ever drawn unless results and messages go to a terminal of
    /// `width` columns.
    pub(crate) fn start(memory: Arc<dyn MemoryPool>, width: usize) -> Self {
        Self {
            start: Instant::now(),
            scans: Vec::new(),
            rows_estimate: None,
            memory,
            width,
            is_shown: io::stdout().is_terminal() && io::stderr().is_terminal(),
            is_drawn: false,
        }
    }

    /// Counts what the leaves of a plan read.
    pub(crate) fn watch(&mut self, plan: &Arc<dyn ExecutionPlan>) {
        if !self.is_shown {
            return;
        }
        self.scans = leaves(plan);
        // All or nothing: a part would be passed.
        let estimates = self.scans.iter().map(|scan| {
            let context = StatisticsContext::new();
            let statistics = context.compute(scan.as_ref(), &StatisticsArgs::new());
            let statistics = statistics.ok()?;
            statistics.num_rows.get_value().copied()
        });
        self.rows_estimate = estimates.sum();
    }

    /// Returns the time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Draws the line, unless the statement is young.
    pub(crate) fn draw(&mut self) {
        if !self.is_shown || self.elapsed() < DELAY {
            return;
        }
        self.is_drawn = true;
        let mut line = self.line();
        while line.width() >= self.width {
            line.pop();
        }
        let _ = write!(io::stderr(), "{ERASE}{line}");
    }

    /// Erases the line.
    pub(crate) fn erase(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            let _ = write!(io::stderr(), "{ERASE}");
        }
    }

    /// Draws nothing from now on.
    pub(crate) fn end(&mut self) {
        self.is_shown = false;
    }

    fn line(&self) -> String {
        let metrics = || self.scans.iter().filter_map(|scan| scan.metrics());
        let named = |name: &str| {
            let sums = metrics().filter_map(|metrics| metrics.sum_by_name(name));
            sums.map(|value| value.as_usize()).reduce(|a, b| a + b)
        };
        let rows: usize = metrics().filter_map(|metrics| metrics.output_rows()).sum();
        let bytes = named("bytes_scanned").filter(|bytes| *bytes > 0);
        let mut parts = Vec::new();
        if !self.scans.is_empty() {
            parts.push(rows_text(rows, self.rows_estimate));
        }
        if let Some(bytes) = bytes.or_else(|| named("output_bytes")) {
            parts.push(format!("{} read", scaled(bytes, "B")));
        }
        parts.push(format!("{:.1} s", self.elapsed().as_secs_f64()));
        parts.push(format!("{} memory", scaled(self.memory.reserved(), "B")));
        format!("{}; Ctrl-C cancels", parts.join(", "))
    }
}

fn rows_text(rows: usize, estimate: Option<usize>) -> String {
    match estimate {
        Some(all) if all > 0 => {
            let percent = (rows as f64 / all as f64 * 100.0).min(100.0);
            format!(
                "{} of {} rows ({percent:.0} %)",
                scaled(rows, ""),
                scaled(all, "")
            )
        }
        _ => format!("{} rows", scaled(rows, "")),
    }
}

/// Formats a number of a unit, with a prefix for large ones.
fn scaled(number: usize, unit: &str) -> String {
    let number = number as f64;
    let (digits, prefix) = match number {
        ..1e3 => (format!("{number:.0}"), ""),
        ..1e6 => (format!("{:.1}", number / 1e3), "k"),
        ..1e9 => (format!("{:.1}", number / 1e6), "M"),
        _ => (format!("{:.1}", number / 1e9), "G"),
    };
    format!("{digits} {prefix}{unit}").trim_end().to_owned()
}

fn leaves(plan: &Arc<dyn ExecutionPlan>) -> Vec<Arc<dyn ExecutionPlan>> {
    let children = plan.children();
    if children.is_empty() {
        return vec![Arc::clone(plan)];
    }
    children.into_iter().flat_map(leaves).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_shown_with_their_estimate() {
        assert_eq!(rows_text(950, None), "950 rows");
        assert_eq!(
            rows_text(1_500, Some(6_000_000)),
            "1.5 k of 6.0 M rows (0 %)"
        );
        // Statistics can be wrong.
        assert_eq!(rows_text(7, Some(5)), "7 of 5 rows (100 %)");
    }
}
