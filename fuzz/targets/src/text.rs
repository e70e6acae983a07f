//! Statements and declarations as text: what parses can be printed and parsed again.

use fusebox_definition::statement::{
    CreateFunction, Declarations, FuseboxStatement, StatementSplitter,
};
use fusebox_definition::{Definition, Digest, Kind, Limits, ModuleSource};
use fusebox_runtime::LoadedModule;
use wasm_encoder::{CustomSection, Module};

use crate::target::Outcome;

/// Dialects by the first byte of an input, and one that does not exist.
const DIALECTS: [&str; 8] = [
    "generic",
    "postgresql",
    "mysql",
    "clickhouse",
    "duckdb",
    "bigquery",
    "snowflake",
    "none",
];

/// Parses a text as the custom section `fusebox.functions` of a module. A declaration
/// that is accepted defines a function whose printed statement defines it again.
pub fn declarations(data: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(data);
    let declared = Declarations::parse(&text);
    let mut module = Module::new();
    module.section(&CustomSection {
        name: fusebox_abi::SECTION_FUNCTIONS.into(),
        data: data.into(),
    });
    let loaded = LoadedModule::new(&module.finish(), u64::MAX);
    let Ok(declared) = declared else {
        assert!(loaded.is_err(), "a module with this section is accepted");
        return Outcome::Refused;
    };
    // The module is refused for text that is not UTF-8 only.
    match loaded {
        Ok(loaded) => assert_eq!(
            loaded.declarations().iter().count(),
            declared.iter().count()
        ),
        Err(error) => assert!(std::str::from_utf8(data).is_err(), "{error}"),
    }
    for create in declared.iter() {
        check_round_trip(create, &declared);
    }
    Outcome::Accepted
}

/// Splits a text into statements and parses each, in a dialect and with a limit of
/// recursion that the first two bytes choose.
pub fn statements(data: &[u8]) -> Outcome {
    let [dialect, recursion, text @ ..] = data else {
        return Outcome::Incomplete;
    };
    let dialect = DIALECTS[usize::from(*dialect) % DIALECTS.len()];
    let recursion = usize::from(*recursion);
    let text = String::from_utf8_lossy(text);
    let mut outcome = Outcome::Refused;
    for tokens in StatementSplitter::new(&text, dialect, recursion) {
        let Ok(tokens) = tokens else {
            break;
        };
        let parsed = tokens.parse();
        tokens.into_tokens();
        match parsed {
            Ok(Some(FuseboxStatement::CreateFunction(create))) => {
                outcome = Outcome::Accepted;
                check_round_trip(&create, &Declarations::default());
            }
            Ok(Some(_)) => outcome = Outcome::Accepted,
            Ok(None) => {}
            Err(error) => check_message(&error.to_string()),
        }
    }
    outcome
}

/// Checks that the definition of a statement, if it is complete, is printed as a
/// statement that defines the same function.
fn check_round_trip(create: &CreateFunction, declared: &Declarations) {
    let define = |create: &CreateFunction, declared: &Declarations| {
        let digest = Digest::of(b"");
        let source = ModuleSource::Base64;
        create.complete(declared, Limits::of_kind, Limits::MAX, digest, source, 1)
    };
    let first = match define(create, declared) {
        Ok(definition) => definition,
        Err(error) => return check_message(&error.to_string()),
    };
    if first.kind != Kind::Aggregate && !first.state.is_empty() {
        // It is refused when it is bound.
        return;
    }
    let printed = first.create_statement(|| "AA==".to_owned());
    let again = parse_create(&printed);
    let second = define(&again, &Declarations::default());
    let second: Definition = second.unwrap_or_else(|error| panic!("{error}: {printed}"));
    assert_eq!(first, second, "{printed}");
}

fn parse_create(text: &str) -> CreateFunction {
    let mut statements = StatementSplitter::new(text, "generic", 50);
    let tokens = statements.next().expect("a statement");
    let tokens = tokens.unwrap_or_else(|error| panic!("{error}: {text}"));
    assert!(statements.next().is_none(), "{text}");
    match tokens.parse() {
        Ok(Some(FuseboxStatement::CreateFunction(create))) => *create,
        other => panic!("{other:?}: {text}"),
    }
}

/// Checks that a refusal has a reason, of a length that a prompt can print.
fn check_message(message: &str) {
    assert!(
        !message.is_empty() && message.len() <= 64 << 10,
        "{message:?}"
    );
}
