//! Tests of messages in plain words.

use super::*;

#[test]
fn words_for_developers_are_removed() {
    for (message, expected) in [
        (
            "Error during planning: table 't' not found",
            "table 't' not found",
        ),
        (
            "Optimizer rule 'simplify_expressions' failed\ncaused by\n\
             Arrow error: Divide by zero error",
            "Divide by zero error",
        ),
        (
            "type_coercion\ncaused by\nError during planning: Expected LIMIT to be an \
             integer or null, but got Utf8",
            "Expected LIMIT to be an integer or null, but got Utf8",
        ),
        (
            "Internal error: x.\nThis issue was likely caused by a bug in DataFusion's code.",
            "Internal error: x.",
        ),
        (
            "Error setting config a.b\ncaused by\nError parsing 'x' as usize\ncaused by\n\
             External error: invalid digit found in string",
            "setting `a.b`: Error parsing 'x' as usize: invalid digit found in string",
        ),
        (
            "SQL error: ParserError(\"Expected: \\\"a\\\", found: b at Line: 1, Column: 3\")",
            "sql parser error: Expected: \"a\", found: b at Line: 1, Column: 3",
        ),
        (
            "Invalid (non-executable) plan after Analyzer\ncaused by\n\
             Error during planning: Correlated scalar subquery must be aggregated to return at \
             most one row",
            "expected an aggregate in a subquery that is a value and names outer columns, found \
             ORDER BY, LIMIT, DISTINCT or another clause: write an aggregate such as max(x), or \
             the join",
        ),
        (
            "Arrow error: Arithmetic overflow: Overflow happened on: 207 * 207",
            "number out of range in 207 * 207: cast to a wider type before, as in x::BIGINT or \
             x::DECIMAL(38, 0)",
        ),
        (
            "Arrow error: Arithmetic overflow: expected a sum within BIGINT, found \
             9223372036854775808; write sum(x::DECIMAL(38, 0))",
            "expected a sum within BIGINT, found 9223372036854775808; write \
             sum(x::DECIMAL(38, 0))",
        ),
        (
            "catalog: catalog 'f.db': the file is gone",
            "catalog 'f.db': the file is gone",
        ),
    ] {
        assert_eq!(clean(message), expected);
    }
}

#[test]
fn names_that_do_not_exist_have_one_form() {
    for (message, expected) in [
        (
            "Error during planning: Invalid function 'ema'.\nDid you mean 'map'?",
            "function 'ema' does not exist",
        ),
        (
            "Error during planning: table function 'abs' not found",
            "table function 'abs' does not exist",
        ),
        (
            "Execution error: Table 'f' doesn't exist.",
            "table 'f' not found",
        ),
        (
            "Error setting config datafusion.execution.batchsize\ncaused by\n\
             Invalid or Unsupported Configuration: Config value \"batchsize\" not found on \
             ExecutionOptions",
            "setting `datafusion.execution.batchsize` does not exist",
        ),
        (
            "Error during planning: 'batch_size' is not a variable which can be viewed with \
             'SHOW'",
            "setting `batch_size` does not exist",
        ),
    ] {
        assert_eq!(clean(message), expected);
    }
}

