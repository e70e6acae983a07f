//! Fields of JSON objects by their paths, and the first difference of two values.

use serde_json::Value;

/// Returns the field at a path `a.b.0`.
pub(crate) fn field<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })
}

/// Returns the path of the first field in which two values differ, with both values; `None` of a
/// side that lacks it.
pub(crate) fn first_difference<'a>(
    one: Option<&'a Value>,
    other: Option<&'a Value>,
) -> Option<(String, Option<&'a Value>, Option<&'a Value>)> {
    let below = |part: String, inner: Option<(String, _, _)>| {
        let (path, one, other) = inner?;
        let dot = if path.is_empty() { "" } else { "." };
        Some((format!("{part}{dot}{path}"), one, other))
    };
    match (one, other) {
        (Some(Value::Object(first)), Some(Value::Object(second))) => {
            let missing = second.keys().filter(|key| !first.contains_key(*key));
            let mut keys = first.keys().chain(missing);
            keys.find_map(|key| {
                let inner = first_difference(first.get(key), second.get(key));
                below(key.clone(), inner)
            })
        }
        (Some(Value::Array(first)), Some(Value::Array(second))) => {
            let mut positions = 0..first.len().max(second.len());
            positions.find_map(|at| {
                let inner = first_difference(first.get(at), second.get(at));
                below(at.to_string(), inner)
            })
        }
        (one, other) if one == other => None,
        (one, other) => Some((String::new(), one, other)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn first_field_that_differs_is_named() {
        let one = json!({"a": 1, "b": [{"c": "x"}, 2], "d": null});
        let path = |other: &Value| {
            first_difference(Some(&one), Some(other)).map(|(path, one, other)| {
                let text = |value: Option<&Value>| value.map(Value::to_string);
                (path, text(one), text(other))
            })
        };
        assert_eq!(path(&one), None);
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            path(&json!({"a": 1, "b": [{"c": "y"}, 2], "d": null})),
            Some(("b.0.c".to_owned(), some("\"x\""), some("\"y\"")))
        );
        assert_eq!(
            path(&json!({"a": 1, "b": [{"c": "x"}], "d": null})),
            Some(("b.1".to_owned(), some("2"), None))
        );
        assert_eq!(
            path(&json!({"a": 1, "b": [{"c": "x"}, 2], "d": null, "e": 1})),
            Some(("e".to_owned(), None, some("1")))
        );
        assert_eq!(field(&one, "b.0.c"), Some(&json!("x")));
        assert_eq!(field(&one, "b.c"), None);
    }
}
