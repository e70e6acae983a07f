//! Counters of the server, in the formats of Prometheus and OpenMetrics.

use std::fmt;
use std::time::Duration;

use fusebox::{Definition, Engine, FunctionStatistics};
use prometheus_client::encoding::prometheus_text;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// One label of a counter.
type Label = [(&'static str, &'static str); 1];

/// Labels of the counters of a function.
type FunctionLabels = Vec<(&'static str, String)>;

/// Format in which counters are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricsFormat {
    /// Text format of Prometheus, version 0.0.4, which every program reads.
    Prometheus,
    /// OpenMetrics, version 1.0.0, for clients that ask for it.
    OpenMetrics,
}

impl MetricsFormat {
    /// Returns the media type.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// One of those that a gauge counts, until it is dropped: also by a panic, or with its task.
#[derive(Debug)]
pub(crate) struct Counted(Gauge);

impl Counted {
    pub(crate) fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Counters of a server.
pub(crate) struct Metrics {
    registry: Registry,
    /// Connections that are open.
    pub(crate) connections: Gauge,
    /// Connections of Flight SQL that are open.
    pub(crate) flight_connections: Gauge,
    /// Sessions of Flight SQL that are kept.
    pub(crate) flight_sessions: Gauge,
    /// Connections that were refused because there were too many.
    pub(crate) refused: Counter,
    /// Logins by `result`.
    pub(crate) logins: Family<Label, Counter>,
    /// Statements that run.
    pub(crate) running: Gauge,
    /// Statements that ended, by `result`.
    pub(crate) statements: Family<Label, Counter>,
    /// Statements that failed, by `sqlstate`.
    pub(crate) errors: Family<Label, Counter>,
    seconds: Histogram,
    /// Bytes that were sent to clients as rows.
    pub(crate) bytes: Counter,
}

impl Metrics {
    /// Registers the counters.
    pub(crate) fn new() -> Self {
        let metrics = Self {
            registry: Registry::with_prefix("fusebox"),
            connections: Gauge::default(),
            flight_connections: Gauge::default(),
            flight_sessions: Gauge::default(),
            refused: Counter::default(),
            logins: Family::default(),
            running: Gauge::default(),
            statements: Family::default(),
            errors: Family::default(),
            // From 1 ms to about 10 minutes.
            seconds: Histogram::new(exponential_buckets(0.001, 3.0, 13)),
            bytes: Counter::default(),
        };
        let mut registry = Registry::with_prefix("fusebox");
        let Self {
            connections,
            flight_connections,
            flight_sessions,
            refused,
            logins,
            running,
            statements,
            errors,
            seconds,
            bytes,
            ..
        } = &metrics;
        registry.register(
            "connections",
            "Connections that are open",
            connections.clone(),
        );
        registry.register(
            "flight_connections",
            "Connections of Flight SQL that are open",
            flight_connections.clone(),
        );
        registry.register(
            "flight_sessions",
            "Sessions of Flight SQL that are kept",
            flight_sessions.clone(),
        );
        registry.register(
            "connections_refused",
            "Connections beyond the maximum",
            refused.clone(),
        );
        registry.register("logins", "Logins by result", logins.clone());
        registry.register("statements_running", "Statements that run", running.clone());
        registry.register(
            "statements",
            "Statements that ended, by result",
            statements.clone(),
        );
        registry.register(
            "errors",
            "Statements that failed, by SQLSTATE",
            errors.clone(),
        );
        registry.register("statement_seconds", "Time of statements", seconds.clone());
        registry.register("sent_bytes", "Bytes of rows that were sent", bytes.clone());
        Self {
            registry,
            ..metrics
        }
    }

    /// Counts a statement that ended after a time, with an error of a code if it failed.
    pub(crate) fn ended(&self, time: Duration, error: Option<&'static str>) {
        self.seconds.observe(time.as_secs_f64());
        let result = if error.is_some() { "failed" } else { "done" };
        self.statements.get_or_create(&[("result", result)]).inc();
        if let Some(code) = error {
            self.errors.get_or_create(&[("sqlstate", code)]).inc();
        }
    }

    /// Prints all counters, and those of functions.
    pub(crate) fn print(
        &self,
        engine: &Engine,
        functions: &[(Definition, FunctionStatistics)],
        format: MetricsFormat,
    ) -> String {
        let mut text = String::new();
        let printed = self.print_to(&mut text, engine, functions, format);
        printed.expect("a string takes all text");
        text
    }

