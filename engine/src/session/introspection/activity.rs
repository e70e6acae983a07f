//! Tables of statistics and sessions.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use fusebox_definition::Definition;
use fusebox_runtime::FunctionStatistics;

use super::Introspection;
use crate::activity::SessionState;
use crate::catalog::CatalogFunction;
use crate::session::cells::{Columns, arguments, booleans, numbers, text, times};

/// Row of `stats`.
pub(super) struct Statistics {
    function: Arc<CatalogFunction>,
    sums: FunctionStatistics,
}

/// Columns of `stats`.
pub(super) fn statistics(rows: &[Statistics]) -> Columns {
    let name = |cell: fn(&Definition) -> String| {
        text(rows.iter().map(|row| Some(cell(row.function.definition()))))
    };
    let sum =
        |cell: fn(&FunctionStatistics) -> u64| numbers(rows.iter().map(|row| cell(&row.sums)));
    let millis = |sums: &FunctionStatistics| sums.guest_time.as_nanos() as f64 / 1e6;
    let millis = rows.iter().map(|row| millis(&row.sums));
    let millis: ArrayRef = Arc::new(millis.map(Some).collect::<Float64Array>());
    vec![
        ("name", name(|d| d.name.clone())),
        ("arguments", name(arguments)),
        ("calls", sum(|s| s.calls)),
        ("rows", sum(|s| s.rows)),
        ("reused_rows", sum(|s| s.reused_rows)),
        ("fuel", sum(|s| s.fuel)),
        ("guest_ms", millis),
        ("lowered_bytes", sum(|s| s.lowered_bytes)),
        ("lifted_bytes", sum(|s| s.lifted_bytes)),
        ("instances", sum(|s| s.instances)),
        ("resets", sum(|s| s.resets)),
        ("retries", sum(|s| s.retries)),
        ("null_rows", sum(|s| s.failed_rows)),
        ("failed_reported", sum(|s| s.failures.reported)),
        ("failed_fuel", sum(|s| s.failures.fuel)),
        ("failed_trap", sum(|s| s.failures.trap)),
        ("failed_limit", sum(|s| s.failures.limit)),
        ("failed_abi", sum(|s| s.failures.abi)),
        ("failed_resources", sum(|s| s.failures.resources)),
        ("cancelled", sum(|s| s.failures.cancelled)),
        ("memory_bytes_max", sum(|s| s.memory_bytes_max)),
    ]
}

/// Columns of `sessions`; `own` is the number of the session that asks.
pub(super) fn sessions(sessions: &[SessionState], own: u64) -> Columns {
    let all = || sessions.iter();
    let state = |session: &SessionState| {
        let state = match session.active_since {
            Some(_) => "active",
            None => "idle",
        };
        Some(state.to_owned())
    };
    vec![
        ("id", numbers(all().map(|session| session.id))),
        ("is_own", booleans(all().map(|session| session.id == own))),
        ("state", text(all().map(state))),
        ("started", times(all().map(|session| Some(session.started)))),
        (
            "statements",
            numbers(all().map(|session| session.statements)),
        ),
        (
            "active_since",
            times(all().map(|session| session.active_since)),
        ),
    ]
}

impl Introspection {
    /// Returns the statistics of functions.
    pub(super) fn statistics_of(&self, functions: &[Arc<CatalogFunction>]) -> Vec<Statistics> {
        let statistics = functions.iter().map(|function| Statistics {
            function: Arc::clone(function),
            sums: self.statistics.get(function.definition()),
        });
        statistics.collect()
    }
}
