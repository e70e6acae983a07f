//! Columns of equal names in subqueries, common table expressions, `EXISTS` and further queries of
//! set operations.
//!
//! The queries around a subquery find its columns by their names. One whose name they mention is
//! not renamed: it would no longer be found, or not be ambiguous.

use std::collections::HashMap;
use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Ident, Query, Select, SetExpr, SetQuantifier, TableFactor, VisitMut, VisitorMut,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::session::select_lists::{
    RENAMED_PREFIX, Reach, first_select, mentioned_names, name_of, rename, renamed_items,
    written_name,
};

/// Columns of subqueries that have names of their own.
pub(super) struct Nested {
    folds: bool,
    reach: Reach,
    /// Number of the last renamed column.
    last: usize,
    /// True if a set operation finds its columns by their names.
    pub(super) has_by_name: bool,
    /// Words of the whole query in lower case, and how often each is there.
    words: HashMap<String, usize>,
    /// Aliases that the statement states, by the new names.
    pub(super) aliases: HashMap<String, Option<String>>,
}

/// Use of the names of a subquery's columns.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    /// Others may mention them.
    Visible,
    Unused,
}

impl Nested {
    /// Renames columns of the queries in `query`, whose own first columns have numbers up to
    /// `last`.
    pub(super) fn rename(query: &mut Query, reach: Reach, folds: bool, last: usize) -> Self {
        let mut nested = Self {
            folds,
            reach,
            last,
            has_by_name: false,
            words: words(query),
            aliases: HashMap::new(),
        };
        // A natural join finds columns by names that are not written.
        if !nested.words.contains_key("natural") {
            let _ = query.visit(&mut nested);
        }
        nested
    }

    /// Returns true if the query mentions a name.
    pub(super) fn mentions(&self, name: &str) -> bool {
        self.words.contains_key(&name.to_lowercase())
    }

    fn rename_columns(&mut self, query: &mut Query, names: Names) {
        let inner = words(query);
        let sorted = mentioned_names(query, self.folds);
        let Some(select) = first_select(query) else {
            return;
        };
        let renamed = renamed_items(select, self.reach);
        let is_mentioned = |index: &usize| {
            let name = select.projection.get(*index).and_then(written_name);
            name.is_some_and(|name| {
                let count = |words: &HashMap<String, usize>| words.get(&name).copied();
                let is_outside = count(&self.words) > count(&inner);
                let is_sorted_by = sorted.iter().any(|sorted| sorted.to_lowercase() == name);
                is_sorted_by || (is_outside && names == Names::Visible)
            })
        };
        if !renamed.iter().any(is_mentioned) {
            self.rename_items(select, renamed);
        }
    }

    fn rename_items(&mut self, select: &mut Select, renamed: Vec<usize>) {
        for index in renamed {
            let Some(item) = select.projection.get_mut(index) else {
                continue;
            };
            self.last += 1;
            let new = format!("{RENAMED_PREFIX}{}", self.last);
            let alias = rename(item, Ident::with_quote('"', &new));
            let alias = alias.map(|alias| name_of(&alias, self.folds));
            self.aliases.insert(new, alias);
        }
    }

    /// Renames columns of all queries of a set operation but the first, which has its names.
    fn rename_operands(&mut self, body: &mut SetExpr) {
        if let SetExpr::SetOperation {
            left,
            right,
            set_quantifier,
            ..
        } = body
        {
            if is_by_name(*set_quantifier) {
                self.has_by_name = true;
                return;
            }
            self.rename_operands(left);
            self.rename_operand(right);
        }
    }

    fn rename_operand(&mut self, body: &mut SetExpr) {
        match body {
            SetExpr::Select(select) => {
                let renamed = renamed_items(select, self.reach);
                let has_clauses = select.having.is_some()
                    || select.qualify.is_some()
                    || select.distinct.is_some();
                let is_written = |index: &usize| {
                    let item = select.projection.get(*index);
                    item.and_then(written_name).is_some()
                };
                // Clauses of this select may mention an alias.
                if !has_clauses || !renamed.iter().any(is_written) {
                    self.rename_items(select, renamed);
                }
            }
            SetExpr::Query(query) => self.rename_columns(query, Names::Unused),
            SetExpr::SetOperation {
                left,
                right,
                set_quantifier,
                ..
            } => {
                if is_by_name(*set_quantifier) {
                    self.has_by_name = true;
                    return;
                }
                self.rename_operand(left);
                self.rename_operand(right);
            }
            _ => {}
        }
    }
}

fn is_by_name(quantifier: SetQuantifier) -> bool {
    matches!(
        quantifier,
        SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName
    )
}

impl VisitorMut for Nested {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let Some(with) = &mut query.with
            && !with.recursive
        {
            for table in &mut with.cte_tables {
                let names = names_of(table.alias.columns.is_empty());
                self.rename_columns(&mut table.query, names);
            }
        }
        self.rename_operands(&mut query.body);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Derived {
            subquery, alias, ..
        } = factor
        {
            let columns = alias.as_ref().map(|alias| alias.columns.is_empty());
            self.rename_columns(subquery, names_of(columns.unwrap_or(true)));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Exists { subquery, .. } = expr {
            self.rename_columns(subquery, Names::Unused);
        }
        ControlFlow::Continue(())
    }
}

/// Returns the use of names that others see, unless an alias gives the columns others.
fn names_of(are_visible: bool) -> Names {
    match are_visible {
        true => Names::Visible,
        false => Names::Unused,
    }
}

/// Counts the words of a query.
fn words(query: &Query) -> HashMap<String, usize> {
    let mut words = HashMap::new();
    let tokens = Tokenizer::new(&GenericDialect {}, &query.to_string()).tokenize();
    for token in tokens.unwrap_or_default() {
        if let Token::Word(word) = token {
            *words.entry(word.value.to_lowercase()).or_default() += 1;
        }
    }
    words
}