    fn print_to(
        &self,
        text: &mut String,
        engine: &Engine,
        functions: &[(Definition, FunctionStatistics)],
        format: MetricsFormat,
    ) -> fmt::Result {
        let registries = [&self.registry, &of_functions(engine, functions)];
        match format {
            MetricsFormat::Prometheus => {
                for registry in registries {
                    prometheus_text::encode(text, registry)?;
                }
                Ok(())
            }
            MetricsFormat::OpenMetrics => {
                for registry in registries {
                    encode_registry(text, registry)?;
                }
                encode_eof(text)
            }
        }
    }
}

/// Returns the counters of functions, and of idle instances.
fn of_functions(engine: &Engine, functions: &[(Definition, FunctionStatistics)]) -> Registry {
    let mut registry = Registry::with_prefix("fusebox");
    let idle = engine.idle_metrics();
    let instances: Gauge = Gauge::default();
    instances.set(i64::try_from(idle.instances).unwrap_or(i64::MAX));
    registry.register("idle_instances", "Instances that wait for calls", instances);
    let count = |value: fn(&FunctionStatistics) -> u64| {
        let family = Family::<FunctionLabels, Counter>::default();
        for (definition, sums) in functions {
            family
                .get_or_create(&labels(definition))
                .inc_by(value(sums));
        }
        family
    };
    let calls = count(|sums| sums.calls);
    registry.register("function_calls", "Calls into guests", calls);
    let rows = count(|sums| sums.rows);
    registry.register("function_rows", "Rows of calls", rows);
    let fuel = count(|sums| sums.fuel);
    registry.register("function_fuel", "Fuel that calls burnt", fuel);
    let retries = count(|sums| sums.retries);
    registry.register("function_retries", "Calls that were repeated", retries);
    let failures = Family::<FunctionLabels, Counter>::default();
    for (definition, sums) in functions {
        let found = sums.failures;
        let causes = [
            ("reported", found.reported),
            ("fuel", found.fuel),
            ("trap", found.trap),
            ("limit", found.limit),
            ("abi", found.abi),
            ("resources", found.resources),
            ("cancelled", found.cancelled),
        ];
        for (cause, count) in causes.into_iter().filter(|(_, count)| *count > 0) {
            let mut labels = labels(definition);
            labels.push(("cause", cause.to_owned()));
            failures.get_or_create(&labels).inc_by(count);
        }
    }
    registry.register("function_failures", "Failures of calls, by cause", failures);
    registry
}

fn labels(definition: &Definition) -> FunctionLabels {
    vec![
        ("function", definition.name.clone()),
        ("signature", definition.signature.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_fall_when_what_they_count_panics_or_is_dropped() {
        let metrics = Metrics::new();
        let dropped = Counted::new(&metrics.running);
        assert_eq!(metrics.running.get(), 1);
        drop(dropped);
        assert_eq!(metrics.running.get(), 0);
        let gauge = metrics.connections.clone();
        let panicked = std::thread::spawn(move || {
            let _counted = Counted::new(&gauge);
            panic!("a task of the test ends here");
        });
        assert!(panicked.join().is_err());
        assert_eq!(metrics.connections.get(), 0);
        // A task that is never polled again.
        let counted = Counted::new(&metrics.connections);
        let task = async move {
            std::future::pending::<()>().await;
            drop(counted);
        };
        assert_eq!(metrics.connections.get(), 1);
        drop(task);
        assert_eq!(metrics.connections.get(), 0);
    }

    #[test]
    fn counters_are_printed_with_their_labels() {
        let metrics = Metrics::new();
        metrics.connections.inc();
        metrics.ended(Duration::from_millis(2), Some("57014"));
        let engine = Engine::builder().build().unwrap();
        let print = |format| metrics.print(&engine, &[], format);
        let has = |text: &str, line: &str| text.lines().any(|found| found == line);
        let formats = [MetricsFormat::Prometheus, MetricsFormat::OpenMetrics];
        let [prometheus, open] = formats.map(print);
        for line in [
            "fusebox_connections 1",
            "fusebox_flight_sessions 0",
            "fusebox_statements_total{result=\"failed\"} 1",
            "fusebox_errors_total{sqlstate=\"57014\"} 1",
            "fusebox_statement_seconds_count 1",
            "fusebox_idle_instances 0",
        ] {
            for text in [&prometheus, &open] {
                assert!(has(text, line), "{line}\n{text}");
            }
        }
        // Prometheus describes a counter by the name of its samples, OpenMetrics without `_total`.
        let described = "# TYPE fusebox_statements_total counter";
        assert!(has(&prometheus, described), "{prometheus}");
        let described = "# TYPE fusebox_statements counter";
        assert!(has(&open, described), "{open}");
        assert!(!prometheus.contains("# EOF"));
        assert!(open.ends_with("# EOF\n"));
    }
}
