//! Declarations of a module: DDL in its custom section `fusebox.functions`.

use std::collections::HashSet;

use super::{CreateFunction, FuseboxStatement, StatementSplitter};
use crate::module_error::ModuleError;
use crate::quoting::Identifier;
use crate::statement_error::StatementError;
use crate::type_display::argument_lists;

/// Functions that a module declares.
#[derive(Debug, Default)]
pub struct Declarations(Vec<CreateFunction>);

impl Declarations {
    /// Parses the text of a section `fusebox.functions`.
    ///
    /// # Errors
    ///
    /// [`ModuleError::Declaration`] if it is too long, does not parse, holds any
    /// statement but `CREATE FUNCTION` without a source, or declares a function or
    /// an export twice.
    pub fn parse(text: &str) -> Result<Self, ModuleError> {
        let wrong = |what: String| ModuleError::Declaration(what + &written_with(text));
        if text.len() > DECLARATIONS_BYTES_MAX {
            let found = text.len();
            return Err(wrong(format!(
                "it has {found} bytes, of {DECLARATIONS_BYTES_MAX} at most"
            )));
        }
        let mut declared = Vec::new();
        let (mut names, mut symbols) = (HashSet::new(), HashSet::new());
        for tokens in StatementSplitter::new(text, "generic", RECURSION_LIMIT) {
            let statement = tokens.and_then(|tokens| tokens.parse());
            let statement = statement.map_err(|error| wrong(error.to_string()))?;
            let Some(FuseboxStatement::CreateFunction(create)) = statement else {
                return Err(wrong("it holds more than CREATE FUNCTION".to_owned()));
            };
            if create.source.is_some() {
                let name = create.name;
                return Err(wrong(format!("`{name}` has a clause AS or FROM")));
            }
            if !names.insert((create.name.clone(), create.types())) {
                return Err(wrong(format!("`{}` is declared twice", create.name)));
            }
            if !symbols.insert(create.symbol().to_owned()) {
                let symbol = create.symbol().escape_debug();
                return Err(wrong(format!("the export `{symbol}` is declared twice")));
            }
            declared.push(*create);
        }
        Ok(Self(declared))
    }

    /// Iterates over the declared functions, in the order of the section.
    pub fn iter(&self) -> impl Iterator<Item = &CreateFunction> {
        self.0.iter()
    }

    /// Makes the error of a clause that neither the statement of the export `symbol` states nor its
    /// declaration, if there is one.
    pub(super) fn undeclared(
        &self,
        missing: &'static str,
        declaration: Option<&CreateFunction>,
        symbol: &str,
    ) -> StatementError {
        if self.0.is_empty() || declaration.is_some() {
            return StatementError::Undeclared(missing);
        }
        let declared = self.0.iter().map(|declared| declared.symbol().to_owned());
        StatementError::NotAmongDeclared {
            missing,
            symbol: symbol.to_owned(),
            declared: declared.collect(),
        }
    }

    /// Finds the declaration of the function that a statement creates: by symbol if
    /// the statement gives one, else by name, and by argument types among several.
    pub(super) fn find(
        &self,
        create: &CreateFunction,
    ) -> Result<Option<&CreateFunction>, StatementError> {
        if let Some(symbol) = &create.symbol {
            return Ok(self.0.iter().find(|declared| declared.symbol() == symbol));
        }
        let named = self.0.iter().filter(|d| d.name == create.name);
        let named: Vec<_> = named.collect();
        if let [] | [_] = named[..] {
            return Ok(named.first().copied());
        }
        let stated = create.types();
        let found = || {
            let types: Vec<_> = named.iter().filter_map(|d| d.types()).collect();
            argument_lists(types.iter().map(Vec::as_slice))
        };
        match named.iter().find(|declared| declared.types() == stated) {
            Some(declared) => Ok(Some(declared)),
            None if stated.is_none() => Err(StatementError::NotUnique { found: found() }),
            None => Err(StatementError::Contradiction {
                declared: format!("{}({})", Identifier(&create.name), found()),
                stated: create.to_string(),
                kind: None,
            }),
        }
    }
}

/// Maximum length of the section in bytes: some thousand declarations with comments.
const DECLARATIONS_BYTES_MAX: usize = 1 << 20;

/// Recursion limit of the parser, as sqlparser's default.
const RECURSION_LIMIT: usize = 50;

/// Begin of the comment with the version of the SDK, anywhere in the section: the linker chooses
/// the order of its parts.
const SDK_COMMENT: &str = "-- fusebox-sdk ";

/// Names the SDK that wrote a section and this program, if the section names the former.
fn written_with(text: &str) -> String {
    let comment = text.split_once(SDK_COMMENT);
    let Some(version) = comment.and_then(|(_, rest)| rest.lines().next()) else {
        return String::new();
    };
    // As long as a version may be in a message.
    let version: String = version.chars().take(40).collect();
    format!(
        " (written with fusebox-sdk {}, this is Fusebox {})",
        version.escape_debug(),
        env!("CARGO_PKG_VERSION")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECLARED: &str = "CREATE FUNCTION f(x BIGINT) RETURNS BIGINT LANGUAGE WASM;\n";
    const NEWER: &str = "CREATE FUNCTION g(x BIGINT) RETURNS BIGINT LANGUAGE WASM FROBNICATED;\n";

    #[test]
    fn comments_declare_nothing() {
        let comment = format!("{SDK_COMMENT}0.1.0\n");
        for (text, count) in [
            (comment.clone(), 0),
            (format!("{comment}{DECLARED}"), 1),
            (format!("{DECLARED}{comment}"), 1),
        ] {
            let declared = Declarations::parse(&text).unwrap();
            assert_eq!(declared.iter().count(), count, "{text}");
        }
    }

    #[test]
    fn clause_of_a_newer_sdk_is_refused_with_both_versions() {
        let both = concat!(
            "(written with fusebox-sdk 9.8.7, this is Fusebox ",
            env!("CARGO_PKG_VERSION"),
            ")"
        );
        let comment = format!("{SDK_COMMENT}9.8.7\n");
        for text in [
            format!("{comment}{NEWER}"),
            format!("{DECLARED}{NEWER}{comment}"),
        ] {
            let refused = Declarations::parse(&text).unwrap_err().to_string();
            assert!(refused.contains("FROBNICATED"), "{refused}");
            assert!(refused.ends_with(both), "{refused}");
        }
        let refused = Declarations::parse(NEWER).unwrap_err().to_string();
        assert!(!refused.contains("written with"), "{refused}");
    }
}
