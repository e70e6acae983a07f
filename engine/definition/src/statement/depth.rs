//! Depth of the expressions and plans of a statement, from its tokens.
//!
//! Parsers build chains as `1 + 1 + …` without recursion, and whatever then visits, prints or
//! drops the tree recurses. So the depth is bounded before there is a tree. It is counted in
//! units of native stack: an operator has two, a connective one, and a subquery as many as
//! the nodes of its plan. Where the grammar is not known, the count is too high.

use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Word};

/// Maximum depth of a statement. DataFusion plans and runs 1,600 units on a thread of 2 MiB.
pub const DEPTH_MAX: u32 = 1_100;

/// Units of a subquery. Members of a WITH list count as if each was within the next.
const SUBQUERY: u32 = 8;
/// Units of a join, as which EXCEPT and INTERSECT run.
const JOIN: u32 = 6;
const OPERATOR: u32 = 2;

/// Returns the depth of a statement.
///
/// # Errors
///
/// The place of the token that exceeds [`DEPTH_MAX`].
pub(super) fn depth(tokens: &[TokenWithSpan]) -> Result<u32, Location> {
    let mut scanner = Scanner::default();
    let mut deepest = 0;
    for token in tokens {
        if !matches!(token.token, Token::Whitespace(_)) {
            scanner.token(&token.token);
            deepest = deepest.max(scanner.level.depth());
            if deepest > DEPTH_MAX {
                return Err(token.span.start);
            }
        }
    }
    Ok(deepest)
}

/// Operator whose right operand is incomplete.
struct Pending {
    precedence: u8,
    units: u32,
    /// Depth of the left operand.
    left: u32,
    /// True for a word that may be no operator, such as `AS`.
    is_word: bool,
}

/// Tokens within one pair of brackets.
#[derive(Default)]
struct Level {
    /// Bracket that ends it; `None` for a `CASE`.
    end: Option<Token>,
    /// Depth of what it is within.
    outside: u32,
    pending: Vec<Pending>,
    /// Depth of the operand that may be complete; `None` where one is expected.
    operand: Option<u32>,
    /// Depth of the deepest complete item of the clauses of a SELECT.
    items: u32,
    /// Units of the joins of a SELECT.
    joins: u32,
    /// Depth of the deepest complete SELECT.
    branches: u32,
    /// Units above all of it: set operations and members of a WITH list.
    above: u32,
    is_query: bool,
    is_from: bool,
    is_with: bool,
}

/// Precedences, in increasing order. Operators that differ between dialects have one.
const WORD: u8 = 0;
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const INFIX: u8 = 4;
const SIGN: u8 = 5;
const POSTFIX: u8 = 6;

impl Level {
    fn depth(&self) -> u32 {
        self.outside + self.inside()
    }

    fn inside(&self) -> u32 {
        let select = self.joins + self.items.max(self.expression());
        self.above + self.branches.max(select)
    }

    /// Depth of what an operand is within.
    fn enclosing(&self) -> u32 {
        let pending: u32 = self.pending.iter().map(|pending| pending.units).sum();
        self.outside + self.above + self.joins + pending
    }

    /// Depth of the expression that is being scanned.
    fn expression(&self) -> u32 {
        let operand = self.operand.unwrap_or_default();
        let pending = self.pending.iter().rev();
        pending.fold(operand, |depth, pending| {
            depth.max(pending.left) + pending.units
        })
    }

    /// Completes the operators that bind their right operand at least as tightly.
    fn reduce(&mut self, precedence: u8) {
        while let Some(last) = self.pending.pop_if(|last| last.precedence >= precedence) {
            let right = self.operand.unwrap_or_default();
            self.operand = Some(right.max(last.left) + last.units);
        }
    }

    fn operator(&mut self, precedence: u8, units: u32, is_word: bool) {
        // Before its operand, it is a prefix.
        let is_prefix = self.operand.is_none();
        if !is_prefix {
            self.reduce(precedence);
        }
        self.pending.push(Pending {
            precedence: if is_prefix {
                precedence.max(NOT)
            } else {
                precedence
            },
            units,
            left: self.operand.take().unwrap_or_default(),
            is_word,
        });
    }

    /// Completes an item of a clause.
    fn complete(&mut self) {
        self.items = self.items.max(self.expression());
        self.pending.clear();
        self.operand = None;
    }

    /// Completes a SELECT, or a member of a WITH list.
    fn complete_select(&mut self) -> u32 {
        self.complete();
        self.is_from = false;
        std::mem::take(&mut self.joins) + std::mem::take(&mut self.items)
    }

    /// Returns true if a word may begin a clause here, rather than be an operand.
    fn may_begin_clause(&self) -> bool {
        self.operand.is_some() || self.pending.last().is_none_or(|last| last.is_word)
    }
}

#[derive(Default)]
struct Scanner {
    level: Level,
    outer: Vec<Level>,
}

