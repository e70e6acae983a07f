//! Analyzer rule that completes constants of timestamps: `2013-12-31 22:00` has no seconds and
//! `2013-1-5` no zeros, which PostgreSQL reads and Arrow's parser refuses.

use std::sync::Arc;

use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Cast, Expr, LogicalPlan, TryCast, lit};
use datafusion::optimizer::AnalyzerRule;

/// Adds the rule to the state of a session, after the one that casts what is compared.
pub(crate) fn add_rule(builder: &mut SessionStateBuilder) {
    if let Some(analyzer) = builder.analyzer() {
        analyzer.rules.push(Arc::new(ShortTimes));
    }
}

/// Completes texts that are cast to timestamps, where Arrow's parser refuses them.
#[derive(Debug)]
struct ShortTimes;

impl AnalyzerRule for ShortTimes {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            let names = NamePreserver::new(&node);
            node.map_expressions(|expr| {
                if !expr.exists(|expr| Ok(short_time(expr).is_some()))? {
                    return Ok(Transformed::no(expr));
                }
                let name = names.save(&expr);
                let completed = expr.transform_up(|expr| Ok(complete(expr)))?;
                Ok(completed.update_data(|expr| name.restore(expr)))
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "short_times"
    }
}

fn complete(mut expr: Expr) -> Transformed<Expr> {
    let Some(completed) = short_time(&expr) else {
        return Transformed::no(expr);
    };
    if let Expr::Cast(Cast { expr: text, .. }) | Expr::TryCast(TryCast { expr: text, .. }) =
        &mut expr
    {
        **text = lit(completed);
    }
    Transformed::yes(expr)
}

/// Returns the completed text of a constant that is cast to a timestamp and lacks parts.
fn short_time(expr: &Expr) -> Option<String> {
    let (Expr::Cast(Cast { expr: text, field }) | Expr::TryCast(TryCast { expr: text, field })) =
        expr
    else {
        return None;
    };
    let (DataType::Timestamp(..), Expr::Literal(value, _)) = (field.data_type(), text.as_ref())
    else {
        return None;
    };
    let text = value.try_as_str()??;
    match string_to_timestamp_nanos(text) {
        Ok(_) => None,
        Err(_) => completed(text),
    }
}

/// Returns a text of a date, or of a date and a time, with all digits and with seconds.
fn completed(text: &str) -> Option<String> {
    let is_number = |part: &str, max: usize| {
        (1..=max).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let text = text.trim();
    let (date, time) = match text.split_once([' ', 'T', 't']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let parts: Vec<&str> = date.split('-').collect();
    let &[year, month, day] = parts.as_slice() else {
        return None;
    };
    if year.len() != 4 || !is_number(year, 4) || !is_number(month, 2) || !is_number(day, 2) {
        return None;
    }
    let date = format!("{year}-{month:0>2}-{day:0>2}");
    let Some(time) = time else {
        return Some(date);
    };
    let is_of_clock = |char: char| char.is_ascii_digit() || char == ':' || char == '.';
    let end = time.find(|char| !is_of_clock(char)).unwrap_or(time.len());
    let (clock, zone) = time.split_at(end);
    let parts: Vec<&str> = clock.split(':').collect();
    let (hour, minute, second) = match parts.as_slice() {
        [hour, minute] => (hour, minute, "00"),
        [hour, minute, second] => (hour, minute, *second),
        _ => return None,
    };
    let is_time = is_number(hour, 2) && is_number(minute, 2);
    is_time.then(|| format!("{date} {hour:0>2}:{minute:0>2}:{second}{zone}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_completed() {
        for (text, expected) in [
            ("2013-12-31 22:00", Some("2013-12-31 22:00:00")),
            ("2013-12-31T22:00", Some("2013-12-31 22:00:00")),
            ("2013-12-31 22:00Z", Some("2013-12-31 22:00:00Z")),
            ("2013-12-31 9:05 +02:00", Some("2013-12-31 09:05:00 +02:00")),
            ("2013-1-5", Some("2013-01-05")),
            (" 2013-1-5 4:05:06.789 ", Some("2013-01-05 04:05:06.789")),
            ("2013-1-5 4", None),
            ("13-1-5", None),
            ("2013-1", None),
            ("2013-1-5-6", None),
            ("2013--5", None),
            ("2013-1-123", None),
            ("2013-1-5 x", None),
            ("noon", None),
            ("", None),
        ] {
            assert_eq!(completed(text).as_deref(), expected, "{text}");
        }
    }
}