#[test]
fn signatures_are_those_that_a_user_can_write() {
    let tail = "You might need to add explicit type casts.\n\tCandidate functions:\n";
    for (message, expected) in [
        (
            format!(
                "Error during planning: Function 'abs' expects Numeric but received String. \
                 No function matches the given name and argument types 'abs(Utf8)'. {tail}\
                 \tabs(Numeric(1))"
            ),
            "function 'abs' expects Numeric but received String; SHOW FUNCTIONS LIKE 'abs' \
             lists what it takes",
        ),
        (
            format!(
                "Error during planning: Function 'power' requires Float64, but received \
                 String (DataType: Utf8).. No function matches the given name and argument \
                 types 'power(Utf8, Utf8)'. {tail}\tpower(Float64, Float64)"
            ),
            "function 'power' requires Float64, but received String; write power(Float64, \
             Float64)",
        ),
        (
            format!(
                "Error during planning: Function 'concat' user-defined coercion failed with: \
                 Error during planning: concat does not support zero arguments. No function \
                 matches the given name and argument types 'concat()'. {tail}\
                 \tconcat(UserDefined)"
            ),
            "concat does not support zero arguments; SHOW FUNCTIONS LIKE 'concat' lists what \
             it takes",
        ),
        (
            "Internal error: Function 'sum' failed to match any signature, errors: Error \
             during planning: Function 'sum' requires Decimal, but received String (DataType: \
             Utf8).,Error during planning: Function 'sum' requires Int64, but received String \
             (DataType: Utf8)..\nThis issue was likely caused by a bug in DataFusion's code."
                .to_owned(),
            "function 'sum' requires Decimal or Int64, but received String",
        ),
        (
            "Internal error: Function 'f' failed to match any signature, errors: Error \
             during planning: Function 'f' expects 2 arguments but received 1,Error during \
             planning: Function 'f' expects 3 arguments but received 1."
                .to_owned(),
            "function 'f' expects 2 or 3 arguments but received 1",
        ),
    ] {
        assert_eq!(clean(&message), expected);
    }
}

#[test]
fn structures_of_the_planner_are_left_out() {
    let window = "This feature is not implemented: Physical plan does not support logical \
                  expression WindowFunction(WindowFunction { fun: x })";
    assert!(clean(window).starts_with("expected no window function here"));
    let dot = "This feature is not implemented: Dot access not supported for non-string \
               expr: Identifier(Ident { value: \"b\", quote_style: None })";
    assert!(clean(dot).ends_with("write ['b']"));
    let command = dot.replace("\"b\"", "\"tables\"");
    assert!(clean(&command).contains("before the command .tables: add a semicolon"));
    let grouped = "Error during planning: Column in SELECT must be in GROUP BY or an aggregate \
                   function: While expanding wildcard, column \"t.a\" must appear in the GROUP \
                   BY clause or must be part of an aggregate function, currently only \"count(*)\" \
                   appears in the SELECT clause satisfies this requirement";
    assert_eq!(
        clean(grouped),
        "column t.a must be in GROUP BY, or an argument of an aggregate function"
    );
    let twice = "Error during planning: Projections require unique expression names but the \
                 expression \"Int64(1)\" at position 0 and \"Int64(1)\" at position 1 have the \
                 same name. Consider aliasing (\"AS\") one of them.";
    assert!(clean(twice).ends_with("write AS name after one of them"));
    let other = "Error during planning: Cannot plan this: Some(Thing { a_b: 1 })";
    assert_eq!(clean(other), "Cannot plan this");
    // Functions may say what they like.
    let function = "External error: function `f` failed: Bad { kind: 1 }";
    assert_eq!(clean(function), "function `f` failed: Bad { kind: 1 }");
    let thrown = "Execution error: Bad { kind: 1 }";
    assert_eq!(clean(thrown), "Bad { kind: 1 }");
}

#[test]
fn paths_are_named_once() {
    for (message, expected) in [
        (
            "No field named x.\nValid fields are \"a/*.csv\".y, \"a/*.csv\".\"Z 1\".",
            "No field named x.\nValid fields of \"a/*.csv\" are y, \"Z 1\".",
        ),
        (
            "No field named x.\nValid fields are \"a.csv\".y, t.z.",
            "No field named x.\nValid fields are \"a.csv\".y, t.z.",
        ),
        (
            "No field named x.\nValid fields are \"a.csv\".\"y;z\".",
            "No field named x.\nValid fields are \"a.csv\".\"y;z\".",
        ),
        (
            "No field named x.\nValid fields are t.y, t.z.",
            "No field named x.\nValid fields are t.y, t.z.",
        ),
    ] {
        assert_eq!(clean(message), expected);
    }
}
