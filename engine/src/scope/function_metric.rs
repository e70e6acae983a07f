//! Statistics of a function among the metrics of a plan node, for `EXPLAIN ANALYZE`.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::physical_plan::metrics::{
    CustomMetricValue, ExecutionPlanMetricsSet, MetricBuilder, MetricCategory, MetricType,
    MetricValue,
};
use fusebox_definition::Identifier;
use fusebox_runtime::FunctionStatistics;

/// Statistics of the calls of one function below a node.
#[derive(Debug, Default)]
pub(super) struct FunctionMetric(Mutex<FunctionStatistics>);

impl FunctionMetric {
    pub(super) fn new(statistics: FunctionStatistics) -> Self {
        Self(Mutex::new(statistics))
    }

    /// Adds the metric of the function `name` to those of a node.
    pub(super) fn register(self, name: &str, metrics: &ExecutionPlanMetricsSet, partition: usize) {
        // DataFusion adds up metrics of one name, which must be of one type: no metric of its
        // own has parentheses.
        let name = format!("{}()", Identifier(name));
        MetricBuilder::new(metrics)
            .with_partition(partition)
            .with_type(MetricType::Summary)
            .with_category(MetricCategory::Timing)
            .build(MetricValue::Custom {
                name: name.into(),
                value: Arc::new(self),
            });
    }

    fn get(&self) -> MutexGuard<'_, FunctionStatistics> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for FunctionMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sums = *self.get();
        let guest_time = sums.guest_time;
        write!(
            f,
            "{{calls={}, rows={}, fuel={}, guest_time={guest_time:.2?}",
            sums.calls, sums.rows, sums.fuel
        )?;
        // Few functions have these.
        for (name, count) in [
            ("reused_rows", sums.reused_rows),
            ("retries", sums.retries),
            ("failed_rows", sums.failed_rows),
        ] {
            if count > 0 {
                write!(f, ", {name}={count}")?;
            }
        }
        f.write_str("}")
    }
}

impl CustomMetricValue for FunctionMetric {
    fn new_empty(&self) -> Arc<dyn CustomMetricValue> {
        Arc::new(Self::default())
    }

    fn aggregate(&self, other: Arc<dyn CustomMetricValue>) {
        if let Some(other) = other.as_any().downcast_ref::<Self>() {
            // Copied first: both may be the same.
            let other = *other.get();
            self.get().add(&other);
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_usize(&self) -> usize {
        self.get().calls as usize
    }

    fn is_eq(&self, other: &Arc<dyn CustomMetricValue>) -> bool {
        let other = other.as_any().downcast_ref::<Self>();
        other.is_some_and(|other| {
            let other = *other.get();
            *self.get() == other
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn metrics_of_partitions_are_added_by_function() {
        let metrics = ExecutionPlanMetricsSet::new();
        for partition in 0..2 {
            for name in ["output_rows", "Odd Name"] {
                let mut sums = FunctionStatistics::default();
                sums.calls = 3;
                sums.rows = 20;
                sums.guest_time = Duration::from_micros(600);
                FunctionMetric::new(sums).register(name, &metrics, partition);
            }
            MetricBuilder::new(&metrics).output_rows(partition).add(7);
        }
        let all = metrics.clone_inner().aggregate_by_name();
        let printed = all.sorted_for_display().to_string();
        assert_eq!(
            printed,
            "output_rows=14, \"Odd Name\"()={calls=6, rows=40, fuel=0, guest_time=1.20ms}, \
             output_rows()={calls=6, rows=40, fuel=0, guest_time=1.20ms}"
        );
    }
}
