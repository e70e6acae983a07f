//! Texts of dates and times with all digits.

use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;

/// Returns the completed text of a timestamp that lacks parts; `None` for one that Arrow's parser
/// reads, and for other texts.
pub(super) fn short_time(text: &str) -> Option<String> {
    if is_whole(text) || string_to_timestamp_nanos(text).is_ok() {
        return None;
    }
    completed(text)
}

/// Returns true for the usual layout of a timestamp, which is compared faster than it is parsed.
fn is_whole(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_at = |index: usize, byte: u8| bytes.get(index) == Some(&byte);
    let seconds = bytes.get(17..19);
    let are_digits = seconds.is_some_and(|seconds| seconds.iter().all(u8::is_ascii_digit));
    let has_seconds = is_at(13, b':') && is_at(16, b':') && are_digits;
    let is_date = bytes.len() == 10;
    let is_trimmed = bytes.last().is_some_and(|last| !last.is_ascii_whitespace());
    is_at(4, b'-') && is_at(7, b'-') && (is_date || has_seconds) && is_trimmed
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
    let digits = second.find('.').unwrap_or(second.len());
    let (second, fraction) = second.split_at(digits);
    let is_time = is_number(hour, 2) && is_number(minute, 2) && is_number(second, 2);
    is_time.then(|| format!("{date} {hour:0>2}:{minute:0>2}:{second:0>2}{fraction}{zone}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
            ("2013-1-5 4:5:6.7", Some("2013-01-05 04:05:06.7")),
            ("2013-01-05 04:05:6.7", Some("2013-01-05 04:05:06.7")),
            ("2013-1-5 4:05:", None),
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

    #[test]
    fn only_texts_that_arrow_refuses_are_completed() {
        for text in [
            "2013-12-31 22:00:00",
            "2013-12-31T22:00:00.123Z",
            "2013-12-31 22:00:00 +02:00",
            "2013-12-31 220000",
            "2013-12-31",
            "2013-13-31 22:00:00",
            "noon",
            "",
        ] {
            assert_eq!(short_time(text), None, "{text}");
        }
        for text in [
            "2013-12-31 22:00",
            "2013-12-31 22:00:00 ",
            "2013-12-31 22:00:6.7",
            "2013-1-5",
        ] {
            assert_eq!(short_time(text), completed(text), "{text}");
            assert!(short_time(text).is_some(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn completion_depends_on_the_parser_alone(
            text in "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([ T][0-9]{1,2}:[0-9]{1,2})?[0-9:. +Zé-]{0,9}",
        ) {
            let is_read = string_to_timestamp_nanos(&text).is_ok();
            let completed = completed(&text).filter(|_| !is_read);
            if is_whole(&text) {
                // Such a text is refused for its digits, which a completed one has too.
                let read = completed.map(|text| string_to_timestamp_nanos(&text).is_ok());
                prop_assert_ne!(read, Some(true));
            } else {
                prop_assert_eq!(short_time(&text), completed);
            }
        }

        #[test]
        fn completed_texts_are_whole(
            text in "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([ T][0-9]{1,2}:[0-9]{1,2})?[0-9:. +Zé-]{0,9}",
        ) {
            if let Some(completed) = short_time(&text) {
                prop_assert_eq!(short_time(&completed), None);
            }
        }
    }
}
