//! Values of arguments of the command line.

use std::time::Duration;

use super::Numbers;
use crate::text::is_variable;

/// Limits of generated columns, which are held in memory: rows, and bytes of a text.
const ROWS_MAX: usize = 1 << 24;
const LENGTH_MAX: usize = 1 << 20;

pub(super) fn variable(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(name, _)| is_variable(name));
    let (name, value) = parts.ok_or("expected NAME=VALUE, with a name of letters and digits")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) fn rows(text: &str) -> Result<usize, String> {
    number_in(text, 1, ROWS_MAX)
}

pub(super) fn length(text: &str) -> Result<usize, String> {
    number_in(text, 0, LENGTH_MAX)
}

fn number_in(text: &str, min: usize, max: usize) -> Result<usize, String> {
    let number = text.parse().ok();
    let number = number.filter(|number| (min..=max).contains(number));
    number.ok_or_else(|| format!("expected a number from {min} to {max}"))
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    const SECONDS_MAX: f64 = 3_600.0;
    let seconds: Option<f64> = text.parse().ok();
    let seconds = seconds.filter(|seconds| *seconds > 0.0 && *seconds <= SECONDS_MAX);
    let seconds = seconds.ok_or_else(|| format!("expected a number from 0 to {SECONDS_MAX}"))?;
    Ok(Duration::from_secs_f64(seconds))
}

pub(super) fn numbers(text: &str) -> Result<Numbers, String> {
    let bounds = text.split_once("..").and_then(|(low, high)| {
        let bounds = (low.parse().ok()?, high.parse().ok()?);
        (bounds.0 <= bounds.1).then_some(bounds)
    });
    let bounds = bounds.ok_or("expected a range of whole numbers, such as 1..90")?;
    Ok(Numbers(bounds))
}
