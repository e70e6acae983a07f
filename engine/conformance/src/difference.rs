//! Lines about what a program has otherwise than the fixtures: expected, found, and what it means.

use fusebox_runtime::WEIGHTS_VERSION;
use serde_json::Value;

use crate::failure::Failure;

/// Function, and the part of it that a line is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// Module and name of the function.
    pub(crate) function: &'a str,
    /// Number of the case, from 0.
    pub(crate) case: usize,
    /// Rows of a batch.
    pub(crate) batch: usize,
}

const WEIGHTS: &str = "of the fixtures and of this program are the same";

/// Characters of a value in a line.
const SHOWN_MAX: usize = 200;

/// Returns a value for a line.
pub(crate) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.chars().count() > SHOWN_MAX {
        true => text.chars().take(SHOWN_MAX).chain("…".chars()).collect(),
        false => text,
    }
}

impl Place<'_> {
    fn text(&self, case: &str) -> String {
        let Self {
            function,
            case: number,
            batch,
        } = self;
        format!("{function} {case} {number} in batches of {batch}")
    }

    /// Reports other fuel.
    pub(crate) fn fuel(&self, expected: u64, found: u64) -> String {
        let Self { function, case, .. } = self;
        format!(
            "fuel of {function} row {case}: expected {expected}, found {found}; weights version \
             {WEIGHTS_VERSION} {WEIGHTS}: a weight was changed without a new version"
        )
    }

    /// Reports another value; `what` names it.
    pub(crate) fn value(
        &self,
        what: &str,
        expected: Option<&Value>,
        found: Option<&Value>,
    ) -> String {
        let text = |value: Option<&Value>| value.map_or("none".to_owned(), shown);
        format!(
            "{what} of {}: expected {}, found {}; answers change with no release: a layout, the \
             code that is generated or linked, or a NaN was changed",
            self.text("row"),
            text(expected),
            text(found)
        )
    }

    /// Reports a failure where another one, or an answer, was expected, or the reverse.
    pub(crate) fn verdict(&self, expected: Option<&Failure>, found: Option<&Failure>) -> String {
        let text = |failure: Option<&Failure>| match failure {
            None => "an answer".to_owned(),
            Some(failure) => serde_json::to_value(failure)
                .map_or("a failure".to_owned(), |value| {
                    format!("the failure {}", shown(&value))
                }),
        };
        format!(
            "verdict of {}: expected {}, found {}; weights version {WEIGHTS_VERSION} {WEIGHTS}: a \
             weight, a limit or the size of a stack frame was changed without a new version",
            self.text("row"),
            text(expected),
            text(found)
        )
    }
}

/// Reports other bytes of the module that is compiled for a function.
pub(crate) fn linked(function: &str, expected: &str, found: &str) -> String {
    format!(
        "linked module of {function}: expected SHA-256 {expected}, found {found}; weights version \
         {WEIGHTS_VERSION} {WEIGHTS}: the code that is linked was changed without a new version"
    )
}
