//! Messages about two columns of one name.

use crate::titles::title;

/// Rewrites a message about two columns of one name, with the name as it is written in SQL.
pub(super) fn twice(text: &str) -> Option<String> {
    if let Some(rest) = text.strip_prefix("Projections require unique expression names but the ") {
        let (_, rest) = rest.split_once('"')?;
        let (expression, _) = rest.split_once("\" at position ")?;
        let alias = expression.rsplit_once(" AS ").map(|(_, alias)| alias);
        // The name of a type is no alias: `CAST(t.a AS Utf8)`.
        let name = alias.filter(|alias| !alias.contains(')'));
        return Some(format!(
            "expected columns of different names in SELECT, found `{}` twice: write AS name after \
             one of them",
            title(name.unwrap_or(expression))
        ));
    }
    for kind in ["unqualified", "qualified"] {
        let begin = format!("Schema contains duplicate {kind} field name ");
        if let Some(name) = text.strip_prefix(&begin) {
            return Some(format!(
                "expected columns of different names, found `{}` twice: rename one with AS",
                name.trim_end_matches('.').trim_matches('"')
            ));
        }
    }
    let (begin, rest) = text.split_once("expected columns of different names, found `")?;
    let (name, rest) = rest.split_once("` twice")?;
    begin.is_empty().then(|| {
        let name = title(name);
        format!("expected columns of different names, found `{name}` twice{rest}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_a_user_writes() {
        for (expressions, expected) in [
            (["Int64(1)", "Int64(1)"], "1"),
            (["t.a", "t.a"], "t.a"),
            (["t.a AS x", "t.b AS x"], "x"),
            (["CAST(t.a AS Utf8)", "t.a"], "CAST(t.a AS Utf8)"),
            (
                ["strpos(Utf8(\"abc\"), Utf8(\"b\"))", "f(x)"],
                "strpos('abc', 'b')",
            ),
        ] {
            let [first, second] = expressions;
            let message = format!(
                "Projections require unique expression names but the expression \"{first}\" at \
                 position 0 and \"{second}\" at position 1 have the same name. Consider aliasing \
                 (\"AS\") one of them."
            );
            let plain = twice(&message).unwrap();
            assert!(
                plain.contains(&format!("found `{expected}` twice")),
                "{plain}"
            );
        }
        assert_eq!(
            twice("Schema contains duplicate unqualified field name faa").unwrap(),
            "expected columns of different names, found `faa` twice: rename one with AS"
        );
        assert_eq!(
            twice("expected columns of different names, found `Int64(1)` twice: rename one")
                .unwrap(),
            "expected columns of different names, found `1` twice: rename one"
        );
        assert_eq!(twice("table 't' not found"), None);
    }
}
