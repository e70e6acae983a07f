//! The files `functions/NAME.jsonl`: a line for each function, and one for each of its cases.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::error::FixtureError;
use crate::failure::Failure;

/// Bytes of a file.
pub(crate) const FUNCTIONS_BYTES_MAX: u64 = 8 << 20;

/// Lines of a file.
const LINES_MAX: usize = 20_000;

/// Function with its cases.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FunctionCases {
    pub(crate) function: FunctionLine,
    /// Line of the function in its file, from 1.
    pub(crate) line: usize,
    pub(crate) cases: Vec<CaseLine>,
}

/// The line of a function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FunctionLine {
    /// Name in messages.
    pub(crate) function: String,
    /// Statement that makes the definition of the module.
    pub(crate) statement: String,
    /// Types of the arguments, where the signature leaves them open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) types: Option<Vec<String>>,
    /// Number of the cases behind it: a file that was cut has fewer.
    pub(crate) cases: usize,
    /// SHA-256 of the module with all that is linked into it for this function.
    pub(crate) linked: String,
    /// Definition as it is stored.
    pub(crate) definition: Value,
}

/// The line of a case: what is called alone, and what it gives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaseLine {
    /// Arguments of one row, of a scalar or a table function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) arguments: Option<Vec<Value>>,
    /// Rows of arguments, of an aggregate or a window function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<Vec<Vec<Value>>>,
    /// Group of each row, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) groups: Option<Vec<u32>>,
    /// Ranges of peer rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) peers: Option<Vec<[u64; 2]>>,
    /// Answer of a scalar function.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) answer: Option<Value>,
    /// Answers: of each group, row, set of peers, or the rows of a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answers: Option<Vec<Value>>,
    /// State of each group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) states: Option<Vec<Value>>,
    /// Answers of groups that the states were merged into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) merged: Option<Vec<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<Failure>,
    /// Fuel in calls of one row each, overhead included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fuel: Option<u64>,
}

/// Reads a field that is there, `null` too.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

/// Parses a file of functions.
///
/// # Errors
///
/// [`FixtureError::Content`] with the line that is none of a function or a case, and of a file
/// that was cut.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<FunctionCases>, FixtureError> {
    let mut functions: Vec<FunctionCases> = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let content = |problem: String| FixtureError::content(file, Some(line), problem);
        if line > LINES_MAX {
            return Err(content(format!(
                "expected at most {LINES_MAX} lines, found more"
            )));
        }
        if text.starts_with("{\"function\"") {
            check_count(file, functions.last())?;
            let function = serde_json::from_str(text).map_err(|error| {
                content(format!(
                    "expected a function with its definition, found {error}"
                ))
            })?;
            functions.push(FunctionCases {
                function,
                line,
                cases: Vec::new(),
            });
            continue;
        }
        let case = serde_json::from_str(text)
            .map_err(|error| content(format!("expected a case of a function, found {error}")))?;
        match functions.last_mut() {
            Some(function) => function.cases.push(case),
            None => {
                let problem = "expected the function before its cases, found a case";
                return Err(content(problem.to_owned()));
            }
        }
    }
    check_count(file, functions.last())?;
    Ok(functions)
}

fn check_count(file: &str, function: Option<&FunctionCases>) -> Result<(), FixtureError> {
    let Some(FunctionCases {
        function,
        line,
        cases,
    }) = function
    else {
        return Ok(());
    };
    match cases.len() == function.cases {
        true => Ok(()),
        false => {
            let (expected, found) = (function.cases, cases.len());
            let problem = format!("expected {expected} cases behind it, found {found}");
            Err(FixtureError::content(file, Some(*line), problem))
        }
    }
}

/// Formats the lines of a function.
pub(crate) fn print(function: &FunctionLine, cases: &[CaseLine]) -> String {
    let mut text = String::new();
    let lines = cases.iter().map(serde_json::to_string);
    for line in [serde_json::to_string(function)].into_iter().chain(lines) {
        text += &line.expect("each key of the objects is text");
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FUNCTION: &str =
        r#"{"function":"f","statement":"CREATE FUNCTION f","cases":1,"linked":"","definition":{}}"#;

    fn refused(text: &str) -> String {
        parse("functions/m.jsonl", text).unwrap_err().to_string()
    }

    #[test]
    fn null_is_an_answer() {
        let text = format!("{FUNCTION}\n{{\"arguments\":[null],\"answer\":null,\"fuel\":3}}\n");
        let functions = parse("f", &text).unwrap();
        assert_eq!(functions[0].cases[0].answer, Some(Value::Null));
        assert_eq!(print(&functions[0].function, &functions[0].cases), text);
    }

    #[test]
    fn lines_of_another_kind_are_named() {
        let at = |line: usize| format!("fixtures: `functions/m.jsonl` line {line}: expected ");
        for (text, line) in [
            ("{\"answer\":1}", 1),
            ("{\"function\":1}", 1),
            (&format!("{FUNCTION}\n{{\"answers\":1}}"), 2),
            (&format!("{FUNCTION}\n{{\"fuel\":-1}}"), 2),
            (&format!("{FUNCTION}\n{{\"unknown\":1}}"), 2),
            (&format!("{FUNCTION}\n{{\"answer\":1"), 2),
            (FUNCTION, 1),
            (&format!("{FUNCTION}\n{{}}\n{{}}"), 1),
            (&format!("{FUNCTION}\n{FUNCTION}\n{{}}"), 1),
        ] {
            let message = refused(text);
            assert!(message.starts_with(&at(line)), "{text}: {message}");
        }
        assert_eq!(parse("f", "").unwrap(), []);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>()) {
            let _ = parse("f", &text);
        }

        #[test]
        fn no_case_makes_the_parser_panic(value in "[\\[\\]{}\":,a-z0-9-]{0,60}") {
            let _ = parse("f", &format!("{FUNCTION}\n{{\"{value}"));
            let _ = parse("f", &format!("{FUNCTION}\n{{\"arguments\":{value}}}"));
        }
    }
}
