//! Times in texts of intervals, `INTERVAL '2 days 1:30'`, in words that the reader of arrow knows.

use sqlparser::ast::{DataType, Expr, Interval, Value, ValueWithSpan};

/// Replaces times in the text of an interval by hours, minutes and seconds.
pub(super) fn replace_interval_time(expr: &mut Expr) {
    let value = match expr {
        Expr::Interval(Interval {
            value,
            leading_field: None,
            ..
        }) => value,
        Expr::Cast {
            expr: value,
            data_type: DataType::Interval { .. },
            ..
        } => value,
        _ => return,
    };
    let Expr::Value(ValueWithSpan {
        value: Value::SingleQuotedString(text),
        ..
    }) = value.as_mut()
    else {
        return;
    };
    if text.contains(':') {
        let words = text.split_whitespace();
        let words = words.map(|word| in_words(word).unwrap_or_else(|| word.to_owned()));
        *text = words.collect::<Vec<_>>().join(" ");
    }
}

/// Writes a time in words: `-1:30` as `-1 hours -30 minutes`; `None` for another text.
fn in_words(time: &str) -> Option<String> {
    let unsigned = time.strip_prefix(['-', '+']).unwrap_or(time);
    let sign = if time.starts_with('-') { "-" } else { "" };
    let parts: Vec<&str> = unsigned.split(':').collect();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_sixtieth = |text: &str| text.len() == 2 && is_number(text) && text < "60";
    let seconds_are_valid = |text: &str| match text.split_once('.') {
        Some((whole, fraction)) => is_sixtieth(whole) && is_number(fraction),
        None => is_sixtieth(text),
    };
    match parts[..] {
        [hours, minutes] if is_number(hours) && is_sixtieth(minutes) => {
            Some(format!("{sign}{hours} hours {sign}{minutes} minutes"))
        }
        [hours, minutes, seconds]
            if is_number(hours) && is_sixtieth(minutes) && seconds_are_valid(seconds) =>
        {
            Some(format!(
                "{sign}{hours} hours {sign}{minutes} minutes {sign}{seconds} seconds"
            ))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_words() {
        for (time, expected) in [
            ("1:30", Some("1 hours 30 minutes")),
            ("-01:30", Some("-01 hours -30 minutes")),
            ("100:05:07.25", Some("100 hours 05 minutes 07.25 seconds")),
            ("1:3", None),
            ("1:60", None),
            ("1:30:", None),
            ("1:30:07.", None),
            (":30", None),
            ("1:30:07:01", None),
            ("days", None),
        ] {
            assert_eq!(in_words(time).as_deref(), expected, "{time}");
        }
    }
}