impl Scanner {
    fn token(&mut self, token: &Token) {
        match token {
            Token::LParen => self.open(Some(Token::RParen)),
            Token::LBracket => self.open(Some(Token::RBracket)),
            Token::LBrace => self.open(Some(Token::RBrace)),
            Token::RParen | Token::RBracket | Token::RBrace => self.close(Some(token)),
            Token::Comma => self.comma(),
            Token::Word(word) if word.quote_style.is_none() => self.word(word),
            Token::Word(_) => self.operand(),
            Token::Period | Token::Colon => self.level.operator(POSTFIX, 1, false),
            Token::DoubleColon => self.level.operator(POSTFIX, OPERATOR, false),
            Token::Plus | Token::Minus if self.level.operand.is_none() => {
                self.level.operator(SIGN, OPERATOR, false);
            }
            // All columns.
            Token::Mul if self.level.operand.is_none() => self.operand(),
            _ if is_literal(token) => self.operand(),
            _ => self.level.operator(INFIX, OPERATOR, false),
        }
    }

    fn open(&mut self, end: Option<Token>) {
        // After an operand it is a call, a list or a subscript.
        if self.level.operand.is_some() {
            self.level.operator(POSTFIX, OPERATOR, false);
        }
        let level = Level {
            end,
            outside: self.level.enclosing() + 1,
            ..Level::default()
        };
        self.outer.push(std::mem::replace(&mut self.level, level));
    }

    /// Closes the innermost level with this end, and those within.
    fn close(&mut self, end: Option<&Token>) {
        let is_open = |level: &Level| level.end.as_ref() == end;
        if self.outer.is_empty() || !is_open(&self.level) && !self.outer[1..].iter().any(is_open) {
            return self.operand();
        }
        loop {
            let Some(outer) = self.outer.pop() else {
                return;
            };
            let level = std::mem::replace(&mut self.level, outer);
            self.level.operand = Some(level.inside() + 1);
            if is_open(&level) {
                return;
            }
        }
    }

    fn comma(&mut self) {
        let level = &mut self.level;
        if level.is_with {
            level.above += level.complete_select();
        } else {
            level.complete();
            // The tables of a FROM are joined.
            level.joins += if level.is_from { JOIN } else { 0 };
        }
    }

    fn operand(&mut self) {
        let level = &mut self.level;
        match level.operand {
            None => level.operand = Some(0),
            // Two in sequence, as an alias.
            Some(_) => level.operator(WORD, 1, true),
        }
    }

    fn word(&mut self, word: &Word) {
        let upper = word.value.to_ascii_uppercase();
        let level = &mut self.level;
        let is_operand = level.operand.is_some();
        match upper.as_str() {
            "CASE" if !is_operand => self.open(None),
            "END" if level.end.is_none() && !self.outer.is_empty() => self.close(None),
            "OR" if is_operand => level.operator(OR, 1, false),
            "AND" if is_operand => level.operator(AND, 1, false),
            "NOT" if !is_operand => level.operator(NOT, 2 * OPERATOR, false),
            "UNION" | "EXCEPT" | "INTERSECT" | "MINUS" if is_operand => {
                let branch = level.complete_select();
                level.branches = level.branches.max(branch);
                level.above += if upper == "UNION" { 1 } else { JOIN };
            }
            "SELECT" if level.may_begin_clause() => {
                if std::mem::take(&mut level.is_with) {
                    level.above += level.complete_select();
                }
                level.complete();
                level.is_from = false;
                if !std::mem::replace(&mut level.is_query, true) {
                    level.above += SUBQUERY;
                }
            }
            "WITH" if !is_operand && level.may_begin_clause() => {
                level.complete();
                level.is_with = true;
            }
            "FROM" | "JOIN" if level.may_begin_clause() => {
                level.complete();
                level.is_from = true;
                level.joins += if upper == "JOIN" { JOIN } else { 0 };
            }
            "ON" | "USING" | "WHEN" | "THEN" | "ELSE" if level.may_begin_clause() => {
                level.complete();
            }
            "WHERE" | "GROUP" | "HAVING" | "ORDER" | "LIMIT" | "OFFSET" | "VALUES" | "SET"
            | "QUALIFY" | "WINDOW" | "RETURNING"
                if level.may_begin_clause() =>
            {
                level.complete();
                level.is_from = false;
            }
            _ if is_operand && is_infix(&upper) => level.operator(INFIX, OPERATOR, false),
            _ => self.operand(),
        }
    }
}

fn is_literal(token: &Token) -> bool {
    use Token::*;
    matches!(
        token,
        Number(..)
            | SingleQuotedString(_)
            | DoubleQuotedString(_)
            | DollarQuotedString(_)
            | EscapedStringLiteral(_)
            | NationalStringLiteral(_)
            | HexStringLiteral(_)
            | Placeholder(_)
    )
}

/// Returns true for an operator in words.
fn is_infix(upper: &str) -> bool {
    const INFIX_WORDS: [&str; 22] = [
        "IS", "ISNULL", "NOTNULL", "IN", "NOT", "LIKE", "ILIKE", "SIMILAR", "RLIKE", "REGEXP",
        "GLOB", "MATCH", "BETWEEN", "ESCAPE", "DIV", "MOD", "XOR", "OVERLAPS", "COLLATE", "AT",
        "MEMBER", "OPERATOR",
    ];
    INFIX_WORDS.contains(&upper)
}

#[cfg(test)]
mod tests;
