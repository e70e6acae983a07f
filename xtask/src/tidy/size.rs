//! Lengths of files and of functions.

use proc_macro2::{Delimiter, TokenTree};

use crate::tidy::finding::{Finding, Rule};
use crate::tidy::rules::{FILE_LINES_MAX, FUNCTION_LINES_MAX, LONG_FILES};
use crate::tidy::tokens::{is_punct, levels};

/// Checks the length of one file.
pub(crate) fn check_file(path: &str, text: &str) -> Option<Finding> {
    let lines = text.lines().count();
    let is_exempt = LONG_FILES
        .iter()
        .any(|(prefix, _)| path.starts_with(prefix));
    (lines > FILE_LINES_MAX && !is_exempt).then(|| Finding {
        rule: Rule::Length,
        path: path.to_owned(),
        line: 1,
        message: format!("{lines} lines, at most {FILE_LINES_MAX} are allowed"),
    })
}

/// Checks the length of each function of a file.
pub(crate) fn check_functions(path: &str, tokens: &[TokenTree]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for level in levels(tokens) {
        for (index, pair) in level.windows(2).enumerate() {
            let [TokenTree::Ident(keyword), TokenTree::Ident(name)] = pair else {
                continue;
            };
            if keyword != "fn" {
                continue;
            }
            let rest = level[index..].iter();
            let body =
                rest.take_while(|token| !is_punct(token, ';'))
                    .find_map(|token| match token {
                        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                            Some(group)
                        }
                        _ => None,
                    });
            let Some(body) = body else {
                continue;
            };
            let line = keyword.span().start().line;
            let lines = body.span_close().end().line + 1 - line;
            if lines > FUNCTION_LINES_MAX {
                findings.push(Finding {
                    rule: Rule::Length,
                    path: path.to_owned(),
                    line,
                    message: format!(
                        "fn {name} has {lines} lines, at most {FUNCTION_LINES_MAX} are allowed"
                    ),
                });
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tokens::tokens;

    #[test]
    fn files_of_the_allowed_length_are_accepted() {
        assert_eq!(check_file("a.rs", &"\n".repeat(FILE_LINES_MAX)), None);
        assert_eq!(check_file("data/a.md", &"\n".repeat(5_000)), None);
    }

    #[test]
    fn longer_files_are_refused() {
        let finding = check_file("a.rs", &"\n".repeat(FILE_LINES_MAX + 1)).unwrap();
        assert_eq!(
            finding.to_string(),
            "a.rs:1: 401 lines, at most 400 are allowed"
        );
    }

    fn functions(lines: usize) -> Vec<Finding> {
        let body = "    g();\n".repeat(lines - 2);
        let text = format!("impl A {{\nfn f<T>(self) -> [u8; 2]\n{{\n{body}}}\nfn h();\n}}\n");
        check_functions("a.rs", &tokens(&text).unwrap())
    }

    #[test]
    fn functions_of_the_allowed_length_are_accepted() {
        assert!(functions(FUNCTION_LINES_MAX - 1).is_empty());
    }

    #[test]
    fn longer_functions_are_refused() {
        let findings = functions(FUNCTION_LINES_MAX);
        let message = "a.rs:2: fn f has 71 lines, at most 70 are allowed";
        assert_eq!(findings[0].to_string(), message);
        assert_eq!(findings.len(), 1);
    }
}
