//! Windows in the names of columns.

/// Frames that a window has if it states none, with `ORDER BY` and without.
const DEFAULTS: [&str; 2] = [
    "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
];

/// Begins of windows, after the arguments of a function.
const BEGINS: [&str; 5] = [
    " PARTITION BY [",
    " ORDER BY [",
    " ROWS BETWEEN ",
    " RANGE BETWEEN ",
    " GROUPS BETWEEN ",
];

/// Writes the windows of a name as in SQL: `sum(t.x) OVER (PARTITION BY t.a ORDER BY t.b)` for
/// `sum(t.x) PARTITION BY [t.a] ORDER BY [t.b ASC NULLS LAST] RANGE BETWEEN UNBOUNDED PRECEDING AND
/// CURRENT ROW`.
pub(super) fn with_windows(name: &str) -> String {
    let mut written = String::new();
    let mut rest = name;
    while let Some(next) = BEGINS.iter().filter_map(|begin| rest.find(begin)).min() {
        let (before, window) = rest.split_at(next);
        written += before;
        rest = match parsed(window) {
            Some((over, after)) => {
                written += &over;
                after
            }
            None => {
                // The blank that each window begins with.
                let (blank, after) = window.split_at(1);
                written += blank;
                after
            }
        };
    }
    written + rest
}

/// Parses a window at the begin of a text; returns it as in SQL, and the rest.
fn parsed(text: &str) -> Option<(String, &str)> {
    let mut parts = Vec::new();
    let mut rest = text;
    if let Some(partition) = rest.strip_prefix(BEGINS[0]) {
        let (columns, after) = bracketed(partition)?;
        parts.push(format!("PARTITION BY {columns}"));
        rest = after;
    }
    let mut default = DEFAULTS[1];
    if let Some(order) = rest.strip_prefix(BEGINS[1]) {
        let (keys, after) = bracketed(order)?;
        let keys = keys.replace(" ASC NULLS LAST", "");
        let keys = keys.replace(" DESC NULLS FIRST", " DESC");
        parts.push(format!("ORDER BY {keys}"));
        default = DEFAULTS[0];
        rest = after;
    }
    let (frame, after) = frame(rest.strip_prefix(' ')?)?;
    if frame != default {
        parts.push(frame.to_owned());
    }
    Some((format!(" OVER ({})", parts.join(" ")), after))
}

/// Splits a text at the bracket that closes it, outside of quotes.
fn bracketed(text: &str) -> Option<(&str, &str)> {
    let (mut depth, mut is_quoted) = (0_usize, false);
    for (index, char) in text.char_indices() {
        match char {
            '\'' => is_quoted = !is_quoted,
            '[' if !is_quoted => depth += 1,
            ']' if !is_quoted && depth == 0 => return Some((&text[..index], &text[index + 1..])),
            ']' if !is_quoted => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Splits a text after the frame that it begins with.
fn frame(text: &str) -> Option<(&str, &str)> {
    let units = ["ROWS", "RANGE", "GROUPS"];
    let rest = units.iter().find_map(|units| text.strip_prefix(units))?;
    let rest = after_bound(rest.strip_prefix(" BETWEEN ")?)?;
    let rest = after_bound(rest.strip_prefix(" AND ")?)?;
    Some(text.split_at(text.len() - rest.len()))
}

fn after_bound(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix("CURRENT ROW") {
        return Some(rest);
    }
    let ends = ["PRECEDING", "FOLLOWING"];
    let (count, rest) = text.split_once(' ')?;
    let rest = ends.iter().find_map(|end| rest.strip_prefix(end))?;
    let is_count = |c: char| c.is_ascii_digit() || c == '.';
    (count == "UNBOUNDED" || count.chars().all(is_count)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_written_as_in_sql() {
        for (name, expected) in [
            (
                "row_number() PARTITION BY [f.origin] ORDER BY [f.delay DESC NULLS FIRST, f.n ASC \
                 NULLS LAST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
                "row_number() OVER (PARTITION BY f.origin ORDER BY f.delay DESC, f.n)",
            ),
            (
                "sum(t.x) ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
                "sum(t.x) OVER ()",
            ),
            (
                "sum(t.x) ORDER BY [t.a[1] ASC NULLS FIRST] ROWS BETWEEN 9 PRECEDING AND 1 \
                 FOLLOWING + 1",
                "sum(t.x) OVER (ORDER BY t.a[1] ASC NULLS FIRST ROWS BETWEEN 9 PRECEDING AND 1 \
                 FOLLOWING) + 1",
            ),
            (
                "f(t.x) FILTER (WHERE t.b) ORDER BY [t.a || ']' ASC NULLS LAST] RANGE BETWEEN \
                 UNBOUNDED PRECEDING AND CURRENT ROW",
                "f(t.x) FILTER (WHERE t.b) OVER (ORDER BY t.a || ']')",
            ),
            // Names that are like windows.
            ("array_agg(t.x) ORDER BY [t.a ASC NULLS LAST]", ""),
            ("x PARTITION BY [y", ""),
            ("x ROWS BETWEEN here AND there", ""),
            ("größe ORDER BY [é] é", ""),
            ("", ""),
        ] {
            let expected = if expected.is_empty() { name } else { expected };
            assert_eq!(with_windows(name), expected, "{name}");
        }
    }
}
