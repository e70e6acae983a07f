//! Comparison of one function: its definition, the module that is compiled for it, and its cases.

use arrow_schema::DataType;
use fusebox_runtime::definition::statement::parse_type;
use fusebox_runtime::definition::{DEFINITION_FORMAT, Literal};
use fusebox_runtime::{Definition, Limits, LoadedModule, Runtime};
use serde_json::Value;

use crate::case::FunctionCases;
use crate::case_check::CaseCheck;
use crate::difference::{linked, shown};
use crate::error::FixtureError;
use crate::execution::Callable;
use crate::json_path::first_difference;

/// Limits of the functions of fixtures: a call ends within seconds.
const LIMITS_MAX: Limits = Limits {
    fuel_per_row: 1_000_000_000,
    fuel_per_call: 1_000_000_000,
    fuel_init: 1_000_000_000,
    memory_bytes_max: 1 << 30,
    stack_bytes_max: 512 << 10,
    result_bytes_max: 64 << 20,
    instances_max: 10_000,
};

/// Function of a module of fixtures.
pub(crate) struct FunctionCheck<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) module: &'a LoadedModule,
    /// File of the function.
    pub(crate) file: &'a str,
    /// Module and name.
    pub(crate) name: &'a str,
    pub(crate) function: &'a FunctionCases,
}

impl FunctionCheck<'_> {
    /// Returns one line for each difference.
    ///
    /// # Errors
    ///
    /// [`FixtureError::Content`] for a line that does not fit the function.
    pub(crate) fn differences(&self) -> Result<Vec<String>, FixtureError> {
        let mut found = Vec::new();
        let Some(definition) = self.definition(&mut found) else {
            return Ok(found);
        };
        let (name, line) = (self.name, &self.function.function);
        if let Err(error) = definition.limits.check(LIMITS_MAX) {
            return Err(self.content(0, format!("expected limits of fixtures: it {error}")));
        }
        if definition.digest != self.module.digest() {
            let problem = "expected the digest of its module, found another";
            return Err(self.content(0, problem.to_owned()));
        }
        self.statement(&definition, &mut found);
        match self.module.linked_digest(&definition) {
            Ok(digest) if digest.to_string() == line.linked => {}
            Ok(digest) => found.push(linked(name, &line.linked, &digest.to_string())),
            Err(error) => found.push(not_created(name, &error.to_string())),
        }
        let types = line.types.as_ref().map(|types| self.types(types));
        let types = types.transpose()?;
        let kind = definition.kind;
        match Callable::new(self.runtime, definition, self.module, types) {
            Ok(callable) => {
                let check = CaseCheck {
                    name,
                    callable: &callable,
                    cases: &self.function.cases,
                };
                let cases = check.differences(kind);
                found.extend(cases.map_err(|(case, problem)| self.content(case + 1, problem))?);
            }
            Err(error) => found.push(not_created(name, &error.to_string())),
        }
        Ok(found)
    }

    /// Makes the error of a line behind that of the function.
    fn content(&self, behind: usize, problem: String) -> FixtureError {
        let line = self.function.line + behind;
        FixtureError::content(self.file, Some(line), problem)
    }

    /// Reads the definition, and compares what this program stores with it.
    fn definition(&self, found: &mut Vec<String>) -> Option<Definition> {
        let recorded = &self.function.function.definition;
        let name = self.name;
        let change = format!(
            "definitions have format {} in the fixtures and {DEFINITION_FORMAT} in this program: \
             the name of a field, a value or a type was changed without a new format",
            recorded.get("format").map_or("none".to_owned(), shown)
        );
        let definition = match Definition::from_json(&recorded.to_string()) {
            Ok(definition) => definition,
            Err(error) => {
                found.push(format!(
                    "definition of {name}: expected that it is read, found: {error}; {change}"
                ));
                return None;
            }
        };
        let stored = stored(&definition, recorded);
        if let Some((path, expected, other)) = first_difference(Some(recorded), Some(&stored)) {
            let text = |value: Option<&Value>| value.map_or("none".to_owned(), shown);
            found.push(format!(
                "definition of {name}: expected {path} = {}, found {}; {change}",
                text(expected),
                text(other)
            ));
        }
        Some(definition)
    }

    /// Compares the definition that the statement makes. Limits that it does not state may have
    /// another default.
    fn statement(&self, definition: &Definition, found: &mut Vec<String>) {
        let (name, recorded) = (self.name, &self.function.function);
        match self.module.define(&recorded.statement) {
            Ok(mut made) => {
                made.limits = definition.limits;
                made.weights = definition.weights;
                let made = stored(&made, &recorded.definition);
                let expected = &recorded.definition;
                if let Some((path, expected, other)) = first_difference(Some(expected), Some(&made))
                {
                    let text = |value: Option<&Value>| value.map_or("none".to_owned(), shown);
                    found.push(format!(
                        "statement of {name}: expected that it defines {path} = {}, found {}; the \
                         meaning of a clause, an option or a default was changed",
                        text(expected),
                        text(other)
                    ));
                }
            }
            Err(error) => found.push(format!(
                "statement of {name}: expected that it is accepted, found: {error}; a clause, an \
                 option or a type was removed or renamed"
            )),
        }
    }

    /// Reads the types of arguments.
    fn types(&self, types: &[String]) -> Result<Vec<DataType>, FixtureError> {
        let read = |text: &String| {
            let sql = format!("ARROW({})", Literal(text));
            parse_type(&sql, "generic", "f")
                .map_err(|error| self.content(0, format!("expected a type of Arrow: {error}")))
        };
        types.iter().map(read).collect()
    }
}

/// Returns a definition as this program stores it, but for its own version.
fn stored(definition: &Definition, recorded: &Value) -> Value {
    let mut stored: Value = serde_json::from_str(&definition.to_json()).unwrap_or_default();
    if let (Some(own), Some(program)) = (stored.get_mut("fusebox"), recorded.get("fusebox")) {
        *own = program.clone();
    }
    stored
}

fn not_created(name: &str, error: &str) -> String {
    format!(
        "function {name}: expected that it is created, found: {error}; modules of this ABI run in \
         each release that supports it"
    )
}
