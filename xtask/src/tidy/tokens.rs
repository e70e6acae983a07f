//! Rust source text as token trees, which is all that the checks need of Rust's
//! grammar.

use std::iter;

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

/// Keywords that begin an item or a `let`, which end with `;` or a block.
const ITEM_KEYWORDS: [&str; 17] = [
    "async",
    "const",
    "enum",
    "extern",
    "fn",
    "impl",
    "let",
    "macro_rules",
    "mod",
    "pub",
    "static",
    "struct",
    "trait",
    "type",
    "union",
    "unsafe",
    "use",
];

/// Splits `text` into token trees.
///
/// # Errors
///
/// The line and the reason, if it is not lexically Rust.
pub(crate) fn tokens(text: &str) -> Result<Vec<TokenTree>, (usize, String)> {
    match text.parse::<TokenStream>() {
        Ok(stream) => Ok(stream.into_iter().collect()),
        Err(error) => Err((error.span().start().line, error.to_string())),
    }
}

/// The tokens of a group.
pub(crate) fn inside(group: &Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

/// Removes the items, fields and statements behind `#[cfg(test)]`, at any depth.
pub(crate) fn without_tests(tokens: &[TokenTree]) -> Vec<TokenTree> {
    let mut kept = Vec::new();
    let mut index = 0;
    while let Some(token) = tokens.get(index) {
        if is_test_attribute(&tokens[index..]) {
            index += 2;
            index += annotated_length(&tokens[index..]);
            continue;
        }
        kept.push(match token {
            TokenTree::Group(group) => {
                let stream = without_tests(&inside(group)).into_iter().collect();
                let mut filtered = Group::new(group.delimiter(), stream);
                filtered.set_span(group.span());
                filtered.into()
            }
            other => other.clone(),
        });
        index += 1;
    }
    kept
}

/// True if `#[cfg(…)]` begins here, with a condition that holds only in tests.
fn is_test_attribute(tokens: &[TokenTree]) -> bool {
    let [first, TokenTree::Group(attribute), ..] = tokens else {
        return false;
    };
    let attribute_tokens = inside(attribute);
    let [TokenTree::Ident(name), TokenTree::Group(condition)] = &attribute_tokens[..] else {
        return false;
    };
    is_punct(first, '#') && name == "cfg" && requires_test(&inside(condition))
}

fn requires_test(condition: &[TokenTree]) -> bool {
    condition
        .split(|token| is_punct(token, ','))
        .any(|part| match part {
            [TokenTree::Ident(name)] => name == "test",
            [TokenTree::Ident(name), TokenTree::Group(parts)] => {
                name == "all" && requires_test(&inside(parts))
            }
            _ => false,
        })
}

/// Number of tokens of the item, field or statement that begins here, its other
/// attributes included.
fn annotated_length(tokens: &[TokenTree]) -> usize {
    let mut start = 0;
    while tokens.get(start).is_some_and(|token| is_punct(token, '#')) {
        start += 2;
    }
    let is_item = matches!(tokens.get(start), Some(TokenTree::Ident(first))
        if ITEM_KEYWORDS.iter().any(|keyword| first == keyword));
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        _ => is_punct(token, ';') || !is_item && is_punct(token, ','),
    };
    let rest = tokens.get(start..).unwrap_or_default();
    let length = rest.iter().position(ends).map_or(rest.len(), |end| end + 1);
    start + length
}

/// Compares a token with a character.
pub(crate) fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

/// True if `::` stands at `index`.
pub(crate) fn is_path_separator(tokens: &[TokenTree], index: usize) -> bool {
    let is_colon = |index| tokens.get(index).is_some_and(|token| is_punct(token, ':'));
    is_colon(index) && is_colon(index + 1)
}

/// Every identifier and keyword, at any depth.
pub(crate) fn identifiers(tokens: &[TokenTree]) -> Vec<Ident> {
    let mut found = Vec::new();
    let mut pending: Vec<TokenTree> = tokens.iter().rev().cloned().collect();
    while let Some(token) = pending.pop() {
        match token {
            TokenTree::Ident(ident) => found.push(ident),
            TokenTree::Group(group) => pending.extend(inside(&group).into_iter().rev()),
            _ => {}
        }
    }
    found
}

/// `tokens`, and the tokens of every group in them, each a list of its own.
pub(crate) fn levels(tokens: &[TokenTree]) -> Vec<Vec<TokenTree>> {
    let groups = tokens.iter().filter_map(|token| match token {
        TokenTree::Group(group) => Some(levels(&inside(group))),
        _ => None,
    });
    iter::once(tokens.to_vec())
        .chain(groups.flatten())
        .collect()
}

/// A `mod name;`, which stands for a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) is_test: bool,
}

/// The files that this one declares, in order.
pub(crate) fn modules(tokens: &[TokenTree]) -> Vec<Module> {
    let names = |tokens: &[TokenTree]| -> Vec<String> {
        let triples = tokens.windows(3);
        triples
            .filter_map(|triple| match triple {
                [TokenTree::Ident(keyword), TokenTree::Ident(name), end] => {
                    (keyword == "mod" && is_punct(end, ';')).then(|| name.to_string())
                }
                _ => None,
            })
            .collect()
    };
    let untested = names(&without_tests(tokens));
    let module = |name: String| Module {
        is_test: !untested.contains(&name),
        name,
    };
    names(tokens).into_iter().map(module).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> String {
        let tokens = without_tests(&tokens(text).unwrap());
        let stream: TokenStream = tokens.into_iter().collect();
        stream.to_string()
    }

    #[test]
    fn test_code_is_removed_at_any_depth() {
        for (text, expected) in [
            ("#[cfg(test)] mod a; mod b;", "mod b ;"),
            ("#[cfg(test)] #[x] mod a { fn f() {} } mod b;", "mod b ;"),
            ("#[cfg(all(unix, test))] use a::b; c", "c"),
            (
                "fn f<A, B>() { #[cfg(test)] g(1); h() }",
                "fn f < A , B > () { h () }",
            ),
            ("struct A { #[cfg(test)] b: C, d: E }", "struct A { d : E }"),
        ] {
            assert_eq!(kept(text), expected);
        }
    }

    #[test]
    fn other_conditions_are_kept() {
        let text = "# [cfg (not (test))] mod a ; # [cfg (any (test , unix))] mod b ;";
        assert_eq!(kept(text), text);
    }

    #[test]
    fn modules_are_the_files_that_are_declared() {
        let tokens = tokens("pub mod a; mod b { mod c; } #[cfg(test)] mod d;").unwrap();
        let [a, d] = &modules(&tokens)[..] else {
            panic!("{tokens:?}");
        };
        assert!(a.name == "a" && !a.is_test && d.name == "d" && d.is_test);
    }

    #[test]
    fn text_that_is_not_rust_has_a_line() {
        assert_eq!(tokens("fn f() {\n}\n)").unwrap_err().0, 3);
    }
}
